"""The section of one label: when, where and how sure, with the data of each picture."""

from __future__ import annotations

import dataclasses

import numpy as np

from soundbeam.model.survey.label_pictures import score_distribution
from soundbeam.pipelines.report.csv_links import CsvLink, csv_link
from soundbeam.pipelines.report.excerpts import BUDGET, Excerpt, chosen, excerpts
from soundbeam.pipelines.report.found import Heard
from soundbeam.pipelines.report.material import Material
from soundbeam.pipelines.report.page_pictures import Picture
from soundbeam.pipelines.report.scored import BINS
from soundbeam.pipelines.report.when_heard import diel, heat_map, season
from soundbeam.pipelines.report.where_heard import map_picture, sites_picture
from soundbeam.pipelines.report.wording import hours_text, plural

_TOO_LARGE = "Left out, to keep this page under 15 MB: report this label alone with --label."


@dataclasses.dataclass(frozen=True)
class LabelSection:
    """All of one label.

    Attributes:
        label: Its name.
        anchor: Its address on the page.
        summary: What was found, in a line.
        pictures: When and where.
        surest, doubtful: Its calls with the highest and lowest scores.
        clips: Their data, as CSV.
        no_sound: Why there are none of them; "" where there are.
    """

    label: str
    anchor: str
    summary: str
    pictures: list[Picture]
    surest: list[Excerpt]
    doubtful: list[Excerpt]
    clips: CsvLink
    no_sound: str


def pictures_of(material: Material, label: str, anchor: str) -> list[Picture]:
    """The pictures of when, where and with which scores a label was heard."""
    made = []
    if len(material.effort.day):
        made += [heat_map(material, label, anchor), diel(material, label, anchor), season(material, label, anchor)]
    if places := map_picture(material, label, anchor):
        made.append(places)
    made.append(_scores(material, label, anchor))
    if len(material.sites) > 1:
        made.append(sites_picture(material, label, anchor))
    return made


def _scores(material: Material, label: str, anchor: str) -> Picture:
    parameters = material.info.parameters
    windows = material.scored.windows[material.drawn.index(label)]
    edges = np.linspace(0, 1, BINS + 1)
    threshold = parameters.thresholds[label]
    svg = score_distribution(material.name(label), edges, windows, threshold, parameters.min_score, f"{anchor}-scores")
    floor = f" Scores below {parameters.min_score:g} were not kept." if parameters.min_score is not None else ""
    rows = [
        (f"{low:.2f}", f"{high:.2f}", n) for low, high, n in zip(edges[:-1], edges[1:], windows.tolist(), strict=True)
    ]
    return Picture(
        svg,
        "Scores",
        f"How many windows have which score (on a scale of powers of ten), and the threshold.{floor}",
        csv_link(f"{anchor}-scores.csv", ("score_from", "score_to", "windows"), rows),
    )


def label_sections(material: Material) -> list[LabelSection]:
    """A section for each label with pictures; clips until the page would grow too large."""
    made, left = [], BUDGET
    rate = material.info.parameters.rate
    for i, label in enumerate(material.drawn):
        anchor = f"label-{i + 1}"
        surest, doubtful, no_sound = list[Excerpt](), list[Excerpt](), ""
        calls = material.total(label).calls
        best = chosen(material.found.surest[label])
        worst = chosen(material.found.doubtful[label], best)
        if not calls:
            no_sound = "There was no call."
        elif left <= 0:
            no_sound = _TOO_LARGE
        else:
            clips = excerpts([*best, *worst], material.request.output, rate)
            size = sum(clip.size for clip in clips)
            if not size:
                no_sound = f"None of {len(clips)} recordings could be read; the first: {clips[0].problem}"
            elif size > left:
                no_sound, left = _TOO_LARGE, 0
            else:
                surest, doubtful, left = clips[: len(best)], clips[len(best) :], left - size
        summary = f"{plural(calls, 'call')} in {hours_text(material.listened.total_hours)}"
        made.append(
            LabelSection(
                material.name(label),
                anchor,
                summary,
                pictures_of(material, label, anchor),
                surest,
                doubtful,
                _clips_data(best, worst, anchor),
                no_sound,
            )
        )
    return made


def _clips_data(surest: list[Heard], doubtful: list[Heard], anchor: str) -> CsvLink:
    rows = [
        (kind, call.recording, f"{call.start_s:.3f}", f"{call.end_s:.3f}", f"{call.score:.6g}", call.local, call.site)
        for kind, calls in (("surest", surest), ("doubtful", doubtful))
        for call in calls
    ]
    heads = ("kind", "recording", "start_s", "end_s", "score", "local_time", "site")
    return csv_link(f"{anchor}-clips.csv", heads, rows)
