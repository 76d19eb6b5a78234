"""The clips of a query → their embeddings."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from soundbeam.model.classifier.bundle import ClassifierBundle, load_bundle
from soundbeam.model.errors import BundleError, SoundbeamError
from soundbeam.model.storage.files import place_of
from soundbeam.model.windows import WindowSpec
from soundbeam.pipelines.console.process import cores
from soundbeam.pipelines.output.run_info import ScanParameters
from soundbeam.transforms.decoding.clip_reader import Excerpt, read_excerpts
from soundbeam.transforms.listing.list_recordings import list_recordings
from soundbeam.transforms.records import Recording

# A part of a recording: recording.wav@12.0-15.5.
_PART = re.compile(r"(?P<name>.+)@(?P<start>\d+(?:\.\d+)?)-(?P<end>\d+(?:\.\d+)?)", re.DOTALL)


def bundle_of(parameters: ScanParameters, embeddings: str, classifier: str | None) -> ClassifierBundle:
    """The bundle that made some embeddings.

    Args:
        parameters: Of the run that wrote them.
        embeddings: The folder of the embeddings, for messages.
        classifier: URL of the bundle; None for where it was then.

    Raises:
        SoundbeamError: The bundle is gone, or another one.
    """
    url = classifier or parameters.classifier
    wanted = f"give --classifier DIR with the classifier of fingerprint {parameters.fingerprint[:12]}"
    try:
        bundle = load_bundle(url)
    except (BundleError, SoundbeamError) as e:
        if classifier:
            raise
        raise SoundbeamError(f"{embeddings}: its classifier cannot be read ({e}); {wanted}") from e
    if bundle.fingerprint != parameters.fingerprint:
        raise SoundbeamError(
            f"{embeddings}: made by another classifier than {url} (fingerprint {bundle.fingerprint[:12]}); {wanted}"
        )
    return bundle


def embed_clips(clips: list[str], bundle: ClassifierBundle) -> tuple[np.ndarray, list[str]]:
    """The embeddings of the windows of clips, side by side; the last one of a clip is moved back to its end.

    Args:
        clips: Files, globs or folders, or parts of files: ``recording.wav@12.0-15.5``.
        bundle: The classifier.

    Returns:
        float32 ``[windows, size]``, and the name of each window's clip.

    Raises:
        SoundbeamError: A clip cannot be read, or holds digital silence only.
    """
    excerpts = [excerpt for clip in clips for excerpt in excerpts_of(clip)]
    spec = WindowSpec(bundle.rate, bundle.window_s, bundle.window_s)
    scorer: Any = bundle.scorer(embeddings=True)
    parts, names = [], []
    for (uri, start_s, end_s), samples in zip(excerpts, read_excerpts(excerpts, spec.rate, cores()), strict=True):
        if isinstance(samples, str):
            raise SoundbeamError(samples if samples.startswith(uri) else f"{uri}: {samples}")
        offsets = spec.starts(len(samples))
        samples = np.pad(samples, (0, max(0, spec.window_samples - len(samples))))
        _, embeddings = scorer.embed_segment(samples, offsets)
        if not np.all(np.isfinite(embeddings)):
            raise SoundbeamError(f"{uri}: the model returned an embedding that is not a number")
        parts.append(embeddings)
        names += [uri if end_s is None else f"{uri}@{start_s:g}-{end_s:g}"] * len(offsets)
    queries = np.concatenate(parts)
    if not queries.any():
        raise SoundbeamError(f"{' '.join(clips)}: all embeddings are zero; nothing is like them")
    return queries, names


def excerpts_of(clip: str) -> list[Excerpt]:
    """The recordings, or the part of one, that a user names.

    Raises:
        SoundbeamError: There is none, or it cannot be read.
    """
    part = _PART.fullmatch(clip)
    name, start_s, end_s = clip, 0.0, None
    if part and not _exists(clip):
        name, start_s, end_s = part["name"], float(part["start"]), float(part["end"])
        if end_s <= start_s:
            raise SoundbeamError(f"{clip}: the part ends before it starts; write it as NAME@START-END, in seconds")
    rows = list(list_recordings(name))
    for row in rows:
        if not isinstance(row, Recording) and row.status != "skipped":
            raise SoundbeamError(f"{row.recording.uri}: {row.error}")
    uris = sorted({row.uri for row in rows if isinstance(row, Recording)})
    if not uris:
        raise SoundbeamError(f"{name}: no audio file there")
    return [(uri, start_s, end_s) for uri in uris]


def _exists(name: str) -> bool:
    try:
        place, path = place_of(name)
        return bool(place.fs.exists(path))
    except Exception:  # a store's own error classes are many; listing the name will tell
        return False
