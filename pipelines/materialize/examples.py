"""Turns clips into examples: runs the pipeline, publishes the manifest, prints a summary."""

from __future__ import annotations

import json
from typing import Any

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.storage.files import locate
from soundbeam.pipelines.annotations.read_annotations import tell
from soundbeam.pipelines.clips import describe_rejects, print_troubles
from soundbeam.pipelines.console.output import say
from soundbeam.pipelines.materialize.clip_sources import find_sources
from soundbeam.pipelines.materialize.request import Materializing
from soundbeam.transforms.examples.conditioning import Conditioning
from soundbeam.transforms.examples.write_examples import DRAFT, write_draft


def materialize(options: Materializing, conditioning: Conditioning, beam_opts) -> dict[str, Any]:
    """Builds and runs the pipeline; returns the manifest that it wrote."""
    import apache_beam as beam

    from soundbeam.model.training.examples import FORMAT
    from soundbeam.pipelines.runners.options import cores_a_worker
    from soundbeam.pipelines.runners.run import run
    from soundbeam.transforms.examples.write_examples import WriteExamples

    examples, folder = locate(options.examples)
    fs, folder_url = examples.fs, examples.uri(folder)
    sources = find_sources(options, tell)
    stale = forget_manifest(fs, folder)
    pipeline = beam.Pipeline(options=beam_opts)
    clips_and_rejects = sources.read(pipeline)
    shards = clips_and_rejects["clips"] | "WriteExamples" >> WriteExamples(
        folder_url, options.rate, options.window, options.validation, conditioning.kept_spans, cores_a_worker(beam_opts)
    )
    settings = {
        "format": FORMAT,
        "rate": options.rate,
        "window_s": options.window,
        "validation_share": options.validation,
        **sources.recorded,
        **conditioning.recorded(),
    }
    _ = (
        pipeline
        | "Settings" >> beam.Create([settings])
        | "WriteDraft"
        >> beam.Map(
            write_draft,
            folder_url,
            sources.labels or [],
            beam.pvalue.AsList(shards),
            beam.pvalue.AsList(clips_and_rejects["rejects"]),
        )
    )
    run(pipeline)
    manifest = publish(fs, folder, sources.name)
    for name in stale - {s["name"] for s in manifest["shards"]}:
        fs.rm_file(f"{folder}/{name}")
    return manifest


def publish(fs, folder: str, clips: str) -> dict[str, Any]:
    """Gives the manifest its final name, which makes the folder's examples valid; returns it.

    Raises:
        SoundbeamError: It lists no examples.
    """
    from soundbeam.model.storage.files import write_at_once
    from soundbeam.model.training.examples import MANIFEST

    with fs.open(f"{folder}/{DRAFT}", "r", encoding="utf-8") as file:
        manifest = json.load(file)
    if not manifest["examples"]:
        fs.rm_file(f"{folder}/{DRAFT}")
        raise SoundbeamError(f"{clips}: no clip that can be used{describe_rejects(manifest['rejects'])}")
    write_at_once(fs, f"{folder}/{MANIFEST}", json.dumps(manifest, indent=1, ensure_ascii=False).encode())
    fs.rm_file(f"{folder}/{DRAFT}")
    return manifest


def forget_manifest(fs, folder: str) -> set[str]:
    """Removes an earlier run's manifest, so that no reader mixes old and new shards; returns its shards."""
    from soundbeam.model.training.examples import MANIFEST, read_manifest

    if not fs.exists(f"{folder}/{MANIFEST}"):
        return set()
    try:
        shards = {s["name"] for s in read_manifest(fs.unstrip_protocol(folder))["shards"]}
    except SoundbeamError:
        shards = set()
    fs.rm_file(f"{folder}/{MANIFEST}")
    return shards


def report(manifest: dict[str, Any], folder: str, wall_s: float) -> None:
    """Prints how many clips and examples there are, and which were rejected."""
    for label, splits in manifest["labels"].items():
        train, held = splits["train"], splits["validation"]
        say(
            f"{label}: {train['clips']} clips of {train['sources']} sources to train, "
            f"{held['clips']} of {held['sources']} to validate"
        )
        if not train["clips"] or not held["clips"]:
            say(f"  note: {label} has clips in one split only; more source recordings would mend it")
    unusable = manifest["labels_without_clips"]
    print_troubles(manifest["labels"], unusable, manifest["rejects"], f"{folder}/manifest.json")
    spread = manifest["duration_s"]
    say(
        f"{manifest['clips']} clips ({spread['min']:.2f} to {spread['max']:.2f} s, mean {spread['mean']:.2f} s), "
        f"{len(manifest['rejects'])} rejected, {manifest['examples']} examples in {len(manifest['shards'])} shards"
    )
    say(f"{spread['total'] / 60:.1f} min of sound in {wall_s:.0f} s, {spread['total'] / wall_s:.0f} × real time")
    say(f"examples: {folder}")
