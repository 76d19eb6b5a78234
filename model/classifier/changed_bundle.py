"""A classifier bundle with the network of another one."""

from __future__ import annotations

import dataclasses
from typing import Any

from soundbeam.model.classifier.bundle import ClassifierBundle, load_bundle
from soundbeam.model.classifier.bundle_files import write_bundle
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
    files = {}
    if bundle.weights_file:
        files["weights"] = ("keras", bundle.weights)
    if bundle.network_file:
        files["network"] = (bundle.network_file.rpartition(".")[2], bundle.network)
    if bundle.geo:
        files["geo"] = ("tflite", bundle.geo_network)
    values = {field.name: getattr(bundle, field.name) for field in dataclasses.fields(BundleDescription)}
    description = dataclasses.asdict(BundleDescription(**{**values, **changes}))
    write_bundle(url.rstrip("/"), {**description, "network": {"why_not": bundle.unconverted}}, files)
    return load_bundle(url)
