"""Real scans with a calibrated bundle that die while they use stored scores again."""

import pytest

from soundbeam.model.classifier.bundle import load_bundle
from soundbeam.model.classifier.calibration import Calibration
from soundbeam.model.classifier.changed_bundle import save_changed
from soundbeam.pipelines.output.folder import Output
from tests.faults.corpora import Corpus, left_over, tables
from tests.faults.figures import figure
from tests.faults.warm import real

pytestmark = pytest.mark.faults

POINTS = {
    "listing": ("soundbeam.pipelines.scan.reused_scores:_listed", 1),
    "rescoring": ("soundbeam.pipelines.scan.rescoring:Rescoring._result", 3),
    "writing what was rescored": ("soundbeam.transforms.tables.write_tables:ShardWriter.write", 2),
    "scoring what is new": ("soundbeam.transforms.scoring.score_windows:score_segments", 1),
    "committing, between the tables": ("soundbeam.pipelines.output.compaction:compact", 3),
    "committing, before run.json": ("soundbeam.pipelines.output.folder:Output.write_run", 1),
    "committing, after run.json": ("soundbeam.pipelines.output.staging:Staging.discard", 1),
}


class Setting:
    """A corpus, an output that one bundle scanned, and what the tables are with another one into an empty output."""

    def __init__(self, warm, folder, bundle):
        self.warm, self.corpus = warm, Corpus(folder / "corpus")
        for i in range(5):
            self.corpus.write(f"{i}.wav", at=(0.4 * i,), seed=i)
        changes = {"calibration": Calibration(0.5, (-0.5,)), "thresholds": {"low": 0.4}}
        self.bundle = save_changed(str(folder / "new"), load_bundle(bundle), **changes).url
        self.first = folder / "first"
        assert warm.scan(*self.argv(self.first, bundle))[0] == 0
        self.corpus.write("new.wav", seed=9)
        assert warm.scan(*self.argv(folder / "after", self.bundle))[0] == 0
        self.after = tables(folder / "after")

    def argv(self, output, bundle=None):
        every = ("--checkpoint-every", "0.001")
        return "--recordings", self.corpus.folder, "--classifier", bundle or self.bundle, "--output", output, *every


@pytest.fixture(scope="module")
def setting(warm, tmp_path_factory, tone_bundle):
    return Setting(warm, tmp_path_factory.mktemp("setting"), tone_bundle)


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("after", [False, True])
def test_it_is_killed(setting, output, point, after):
    call, n = POINTS[point]
    before = tables(output)
    code, said = real(*setting.argv(output), faults=[{"call": call, "n": n, "do": "kill", "after": after}])
    assert code == -9, said
    assert tables(output) in (before, setting.after), said
    code, later = setting.warm.scan(*setting.argv(output))
    assert code == 0, later
    assert tables(output) == setting.after, said
    assert left_over(output) == []
    newest = Output(str(output)).runs()[-1]
    if point == "scoring what is new":  # what was rescored is not rescored again
        assert len(newest.taken_over) == 1 and not newest.reused
    figure("driver killed while it used scores again", 1, point)


def test_a_full_disk_is_one_line(setting, output):
    call, _ = POINTS["writing what was rescored"]
    before = tables(output)
    code, said = real(*setting.argv(output), faults=[{"call": call, "n": 2, "do": "full"}])
    assert code == 1 and "Traceback" not in said and "disk full" in said
    assert tables(output) == before
    code, later = setting.warm.scan(*setting.argv(output))
    assert code == 0 and tables(output) == setting.after, later
    assert left_over(output) == []
