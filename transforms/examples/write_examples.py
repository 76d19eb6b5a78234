"""Clips → TFRecord shards of examples. Only descriptions of clips are grouped; sound never crosses a shuffle."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import apache_beam as beam
import numpy as np

from soundbeam.model.storage.files import open_to_write
from soundbeam.model.storage.stores import one_line
from soundbeam.model.training.examples import SPLITS, Example, serialize, shard_writer, split_sources
from soundbeam.transforms.clip_records import Clip, Reject
from soundbeam.transforms.counters import count
from soundbeam.transforms.decoding.clip_reader import read_excerpts
from soundbeam.transforms.decoding.excerpt import Excerpt

# The manifest has this name until the pipeline has succeeded.
DRAFT = "manifest.json.draft"

# The programs show this logger on stderr; a cluster puts it among its workers' logs.
LOGGER = logging.getLogger("soundbeam.progress")
EVERY_S = 10.0
CLIPS_A_SHARD = 512
STRETCH_S = 3600.0
SHORTEST_S = 0.05
_FRAMING = 16  # how many bytes a TFRecord file adds to each record: its length and two checksums


@dataclasses.dataclass(frozen=True)
class ExampleShard:
    """One file of examples, and what it was made from.

    Attributes:
        name: The name of the file within the examples folder.
        split: Its split.
        examples: How many examples it holds.
        bytes: Its size.
        by_label: For each label the number of clips and of examples, and the sum, minimum and maximum of the durations
            in seconds.
        sources: ``(label, source)`` of every clip in it.
        false_alarms: How many of the examples are false alarms.
        rejects: Clips that yielded no example.
    """

    name: str
    split: str
    examples: int
    bytes: int
    by_label: dict[str, dict[str, float]]
    sources: frozenset[tuple[str, str]]
    rejects: tuple[Reject, ...]
    false_alarms: int = 0


def split_into_examples(
    clip: Clip, waveform: np.ndarray, rate: int, window_samples: int, split: str
) -> Iterator[Example]:
    """Splits a clip into examples: one if it fits into a window, else adjacent ones, the last moved back to the end.

    Args:
        clip: The clip.
        waveform: Its sound, float32 ``[samples]`` at ``rate``.
        rate: Hz.
        window_samples: How long an example may be, samples.
        split: The examples' split.
    """
    last = max(0, len(waveform) - window_samples)
    for start in sorted({*range(0, last + 1, window_samples), last}):
        samples = waveform[start : start + window_samples]
        at = clip.start_s + start / rate
        yield Example(samples, clip.label, clip.source, clip.recording, at, split, clip.false_alarm)


def reason_against(waveform: np.ndarray, rate: int) -> str:
    """Why a decoded clip cannot become an example; "" if it can."""
    if len(waveform) < SHORTEST_S * rate:
        return f"only {1000 * len(waveform) / rate:.0f} ms long; a clip needs {1000 * SHORTEST_S:.0f} ms"
    if not np.any(waveform):
        return "digital silence from start to end"
    return ""


@dataclasses.dataclass
class WriteExamples(beam.PTransform):
    """Writes clips as TFRecord shards, the same bytes for the same clips on every runner.

    Args:
        folder: URL of the examples.
        rate: Hz of the examples.
        window_s: How many seconds an example holds at most.
        validation_share: Share of each label's clips that becomes the validation split; a source is never divided.
        kept_spans: float32 ``[samples]`` → the first sample and the end of each part that is kept.
        processes: How many processes decode for each worker.

    Returns:
        A PCollection of `ExampleShard`.
    """

    folder: str
    rate: int
    window_s: float
    validation_share: float
    kept_spans: Callable[[np.ndarray], list[tuple[int, int]]]
    processes: int = 1

    def expand(self, clips: beam.PCollection[Clip]) -> beam.PCollection[ExampleShard]:
        """Adds the steps to the graph."""
        sources = (
            clips
            | "BySource" >> beam.Map(lambda clip: ((clip.label, clip.source), 1))
            | "CountBySource" >> beam.CombinePerKey(sum)
        )
        plan = (
            clips.pipeline
            | "Once" >> beam.Create([self.validation_share])
            | "PlanShards" >> beam.Map(_plan, beam.pvalue.AsDict(sources))
        )
        return (
            clips
            | "AssignShard" >> beam.Map(_with_shard, beam.pvalue.AsSingleton(plan))
            | "GroupByShard" >> beam.GroupByKey()
            | "WriteShard" >> beam.ParDo(_WriteShard(self))
        )


def _plan(validation_share: float, sources: dict[tuple[str, str], int]) -> tuple[dict[str, str], dict[str, int]]:
    """Each source's split, and how many shards each split has."""
    splits = split_sources(sources, validation_share)
    clips: collections.Counter[str] = collections.Counter()
    for (_, source), n in sources.items():
        clips[splits[source]] += n
    return splits, {split: -(-n // CLIPS_A_SHARD) for split, n in clips.items()}


def _with_shard(clip: Clip, plan: tuple[dict[str, str], dict[str, int]]) -> tuple[tuple[str, int, int], Clip]:
    splits, shards = plan
    split = splits[clip.source]
    # Two clips of one file may be in different shards; those of one stretch of a recording are read in one pass.
    place = clip.start_s if clip.end_s is None else clip.start_s // STRETCH_S
    digest = hashlib.sha256(f"{clip.recording}\n{place!r}".encode("utf-8", "surrogateescape")).digest()
    return (split, int.from_bytes(digest[:8], "big") % shards[split], shards[split]), clip


class _WriteShard(beam.DoFn):
    def __init__(self, step: WriteExamples):
        self._folder, self._rate, self._kept_spans = step.folder, step.rate, step.kept_spans
        self._window_samples, self._processes = round(step.window_s * step.rate), step.processes

    def process(self, item: tuple[tuple[str, int, int], Iterable[Clip]]) -> Iterator[ExampleShard]:
        (split, index, shards), clips = item
        name = f"{split}-{index:05d}-of-{shards:05d}.tfrecord"
        examples, false_alarms, size, rejects, sources = 0, 0, 0, [], set()
        shown, done = time.monotonic(), 0
        by_label: dict[str, dict[str, float]] = collections.defaultdict(
            lambda: {"clips": 0, "examples": 0, "sum_s": 0.0, "min_s": float("inf"), "max_s": 0.0}
        )
        ordered = sorted(clips, key=lambda c: (c.recording, c.channel or 0, c.start_s, c.label))
        excerpts = [Excerpt(c.recording, c.start_s, c.end_s, c.channel) for c in ordered]
        sounds = read_excerpts(excerpts, self._rate, self._processes)
        with contextlib.closing(sounds), shard_writer(f"{self._folder}/{name}") as write:
            for clip, sound in zip(ordered, sounds, strict=True):
                done += 1
                if time.monotonic() - shown >= EVERY_S:
                    shown = time.monotonic()
                    LOGGER.info("materializing: %d clips of shard %s", done, name)
                kept = self._kept_parts(clip, sound)
                if isinstance(kept, Reject):
                    count("clips_rejected")
                    rejects.append(kept)
                    continue
                stats, seconds = by_label[clip.label], sum(len(sound) for _, sound in kept) / self._rate
                stats["clips"] += 1
                stats["sum_s"] += seconds
                stats["min_s"] = min(stats["min_s"], seconds)
                stats["max_s"] = max(stats["max_s"], seconds)
                sources.add((clip.label, clip.source))
                for part, sound in kept:
                    for example in split_into_examples(part, sound, self._rate, self._window_samples, split):
                        write(record := serialize(example))
                        stats["examples"] += 1
                        examples += 1
                        false_alarms += example.false_alarm
                        size += len(record) + _FRAMING
        count("examples_written", examples)
        yield ExampleShard(
            name, split, examples, size, dict(by_label), frozenset(sources), tuple(rejects), false_alarms
        )

    def _kept_parts(self, clip: Clip, waveform: np.ndarray | str) -> list[tuple[Clip, np.ndarray]] | Reject:
        """The parts of a clip that are kept, each as a clip of its own with its sound."""
        if isinstance(waveform, str):
            return Reject(clip.recording, waveform)
        why = reason_against(waveform, self._rate)
        if why:
            return Reject(clip.recording, why)
        try:
            spans = [(a, waveform[a:b]) for a, b in self._kept_spans(waveform)]
        except Exception as e:  # Whatever is wrong with one clip must not affect the others.
            return Reject(clip.recording, one_line(e))
        whole = len(waveform)
        long = [(a, sound) for a, sound in spans if len(sound) == whole or not reason_against(sound, self._rate)]
        if not long:
            return Reject(clip.recording, f"no stretch of it as long as {1000 * SHORTEST_S:.0f} ms is left of the cuts")
        return [(dataclasses.replace(clip, start_s=clip.start_s + a / self._rate), sound) for a, sound in long]


def summarize(shards: Iterable[ExampleShard], rejects: Iterable[Reject]) -> dict[str, Any]:
    """What a manifest says about its shards: counts by label and split, durations, rejects with their reasons."""
    shards = sorted(shards, key=lambda s: (SPLITS.index(s.split), s.name))
    labels: dict[str, Any] = {}
    sources: dict[tuple[str, str], set[str]] = collections.defaultdict(set)
    for shard in shards:
        for label, source in shard.sources:
            sources[label, shard.split].add(source)
        for label, stats in shard.by_label.items():
            entry = labels.setdefault(label, {s: {"clips": 0, "sources": 0, "examples": 0} for s in SPLITS})
            entry[shard.split]["clips"] += int(stats["clips"])
            entry[shard.split]["examples"] += int(stats["examples"])
            entry[shard.split]["sources"] = len(sources[label, shard.split])
    durations = [stats for shard in shards for stats in shard.by_label.values()]
    clips = sum(s["clips"] for s in durations)
    total = sum(s["sum_s"] for s in durations)
    everything_rejected = sorted(
        {(r.recording, r.reason) for r in [*rejects, *(r for shard in shards for r in shard.rejects)]}
    )
    false_alarms = {split: sum(shard.false_alarms for shard in shards if shard.split == split) for split in SPLITS}
    return {
        "labels": dict(sorted(labels.items())),
        **({"false_alarms": false_alarms} if any(false_alarms.values()) else {}),
        "clips": int(clips),
        "examples": sum(s.examples for s in shards),
        "duration_s": {
            "total": total,
            "min": min((s["min_s"] for s in durations), default=None),
            "mean": total / clips if clips else None,
            "max": max((s["max_s"] for s in durations), default=None),
        },
        "shards": [
            {"name": s.name, "split": s.split, "examples": s.examples, "bytes": s.bytes} for s in shards if s.examples
        ],
        "rejects": [{"recording": recording, "reason": reason} for recording, reason in everything_rejected],
    }


def write_draft(settings: dict[str, Any], folder: str, labels: list[str], shards, rejects) -> None:
    """Writes the manifest under its provisional name: the last step of the pipeline."""
    manifest = {**settings, **summarize(shards, rejects)}
    manifest["labels_without_clips"] = sorted(set(labels) - set(manifest["labels"]))
    with open_to_write(f"{folder}/{DRAFT}", "w") as file:
        json.dump(manifest, file, indent=1, ensure_ascii=False)
