"""The report of a training: one HTML file to look at, without anything outside of it."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterable, Sequence
from typing import Any

from soundbeam.model.classifier.bundle import REPORT, ClassifierBundle
from soundbeam.model.evaluation.classification import QUALITY, Classification
from soundbeam.model.evaluation.metrics import average_precision
from soundbeam.model.evaluation.reliability import reliability
from soundbeam.model.numbers import number
from soundbeam.model.pictures.confusion import draw_confusion
from soundbeam.model.report.evidence import Evidence, Gallery
from soundbeam.model.report.plots import curves, spectrogram
from soundbeam.model.storage.files import open_to_write

_MOST_LABELS = 24  # whose curves are drawn

_STYLE = """
:root { color-scheme: light dark; --paper: #ffffff; --ink: #20262c; --faint: #5d6873; --line: #d8dde2; --mark: #e0873a }
@media (prefers-color-scheme: dark) {
  :root { --paper: #14181c; --ink: #e4e8ec; --faint: #98a3ae; --line: #333c45 } }
body { background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto;
  max-width: 76rem; padding: 0 1.25rem }
h1 { font-size: 1.6rem; margin-bottom: 0 } h2 { font-size: 1.2rem; margin: 2.2rem 0 .4rem } h3 { margin: 1.6rem 0 0 }
p { margin: .3rem 0 } .faint, figcaption { color: var(--faint); font-size: .86rem }
.wide { overflow-x: auto } table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { border-bottom: 1px solid var(--line); padding: .25rem .8rem; text-align: right; white-space: nowrap }
th:first-child { text-align: left } thead th { color: var(--faint); font-weight: 500 }
img.curves, img.confusion { max-width: 100%; height: auto }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(250px, 1fr)); gap: 1rem; margin: .7rem 0 }
figure { margin: 0 } figure div { position: relative; height: 5px; background: var(--line) }
figure div span { position: absolute; top: 0; bottom: 0; background: var(--mark) }
figure img { width: 100%; height: 130px; display: block }
"""


def write_report(url: str, bundle: ClassifierBundle, evidence: Evidence) -> None:
    """Writes ``report.html`` into a folder: what a classifier was trained on and how well it does.

    Args:
        url: The folder, mostly the bundle's; a path or any fsspec URL.
        bundle: Whose.
        evidence: What it did on the validation split.
    """
    with open_to_write(f"{url.rstrip('/')}/{REPORT}", "w") as file:
        file.write(page(bundle, evidence))


def page(bundle: ClassifierBundle, evidence: Evidence) -> str:
    """The report as HTML; the same bundle and evidence give the same text."""
    names = ", ".join(bundle.labels)
    kind = "A detector of" if bundle.task == "detector" else "A classifier of"
    body = [
        f"<h1>{kind} {_text(names)}</h1>",
        f'<p class="faint">fingerprint {_text(bundle.fingerprint[:16])}</p>',
        _facts(bundle),
        "<h2>Trained on</h2>",
        _examples(bundle),
        *_clips(bundle),
        "<h2>Windows of the validation split</h2>",
        *_figures(bundle, evidence),
        *_calibration(bundle),
        *_folds(bundle.report.get("cross_validation")),
    ]
    body.append("<h2>Scores</h2>")
    for its in evidence.labels[:_MOST_LABELS]:
        alt = f"precision and recall, reliability and scores of {its.label}"
        body += [f"<h3>{_text(its.label)}</h3>", f'<img class="curves" alt="{_text(alt)}" src="{_png(curves(its))}">']
    if len(evidence.labels) > _MOST_LABELS:
        body.append(f'<p class="faint">and {len(evidence.labels) - _MOST_LABELS} labels more, not drawn</p>')
    for gallery in evidence.galleries:
        body += _gallery(gallery)
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{_text(names)}</title>'
    lines = "\n".join(body)
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}<style>{_STYLE}</style></head><body>\n{lines}\n</body></html>\n'
    )


def _facts(bundle: ClassifierBundle) -> str:
    report = bundle.report
    facts = [f"{bundle.architecture}, windows of {bundle.window_s:g} s every {bundle.hop_s:g} s at {bundle.rate:,} Hz"]
    if "parameters" in report:
        facts.append(f"{report['parameters']:,} parameters")
    facts += [f"{name} {report[key]}" for name, key in (("epochs", "epochs"), ("seed", "seed")) if key in report]
    if "wall_s" in report:
        facts.append(f"trained in {report['wall_s']:.0f} s")
    facts += [f"{name} {version}" for name, version in report.get("versions", {}).items()]
    return f"<p>{_text('; '.join(facts))}</p>"


def _examples(bundle: ClassifierBundle) -> str:
    counts = bundle.report.get("data", {}).get("labels", {})
    splits = list(dict.fromkeys(split for by_split in counts.values() for split in by_split))
    rows = [(label, *(f"{n.get(split, 0):,}" for split in splits)) for label, n in counts.items()]
    total = ("all", *(f"{sum(n.get(split, 0) for n in counts.values()):,}" for split in splits))
    return _table(("examples", *splits), [*rows, total])


def _clips(bundle: ClassifierBundle) -> Iterable[str]:
    """How well clips of several labels are told apart, and what is taken for what."""
    plain = bundle.report.get("validation", {}).get("clips")
    if not plain:
        return
    yield "<h2>Clips of the validation split</h2>"
    its = Classification.of_plain(plain)
    rows = [(one.label, str(one.clips), str(one.found), *map(_number, one.quality)) for one in its.labels]
    if its.macro:
        rows.append(("mean of the labels", str(its.clips), "", *(_number(its.macro[name]) for name in QUALITY)))
    yield _table(("label", "clips", "found", *(name.replace("_", " ") for name in QUALITY)), rows)
    yield f"<p>{_text('; '.join(its.told(bundle.task)))}</p>"
    picture = io.BytesIO()
    draw_confusion(picture, its.confusion, [one.label for one in its.labels], f"{its.confusion.sum()} clips")
    yield f'<img class="confusion" alt="what is taken for what" src="{_png(picture.getvalue())}">'
    yield (
        '<p class="faint">The figures that soundbeam evaluate --clips gives of a scan of these clips: all windows of a '
        "clip count together. The picture shows the clips with one label, by the label with the highest score.</p>"
    )


def _figures(bundle: ClassifierBundle, evidence: Evidence) -> Iterable[str]:
    validation = bundle.report.get("validation", {})
    by_label: dict[str, dict[str, Any]] = validation.get("labels", {})
    own = [name for figures in by_label.values() for name, value in figures.items() if not isinstance(value, dict)]
    names = list(dict.fromkeys(own))
    missing = [name for name in ("average_precision", "expected_calibration_error") if name not in names]
    rows = []
    for its in evidence.labels:
        figures = {
            "average_precision": average_precision(its.truth, its.scores),
            "expected_calibration_error": reliability(its.truth, its.scores).expected_calibration_error,
            **by_label.get(its.label, {}),
        }
        rows.append((its.label, _number(its.threshold), *(_number(figures.get(n)) for n in (*names, *missing))))
    heads = ["label", "threshold", *(n.replace("_", " ") for n in (*names, *missing))]
    yield _table(heads, rows)
    others: dict[str, Any] = {n: v for n, v in validation.items() if isinstance(v, int | float)}
    if evidence.chosen is not None:
        right, top = evidence.chosen
        name = "expected calibration error of the chosen label"
        others[name] = reliability(right, top).expected_calibration_error
        if evidence.chosen_before is not None:
            others[f"{name} before calibration"] = reliability(right, evidence.chosen_before).expected_calibration_error
    if others:
        yield f"<p>{_text('; '.join(f'{n} {_number(v)}' for n, v in others.items()))}</p>"
    yield (
        '<p class="faint">The expected calibration error is over ten bins of equal width '
        "(Guo et al., On Calibration of Modern Neural Networks, ICML 2017), of the windows that the calibration was "
        "fitted to; that of recordings never heard is among the cross-validated figures.</p>"
    )


def _calibration(bundle: ClassifierBundle) -> Iterable[str]:
    """How scores became probabilities, and what they are probabilities of."""
    calibration = bundle.calibration
    if calibration is None:
        told = "The scores are as the network gives them: they were not calibrated."
    elif calibration.biases:
        terms = ", ".join(f"{label} {bias:+.2f}" for label, bias in zip(bundle.labels, calibration.biases, strict=True))
        told = (
            f"The scores are calibrated: the network's log-odds are multiplied by {calibration.slope:.3f}, and to them "
            f"is added: {terms} (Platt 1999). They are probabilities where calls are as frequent as in the soundscapes."
        )
    else:
        told = f"The scores are calibrated: the network's log-odds are divided by {1 / calibration.slope:.3f}."
    yield f"<p>{_text(told)}</p>"


def _folds(cross_validation: dict[str, Any] | None) -> Iterable[str]:
    """A row a fold, and what they come to."""
    if not cross_validation:
        return
    mean, spread = cross_validation["mean"], cross_validation["standard_deviation"]
    rows = [
        (str(k + 1), str(len(fold["sources"])), str(sum(fold["clips"].values())),
         *(_number(fold["figures"].get(name)) for name in mean))
        for k, fold in enumerate(cross_validation["folds"])
    ]  # fmt: skip
    rows.append(("mean", "", "", *(_number(value) for value in mean.values())))
    rows.append(("standard deviation", "", "", *(_number(spread[name]) for name in mean)))
    yield "<h2>Cross-validated by source recording</h2>"
    yield (
        '<p class="faint">Each fold by a classifier that was trained on the others; the one in this bundle was trained '
        "on all but the validation split.</p>"
    )
    yield _table(("fold", "recordings", "examples", *(name.replace("_", " ") for name in mean)), rows)


def _gallery(gallery: Gallery) -> Iterable[str]:
    yield f"<h2>{_text(gallery.title)}</h2>"
    if not gallery.pictures:
        yield '<p class="faint">none</p>'
        return
    yield f'<p class="faint">{_text(gallery.explanation)}</p>'
    figures = []
    for picture in gallery.pictures:
        bar = ""
        if picture.span is not None:
            start, end = picture.span
            bar = f'<div><span style="left: {100 * start:.1f}%; right: {100 - 100 * end:.1f}%"></span></div>'
        caption = _text(picture.caption)
        image = f'<img alt="spectrogram: {caption}" src="{_png(spectrogram(picture))}">'
        figures.append(f"<figure>{image}{bar}<figcaption>{caption}</figcaption></figure>")
    yield f'<div class="gallery">{"".join(figures)}</div>'


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{_text(name)}</th>' for name in heads)
    body = "".join(
        f'<tr><th scope="row">{_text(row[0])}</th>{"".join(f"<td>{_text(cell)}</td>" for cell in row[1:])}</tr>'
        for row in rows
    )
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _number(value: Any) -> str:
    """Three digits, or one of what is no share; a dash for what is not defined."""
    if value is None or (isinstance(value, float) and abs(value) <= 1):
        return number(value)
    if isinstance(value, float):
        return f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _png(data: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


def _text(text: str) -> str:
    return html.escape(text, quote=True)
