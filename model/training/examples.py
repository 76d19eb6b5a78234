"""Training examples: what one holds, how it stands in a TFRecord, and the manifest of a folder of them."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from soundbeam.model.errors import SoundbeamError
from soundbeam.model.storage.files import is_local, make_folder, open_text, place_of
from soundbeam.model.storage.stores import one_line

MANIFEST = "manifest.json"
FORMAT = 1
TRAIN, VALIDATION = "train", "validation"
SPLITS = (TRAIN, VALIDATION)


@dataclasses.dataclass(frozen=True, eq=False)
class Example:
    """A part of a labelled clip.

    Attributes:
        waveform: float32 ``[samples]``, mono, at the manifest's rate, of its true length: never padded.
        label: What is heard in it.
        source: The recording that the clip was cut from; splits go by it.
        recording: The clip's URI.
        start_s: Where the part starts within the clip, seconds.
        split: ``train`` or ``validation``.
        false_alarm: Whether a detector took it for what it is not.
    """

    waveform: np.ndarray
    label: str
    source: str
    recording: str
    start_s: float
    split: str
    false_alarm: bool = False


def split_sources(clips: Mapping[tuple[str, str], int], validation_share: float) -> dict[str, str]:
    """Chooses the sources that become the validation split.

    Label by label, the sources are gone through in the order of the SHA-256 of their names, so the choice is the same
    on every machine, and each is taken as long as it leaves the label's validation clips within the share. A label of
    two sources or more has one to validate with, unless the share is 0 or another label has taken them all to train.

    Args:
        clips: (label, source) → how many clips.
        validation_share: Of each label's clips, 0 to below 1.

    Returns:
        source → ``train`` or ``validation``; a source has one split, whatever its labels.
    """
    splits: dict[str, str] = {}
    for label in sorted({label for label, _ in clips}):
        sizes = {source: n for (of, source), n in clips.items() if of == label}
        room = validation_share * sum(sizes.values())
        room -= sum(n for source, n in sizes.items() if splits.get(source) == VALIDATION)
        free = sorted((s for s in sizes if s not in splits), key=_digest)
        for source in free:
            taken = sizes[source] <= room
            room -= sizes[source] * taken
            splits[source] = VALIDATION if taken else TRAIN
        if validation_share > 0 and free and len(sizes) > 1 and VALIDATION not in {splits[s] for s in sizes}:
            splits[min(free, key=lambda s: (sizes[s], _digest(s)))] = VALIDATION
    return splits


def _digest(name: str) -> bytes:
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()


def serialize(example: Example) -> bytes:
    """The example as a serialized ``tf.train.Example``; the waveform as the bytes of little-endian float32."""
    import tensorflow as tf

    made = tf.train.Example()
    features = made.features.feature  # filled in place: each message that is put into another one is copied
    features["waveform"].bytes_list.value.append(np.ascontiguousarray(example.waveform, "<f4").tobytes())
    for name in ("label", "source", "recording", "split"):
        features[name].bytes_list.value.append(getattr(example, name).encode())
    features["start_s"].float_list.value.append(example.start_s)
    if example.false_alarm:
        features["false_alarm"].int64_list.value.append(1)
    return made.SerializeToString(deterministic=True)


@contextlib.contextmanager
def shard_writer(url: str) -> Iterator[Callable[[bytes], Any]]:
    """A function that writes serialized examples, one after the other, as a TFRecord file.

    TensorFlow writes local files only: one for elsewhere is put where it belongs as a whole, at the end; one of this
    machine gets its name then. A file without examples is not left there.
    """
    import tensorflow as tf

    place, path = place_of(url)
    with tempfile.TemporaryDirectory() as scratch:
        local = f"{path}.tmp" if is_local(url) else os.path.join(scratch, "shard")
        make_folder(place.fs, os.path.dirname(path))
        try:
            with tf.io.TFRecordWriter(local) as writer:
                yield writer.write
            if os.path.getsize(local) and is_local(url):
                os.replace(local, path)
            elif os.path.getsize(local):
                place.fs.put_file(local, path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.remove(local)


def parse(serialized):
    """Parses serialized examples in a tf.data graph.

    Args:
        serialized: A string tensor of shape ``[]``.

    Returns:
        A dict of tensors: ``waveform`` float32 ``[samples]``; ``label``, ``source``, ``recording``, ``split`` strings,
        ``start_s`` float32 and ``false_alarm`` int64 (0 or 1) of shape ``[]``.
    """
    import tensorflow as tf

    strings = ("waveform", "label", "source", "recording", "split")
    features = {name: tf.io.FixedLenFeature([], tf.string) for name in strings}
    features["start_s"] = tf.io.FixedLenFeature([], tf.float32)
    features["false_alarm"] = tf.io.FixedLenFeature([], tf.int64, 0)
    parsed = tf.io.parse_single_example(serialized, features)
    parsed["waveform"] = tf.io.decode_raw(parsed["waveform"], tf.float32, little_endian=True)
    return parsed


def read_manifest(folder: str) -> dict[str, Any]:
    """The manifest of a folder of examples.

    It is written last, so a folder without one holds no finished examples. Its ``shards`` are the only files that
    count: ``{"name", "split", "examples", "bytes"}`` each, in a fixed order.

    Raises:
        SoundbeamError: There is none, or it is of another format.
    """
    path = f"{folder.rstrip('/')}/{MANIFEST}"
    try:
        with open_text(path) as file:
            manifest = json.load(file)
    except FileNotFoundError:
        raise SoundbeamError(f"{folder}: no {MANIFEST} there; make examples with 'soundbeam materialize'") from None
    except OSError as e:
        raise SoundbeamError(f"{path}: cannot be read ({one_line(e)})") from e
    except (json.JSONDecodeError, UnicodeDecodeError, AttributeError) as e:
        raise SoundbeamError(f"{path}: not a manifest of examples ({e}); run 'soundbeam materialize' again") from e
    version = manifest.get("format") if isinstance(manifest, dict) else None
    if version != FORMAT:
        raise SoundbeamError(
            f"{path}: format {version!r}, this soundbeam reads {FORMAT}; run 'soundbeam materialize' again"
        )
    return manifest


def shard_urls(folder: str, manifest: dict[str, Any], split: str) -> list[str]:
    """The URLs of one split's shards, in the manifest's order."""
    return [f"{folder.rstrip('/')}/{s['name']}" for s in manifest["shards"] if s["split"] == split]
