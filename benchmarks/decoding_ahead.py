"""How much faster a scan is that decodes in a process of its own, ahead of what is scored, than one that does both.

python benchmarks/decoding_ahead.py [BUNDLE]
"""

import functools
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

from pipelines import scanning
from pipelines.running import beam_options
from pipelines.scan import parser
from transforms.decode import DecodeRecordings

RATE, MINUTES = 48000, 3


def corpus(folder, files=8):
    """Noise: stereo, 48 kHz, MP3 and FLAC by turns."""
    folder.mkdir()
    for i in range(files):
        kind = ("MP3", "FLAC")[i % 2]
        with soundfile.SoundFile(folder / f"{i}.{kind.lower()}", "w", RATE, 2, format=kind) as file:
            for _ in range(MINUTES * 60):
                file.write(0.1 * np.random.default_rng(i).standard_normal((RATE, 2)).clip(-9, 9).astype(np.float32))
    return folder


def seconds(bundle, recordings, output, isolated):
    """Wall seconds of one scan in this process, the second of its kind (the first loads everything)."""
    scanning.DecodeRecordings = functools.partial(DecodeRecordings, isolated=isolated)
    start = time.perf_counter()
    scanning.scan(scanning.Scan([str(recordings)], bundle, str(output), rescan=True), beam_options([], parser()))
    return time.perf_counter() - start


def main(bundle=None):
    """Prints the ratio."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        if bundle is None:
            sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
            from conftest import save_tone_bundle

            bundle = save_tone_bundle(root / "bundle").url
        recordings = corpus(root / "recordings")
        found = {True: [], False: []}
        for turn in range(4):
            for isolated in (True, False):
                took = seconds(bundle, recordings, root / f"{turn}-{isolated}", isolated)
                if turn:  # the first loads everything
                    found[isolated].append(took)
        ahead, together = min(found[True]), min(found[False])
        print(
            f"decoding ahead {ahead:.2f} s, in the same process {together:.2f} s: {together / ahead:.2f} times as fast"
        )
        print(f"all: {[round(t, 2) for t in found[True]]} against {[round(t, 2) for t in found[False]]}")


if __name__ == "__main__":
    main(*sys.argv[1:])
