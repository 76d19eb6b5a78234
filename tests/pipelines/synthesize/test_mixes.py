"""``soundbeam synthesize --clips --backgrounds``: what was written, measured without the mixer."""

import csv
import hashlib
import json

import numpy as np
import pytest
import soundfile
from scipy.signal import fftconvolve

from soundbeam.pipelines.synthesize.program import main

RATE, SECONDS = 8000, 24.0
GROUND = 0.01  # RMS


def ground(seconds, seed=0):
    return (GROUND * np.random.default_rng(seed).standard_normal(round(seconds * RATE))).astype(np.float32)


def call(hz, seconds, rate=RATE):
    return (0.3 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def save(path, sound, rate=RATE):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, sound, rate, subtype="FLOAT" if path.suffix == ".wav" else "PCM_16")


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    """Three birds whose calls are tones of their own (of one, sampled at another rate), two other animals."""
    folder = tmp_path_factory.mktemp("sounds")
    for bird, hz in {"b1": 500, "b2": 700, "b3": 900}.items():
        for k in range(3):
            save(folder / f"clips/call/{bird}-{k}.wav", call(hz, 0.5 + 0.2 * k, 2 * RATE), 2 * RATE)
    for other, hz in {"o1": 2000, "o2": 2500}.items():
        save(folder / f"clips/other/{other}-0.wav", call(hz, 0.8))
    save(folder / "backgrounds/exact.wav", ground(SECONDS))
    return folder


def mix(sounds, output, *more, backgrounds="backgrounds", recordings=10, target=("call",), expect=0):
    argv = ["--clips", f"{sounds}/clips", "--backgrounds", f"{sounds}/{backgrounds}", "--output", str(output)]
    argv += ["--recordings", str(recordings), "--minutes", str(SECONDS / 60), "--rate", str(RATE)]
    argv += ["--target", *target] if target else []
    assert main([*argv, *more]) == expect
    return output


@pytest.fixture(scope="module")
def mixes(sounds, tmp_path_factory):
    return mix(sounds, tmp_path_factory.mktemp("mixes") / "out")


def table(folder, name="annotations.csv"):
    with open(folder / name, encoding="utf-8") as file:
        return list(csv.DictReader(file))


def read(folder, name):
    sound, rate = soundfile.read(folder / name, dtype="float64")
    assert rate == RATE and len(sound) == SECONDS * RATE
    return sound


def band(sound, hz):
    """The part of a sound within ± 60 Hz, by zeroing all other bins of its spectrum."""
    spectrum, bins = np.fft.rfft(sound), np.fft.rfftfreq(len(sound), 1 / RATE)
    return np.fft.irfft(np.where(np.abs(bins - hz) < 60, spectrum, 0), len(sound))


HZ = {"b1": 500, "b2": 700, "b3": 900, "o1": 2000, "o2": 2500}


def test_every_sound_stands_over_the_background_by_what_its_row_says(mixes):
    background = ground(SECONDS).astype(float)
    rows = table(mixes) + table(mixes, "distractors.csv")
    together = {(r["recording"], r["source"]) for r in rows}
    assert len(rows) > 30
    for recording, source in together:
        sound = read(mixes, recording)
        scale = np.vdot(band(sound, 3500), band(background, 3500)) / np.sum(band(background, 3500) ** 2)
        added = band(sound - scale * background, HZ[source])
        mine = [r for r in rows if (r["recording"], r["source"]) == (recording, source)]
        spans = np.array([[float(r["start_s"]), float(r["end_s"])] for r in mine])
        for row, (start, end) in zip(mine, spans, strict=True):
            alone = np.sum((spans[:, 0] < end) & (spans[:, 1] > start)) == 1
            at = slice(round(start * RATE), round(end * RATE))
            snr = 10 * np.log10(np.mean(added[at] ** 2) / np.mean((scale * background[at]) ** 2))
            if alone:  # two distractors of one kind may fall into each other
                assert snr == pytest.approx(float(row["snr_db"]), abs=0.35), row


def test_there_is_no_call_where_there_is_no_row(mixes):
    rows = table(mixes)
    for i in range(10):
        name = f"recordings/mix-{i:05d}.flac"
        sound = sum(band(read(mixes, name), HZ[bird]) for bird in ("b1", "b2", "b3"))
        free = np.ones(len(sound), bool)
        for row in rows:
            if row["recording"] == name:
                free[round((float(row["start_s"]) - 0.05) * RATE) : round((float(row["end_s"]) + 0.05) * RATE)] = False
        assert free.sum() > RATE
        # Of white noise 3 × 120 of 4,000 Hz are in the bands: an RMS of 0.3 of it.
        assert np.sqrt(np.mean(sound[free] ** 2)) < 0.45 * GROUND


def test_one_bird_calls_in_a_soundscape_and_all_take_turns(mixes):
    birds = {}
    for row in table(mixes):
        assert row["label"] == "call" and row["source"] in ("b1", "b2", "b3")
        birds.setdefault(row["recording"], set()).add(row["source"])
    assert len(birds) == 6 and all(len(sources) == 1 for sources in birds.values())
    assert set().union(*birds.values()) == {"b1", "b2", "b3"}
    assert {row["label"] for row in table(mixes, "distractors.csv")} == {"other"}
    assert len({row["recording"] for row in table(mixes, "distractors.csv")}) == 10


def digests(folder):
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_same_seed_same_bytes_and_fewer_are_the_first_ones(sounds, mixes, tmp_path):
    again = digests(mix(sounds, tmp_path / "again"))
    assert again == digests(mixes) and len(again) == 13
    fewer = digests(mix(sounds, tmp_path / "again", recordings=4))  # its own output is replaced
    assert len(fewer) == 7 and all(again[name] == d for name, d in fewer.items() if name.endswith(".flac"))
    other = digests(mix(sounds, tmp_path / "again", "--seed", "1", recordings=4))
    assert not {d for name, d in other.items() if name.endswith(".flac")} & set(fewer.values())


def test_without_a_target_all_labels_call_in_turn(sounds, tmp_path):
    out = mix(sounds, tmp_path / "out", "--snr", "6", "6", target=())
    assert {row["label"] for row in table(out)} == {"call", "other"}
    assert {row["snr_db"] for row in table(out)} == {"6.0"} and table(out, "distractors.csv") == []
    assert json.loads((out / "synthesis.json").read_text())["target"] == ["call", "other"]


def test_several_callers_take_turns_and_are_told_by_their_labels(sounds, tmp_path):
    """Both labels call in each soundscape that has calls, and where a row says so its tone is the loudest."""
    argv = ["--clips", f"{sounds}/clips", "--output", f"{tmp_path}/out", "--minutes", str(2 * SECONDS / 60)]
    argv += ["--recordings", "10", "--rate", str(RATE), "--callers", "2", "--snr", "20", "30"]
    assert main(argv) == 0
    rows, labels = table(tmp_path / "out"), {}
    for row in rows:
        labels.setdefault(row["recording"], set()).add(row["label"])
        sound, _ = soundfile.read(tmp_path / "out" / row["recording"])
        part = sound[round(float(row["start_s"]) * RATE) : round(float(row["end_s"]) * RATE)]
        powers = {source: np.sum(band(part, hz) ** 2) for source, hz in HZ.items()}
        assert max(powers, key=powers.get) == row["source"]
        assert row["label"] == ("call" if row["source"].startswith("b") else "other")
    assert len(labels) >= 6 and sum(len(its) == 2 for its in labels.values()) >= 2
    assert table(tmp_path / "out", "distractors.csv") == []
    silent = next(f"recordings/mix-{i:05d}.flac" for i in range(10) if f"recordings/mix-{i:05d}.flac" not in labels)
    noise, _ = soundfile.read(tmp_path / "out" / silent)
    assert len(noise) == 2 * SECONDS * RATE
    assert 20 * np.log10(np.std(noise)) == pytest.approx(-60, abs=0.2)  # no background was given


def test_a_long_background_is_cut_a_short_one_goes_round(sounds, tmp_path):
    long = ground(70.0, 1)
    save(tmp_path / "backgrounds/long.wav", long)
    (tmp_path / "clips").symlink_to(sounds / "clips")
    out, places = mix(tmp_path, tmp_path / "out", "--snr", "-60", "-60", recordings=3), set()
    for i in range(3):
        sound = read(out, f"recordings/mix-{i:05d}.flac")
        match = fftconvolve(long, sound[::-1], "valid")
        place = int(np.argmax(match))
        np.testing.assert_allclose(sound, long[place : place + len(sound)], atol=5e-4)
        places.add(place)
    assert len(places) == 3
    (tmp_path / "backgrounds/long.wav").unlink()
    save(tmp_path / "backgrounds/short.wav", ground(3.0, 2))
    mix(tmp_path, tmp_path / "out", "--snr", "-60", "-60", recordings=1)
    sound = read(tmp_path / "out", "recordings/mix-00000.flac")
    lap = round(2.5 * RATE)  # 3 s, less the cross-fade of half a second
    at = 4 * RATE
    plain = np.correlate(sound[at : at + lap], sound[at + lap : at + 2 * lap])[0] / np.sum(sound[at : at + lap] ** 2)
    assert plain == pytest.approx(1, abs=0.15)  # the seams are as they are: half of a second of it is mixed
    level = np.sqrt(np.mean(sound.reshape(-1, RATE // 4) ** 2, axis=1))
    assert level.min() > 0.85 * GROUND and level.max() < 1.15 * GROUND


def test_loud_ones_are_turned_down_as_a_whole(sounds, tmp_path):
    save(tmp_path / "backgrounds/loud.wav", 30 * ground(SECONDS))
    (tmp_path / "clips").symlink_to(sounds / "clips")
    out = mix(tmp_path, tmp_path / "out", "--snr", "18", "18", recordings=5)
    name = table(out)[0]["recording"]
    assert np.abs(read(out, name)).max() == pytest.approx(0.99, abs=1e-3)


def test_a_table_of_clips_and_useless_files(sounds, tmp_path, capsys):
    (tmp_path / "clips.csv").write_text(
        "path,label,start_s,end_s,source\n"
        f"{sounds}/clips/call/b1-2.wav,call,0.2,0.6,mine\n{tmp_path}/broken.wav,other,,,\n"
    )
    (tmp_path / "broken.wav").write_bytes(b"RIFF no sound")
    save(tmp_path / "backgrounds/blip.wav", ground(0.2))
    save(tmp_path / "backgrounds/fine.wav", ground(SECONDS))
    argv = ["--clips", f"{tmp_path}/clips.csv", "--backgrounds", f"{tmp_path}/backgrounds", f"{tmp_path}/broken.wav"]
    argv += ["--output", f"{tmp_path}/out", "--minutes", "0.4", "--rate", str(RATE), "--target", "call"]
    assert main([*argv, "--recordings", "5"]) == 0
    rows = table(tmp_path / "out")
    assert {row["source"] for row in rows} == {"mine"}
    assert all(float(r["end_s"]) - float(r["start_s"]) == pytest.approx(0.4, abs=2e-3) for r in rows)
    out = capsys.readouterr().out
    assert "0 distractors" in out and "blip.wav: a background must be" in out and "left out" in out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--backgrounds", "{grounds}"], "--backgrounds is for mixes only: give --clips with it"),
        (["--target", "call"], "--target is for mixes only"),
        (["--callers", "2"], "--callers is for mixes only"),
        (["--snr", "0", "3"], "--snr is for mixes only"),
        (["--clips", "{clips}", "--backgrounds", "{grounds}", "--target", "owl"], "the labels are: call, other"),
        (["--clips", "{clips}", "--backgrounds", "{grounds}", "--snr", "3", "0"], "--snr 3 0"),
        (["--clips", "{clips}", "--backgrounds", "{grounds}", "--snr", "nan", "0"], "--snr nan 0"),
        (["--clips", "{clips}/none", "--backgrounds", "{grounds}"], "no such folder or table of clips"),
        (["--clips", "{empty}", "--backgrounds", "{grounds}"], "no clips in it"),
        (["--clips", "{clips}", "--backgrounds", "{clips}/*.mp3"], "no audio file matches"),
        (["--clips", "{clips}", "--backgrounds", "{blip}"], "not one background can be used"),
        (["--clips", "{clips}", "--backgrounds", "{grounds}", "--minutes", "0.005"], "not one clip of"),
    ],
)
def test_bad_options_are_one_line(sounds, tmp_path, capsys, options, message):
    (tmp_path / "empty/call").mkdir(parents=True)
    save(tmp_path / "blip/blip.wav", ground(0.2))
    names = {"clips": sounds / "clips", "grounds": sounds / "backgrounds", "empty": tmp_path / "empty"}
    argv = [o.format(**names, blip=tmp_path / "blip") for o in options]
    assert main(["--output", str(tmp_path / "out"), "--recordings", "5", *argv]) == 1
    err = capsys.readouterr().err
    assert message in err and err.count("\n") == 1
