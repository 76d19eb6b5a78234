"""A frozen base's vectors of all examples, computed once by a Beam pipeline and kept beside them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

from soundbeam.model.errors import SoundbeamError
from soundbeam.pipelines.console.output import say

FOLDER = "embeddings"
_ONLY_NETWORKS = ("epochs", "front_end", "window_s", "windows", "warp")


def with_frozen_base(training, weights: str = "none", fine_tune: int = 0):
    """The training with the vectors of its frozen base, computed where there are none yet; others as they are.

    A frozen base is another bundle (``Training.base``), or that of an architecture which has one.

    Raises:
        SoundbeamError: An option is of another kind of training; the base cannot be used, or weights cannot be had.
    """
    from soundbeam.model.training.plan import get_architecture

    if training.base:
        return _with_base_bundle(training, weights, fine_tune)
    if training.hidden or training.backgrounds:
        raise SoundbeamError("--hidden and --backgrounds are of a head; give its --base too")
    if not get_architecture(training.architecture).transfer:
        if weights != "none" or fine_tune:
            raise SoundbeamError(f"{training.architecture} has no frozen base; --weights and --fine-tune are for one")
        return training
    return dataclasses.replace(training, embeddings=_of_architecture(training, weights), fine_tune=fine_tune)


def _with_base_bundle(training, weights: str, fine_tune: int):
    from soundbeam.model.classifier.head_bundle import base_name
    from soundbeam.model.tasks import DETECTOR
    from soundbeam.model.training.bases import BundleBase
    from soundbeam.model.training.plan import prepare_head

    given = [name for name in _ONLY_NETWORKS if getattr(training, name) is not None]
    given += ["weights"] * (weights != "none") + ["fine_tune"] * bool(fine_tune)
    if given:
        option = given[0].removesuffix("_s").replace("_", "-")
        raise SoundbeamError(f"--{option} is of a network; a head on --base has none")
    base, windows, manifest, task = prepare_head(training)
    if training.backgrounds and task.kind != DETECTOR:
        raise SoundbeamError("--backgrounds are for a detector; give its --target, or leave them out")
    base.scorer(embeddings=True)  # what it cannot do is told before any work
    of = BundleBase(training.base.rstrip("/"), base.fingerprint, windows)
    embeddings = _embedded(training.examples, manifest, base_name(base), base.fingerprint, lambda _: of)
    if not training.backgrounds:
        return dataclasses.replace(training, embeddings=embeddings)
    backgrounds = _embedded_backgrounds(training, embeddings, windows.hop_s)
    return dataclasses.replace(training, embeddings=embeddings, background_embeddings=backgrounds)


def _of_architecture(training, weights: str) -> str:
    from soundbeam.model.architectures.transfer import BASE_FILE, base_model, fingerprint, to_bytes
    from soundbeam.model.storage.files import open_to_write
    from soundbeam.model.training.bases import NetworkBase
    from soundbeam.model.training.plan import prepare

    architecture, manifest, _ = prepare(training)
    model = base_model(architecture, weights)

    def base(folder: str) -> NetworkBase:
        with open_to_write(f"{folder}/{BASE_FILE}") as file:
            file.write(to_bytes(model))
        return NetworkBase(folder, architecture.windows)

    return _embedded(training.examples, manifest, architecture.name, fingerprint(model, architecture), base)


def _embedded(examples: str, manifest: dict[str, Any], name: str, fingerprint: str, base: Callable[[str], Any]) -> str:
    """The URL of a base's vectors of examples; computed where they are not there yet.

    They lie in a folder within that of the examples, named by all that they depend on. Its manifest is written last: in
    a folder without one the shards that are missing are computed.

    Args:
        examples: Their URL.
        manifest: Theirs.
        name: What the base is called.
        fingerprint: The base's.
        base: (URL of the folder) → the base, for workers to load.
    """
    import hashlib

    import apache_beam as beam

    from soundbeam.model.storage.files import open_to_write, place_of
    from soundbeam.model.training.bases import NetworkBase
    from soundbeam.model.training.examples import MANIFEST
    from soundbeam.pipelines.runners.options import beam_options, cores_a_worker
    from soundbeam.pipelines.runners.run import run
    from soundbeam.transforms.examples.embed_examples import EmbedExamples

    clips = json.dumps([manifest.get("sha256"), manifest["shards"]], sort_keys=True)
    key = hashlib.sha256((fingerprint + clips).encode()).hexdigest()
    place, path = place_of(examples)
    path = path.rstrip("/")
    folder = f"{path}/{FOLDER}/{key[:16]}"
    url = place.uri(folder)
    if place.fs.exists(f"{folder}/{MANIFEST}"):
        return url
    names = [shard["name"] for shard in manifest["shards"]]
    missing = [shard for shard in names if not place.fs.exists(f"{folder}/{shard}")]
    say(f"computing the embeddings of {name} once; they are kept in {url}")
    place.fs.makedirs(folder, exist_ok=True)
    options, ready = beam_options([]), base(url)
    threads = 1 if isinstance(ready, NetworkBase) else cores_a_worker(options)  # TensorFlow has threads of its own
    pipeline = beam.Pipeline(options=options)
    embed = EmbedExamples(place.uri(path), url, ready, threads)
    _ = pipeline | "Shards" >> beam.Create(missing) | "EmbedExamples" >> embed
    run(pipeline)
    missing = [shard for shard in names if not place.fs.exists(f"{folder}/{shard}")]
    if missing:
        raise SoundbeamError(f"{url}: {missing[0]} was not written; run again")
    with open_to_write(f"{url}/{MANIFEST}", "w") as file:
        json.dump(manifest, file)
    return url


def _embedded_backgrounds(training, embeddings: str, hop_s: float):
    """The vectors of background recordings: what ``soundbeam embed`` writes, beside those of the examples."""
    import hashlib

    import numpy as np

    from soundbeam.model.training.mine_negatives import MOST_WINDOWS, Backgrounds
    from soundbeam.pipelines.embed.request import Embed
    from soundbeam.pipelines.results import stream
    from soundbeam.pipelines.runners.options import beam_options
    from soundbeam.pipelines.scan.job import scan
    from soundbeam.pipelines.scan.summary import check, figures_of

    patterns = sorted(training.backgrounds)
    key = hashlib.sha256(json.dumps(patterns).encode("utf-8", "surrogateescape")).hexdigest()
    output = f"{embeddings}/backgrounds-{key[:16]}"
    figures = figures_of(scan(Embed(patterns, training.base, output, hop=hop_s), beam_options([])), output)
    check(figures)
    for bad in figures.get("bad", []):
        say(f"{bad['status']}: {bad['recording']}: {bad['error']}")
    kept, every, at = [], 1, 0
    for part in stream(output, "embeddings", columns=["recording", "start_s", "embedding"]):
        if not len(part):
            continue
        vectors = part["embedding"].combine_chunks().flatten().to_numpy().reshape(len(part), -1)
        taken = np.arange(-at % every, len(part), every)
        kept.append([part["recording"].to_numpy()[taken], part["start_s"].to_numpy()[taken], vectors[taken]])
        at += len(part)
        while sum(len(rows[0]) for rows in kept) > MOST_WINDOWS:  # every second one: memory is bounded
            joined = [np.concatenate(columns)[::2] for columns in zip(*kept, strict=True)]
            kept, every = [joined], 2 * every
    if not kept:
        raise SoundbeamError(f"--backgrounds {patterns[0]}: the recordings there have no window")
    recordings, start_s, vectors = (np.concatenate(columns) for columns in zip(*kept, strict=True))
    order = np.lexsort((start_s, recordings.astype(str)))
    return Backgrounds(vectors[order], recordings[order], start_s[order])
