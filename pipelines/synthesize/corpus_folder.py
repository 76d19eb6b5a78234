"""The folder of an artificial corpus."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any

from soundbeam.model.errors import SoundbeamError

MANIFEST = "synthesis.json"


def claim(folder: str, paths: list[str], parameters: dict[str, Any]) -> Path:
    """Makes the output folder ready: only what synthesize itself wrote there before is removed or replaced."""
    if "://" in folder:
        raise SoundbeamError(f"--output {folder}: synthesize writes to a local folder; copy it from there")
    output = Path(folder)
    manifest = output / MANIFEST
    if output.exists() and not output.is_dir():
        raise SoundbeamError(f"--output {folder} is a file; give a folder")
    if manifest.is_file():
        try:
            old = [PurePosixPath(path) for path in json.loads(manifest.read_text(encoding="utf-8"))["files"]]
        except (ValueError, KeyError, TypeError) as e:
            raise SoundbeamError(f"{manifest} is broken; give --output another folder, or empty this one") from e
        for written in old:
            if ".." not in written.parts and not written.is_absolute():
                (output / written).unlink(missing_ok=True)
    elif output.is_dir() and any(output.iterdir()):
        raise SoundbeamError(f"--output {folder} holds other files; give a new folder, or empty this one")
    for path in paths:
        (output / path).parent.mkdir(parents=True, exist_ok=True)
    files = [*paths, "annotations.csv"]
    manifest.write_text(
        json.dumps({"program": "soundbeam synthesize", **parameters, "files": files}, indent=1), encoding="utf-8"
    )
    return output
