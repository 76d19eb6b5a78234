"""A scan that kept some scores of many labels, against annotations that name species in their own way."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from soundbeam.model.errors import SoundbeamError
from soundbeam.pipelines.annotations.read_annotations import read_annotations
from soundbeam.pipelines.evaluate.printing import print_figures
from soundbeam.pipelines.evaluate.recordings import compare
from tests.pipelines.written_scan import result, write_scan

LABELS = tuple(f"Avis species{i}_Bird {i}" for i in range(120))


@pytest.fixture
def scanned(tmp_path):
    """Bird 7 calls in windows 10 to 12 of 49; its scores are noise, and so are those of the others."""
    rng = np.random.default_rng(0)
    scores = (0.2 * rng.random((49, 120))).astype(np.float32)
    scores[10:13, 7] = 0.04, 0.9, 0.8
    one = result("file:///r/a.wav", 50.0, [(LABELS[7], 11, 13)], scores, labels=LABELS, floor=0.05)
    for label in [label for label, calls in one.calls.items() if not calls]:
        del one.calls[label]
    return write_scan(tmp_path / "out", [one], LABELS, sparse_counts=True), scores


def figures_of(tmp_path, out, text):
    (tmp_path / "annotations.csv").write_text(text)
    return compare(read_annotations(str(tmp_path / "annotations.csv")), out)


def test_a_species_name_finds_its_label_and_scores_that_were_not_kept_come_last(scanned, tmp_path, capsys):
    out, scores = scanned
    figures = figures_of(tmp_path, out, "recording,start_s,end_s,label\na.wav,11,13,bird 7\n")
    assert list(figures["labels"]) == [LABELS[7]] and figures["taken_for"] == {"bird 7": LABELS[7]}
    of_label = figures["labels"][LABELS[7]]
    assert of_label["events"]["matched"] == 1 and of_label["counts"]["exact"] == 1
    start = np.arange(49.0)
    shared = np.minimum(start + 2, 13) - np.maximum(start, 11)
    kept = np.where((scores[:, 7] >= 0.05) | (scores.argmax(axis=1) == 7), scores[:, 7], 0)
    used = (shared >= 1) | (shared <= 0)  # half of a call or more, or nothing of it
    expected = average_precision_score(shared[used] >= 1, kept[used])
    assert of_label["windows"]["average_precision"] == pytest.approx(expected)
    print_figures(figures)
    printed = capsys.readouterr().out
    assert f"'bird 7' as '{LABELS[7]}'" in printed and "and 116 more" in printed


def test_where_nothing_is_annotated_the_labels_with_a_call_are_judged(scanned, tmp_path):
    out, _ = scanned
    assert list(compare([], out)["labels"]) == [LABELS[7]]
    listened = figures_of(tmp_path, out, "recording,start_s,end_s\na.wav,,\n")
    assert list(listened["labels"]) == [LABELS[7]]  # that it was listened to needs no label
    message = "line 3 has no label, and one more row has none; the classifier has 120 labels"
    with pytest.raises(SoundbeamError, match=message):
        figures_of(tmp_path, out, "recording,start_s,end_s\na.wav,,\na.wav,1,2\na.wav,3,4\n")
