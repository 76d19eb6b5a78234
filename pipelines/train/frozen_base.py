"""A frozen base's features of all examples, computed once by a Beam pipeline and kept beside them."""

from __future__ import annotations

import dataclasses
import json

from soundbeam.model.errors import SoundbeamError
from soundbeam.pipelines.console.output import say

FOLDER = "bottlenecks"


def compute_bottlenecks(training, weights: str) -> str:
    """The URL of the features of a training's examples; computed where they are not there yet.

    They lie in a folder within that of the examples, named by all that they depend on. Its manifest is written last:
    a folder without one is computed again.

    Args:
        training: A ``model.training.plan.Training`` of an architecture with a base.
        weights: See ``model.architectures.transfer.base_model``.
    """
    import hashlib

    import apache_beam as beam

    from soundbeam.model.architectures.transfer import BASE_FILE, base_model, fingerprint, to_bytes
    from soundbeam.model.storage.files import open_to_write, place_of
    from soundbeam.model.training.examples import MANIFEST
    from soundbeam.model.training.plan import prepare
    from soundbeam.pipelines.runners.options import beam_options
    from soundbeam.pipelines.runners.run import run
    from soundbeam.transforms.examples.write_bottlenecks import WriteBottlenecks

    architecture, manifest, _ = prepare(training)
    model = base_model(architecture, weights)
    clips = json.dumps([manifest.get("sha256"), manifest["shards"]], sort_keys=True)
    key = hashlib.sha256((fingerprint(model, architecture) + clips).encode()).hexdigest()
    place, examples = place_of(training.examples)
    examples = examples.rstrip("/")
    folder = f"{examples}/{FOLDER}/{key[:16]}"
    url = place.uri(folder)
    if place.fs.exists(f"{folder}/{MANIFEST}"):
        return url
    names = [shard["name"] for shard in manifest["shards"]]
    say(f"computing the features of {architecture.name} once; they are kept in {url}")
    place.fs.makedirs(folder, exist_ok=True)
    with open_to_write(f"{url}/{BASE_FILE}") as file:
        file.write(to_bytes(model))
    pipeline = beam.Pipeline(options=beam_options([]))
    _ = pipeline | "Shards" >> beam.Create(names) | "WriteBottlenecks" >> WriteBottlenecks(place.uri(examples), url)
    run(pipeline)
    missing = [name for name in names if not place.fs.exists(f"{folder}/{name}")]
    if missing:
        raise SoundbeamError(f"{url}: {missing[0]} was not written; run again")
    with open_to_write(f"{url}/{MANIFEST}", "w") as file:
        json.dump(manifest, file)
    return url


def with_frozen_base(training, weights: str, fine_tune: int = 0):
    """The training with the features of its frozen base, computed where there are none yet; others as they are.

    Raises:
        SoundbeamError: Weights or fine-tuning were asked for where there is no base, or weights cannot be had.
    """
    from soundbeam.model.training.plan import get_architecture

    if not get_architecture(training.architecture).transfer:
        if weights != "none" or fine_tune:
            raise SoundbeamError(f"{training.architecture} has no frozen base; --weights and --fine-tune are for one")
        return training
    return dataclasses.replace(training, bottlenecks=compute_bottlenecks(training, weights), fine_tune=fine_tune)
