"""A draw from its options to the sample in the store, its table and its clips."""

from __future__ import annotations

import dataclasses
import datetime
import re
import secrets
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from soundbeam.model.storage.files import check_file, write_whole
from soundbeam.pipelines import results
from soundbeam.pipelines.csv_writing import csv_text
from soundbeam.pipelines.review.picked_sample import pick_sample
from soundbeam.pipelines.review.population import Population
from soundbeam.pipelines.review.probability_sample import draw_sample
from soundbeam.pipelines.review.request import Sampling
from soundbeam.pipelines.review.samples import SAMPLES, WEIGHTED, Sample, SampleInfo
from soundbeam.pipelines.review.store import ReviewStore, review_id
from soundbeam.pipelines.sound_clips import check_new_folder, write_clips

CONTEXT_S = 2.0
CSV_COLUMNS = (
    "review_id", "recording", "start_s", "end_s", "label", "score", "clip", "verdict", "other_label", "note",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Drawing:
    """What a draw gave.

    Attributes:
        sample: As it is in the store.
        notes: What its user should know, a line each.
    """

    sample: Sample
    notes: tuple[str, ...]


def draw_windows(request: Sampling) -> Drawing:
    """Draws windows for review, keeps them, and writes the table and the clips that are asked for.

    Raises:
        SoundbeamError: There is nothing to draw from, or a file or folder cannot be written.
    """
    if request.clips:
        check_new_folder(request.clips)
    if request.csv:
        check_file(request.csv)
    store = ReviewStore(request.output)
    population = Population(request.output, request.label, request.sites)
    before = store.samples()
    now = datetime.datetime.now(datetime.timezone.utc)
    info = SampleInfo(
        name=_name(now, request.design, population.label),
        label=population.label,
        design=request.design,
        seed=request.seed,
        spacing_s=request.spacing,
        per_recording=request.per_recording,
        sites=request.sites,
        drawn_at=now.isoformat(),
        classifier=population.parameters.fingerprint,
        runs=tuple(run.run for run in population.runs),
        hop_s=population.parameters.hop_s,
        window_s=population.parameters.window_s,
        min_score=population.parameters.min_score,
    )
    if request.design in WEIGHTED:
        info, drawn = draw_sample(population, request, before, info)
    else:
        drawn = pick_sample(population, request, store)
    sample = Sample(info.name, info, _rows(drawn, info))
    notes = stale_notes(request.output, before)
    if judged := _judged(store, sample):
        notes.append(f"{judged} of them are judged already; their verdicts count")
    clips: dict[str, str] = {}
    if request.clips:
        for row, url, why in write_clips(sample.rows.to_pylist(), request.output, request.clips, CONTEXT_S):
            if url:
                clips[row["review_id"]] = url
            else:
                notes.append(f"no clip of window {row['rank']}: {why}")
    if request.csv:
        write_csv(sample.rows, request.csv, clips)
    # Last, since the next draw passes over what this one holds: had its table or a clip failed, nobody could have it.
    store.add_sample(info, sample.rows)
    return Drawing(sample, tuple(notes))


def _name(now: datetime.datetime, design: str, label: str) -> str:
    """A new name, which sorts by time and tells what it is about."""
    plain = re.sub(r"[^A-Za-z0-9]+", "-", label).strip("-")[:40]
    return "-".join(filter(None, [f"{now:%Y%m%dT%H%M%SZ}", design, plain, secrets.token_hex(3)]))


def _rows(drawn: dict[str, Any], info: SampleInfo) -> pa.Table:
    """The rows of a sample, from what is known of its windows in the order of looking."""
    columns = {name: list(values) for name, values in drawn.items()}
    n = len(columns["recording"])
    windows = zip(columns["recording"], columns["channel"], columns["start_s"], strict=True)
    same = {"label": info.label, "design": info.design, "classifier": info.classifier}
    table = {
        "stratum": [None] * n,
        "weight": [None] * n,
        **columns,
        **{name: [value] * n for name, value in same.items()},
        "review_id": [review_id(recording, channel, info.label, start_s) for recording, channel, start_s in windows],
        "rank": range(1, n + 1),
    }
    return pa.table([pa.array(table[field.name], field.type) for field in SAMPLES], SAMPLES)


def _judged(store: ReviewStore, sample: Sample) -> int:
    """How many windows of a sample have a verdict."""
    return int(
        pc.sum(pc.is_in(sample.rows["review_id"], value_set=pc.unique(store.current()["review_id"]))).as_py() or 0
    )


def stale_notes(output: str, samples: Sequence[Sample]) -> list[str]:
    """A line for each sample with windows that are not in the current rows any more.

    Their recordings were scanned again, with another classifier or because they had changed, or are gone.
    """
    if not samples:
        return []
    newest = results.select_runs(results.open_output(output), table="predictions")[-1].parameters.fingerprint
    uris = {uri for sample in samples for uri in sample.rows["recording"].to_pylist()}
    current = results.read(output, "recordings", classifier=newest, columns=["recording", "run"], recordings=uris)
    run_of = dict(zip(current["recording"].to_pylist(), current["run"].to_pylist(), strict=True))
    notes = []
    for sample in samples:
        info, rows = sample.info, sample.rows
        if newest != info.classifier:
            notes.append(f"sample {info.name} was drawn from the scores of another classifier ({info.classifier[:12]})")
            continue
        now = [
            (run_of.get(uri), run)
            for uri, run in zip(*(rows[n].to_pylist() for n in ("recording", "run")), strict=True)
        ]
        gone = sum(present is None for present, _ in now)
        again = sum(present not in (None, run) for present, run in now)
        counted = ((again, "were scanned again"), (gone, "are gone"))
        if told := [f"{n} windows of recordings that {what} since" for n, what in counted if n]:
            notes.append(f"sample {info.name} has {' and '.join(told)}")
    return notes


def write_csv(rows: pa.Table, url: str, clips: dict[str, str]) -> None:
    """Writes windows as a CSV in which verdicts may be filled in; `judged_elsewhere` reads it back."""
    told = (
        {**row, "clip": clips.get(row["review_id"], ""), "score": f"{row['score']:.6g}"} for row in rows.to_pylist()
    )
    write_whole(url, csv_text(CSV_COLUMNS, ([row.get(name, "") for name in CSV_COLUMNS] for row in told)))
