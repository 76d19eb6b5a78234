"""``soundbeam embed`` and ``soundbeam scan --embeddings`` on real files: the numbers, resuming, and what is refused."""

import json
import os

import duckdb
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import soundfile

import soundbeam
from soundbeam.model.classifier.bundle import load_bundle
from soundbeam.model.errors import ResultsError
from soundbeam.pipelines.embed.program import main as embed
from soundbeam.pipelines.output import compaction
from soundbeam.pipelines.output.folder import Output
from soundbeam.pipelines.results import read, stream
from soundbeam.pipelines.scan.program import main as scan
from soundbeam.pipelines.tables.program import main as tables
from soundbeam.transforms.scoring import score_windows
from soundbeam.transforms.tables import write_tables
from tests.placeholder import FRAME, HOP_S, RATE, STEP, TONES_HZ, WINDOW_S, with_tones

LABELS = ("low", "high")


def expected_embedding(window):
    """The placeholder's embedding by NumPy: what its last layer reads, the mean magnitudes of the two tones' bins."""
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / FRAME)
    frames = np.lib.stride_tricks.sliding_window_view(window, FRAME)[::STEP] * hann
    magnitude = np.abs(np.fft.rfft(frames, axis=1)).mean(axis=0)
    return magnitude[[round(TONES_HZ[label] * FRAME / RATE) for label in LABELS]]


@pytest.fixture
def corpus(tmp_path):
    folder = tmp_path / "corpus"
    folder.mkdir()
    for i, (seconds, at) in enumerate([(6.3, [2.0]), (4.0, []), (0.4, []), (9.0, [1.0, 5.0])]):
        soundfile.write(folder / f"r{i}.wav", with_tones(seconds, at, seed=i), RATE, subtype="FLOAT")
    (folder / "bad.wav").write_text("no sound")
    return folder


def argv(corpus, bundle, output, *more):
    return [str(a) for a in ("--recordings", corpus, "--classifier", bundle, "--output", output, *more)]


def rows_by_place(output, table="embeddings"):
    return {(r["recording"], r["start_s"]): r for r in read(str(output), table).to_pylist()}


def check_embeddings(output, corpus):
    """Whether each row holds what NumPy computes from the file, and each window is there."""
    rows = rows_by_place(output)
    files = sorted(corpus.glob("r*.wav"))
    starts = {f: s for f in files for s in [windows_of(soundfile.info(f).frames)]}
    assert set(rows) == {(f"file://{f}", s) for f in files for s in starts[f]}
    for (uri, start), row in rows.items():
        samples = soundfile.read(uri.removeprefix("file://"))[0]
        window = samples[round(start * RATE) :][: round(WINDOW_S * RATE)]
        assert row["end_s"] == start + len(window) / RATE
        padded = np.pad(window, (0, round(WINDOW_S * RATE) - len(window)))
        np.testing.assert_allclose(row["embedding"], expected_embedding(padded), rtol=1e-4, atol=1e-4)


def windows_of(n):
    """Starts of the windows of n samples: multiples of the hop, and one that ends at the end."""
    if n <= RATE * WINDOW_S:
        return [0.0]
    regular = [k * HOP_S for k in range(int((n / RATE - WINDOW_S) / HOP_S) + 1)]
    last = n / RATE - WINDOW_S
    return regular if regular[-1] == last else [*regular, last]


def test_each_window_has_its_embedding(corpus, two_tone_bundle, tmp_path, capsys):
    assert embed(argv(corpus, two_tone_bundle, tmp_path / "out", "--site", "r{site}.wav")) == 0
    said = capsys.readouterr().out
    assert "5 recordings (1 failed, 4 ok)" in said and "calls" not in said
    check_embeddings(tmp_path / "out", corpus)
    table = read(str(tmp_path / "out"), "embeddings")
    assert table.column_names == ["recording", "start_s", "end_s", "embedding", "site", "run"]
    assert str(table.schema.field("embedding").type) in (
        "fixed_size_list<element: float>[2]", "fixed_size_list<item: float>[2]",
    )  # fmt: skip
    assert {r["site"] for r in table.to_pylist()} == {"0", "1", "2", "3"}
    recordings = {r["recording"][-6:-4]: r["windows"] for r in read(str(tmp_path / "out"), "recordings").to_pylist()}
    assert recordings == {"r0": 12, "r1": 7, "r2": 1, "r3": 17, "ad": 0}
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["_staging", "embeddings", "recordings", "runs"]


def test_a_scan_writes_the_same_from_its_own_pass(corpus, two_tone_bundle, tmp_path):
    assert scan(argv(corpus, two_tone_bundle, tmp_path / "out", "--embeddings")) == 0
    assert scan(argv(corpus, two_tone_bundle, tmp_path / "plain")) == 0
    check_embeddings(tmp_path / "out", corpus)
    for table in ("predictions", "calls", "counts", "recordings"):
        with_embeddings, without = (
            sorted(
                ({**r, "run": None} for r in read(str(tmp_path / o), table).to_pylist()),
                key=lambda r: (r["recording"], r.get("label") or "", r.get("start_s") or 0),
            )
            for o in ("out", "plain")
        )
        assert len(with_embeddings) == len(without)
        for one, other in zip(with_embeddings, without, strict=True):
            assert one == {k: pytest.approx(v, abs=1e-5) if isinstance(v, float) else v for k, v in other.items()}


def test_a_scan_without_embeddings_does_not_stand_for_one_with(corpus, two_tone_bundle, tmp_path, capsys):
    assert scan(argv(corpus, two_tone_bundle, tmp_path / "out")) == 0
    with pytest.raises(ResultsError, match="no embeddings in it; scan with --embeddings, or make them with"):
        read(str(tmp_path / "out"), "embeddings")
    assert scan(argv(corpus, two_tone_bundle, tmp_path / "out", "--embeddings")) == 0
    assert len(rows_by_place(tmp_path / "out")) == 37
    capsys.readouterr()
    assert scan(argv(corpus, two_tone_bundle, tmp_path / "out", "--embeddings")) == 0
    assert "nothing new: 5 recordings" in capsys.readouterr().out
    assert scan(argv(corpus, two_tone_bundle, tmp_path / "out")) == 0  # the newest run of these settings stands
    assert "nothing new: 5 recordings" in capsys.readouterr().out
    assert len(rows_by_place(tmp_path / "out")) == 37


def test_only_what_is_new_is_embedded_and_what_is_gone_goes(corpus, two_tone_bundle, tmp_path):
    assert embed(argv(corpus, two_tone_bundle, tmp_path / "out")) == 0
    soundfile.write(corpus / "r9.wav", with_tones(3.0, [1.0]), RATE, subtype="FLOAT")
    soundfile.write(corpus / "r1.wav", with_tones(5.0, [1.0]), RATE, subtype="FLOAT")
    os.utime(corpus / "r1.wav", (1_700_000_000, 1_700_000_000))
    (corpus / "r3.wav").unlink()
    assert embed(argv(corpus, two_tone_bundle, tmp_path / "out")) == 0
    newest = Output(str(tmp_path / "out")).runs()[-1]
    assert newest.counters["windows_scored"] == 5 + 9
    check_embeddings(tmp_path / "out", corpus)


def test_what_a_dead_run_had_written_is_taken_over(corpus, two_tone_bundle, tmp_path, monkeypatch):
    real, calls = write_tables.ShardWriter.write, []

    def dies(self):
        if self._rows["embeddings"]:
            if len(calls) == 2:
                raise OSError(28, "No space left on device")
            calls.append(self._rows["embeddings"])
        return real(self)

    monkeypatch.setattr(write_tables.ShardWriter, "write", dies)
    every = ("--checkpoint-every", "0.000001")
    assert embed(argv(corpus, two_tone_bundle, tmp_path / "out", *every)) == 1
    monkeypatch.undo()
    with pytest.raises(ResultsError, match="no finished scan"):
        read(str(tmp_path / "out"), "embeddings")
    assert embed(argv(corpus, two_tone_bundle, tmp_path / "out")) == 0
    (info,) = Output(str(tmp_path / "out")).runs()
    assert len(info.taken_over) == 1 and info.counters["windows_scored"] == 37 - sum(calls) < 37
    check_embeddings(tmp_path / "out", corpus)
    assert os.listdir(tmp_path / "out" / "_staging") == ["lock"]


@pytest.mark.parametrize("segment", ["1.2", "60"])
def test_ranges_channels_and_small_segments_are_put_together(corpus, two_tone_bundle, tmp_path, segment, monkeypatch):
    from soundbeam.transforms.decoding import split_recordings

    monkeypatch.setattr(split_recordings, "RANGE_S", 2.0)
    monkeypatch.setattr(split_recordings, "_FEWEST_BYTES_A_S", 1)
    left, right = with_tones(7.3, [2.0]), with_tones(7.3, [5.0], seed=1)
    for path in corpus.iterdir():
        path.unlink()
    soundfile.write(corpus / "r0.wav", np.stack([left, right], axis=1), RATE, subtype="FLOAT")
    assert embed(argv(corpus, two_tone_bundle, tmp_path / "out", "--channel", "each", "--segment", segment)) == 0
    table = read(str(tmp_path / "out"), "embeddings")
    assert table.column_names == ["recording", "start_s", "end_s", "embedding", "channel", "site", "run"]
    rows = table.to_pylist()
    assert sorted((r["channel"], r["start_s"]) for r in rows) == [(c, s) for c in (1, 2) for s in windows_of(58400)]
    for row in rows:
        window = (left, right)[row["channel"] - 1][round(row["start_s"] * RATE) :][: round(WINDOW_S * RATE)]
        np.testing.assert_allclose(row["embedding"], expected_embedding(window), rtol=1e-4, atol=1e-4)


def test_one_channel_and_the_mean_and_what_is_told_of_channels_that_cancel(corpus, two_tone_bundle, tmp_path, capsys):
    left, right = with_tones(4, [2.0]), with_tones(4, [1.0], seed=1)
    for path in corpus.iterdir():
        path.unlink()
    soundfile.write(corpus / "both.wav", np.stack([left, right], axis=1), RATE, subtype="FLOAT")
    soundfile.write(corpus / "inverted.wav", np.stack([left, -left], axis=1), RATE, subtype="FLOAT")
    for channel, both in (("1", left), ("2", right), ("mean", (left + right) / 2)):
        assert embed(argv(corpus, two_tone_bundle, tmp_path / channel, "--channel", channel)) == 0
        said = capsys.readouterr().out
        assert ("note: 1 recordings: channels cancel" in said) == (channel == "mean")
        rows = [
            r for r in read(str(tmp_path / channel), "embeddings").to_pylist() if r["recording"].endswith("both.wav")
        ]
        assert len(rows) > 3
        for row in rows:
            window = both[round(row["start_s"] * RATE) :][: round(WINDOW_S * RATE)]
            np.testing.assert_allclose(row["embedding"], expected_embedding(window), rtol=1e-4, atol=1e-4)


def test_files_are_of_bounded_size_and_sorted_by_recording(corpus, two_tone_bundle, tmp_path, monkeypatch):
    monkeypatch.setattr(write_tables, "BYTES_A_SHARD", 40)
    monkeypatch.setattr(compaction, "BYTES_A_FILE", 160)  # 20 rows of 2 numbers
    monkeypatch.setattr(compaction, "BYTES_A_GROUP", 40)
    assert embed(argv(corpus, two_tone_bundle, tmp_path / "out")) == 0
    (run,) = (tmp_path / "out" / "embeddings").iterdir()
    files = [pq.ParquetFile(path) for path in sorted(run.iterdir())]
    assert [f.metadata.num_rows for f in files] == [20, 17]
    for file in files:
        groups = [file.metadata.row_group(i) for i in range(file.num_row_groups)]
        assert max(group.num_rows for group in groups) == 5
        names = file.read()["recording"].to_pylist()
        assert names == sorted(names)
    parts = list(stream(str(tmp_path / "out"), "embeddings", columns=["start_s"]))
    assert max(map(len, parts)) == 5 and sum(map(len, parts)) == 37
    check_embeddings(tmp_path / "out", corpus)


def test_pandas_and_duckdb_read_the_same(corpus, two_tone_bundle, tmp_path):
    assert embed(argv(corpus, two_tone_bundle, tmp_path / "out")) == 0
    expected = read(str(tmp_path / "out"), "embeddings")["embedding"].to_pylist()
    (path,) = (tmp_path / "out" / "embeddings").rglob("*.parquet")
    assert np.array_equal(np.stack(pd.read_parquet(path)["embedding"]), np.float32(expected))
    answer = duckdb.sql(f"SELECT embedding FROM read_parquet('{path}', hive_partitioning = false)").fetchnumpy()
    assert np.array_equal(np.stack(answer["embedding"]), np.float32(expected))


def test_an_embedding_that_is_not_a_number_costs_its_segment(corpus, two_tone_bundle, tmp_path, monkeypatch):
    real = score_windows.load_scorer

    def load(*arguments):
        scorer = real(*arguments)
        whole = scorer.embed_segment

        def broken(samples, offsets):
            scores, embeddings = whole(samples, offsets)
            embeddings[0] = np.nan if len(samples) > 8 * RATE else embeddings[0]
            return scores, embeddings

        scorer.embed_segment = broken
        return scorer

    monkeypatch.setattr(score_windows, "load_scorer", load)
    assert embed(argv(corpus, two_tone_bundle, tmp_path / "out", "--batch-size", "2")) == 0
    rows = {r["recording"][-6:-4]: r for r in read(str(tmp_path / "out"), "recordings").to_pylist()}
    assert rows["r3"]["status"] == "failed" and "an embedding that is not a number" in rows["r3"]["error"]
    assert [rows[f"r{i}"]["status"] for i in range(3)] == ["ok"] * 3


def test_scans_and_embeddings_do_not_share_a_folder(corpus, two_tone_bundle, tmp_path, capsys):
    assert embed(argv(corpus, two_tone_bundle, tmp_path / "out")) == 0
    assert scan(argv(corpus, two_tone_bundle, tmp_path / "out")) == 1
    assert "out: holds the tables of 'soundbeam embed'; choose another --output" in capsys.readouterr().err
    with pytest.raises(ResultsError, match="no table calls in it, only embeddings"):
        read(str(tmp_path / "out"), "calls")
    assert tables(["--output", str(tmp_path / "out")]) == 0
    assert "1 failed, 4 ok" in capsys.readouterr().out
    assert scan(argv(corpus, two_tone_bundle, tmp_path / "scanned")) == 0
    assert embed(argv(corpus, two_tone_bundle, tmp_path / "scanned")) == 1
    assert "scanned: holds the tables of 'soundbeam scan'" in capsys.readouterr().err


def test_reports_name_the_program(corpus, two_tone_bundle, tmp_path, capsys):
    files = ("--summary-json", tmp_path / "s.json", "--metrics", tmp_path / "m.prom")
    assert embed(argv(corpus, two_tone_bundle, tmp_path / "out", *files)) == 0
    summary = json.loads((tmp_path / "s.json").read_text())
    assert (summary["program"], summary["windows"], summary["calls"]) == ("soundbeam embed", 37, {})
    assert "soundbeam_embed_audio_seconds" in (tmp_path / "m.prom").read_text()


def test_from_python(corpus, two_tone_bundle, tmp_path):
    summary = soundbeam.embed(corpus, two_tone_bundle, tmp_path / "out", hop=1.0)
    assert (summary.windows, summary.calls, summary.recordings) == (21, {}, {"ok": 4, "failed": 1})
    info = Output(str(tmp_path / "out")).runs()[0].parameters
    assert (info.embedding_size, info.fingerprint) == (2, load_bundle(two_tone_bundle).fingerprint)
    with pytest.raises(soundbeam.SoundbeamError, match="threshold"):
        soundbeam.embed(corpus, two_tone_bundle, tmp_path / "out", threshold=0.5)
