"""A scan with hundreds of labels: what is kept of them is what NumPy says, whatever the work is cut into."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile

import soundbeam
from soundbeam.model.errors import SoundbeamError
from soundbeam.pipelines.results import parameters, read
from soundbeam.pipelines.scan.program import main
from soundbeam.transforms.decoding import split_recordings
from tests.pipelines.written_scan import run_info
from tests.placeholder import HOP_S, RATE, bin_hz, expected_score, save_bins_bundle, tone, with_tones

LABELS = tuple(f"Avis species{i}_Bird {i}" for i in range(150))
HEARD = {11: 1.0, 16: 3.0, 21: 3.5}  # label → where its tone begins, seconds


def sound(seed):
    mixed = with_tones(20, [], seed=seed)
    for label, at in HEARD.items():
        first = round((at + 4 * seed) * RATE)
        mixed[first : first + round(1.5 * RATE)] += tone(1.5, bin_hz(label))
    return mixed


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("birds")
    for seed in range(2):
        soundfile.write(folder / f"{seed}.wav", sound(seed), RATE, subtype="FLOAT")
    (folder / "2.wav").write_bytes(b"RIFF")
    return folder


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return save_bins_bundle(tmp_path_factory.mktemp("bundles") / "birds", LABELS).url


def scan(corpus, bundle, out, *more):
    argv = ["--recordings", str(corpus), "--classifier", bundle, "--output", str(out), *map(str, more)]
    return main(argv)


def rows(out, table, **more):
    found = read(str(out), table, **more).drop_columns(["run"]).to_pylist()
    return sorted(found, key=lambda r: (r["recording"], r.get("start_s", 0), r.get("label", "")))


@pytest.fixture(scope="module")
def scanned(corpus, bundle, tmp_path_factory):
    out = tmp_path_factory.mktemp("scanned") / "out"
    assert scan(corpus, bundle, out) == 0
    return out


def test_rows_are_the_scores_over_the_floor_and_each_windows_highest(scanned, corpus):
    found = {(r["recording"][-5:], r["start_s"], r["label"]): r["score"] for r in rows(scanned, "predictions")}
    expected = {}
    for seed in range(2):
        samples = sound(seed).astype(np.float32).astype(np.float64)
        for start in np.arange(0, 19.01, HOP_S):
            window = samples[round(start * RATE) : round((start + 1) * RATE)]
            scores = [expected_score(window, bin_hz(i)) if 3 * i < 129 else 0.0 for i in range(len(LABELS))]
            for i in np.flatnonzero((np.array(scores) >= 0.05) | (np.arange(len(scores)) == np.argmax(scores))):
                expected[f"{seed}.wav", start, LABELS[i]] = scores[i]
    loud = {key: score for key, score in expected.items() if score > 0.051}
    assert {key: found[key] for key in loud} == pytest.approx(loud, abs=1e-5)
    assert all(score < 0.051 for key, score in found.items() if key not in loud)
    windows = {key[:2] for key in found}
    assert len(windows) == 78 and len(found) < 3 * len(windows)


def test_calls_are_found_and_counts_are_those_of_labels_with_a_call(scanned):
    calls = {(r["recording"][-5:], LABELS.index(r["label"])): r["start_s"] for r in rows(scanned, "calls")}
    assert set(calls) == {(f"{seed}.wav", label) for seed in range(2) for label in HEARD}
    for (name, label), start in calls.items():
        assert abs(start - HEARD[label] - 4 * int(name[0])) <= 0.5
    assert {(r["label"], r["calls"]) for r in rows(scanned, "counts")} == {(LABELS[i], 1) for i in HEARD}
    filled = read(str(scanned), "counts", zeros=True).to_pylist()
    assert len(filled) == 3 * len(LABELS)
    assert sum(r["calls"] or 0 for r in filled) == 6 and sum(r["calls"] is None for r in filled) == len(LABELS)


def test_labels_that_would_swell_every_file_are_in_run_json_and_in_what_is_read(scanned):
    written = json.loads(pq.read_schema(next(scanned.glob("calls/*/*.parquet"))).metadata[b"soundbeam"])
    assert written["min_score"] == 0.05 and not {"labels", "thresholds"} & set(written)
    told = parameters(read(str(scanned), "calls"))
    assert tuple(told["labels"]) == tuple(told["thresholds"]) == LABELS and told["run"]


@pytest.mark.parametrize("more", [("--segment", 2.0), ("--batch-size", 1), ("--batch-size", 100), ("ranges",)])
def test_rows_are_the_same_whatever_the_work_is_cut_into(scanned, corpus, bundle, tmp_path, monkeypatch, more):
    if more == ("ranges",):
        monkeypatch.setattr(split_recordings, "RANGE_S", 3.0)
        monkeypatch.setattr(split_recordings, "SMALLEST_SHARE", 0.0)
        more = ("--segment", 2.0)
    assert scan(corpus, bundle, tmp_path / "out", *more) == 0
    for table in ("predictions", "calls", "counts"):
        one, other = rows(scanned, table), rows(tmp_path / "out", table)
        assert [{**r, "score": 0} for r in one] == [{**r, "score": 0} for r in other]
        if table != "counts":
            np.testing.assert_allclose([r["score"] for r in one], [r["score"] for r in other], atol=1e-5)


def test_only_the_labels_that_are_named_are_kept_and_of_few_all_scores(corpus, bundle, scanned, tmp_path, capsys):
    (tmp_path / "list.txt").write_text(f"\ufeff# my birds\r\n{LABELS[16]}\r\nAvis species7\r\n")
    out = tmp_path / "out"
    assert scan(corpus, bundle, out, "--labels", tmp_path / "list.txt", "bird 140") == 0
    printed = capsys.readouterr().out
    chosen = [LABELS[7], LABELS[16], LABELS[140]]
    assert [line.split(":")[0] for line in printed.splitlines() if " calls (" in line] == chosen
    found = rows(out, "predictions")
    assert len(found) == 78 * 3 and {r["label"] for r in found} == set(chosen)
    loud = {
        (r["recording"], r["start_s"]): r["score"] for r in rows(scanned, "predictions") if r["label"] == LABELS[16]
    }
    for row in found:
        if row["label"] == LABELS[16] and (row["recording"], row["start_s"]) in loud:
            assert row["score"] == pytest.approx(loud[row["recording"], row["start_s"]], abs=1e-5)
    assert [r for r in rows(out, "calls")] == [r for r in rows(scanned, "calls") if r["label"] == LABELS[16]]
    assert len(rows(out, "counts")) == 3 * 3
    (info,) = [json.loads(path.read_text()) for path in out.glob("runs/*/run.json")]
    assert info["labels"] == list(info["thresholds"]) == chosen and info["min_score"] is None
    assert scan(corpus, bundle, out, "--labels", "Avis species7") == 0
    assert "nothing new" not in capsys.readouterr().out
    assert {r["label"] for r in rows(out, "predictions")} == {LABELS[7]}


def test_many_named_labels_have_zeros(corpus, bundle, tmp_path):
    assert scan(corpus, bundle, tmp_path / "out", "--labels", *LABELS[:120]) == 0
    counts = rows(tmp_path / "out", "counts")
    assert len(counts) == 3 * 120 and sum(r["calls"] or 0 for r in counts) == 6


def test_a_lower_floor_keeps_more_and_one_over_a_threshold_is_refused(corpus, bundle, scanned, tmp_path, capsys):
    assert scan(corpus, bundle, tmp_path / "out", "--min-score", "0.01") == 0
    more = rows(tmp_path / "out", "predictions")
    assert [r for r in more if r["score"] >= 0.05] == [r for r in rows(scanned, "predictions") if r["score"] >= 0.05]
    assert len(more) == 78 * 43  # all labels that hear something
    key = ("recording", "label", "start_s", "end_s")
    calls = [[[r[k] for k in key] for r in rows(out, "calls")] for out in (scanned, tmp_path / "out")]
    assert calls[0] == calls[1]
    capsys.readouterr()
    assert scan(corpus, bundle, tmp_path / "out", "--min-score", "0.3") == 1
    err = capsys.readouterr().err
    assert "--min-score 0.3 lies above the threshold 0.25 of 'Avis species0_Bird 0'" in err and err.count("\n") == 1


def test_what_is_printed_of_many_labels_is_those_with_a_call(corpus, bundle, tmp_path, capsys):
    assert scan(corpus, bundle, tmp_path / "out") == 0
    out = capsys.readouterr().out
    assert f"{LABELS[11]}: 2 calls (2 to" in out and "in 2 of 3 recordings" in out and out.count(" calls (") == 3
    assert scan(corpus, bundle, tmp_path / "none", "--threshold", "0.9999") == 0
    assert "no call of any of 150 labels" in capsys.readouterr().out


def test_settings_of_few_labels_are_as_they_were():
    few = run_info("run1", LABELS[:10]).parameters
    many = run_info("run1", LABELS[:10], min_score=0.05).parameters
    sparse = run_info("run1", LABELS[:10], sparse_counts=True).parameters
    assert few.settings.startswith("20b72b9fa62d32e9") and len({few.settings, many.settings, sparse.settings}) == 3


def test_an_unknown_label_is_one_line(corpus, bundle, tmp_path):
    with pytest.raises(SoundbeamError, match=r"'Bird 32x' \(nearest: .* none of the classifier's 150 labels"):
        soundbeam.scan(str(corpus), bundle, tmp_path / "out", labels=["Bird 32x"])
