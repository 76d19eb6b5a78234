"""Measures what each kind of front end and each conditioning step costs, compared with the default front end.

    python benchmarks/front_ends.py [WINDOWS]

The windows are 5 s of noise at 16 kHz. Each line gives the CPU milliseconds per window, summed over all threads (the
lowest of five runs), and the ratio to log_mel.
"""

from __future__ import annotations

import argparse
import time

RATE, SECONDS, RUNS = 16000, 5.0, 5


def main() -> None:
    """Prints a line for each kind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("windows", nargs="?", type=int, default=16, help="in a batch (default: %(default)s)")
    windows = parser.parse_args().windows
    import numpy as np

    from soundbeam.model.frontend import KINDS, FrontEndConfig, Spectrograms

    sound = (0.1 * np.random.default_rng(0).standard_normal((windows, round(SECONDS * RATE)))).astype(np.float32)
    kinds = [{"kind": kind} for kind in KINDS if kind not in ("stack", "log_mel")]
    stack = {"kind": "stack", "stack": ("log_mel", "mfcc", "gfcc", "chroma_stft")}
    steps = [{"condition": step} for step in ("pre-emphasis", "loudness", "denoise")]
    usual = None
    for values in ({"kind": "log_mel"}, *kinds, stack, *steps):
        front = Spectrograms(FrontEndConfig.from_plain({**values, "normalise": "none"}))
        front.of_windows(sound)
        spent = []
        for _ in range(RUNS):
            begun = time.process_time()
            front.of_windows(sound)
            spent.append((time.process_time() - begun) / windows * 1000)
        usual = usual or min(spent)
        name = "+".join(values.get("stack") or (values.get("kind") or f"log_mel after {values['condition']}",))
        shape = " × ".join(str(n) for n in front.config.shape(sound.shape[1]))
        print(f"{name:36}{shape:>16}{min(spent):10.2f} ms{min(spent) / usual:9.1f}", flush=True)


if __name__ == "__main__":
    main()
