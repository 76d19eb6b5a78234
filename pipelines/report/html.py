"""The report as one HTML file that loads nothing from elsewhere. ``survey.html.jinja`` is its template."""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup

from soundbeam.model.numbers import number
from soundbeam.model.pages.one_file import page_template
from soundbeam.pipelines.report.corrected import reviews_table
from soundbeam.pipelines.report.label_sections import label_sections
from soundbeam.pipelines.report.material import Material
from soundbeam.pipelines.report.overview import (
    effort_picture,
    facts,
    failures,
    label_pictures,
    labels_table,
    sites_table,
)
from soundbeam.pipelines.report.page_pictures import in_columns
from soundbeam.pipelines.report.wording import citation, intervals_text, listed, methods, plural

_TEMPLATE = Path(__file__).with_name("survey.html.jinja")
_TITLE_LABELS = 3


def page(material: Material) -> str:
    """The report as HTML; the same tables give the same text."""
    # The pictures are made by model.survey.canvas, which escapes what is in them.
    template = page_template(_TEMPLATE, number=number, columns=in_columns, svg=Markup)
    cited, bibtex = citation(material)
    intervals = intervals_text(material)
    return template.render(
        title=_title(material),
        run=material.info.run,
        facts=facts(material),
        labels=labels_table(material),
        by_site=sites_table(material),
        reviews=reviews_table(material),
        review_notes=[f"{material.name(of.label)}: {note}." for of in material.reviews.values() for note in of.notes],
        not_used=_not_used(material),
        more_labels=_more_labels(material),
        intervals=intervals,
        effort=effort_picture(material),
        no_times="" if len(material.effort.day) else _no_times(material),
        label_pictures=label_pictures(material),
        sections=label_sections(material),
        failures=failures(material),
        notes=material.listened.notes.most_common(),
        methods=methods(material, intervals),
        citation=cited,
        bibtex=bibtex,
    )


def _title(material: Material) -> str:
    names = [material.name(label) for label in material.labels]
    if not names:
        return plural(len(material.info.labels), "label")
    return ", ".join(names) if len(names) <= _TITLE_LABELS else f"{names[0]} and {len(names) - 1} other labels"


def _more_labels(material: Material) -> str:
    """Which labels are in no table."""
    others = sum(material.total(label).calls > 0 for label in material.tallies if label not in material.labels)
    silent = len(material.info.labels) - len(material.labels) - others
    told = []
    if others:
        told.append(f"{plural(others, 'label')} more with calls {'is' if others == 1 else 'are'} not in the table")
    if silent > 0:
        told.append(f"{plural(silent, 'label')} had no call")
    return f"{'; '.join(told)}. Choose with --label." if told else ""


def _not_used(material: Material) -> str:
    """That there are verdicts which this report was not asked to use."""
    judged = [material.name(label) for label in material.labels if label in material.reviewed]
    if material.request.reviews or not judged:
        return ""
    return f"There are verdicts on {listed(judged)}; --reviews corrects the totals by them."


def _no_times(material: Material) -> str:
    if not material.listened.total_hours:
        return "Nothing was listened to, so there are no pictures of when and where."
    return (
        "No recording says when it was made, so there are no pictures of dates and hours. "
        "Scan again with --recorded-at PATTERN, which reads the time from names."
    )
