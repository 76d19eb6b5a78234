"""A classifier bundle with the network of another one."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any

from soundbeam.model.classifier.bundle import ClassifierBundle, load_bundle
from soundbeam.model.classifier.bundle_files import checked, read_description, write_bundle
from soundbeam.model.classifier.description import BundleDescription


def save_changed(url: str, bundle: ClassifierBundle, **changes: Any) -> ClassifierBundle:
    """Writes a bundle with the files of another one, and other values of its description.

    Args:
        url: The folder; a bundle that is there is replaced, see ``write_bundle``.
        bundle: The other one.
        changes: Values of `BundleDescription`, by name.

    Raises:
        BundleError: The folder holds other things, or the other bundle lacks a file.
    """
    described = read_description(bundle.url)
    files = {
        key: (value["file"].rpartition(".")[2], checked(bundle.url, value["file"], value["sha256"]))
        for key, value in described.items()
        if isinstance(value, dict) and {"file", "sha256", "bytes"} <= value.keys()
    }
    values = {field.name: getattr(bundle, field.name) for field in dataclasses.fields(BundleDescription)}
    description = dataclasses.asdict(BundleDescription(**{**values, **changes}))
    kept = {key: value for key, value in described.items() if key not in ("format", "fingerprint")}
    write_bundle(url.rstrip("/"), {**kept, **description}, files)
    return load_bundle(url)


def network_identity(bundle: ClassifierBundle) -> str:
    """SHA-256, in hexadecimal, over all that a window's scores depend on before they are calibrated."""
    files = [sha256 for name, sha256 in bundle.files_to_score() if name != bundle.geo.get("file")]
    read = [bundle.rate, bundle.window_s, bundle.front_end]
    decisive = [files, read, bundle.activation, bundle.task, bundle.labels]
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()
