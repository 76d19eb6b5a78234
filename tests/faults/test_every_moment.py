"""A scan is killed at every change that it makes to its output; the next one makes good what is missing."""

import shutil
from pathlib import Path

import pytest

from tests.faults.corpora import Corpus, left_over, runs, tables
from tests.faults.figures import figure

pytestmark = pytest.mark.faults


class Night:
    """An output with one run in it, and a corpus that has changed since: new, changed, deleted, damaged files."""

    def __init__(self, warm, folder, bundle):
        self.warm, self.corpus, self.bundle = warm, Corpus(folder / "corpus"), bundle
        for i, name in enumerate(["same.wav", "changed.wav", "deleted.wav"]):
            self.corpus.write(name, seed=i)
        self.first = folder / "first"
        assert self.scan(self.first)[0] == 0
        self.before = tables(self.first)
        self.corpus.write("changed.wav", seconds=4.0, at=(0.5, 2.5))
        self.corpus.write("new.flac", at=())
        (self.corpus.folder / "bad.wav").write_bytes(b"no sound")
        self.corpus.remove("deleted.wav")
        undisturbed = folder / "undisturbed"
        shutil.copytree(self.first, undisturbed)
        self.log = folder / "changes"
        assert self.scan(undisturbed, self.fault(undisturbed, 1 << 30, "kill", count=str(self.log)))[0] == 0
        self.after = tables(undisturbed)
        self.changes = self.log.read_text().splitlines()

    def fault(self, output, at, do, **more):
        return {"at": at, "under": str(output), "do": do, **more}

    def scan(self, output, *faults):
        return self.warm.scan(
            *("--recordings", self.corpus.folder, "--classifier", self.bundle, "--output", output),
            *("--checkpoint-every", "0.001"),
            faults=faults,
        )


@pytest.fixture(scope="module")
def night(warm, tmp_path_factory, tone_bundle):
    return Night(warm, tmp_path_factory.mktemp("night"), tone_bundle)


def test_the_second_night_changed_what_it_should(night):
    assert night.before != night.after
    assert {Path(r["recording"]).name for r in night.after["recordings"]} == {
        *("same.wav", "changed.wav", "new.flac", "bad.wav")
    }


@pytest.mark.parametrize("do", ["kill", "tear", "full"])
def test_at_every_change_of_the_output(night, tmp_path, do):
    """``tear``: what is being written is left half written; ``full``: the disk is full from this moment on."""
    tried = kept = 0
    for at in range(1, len(night.changes) + 1):
        if do == "tear" and not night.changes[at - 1].startswith("open"):
            continue
        if do == "full" and at % 3:
            continue  # the disk stays full, so neighbouring moments differ little
        output = tmp_path / "out"
        shutil.copytree(night.first, output)
        code, said = night.scan(output, night.fault(output, at, do))
        where = f"{do} at change {at}, {night.changes[at - 1]}: {said}"
        if code == 0 and do != "full":
            # Bundles are cut by their speed, so that one run makes a few changes fewer than another.
            assert at > len(night.changes) - 10 and tables(output) == night.after, where
            shutil.rmtree(output)
            continue
        assert code == -9 if do != "full" else code in (0, 1), where
        if code == 1:
            errors = [line for line in said.splitlines() if line.strip()]
            assert "disk full" in errors[-1] and "Traceback" not in said, where
        # Whatever happened, a reader sees the one or the other, whole.
        seen = tables(output)
        assert seen in (night.before, night.after), where
        committed = len(runs(output))
        code, said = night.scan(output)
        assert code == 0, f"after {where}: {said}"
        assert tables(output) == night.after, f"after {where}"
        assert left_over(output) == [], f"after {where}"
        kept += "resumed" in said
        # What was committed is not committed again; a third scan has nothing to do.
        assert len(runs(output)) == 2, f"after {where}: {committed} runs, then {runs(output)}: {said}"
        shutil.rmtree(output)
        tried += 1
    figure(f"scan, {do} at every change of the output", tried, f"{kept} resumed from checkpoints")
