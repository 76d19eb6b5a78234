"""Thirty nights over a corpus that grows, changes and loses files, by scans of which some die or meet a full disk."""

import numpy as np
import pytest

from tests.faults.corpora import Corpus, left_over, runs, tables
from tests.faults.figures import figure

pytestmark = pytest.mark.faults

NIGHTS = 30
STEPS = (
    "soundbeam.transforms.listing.list_recordings:list_recordings",
    "soundbeam.transforms.decoding.decode_recordings:_DecodeAhead._take",
    "soundbeam.transforms.scoring.score_windows:score_segments",
    "soundbeam.transforms.scoring.count_calls:count_calls",
    "soundbeam.transforms.tables.write_tables:ShardWriter.write",
    "soundbeam.pipelines.output.staging:compact",
    "soundbeam.pipelines.output.folder:Output.write_run",
    "soundbeam.pipelines.output.staging:Staging.discard",
)
ZONES = ("UTC", "Asia/Tokyo", "America/St_Johns", "Pacific/Kiritimati")


def change(corpus, rng, night):
    """A night of the field: files come, change and go."""
    for i in range(int(rng.integers(1, 4))):
        kind = rng.choice(["wav", "flac"])
        corpus.write(
            f"site{rng.integers(3)}/{night:02d}-{i}.{kind}", 1.0 + 2 * rng.random(), (0.3,), int(rng.integers(99))
        )
    there = sorted(p for p in corpus.folder.rglob("*.*") if p.is_file())
    if night > 3:
        name = str(there[rng.integers(len(there))].relative_to(corpus.folder))
        corpus.write(name, 1.5 + rng.random(), (), int(rng.integers(99)))
        if rng.random() < 0.5:
            corpus.remove(str(there[rng.integers(len(there))].relative_to(corpus.folder)))
    if night % 7 == 2:
        (corpus.folder / f"damaged{night}.wav").write_bytes(b"RIFF no sound")


def faults_of(rng, night, output):
    """What happens to this night's scan, and whether it may end well."""
    found = []
    kind = ("step", "moment", "full", "", "")[night % 5]
    if kind == "step":
        found.append({"call": STEPS[rng.integers(len(STEPS))], "n": int(rng.integers(1, 3)), "do": "kill"})
    elif kind:
        do = "kill" if kind == "moment" else "full"
        found.append({"at": int(rng.integers(1, 45)), "under": str(output), "do": do})
    if rng.random() < 0.3:
        found.append({"clock": -int(rng.integers(1, 40)) * 86400})
    found.append({"tz": ZONES[rng.integers(len(ZONES))]})
    return found


def test_thirty_nights_end_as_one_scan_of_the_last_corpus(warm, tmp_path, tone_bundle):
    rng, corpus, output = np.random.default_rng(20240101), Corpus(tmp_path / "corpus"), tmp_path / "out"
    died, seen, back = 0, [], 0

    def scan(into, *faults):
        argv = ("--recordings", corpus.folder, "--classifier", tone_bundle, "--output", into)
        return warm.scan(*argv, "--checkpoint-every", "0.001", faults=faults)

    for night in range(1, NIGHTS + 1):
        change(corpus, rng, night)
        faults = faults_of(rng, night, output) if night < NIGHTS else []
        back += any("clock" in fault for fault in faults)
        code, said = scan(output, *faults)
        died += code != 0
        names = runs(output)
        assert names[: len(seen)] == seen, "a run has gone, or a newer one sorts before it"
        assert len(names) - len(seen) <= 1, said
        if names != seen:
            assert names[-1] == max(names)
            tables(output)  # no row twice, whatever happened
        if code == 0:
            assert left_over(output) == [], said
        seen = names
    assert code == 0, said
    assert scan(tmp_path / "once")[0] == 0
    assert tables(output) == tables(tmp_path / "once")
    assert died >= 8 and back >= 3
    figure("nights of a month", NIGHTS, f"{died} of them died or met a full disk, {back} with the clock set back")
