"""A draw from its options to the sample in the store, its table and its clips."""

from __future__ import annotations

import csv
import dataclasses
import datetime
import re
import secrets
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from soundbeam.model.storage.files import locate, make_folder, open_to_write, write_at_once
from soundbeam.pipelines import results
from soundbeam.pipelines.review.picked_sample import pick_sample
from soundbeam.pipelines.review.population import Population
from soundbeam.pipelines.review.probability_sample import draw_sample
from soundbeam.pipelines.review.request import Sampling
from soundbeam.pipelines.review.samples import SAMPLES, WEIGHTED, Sample, SampleInfo
from soundbeam.pipelines.review.store import ReviewStore, review_id
from soundbeam.pipelines.sound_clips import as_flac, check_new_folder, clip_name, cut

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
    sample = store.add_sample(info, _rows(drawn, info))
    notes = [line for line in map(stale_note, [request.output] * len(before), before) if line]
    if judged := _judged(store, sample):
        notes.append(f"{judged} of them are judged already; their verdicts count")
    clips: dict[str, str] = {}
    if request.clips:
        clips, troubles = write_clips(sample.rows, request.output, request.clips)
        notes += troubles
    if request.csv:
        write_csv(sample.rows, request.csv, clips)
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


def stale_note(output: str, sample: Sample) -> str:
    """One line on windows of a sample that are not in the current rows any more; "" if all are.

    Their recordings were scanned again, with another classifier or because they had changed, or are gone.
    """
    info, rows = sample.info, sample.rows
    uris = set(rows["recording"].to_pylist())
    newest = results.select_runs(results.open_output(output), table="predictions")[-1].parameters.fingerprint
    if newest != info.classifier:
        return f"sample {info.name} was drawn from the scores of another classifier ({info.classifier[:12]})"
    current = results.read(output, "recordings", classifier=newest, columns=["recording", "run"], recordings=uris)
    run_of = dict(zip(current["recording"].to_pylist(), current["run"].to_pylist(), strict=True))
    pairs = list(zip(rows["recording"].to_pylist(), rows["run"].to_pylist(), strict=True))
    gone = sum(uri not in run_of for uri, _ in pairs)
    again = sum(uri in run_of and run_of[uri] != run for uri, run in pairs)
    told = [
        f"{n} windows of recordings that {what} since"
        for n, what in ((again, "were scanned again"), (gone, "are gone"))
        if n
    ]
    return f"sample {info.name} has {' and '.join(told)}" if told else ""


def write_clips(rows: pa.Table, output: str, url: str) -> tuple[dict[str, str], list[str]]:
    """Writes the sound of windows as FLAC, with 2 s around each.

    Returns:
        (review id → the URL of its clip; a line for each window that has none).
    """
    place, folder = locate(url)
    make_folder(place.fs, folder)
    clips, troubles = {}, []
    for row, samples, rate in cut(rows.to_pylist(), output, CONTEXT_S):
        if isinstance(samples, str):
            troubles.append(f"no clip of window {row['rank']}: {samples}")
            continue
        path = f"{folder}/{clip_name(row)}"
        write_at_once(place.fs, path, as_flac(samples, rate))
        clips[row["review_id"]] = place.uri(path)
    return clips, troubles


def write_csv(rows: pa.Table, url: str, clips: dict[str, str]) -> None:
    """Writes windows as a CSV in which verdicts may be filled in; `judged_elsewhere` reads it back."""
    with open_to_write(url, "w") as file:
        writer = csv.DictWriter(file, CSV_COLUMNS, restval="", extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        for row in rows.to_pylist():
            writer.writerow({**row, "clip": clips.get(row["review_id"], ""), "score": f"{row['score']:.6g}"})
