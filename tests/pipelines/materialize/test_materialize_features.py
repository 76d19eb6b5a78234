"""``soundbeam materialize --features``: a row a clip, pictures by label; a bad clip costs itself only."""

import csv
import json
from collections import deque

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from matplotlib import colormaps
from PIL import Image

from soundbeam.model.frontend import SUMMARY_NAMES
from soundbeam.model.pictures.spectrogram_png import spectrogram_png
from soundbeam.pipelines.materialize.program import main
from soundbeam.transforms.examples.clip_decoding import split_into_chunks
from soundbeam.transforms.isolation import isolated_process as isolation
from tests import ROOT
from tests.placeholder import tone

RATE = 16000


def rise(seconds: float) -> np.ndarray:
    """float64 [samples]: from 500 Hz in the first half to 4000 Hz in the second."""
    half = seconds / 2
    return np.concatenate([tone(half, 500.0, RATE), tone(half, 4000.0, RATE)])


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    rng = np.random.default_rng(0)
    for label in ("call", "other"):
        (folder / label / "site").mkdir(parents=True)
        for k in range(2):
            sound = rise(2.0) if label == "call" else 0.1 * rng.standard_normal(RATE)
            soundfile.write(folder / label / f"a-{k}.wav", sound, RATE, subtype="FLOAT")
    soundfile.write(folder / "other" / "site" / "a-0.wav", rise(9.0), RATE, subtype="FLOAT")
    (folder / "call" / "text.wav").write_text("no sound " * 100)
    soundfile.write(folder / "call" / "nothing.wav", np.zeros(0), RATE)
    whole = (folder / "call" / "a-0.wav").read_bytes()
    (folder / "call" / "cut.wav").write_bytes(whole[: len(whole) * 3 // 4])
    return folder


def rejected(folder) -> dict[str, str]:
    rejects = json.loads((folder / "features.json").read_text())["rejects"]
    return {r["recording"].rpartition("/")[2]: r["reason"] for r in rejects}


def test_the_table_has_a_row_a_clip_in_parquet_and_csv(clips, tmp_path, capsys):
    assert main(["--clips", str(clips), "--features", "table", "--output", str(tmp_path)]) == 0
    rows = pq.read_table(tmp_path / "features.parquet").to_pylist()
    assert list(rows[0])[:5] == ["path", "label", "source", "start_s", "duration_s"]
    assert tuple(list(rows[0])[5:]) == SUMMARY_NAMES
    names = [row["path"].removeprefix(f"file://{clips}/") for row in rows]
    assert names == ["call/a-0.wav", "call/a-1.wav", "call/cut.wav", "other/a-0.wav", "other/a-1.wav",
                     "other/site/a-0.wav"]  # fmt: skip
    assert [row["label"] for row in rows] == ["call"] * 3 + ["other"] * 3
    assert rows[0]["source"] == "a" and rows[-1]["duration_s"] == 9.0
    assert set(rejected(tmp_path)) == {"text.wav", "nothing.wav"}
    with open(tmp_path / "features.csv", newline="") as file:
        told = list(csv.DictReader(file))
    for row, text in zip(rows, told, strict=True):
        assert text["path"] == row["path"]
        np.testing.assert_allclose([float(text[n]) for n in SUMMARY_NAMES], [row[n] for n in SUMMARY_NAMES], rtol=1e-6)
    # By NumPy alone, of the tone that rises: half of its frames at each frequency.
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(rise(2.0), 1024), 2048)[::512]
    assert rows[0]["rms"] == pytest.approx(np.sqrt((frames**2).mean(axis=1)).mean(), rel=1e-4)
    spectrum = np.abs(np.fft.rfft(frames * np.hanning(2049)[:-1], axis=1))
    hz = np.arange(1025) * RATE / 2048
    assert rows[0]["spectral_centroid"] == pytest.approx(
        ((spectrum * hz).sum(axis=1) / spectrum.sum(axis=1)).mean(), rel=1e-4
    )
    assert rows[0]["zero_crossing_rate"] == pytest.approx((500 + 4000) / RATE, rel=0.05)
    before = (tmp_path / "features.parquet").read_bytes()
    assert main(["--clips", str(clips), "--features", "table", "--output", str(tmp_path)]) == 0
    assert (tmp_path / "features.parquet").read_bytes() == before
    assert "6 rows, 2 rejected" in capsys.readouterr().out


def test_images_by_label_in_the_size_and_colours_asked_for(clips, tmp_path, capsys):
    arguments = ["--clips", str(clips), "--features", "images", "--output", str(tmp_path)]
    assert main([*arguments, "--image-size", "96x64", "--colours", "inferno", "--chunk", "4"]) == 0
    with open(tmp_path / "images.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["file"] for row in rows} == {str(p.relative_to(tmp_path)) for p in tmp_path.glob("*/*.png")}
    assert [(row["start_s"], row["end_s"]) for row in rows if "/site/" in row["recording"]] == [
        ("0.0", "4.0"), ("4.0", "8.0"), ("5.0", "9.0"),
    ]  # fmt: skip
    # A recording that breaks off has a picture of what there is, and a reason.
    assert [float(r["end_s"]) for r in rows if r["recording"].endswith("cut.wav")] == [pytest.approx(1.5, abs=0.01)]
    assert set(rejected(tmp_path)) == {"text.wav", "nothing.wav", "cut.wav"}
    call = next(row for row in rows if row["recording"].endswith("call/a-0.wav"))
    picture = np.asarray(Image.open(tmp_path / call["file"]))
    assert call["file"].startswith("call/a-0-0.000s-") and picture.shape == (64, 96, 3)
    brightness = picture.sum(axis=2)
    for columns, hz in ((slice(8, 40), 500.0), (slice(56, 88), 4000.0)):
        row = 63 - int(64 * np.log10(1 + hz / 700) / np.log10(1 + 8000 / 700))
        assert abs(int(brightness[:, columns].mean(axis=1).argmax()) - row) <= 1
    assert tuple(picture[brightness == brightness.max()][0]) == colormaps["inferno"](1.0, bytes=True)[:3]

    # Again the same; and with other stretches, the old pictures go and nothing else.
    (tmp_path / "call" / "mine.png").write_bytes(b"mine")
    assert main([*arguments, "--image-size", "32x32"]) == 0
    found = {str(p.relative_to(tmp_path)) for p in tmp_path.glob("*/*.png")}
    with open(tmp_path / "images.csv", newline="") as file:
        assert found == {row["file"] for row in csv.DictReader(file)} | {"call/mine.png"}
    assert len(found) == 7
    assert "6 images, 3 rejected" in capsys.readouterr().out


def test_pictures_of_short_and_silent_sound():
    import io

    for samples in (np.zeros(RATE), np.zeros(1), rise(0.05)):
        picture = Image.open(io.BytesIO(spectrogram_png(samples.astype(np.float32), RATE, 40, 20, "viridis")))
        assert picture.size == (40, 20) and picture.mode == "RGB"
    dark = np.asarray(Image.open(io.BytesIO(spectrogram_png(np.zeros(RATE, np.float32), RATE, 8, 8, "viridis"))))
    assert (dark == colormaps["viridis"](0.0, bytes=True)[:3]).all()


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.integers(0, 9), max_size=12), st.integers(1, 12), st.integers(0, 20),
    st.one_of(st.none(), st.integers(0, 30)),
)  # fmt: skip
def test_stretches_cover_everything_once_but_for_the_last(blocks, samples, first, length):
    stream = np.arange(sum(blocks), dtype=np.float32)
    end = np.inf if length is None else first + length
    parts = np.split(stream, np.cumsum(blocks)[:-1]) if blocks else []
    want = stream[first : int(min(end, len(stream)))]
    got = list(split_into_chunks(parts, first, end, samples))
    for start, stretch in got:
        np.testing.assert_array_equal(stretch, stream[start : start + len(stretch)])
        assert len(stretch) == min(samples, len(want))
    starts = [start for start, _ in got]
    regular = [first + i * samples for i in range(len(want) // samples)]
    assert starts[: len(regular)] == regular
    rest = [first + max(0, len(want) - samples)] if len(want) % samples else []
    assert starts[len(regular) :] == rest


def test_what_cannot_be_is_one_line(clips, tmp_path, capsys):
    (tmp_path / "bad" / "label").mkdir(parents=True)
    (tmp_path / "bad" / "label" / "a.wav").write_text("text")
    asked = ["--features", "table", "--output", str(tmp_path / "out")]
    assert main(["--clips", str(tmp_path / "bad"), *asked]) == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if "error:" in line]
    assert len(lines) == 1 and "no clip that can be used; 1 rejected" in lines[0]
    assert not (tmp_path / "out" / "features.json").exists()
    for wrong in ("299", "2x2", "0x8", "axb"):
        with pytest.raises(SystemExit) as ended:
            main(["--clips", str(clips), *asked, "--image-size", wrong])
        assert ended.value.code == 2 and "is no size" in capsys.readouterr().err


@pytest.mark.parametrize("features", ["table", "images"])
def test_a_clip_that_crashes_its_decoder_is_rejected_and_costs_no_other_one(clips, tmp_path, monkeypatch, features):
    call = "soundbeam.transforms.decoders:open_decoder"
    fault = {"call": call, "n": 0, "do": "crash", "arg": "other/a-1.wav"}
    monkeypatch.setenv("SOUNDBEAM_TEST_FAULT", json.dumps([fault]))
    monkeypatch.syspath_prepend(ROOT / "tests" / "faults" / "hooks")
    monkeypatch.setattr(isolation, "_idle", deque())
    assert main(["--clips", str(clips), "--features", features, "--output", str(tmp_path)]) == 0
    refused = rejected(tmp_path)
    assert refused.pop("a-1.wav").startswith("the decoder crashed on it")
    assert {"text.wav", "nothing.wav"} <= set(refused) <= {"text.wav", "nothing.wav", "cut.wav"}
    assert json.loads((tmp_path / "features.json").read_text())["made"] == 5
