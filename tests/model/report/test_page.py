"""The report: complete in itself, safe whatever the labels are called, and its pictures are pictures."""

import base64
import dataclasses
import io
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from soundbeam.model.classifier.bundle import ClassifierBundle, load_bundle
from soundbeam.model.classifier.bundle_files import REPORT, check_destination
from soundbeam.model.classifier.calibration import Calibration
from soundbeam.model.evaluation.classification import classify
from soundbeam.model.pictures.confusion import draw_confusion
from soundbeam.model.report.evidence import CaptionedSpectrogram, Evidence, Gallery, LabelScores
from soundbeam.model.report.page import page, write_report
from soundbeam.model.report.plots import curves, spectrogram
from soundbeam.model.training.mistakes import classifier_evidence
from tests.placeholder import save_tone_bundle

NASTY = '<script src="http://x">$\\frac{</script>"&'


def bundle(labels=("owl", NASTY), task="detector", **validation):
    figures = {label: {"average_precision": 0.9, "exact_share": None} for label in labels}
    report = {
        "data": {"labels": {label: {"train": 1200, "validation": 30} for label in (*labels, "rest")}},
        "parameters": 90657,
        "epochs": 3,
        "seed": 7,
        "validation": {"soundscapes": 40, "labels": figures, **validation},
        "versions": {"python": "3"},
        "wall_s": 2.0,
    }
    thresholds = dict.fromkeys(labels, 0.5)
    return ClassifierBundle(
        url="x", architecture="compact", task=task, labels=labels, rate=16000, window_s=4.0, hop_s=0.5, batch=8,
        thresholds=thresholds, report=report, fingerprint="f" * 64,
        weights_file="", weights_sha256="", network_file="", network_sha256="", unconverted="",
    )  # fmt: skip


def evidence(labels=("owl", NASTY)):
    rng = np.random.default_rng(0)
    truth = rng.random(300) < 0.3
    scores = np.clip(0.4 * truth + 0.6 * rng.random(300), 0, 1)
    picture = CaptionedSpectrogram(rng.standard_normal((20, 30)), f"0.3 of {NASTY}", (0.25, 0.5))
    return Evidence(
        tuple(LabelScores(label, truth, scores, 0.5) for label in labels),
        (Gallery(f"worst of {NASTY}", "why", (picture, picture)), Gallery("nothing", "", ())),
    )


class Read(HTMLParser):
    """Tags, their attributes and the text between."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text, self.open = [], "", []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data


def test_nothing_from_outside_and_no_name_becomes_a_tag():
    found = Read(page(bundle(), evidence()))
    assert not found.open
    assert {tag for tag, _ in found.tags} <= set(
        [
            "html",
            "head",
            "meta",
            "title",
            "style",
            "body",
            "h1",
            "h2",
            "h3",
            "p",
            "div",
            "table",
            "thead",
            "tbody",
            "tr",
            "th",
            "td",
            "img",
            "figure",
            "figcaption",
            "span",
        ]
    )
    for _, attributes in found.tags:
        assert not {"href", "onload", "onerror", "srcset"} & set(attributes)
        assert attributes.get("src", "data:").startswith("data:image/png;base64,") or "src" not in attributes
    assert found.text.count(NASTY) >= 6  # as text: in the title, the headings, the tables and under the pictures
    assert not re.search(r"url\(|@import|https?:", re.sub(r"&lt;.*?&gt;", "", page(bundle(), evidence())))


def test_its_pictures_are_pictures():
    images = [a["src"] for tag, a in Read(page(bundle(), evidence())).tags if tag == "img"]
    assert len(images) == 2 + 2
    for source in images:
        with Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2], validate=True))) as image:
            image.load()
            assert image.format == "PNG" and image.width >= 30


def test_it_says_what_it_was_trained_on_and_how_well_it_does():
    text = Read(page(bundle(), evidence())).text
    for said in ("1,200", "3,600", "90,657 parameters", "seed 7", "0.900", "–", "none", "2017", "soundscapes 40"):
        assert said in text, said
    assert "licence" not in text
    licensed = dataclasses.replace(bundle(), licence="CC BY-NC <4.0>")
    assert "licence: CC BY-NC <4.0>" in Read(page(licensed, evidence())).text


def test_a_classifier_has_its_confusion_and_the_error_of_the_chosen_label():
    labels = ("a", "b", "c")
    truth = np.array([0, 0, 1, 2, 2, 2])
    scores = np.eye(3)[[0, 1, 1, 2, 2, 0]] * 0.8 + 0.2 / 3
    made = classifier_evidence(np.zeros((6, 5, 4)), truth, scores, dict.fromkeys(labels, 0.5))
    figures = classify(np.eye(3, dtype=bool)[truth], scores, labels, "classifier", [0.5] * 3)
    plain = json.loads(json.dumps(figures.plain()))
    found = Read(page(bundle(labels, "classifier", clips=plain), made))
    assert "accuracy 0.667 (4 of 6 clips" in found.text and "the 2 highest: " in found.text
    assert "most often taken: a for b (1), c for a (1)" in found.text
    # Four of six right, all with a score of 0.8667.
    assert "calibration error of the chosen label 0.200" in found.text
    rows = [re.findall(r">([^<>]+)</t[dh]>", row) for row in page(bundle(clips=plain), made).split("</tr>")]
    assert ["c", "3", "2", "1.000", "0.667", "0.800"] in [row[:6] for row in rows]
    f1s = (2 / 4, 2 / 3, 4 / 5)  # a: 1 right of 2 that are and 2 said; b: 1 of 1 and 2; c: 2 of 3 and 2
    assert f"{sum(f1s) / 3:.3f}" in next(row for row in rows if row[:1] == ["mean of the labels"])
    picture = io.BytesIO()
    draw_confusion(picture, np.array([[1, 1, 0], [0, 1, 0], [1, 0, 2]]), labels, "6 clips")
    drawn = [a["src"] for tag, a in found.tags if tag == "img" and a.get("class") == "confusion"]
    assert [base64.b64decode(src.partition(",")[2]) for src in drawn] == [picture.getvalue()]


def test_without_clips_to_judge_no_figures_of_clips_are_made_up():
    text = page(bundle(), evidence())
    assert "Clips of the validation split" not in text and "mean of the labels" not in text


def test_a_spectrogram_stands_upright():
    values = np.zeros((3, 5))
    values[0] = 1.0  # the lowest band
    with Image.open(io.BytesIO(spectrogram(CaptionedSpectrogram(values, "")))) as image:
        pixels = np.asarray(image.convert("L")).astype(int)
    assert pixels.shape == (3, 5) and pixels[2].min() > pixels[:2].max()
    assert spectrogram(CaptionedSpectrogram(np.zeros((3, 5)), ""))  # nothing to see is no error


@pytest.mark.parametrize("scores", [[], [0.0, 1.0], [0.5] * 9])
@pytest.mark.parametrize("true", [False, True])
def test_curves_of_next_to_nothing(scores, true):
    its = LabelScores(NASTY, np.full(len(scores), true), np.array(scores), 0.5)
    with Image.open(io.BytesIO(curves(its))) as image:
        assert image.width > image.height > 100


def test_the_ground_is_transparent():
    with Image.open(io.BytesIO(curves(evidence().labels[0]))) as image:
        assert image.mode == "RGBA" and image.getpixel((0, 0))[3] == 0


def test_many_labels_are_not_all_drawn():
    labels = tuple(f"l{i}" for i in range(30))
    made = Evidence(tuple(LabelScores(label, np.array([], bool), np.array([]), 0.5) for label in labels), ())
    text = page(bundle(labels), made)
    assert text.count("<img") == 24 and "and 6 labels more, not drawn" in text


def test_it_lies_in_the_bundle_and_goes_with_it(tmp_path):
    saved = save_tone_bundle(tmp_path / "bundle")
    write_report(saved.url, saved, evidence(("low",)))
    first = (tmp_path / "bundle" / REPORT).read_bytes()
    write_report(saved.url + "/", saved, evidence(("low",)))
    assert (tmp_path / "bundle" / REPORT).read_bytes() == first
    assert load_bundle(saved.url).fingerprint == saved.fingerprint
    check_destination(saved.url)  # its own
    save_tone_bundle(tmp_path / "bundle", seed=1)
    assert not (tmp_path / "bundle" / REPORT).exists()  # it was another bundle's


def test_folds_and_calibration_are_told():
    figures = [{"average_precision": 0.912, "exact_share": None}, {"average_precision": 0.834, "exact_share": 0.5}]
    folds = [{"sources": ["a", NASTY], "clips": {"owl": 7}, "figures": its, "labels": {}} for its in figures]
    of_folds = {
        "folds": folds,
        "mean": {"average_precision": 0.873, "exact_share": 0.5},
        "standard_deviation": {"average_precision": 0.055, "exact_share": None},
    }
    plain = bundle()
    told = dataclasses.replace(
        plain, report={**plain.report, "cross_validation": of_folds}, calibration=Calibration(0.75, (-1.25, 2.0))
    )
    text = Read(page(told, evidence())).text
    assert "multiplied by 0.750" in text and "owl -1.25" in text and f"{NASTY} +2.00" in text
    assert text.index("Cross-validated by source recording") < text.index("0.912") < text.index("0.055")
    text = Read(page(plain, evidence())).text
    assert "not calibrated" in text and "Cross-validated" not in text
    tempered = dataclasses.replace(plain, calibration=Calibration(0.5))
    assert "divided by 2.000" in Read(page(tempered, evidence())).text


def test_the_reliability_before_calibration_is_drawn():
    its = evidence().labels[0]
    assert curves(its) != curves(dataclasses.replace(its, before=its.scores**2))
