"""Saves a head and its base as one bundle."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

from soundbeam.model.classifier.bundle import ClassifierBundle, load_bundle
from soundbeam.model.classifier.bundle_files import write_bundle
from soundbeam.model.classifier.description import BundleDescription
from soundbeam.model.classifier.head import Head


def base_name(base: ClassifierBundle) -> str:
    """What a base is called: by the file that was imported, without its ending, or by its architecture."""
    return os.path.splitext(base.source["file"])[0] if base.source.get("file") else base.architecture


def save_head(url: str, base: ClassifierBundle, head: Head, values: dict[str, Any]) -> ClassifierBundle:
    """Writes a bundle of a base and a head; one that is there already is replaced as a whole.

    What the base scores with, its licence and its names of the head's labels come along, its own labels and geo model
    do not. The fingerprint covers both networks.

    Args:
        url: The folder.
        base: Gives the embeddings.
        head: Scores them.
        values: The attributes of the description that are the head's.

    Returns:
        The bundle, as ``load_bundle`` would read it.

    Raises:
        BundleError: The folder holds other things, or the base was changed.
    """
    of_base = {field.name: getattr(base, field.name) for field in dataclasses.fields(BundleDescription)}
    description = BundleDescription(
        **{
            **of_base,
            "architecture": f"head over {base_name(base)}",
            "embedding_size": head.embedding_size,
            "names": {label: base.names[label] for label in values["labels"] if label in base.names},
            "geo": {},
            **values,
        }
    )
    files = {"head": ("npz", head.to_bytes())}
    why_not = base.unconverted
    if base.network_file and base.embedding_size:
        files["network"] = (os.path.splitext(base.network_file)[1][1:], base.network)
    elif why_not or not base.weights_file:
        files["weights"] = (os.path.splitext(base.weights_file)[1][1:], base.weights)
    else:  # from before converted networks gave embeddings
        from soundbeam.model.classifier.conversion_cache import converted

        ready = converted(base.fingerprint, base.model)
        why_not = ready.why_not
        files |= {"network": ("tflite", ready.network)} if ready.network else {"weights": ("keras", base.weights)}
        description = dataclasses.replace(description, front_end=ready.front_end)
    network = {} if why_not == "" else {"network": {"why_not": why_not}}
    write_bundle(url.rstrip("/"), {**dataclasses.asdict(description), **network}, files)
    return load_bundle(url)
