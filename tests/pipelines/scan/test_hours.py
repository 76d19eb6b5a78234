"""``--hours`` and ``--until``: what begins at other times is left out, told, and scanned by a later scan."""

import json

import pytest
import soundfile

import soundbeam
from soundbeam.pipelines.embed.program import main as embed
from soundbeam.pipelines.output.folder import Output
from soundbeam.pipelines.results import read
from soundbeam.pipelines.scan.program import main as scan
from tests.placeholder import RATE, with_tones

# By Berlin's clock: summer time begins on 31 March 2024 at 2 o'clock.
NAMES = {
    "A/20240330T165959Z.wav": "17:59:59", "A/20240330T170000Z.wav": "18:00", "A/20240331T035959Z.wav": "05:59:59",
    "A/20240331T040000Z.wav": "06:00", "A/20240331_053000.wav": "05:30", "B/20240330T170000Z.wav": "01:00 in Tokyo",
    "B/20240331T000000Z.wav": "09:00 in Tokyo", "A/dawn.wav": "unknown",
}  # fmt: skip
NIGHT = {"A/20240330T170000Z.wav", "A/20240331T035959Z.wav", "A/20240331_053000.wav", "B/20240330T170000Z.wav"}


@pytest.fixture
def corpus(tmp_path):
    for seed, name in enumerate(NAMES):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, with_tones(3, [1.0], seed=seed), RATE)
    (tmp_path / "d.csv").write_text("site,latitude,longitude,timezone\nA,1,2,Europe/Berlin\nB,1,2,Asia/Tokyo\n")
    return tmp_path


def argv(corpus, bundle, output, *options):
    of_site = ["--site", "{site}/*", "--timezone", "Europe/Berlin", *options]
    return [str(a) for a in ["--recordings", corpus / "in", "--classifier", bundle, "--output", output, *of_site]]


def names(output, table="recordings", column="recording"):
    return {"/".join(uri.split("/")[-2:]) for uri in read(str(output), table)[column].to_pylist()}


@pytest.mark.parametrize("program", [scan, embed])
def test_only_what_begins_at_night_by_the_clock_of_its_site(corpus, tone_bundle, tmp_path, program, capsys):
    more = ("--deployments", corpus / "d.csv")
    out = tmp_path / "out"
    assert (
        program(argv(corpus, tone_bundle, out, "--hours", "18-06", "--summary-json", tmp_path / "s.json", *more)) == 0
    )
    said = capsys.readouterr().out
    assert names(out) == NIGHT
    assert "3 recordings that begin outside --hours were left out" in said
    assert "1 recordings whose time is not known, so that --hours cannot choose them, were left out" in said
    report = json.loads((tmp_path / "s.json").read_text())
    assert (report["outside_hours"], report["without_hour"], report["before_since"]) == (3, 1, 0)


def test_later_scans_with_other_hours_add_and_change_nothing(corpus, tone_bundle, tmp_path, capsys):
    out, whole = tmp_path / "out", tmp_path / "whole"
    more = ("--deployments", corpus / "d.csv")
    assert scan(argv(corpus, tone_bundle, out, "--hours", "18-06", *more)) == 0
    first = read(str(out), "predictions").sort_by([("recording", "ascending"), ("start_s", "ascending")])
    capsys.readouterr()
    assert scan(argv(corpus, tone_bundle, out, "--hours", "18-06", *more)) == 0
    assert "nothing new: 4 recordings were scanned before" in capsys.readouterr().out
    assert scan(argv(corpus, tone_bundle, out, "--hours", "06:00-18:00", *more)) == 0
    assert names(out) == set(NAMES) - {"A/dawn.wav"}
    assert scan(argv(corpus, tone_bundle, out, *more)) == 0
    assert scan(argv(corpus, tone_bundle, whole, *more)) == 0
    runs = Output(str(out)).runs()
    before = [info.counters.get("recordings_done_before", 0) for info in runs]
    assert before == [0, 4, 7] and [info.parameters.hours for info in runs] == ["18-06", "06:00-18:00", None]
    assert len({info.settings for info in runs}) == 1
    for table in ("predictions", "calls", "counts"):
        keys = [(c, "ascending") for c in ("recording", "start_s") if c in read(str(out), table).column_names]
        one, other = (read(str(o), table).drop_columns("run").sort_by(keys) for o in (out, whole))
        assert one == other
    kept = read(str(out), "predictions", recordings=first["recording"].unique().to_pylist())
    assert kept.sort_by([("recording", "ascending"), ("start_s", "ascending")]) == first


def test_until_a_day_and_hours_together(corpus, tone_bundle, tmp_path, capsys):
    out = tmp_path / "out"
    assert (
        scan(argv(corpus, tone_bundle, out, "--since", "2024-03-30T18:00", "--until", "2024-03-30", "--hours", "17-19"))
        == 0
    )
    # Without deployments, B too has --timezone's clock. The file without a time was modified after --until.
    assert names(out) == {"A/20240330T170000Z.wav", "B/20240330T170000Z.wav"}
    said = capsys.readouterr().out
    assert "1 recordings from before --since were left out" in said
    assert "5 recordings from after --until were left out" in said


def test_a_file_that_cannot_be_scanned_and_has_no_time_is_still_told(corpus, tone_bundle, tmp_path):
    (corpus / "in" / "A" / "empty.wav").write_bytes(b"")
    (corpus / "in" / "A" / "20240331T120000Z.wav").write_bytes(b"")
    assert scan(argv(corpus, tone_bundle, tmp_path / "out", "--hours", "18-06")) == 0
    assert names(tmp_path / "out") == (NIGHT - {"B/20240330T170000Z.wav"}) | {
        "A/empty.wav", "B/20240330T170000Z.wav", "B/20240331T000000Z.wav"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--hours", "6pm-6am"], "'6pm-6am' are no hours of the day; write 18-06"),
        (["--until", "soon"], "is not a date"),
        (["--since", "2024-02-01", "--until", "2024-01-31"], "until 2024-01-31 is not after since 2024-02-01"),
    ],
)
def test_what_cannot_be_is_one_line(corpus, tone_bundle, tmp_path, capsys, options, words):
    with pytest.raises(SystemExit) as e:
        scan(argv(corpus, tone_bundle, tmp_path / "out", *options))
    (line,) = capsys.readouterr().err.splitlines()
    assert e.value.code == 2 and words in line


def test_from_python(corpus, tone_bundle, tmp_path):
    summary = soundbeam.scan(corpus / "in", tone_bundle, tmp_path / "out", hours="18-06", timezone="Europe/Berlin")
    assert summary.outside_hours == 2 and summary.without_hour == 1
