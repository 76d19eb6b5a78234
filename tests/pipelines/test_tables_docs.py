"""The code in docs/tables.md, run over real scans: superseded, deleted, uncommitted and another classifier's rows."""

import re
import shutil
from pathlib import Path

import duckdb
import pytest
import soundfile

from soundbeam.pipelines.output.folder import Output
from soundbeam.pipelines.results import read
from soundbeam.pipelines.scan.program import main as scan
from soundbeam.pipelines.tables.program import main as tables
from tests import ROOT
from tests.placeholder import RATE, save_tone_bundle, with_tones

DOCS = ROOT / "docs" / "tables.md"
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", DOCS.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
TABLES = ("recordings", "predictions", "calls", "counts")
# What is there in the end, by what was written: recording → (site, calls).
EXPECTED = {"ridge/20240131_053000.wav": ("ridge", 2), "creek/20240131_063000.wav": ("creek", 0)}


@pytest.fixture(scope="module")
def home(tmp_path_factory, tone_bundle):
    """A folder with ``results``, after four scans, a death, and a copy that never was committed."""
    home = tmp_path_factory.mktemp("docs")
    corpus = home / "corpus"

    def write(name, *at):
        (corpus / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(corpus / name, with_tones(8 + len(at), at), RATE)

    def run(bundle, *options):
        arguments = ["--recordings", corpus, "--output", home / "results", "--site", "{site}/*", *options]
        assert scan([str(a) for a in [*arguments, "--classifier", bundle]]) == 0

    write("ridge/20240131_053000.wav", 1.0)
    write("creek/20240131_063000.wav", 1.0, 4.0, 6.5)
    write("creek/gone.wav", 2.0)
    run(tone_bundle)
    other = save_tone_bundle(home / "other", seed=5).url
    run(other)
    write("ridge/20240131_053000.wav", 1.0, 5.0)
    write("creek/20240131_063000.wav")
    (corpus / "creek" / "gone.wav").unlink()
    (corpus / "creek" / "bad.wav").write_text("no sound")
    run(tone_bundle)
    newest = Output(str(home / "results")).runs()[-1].run
    for table in TABLES:  # as a death leaves it between the tables and run.json
        shutil.copytree(home / f"results/{table}/run={newest}", home / f"results/{table}/run=99990101T000000Z-dead00")
    return home


@pytest.fixture
def at_home(home, monkeypatch):
    monkeypatch.chdir(home)
    return home


def key(row):
    return row["recording"], row.get("start_s", 0), row.get("label", "")


def rows(table_rows):
    return sorted(table_rows, key=key)


def name(uri):
    return uri.partition("/corpus/")[2]


def check(recordings, calls, counts):
    """Rows, as dictionaries, against what was written."""
    assert {name(r["recording"]): r["site"] for r in recordings if r["status"] == "ok"} == {
        recording: site for recording, (site, _) in EXPECTED.items()
    }
    assert [name(r["recording"]) for r in recordings if r["status"] != "ok"] == ["creek/bad.wav"]
    calls_of = {name(r["recording"]): r["calls"] for r in counts}
    assert calls_of == {"creek/bad.wav": None, **{recording: n for recording, (_, n) in EXPECTED.items()}}
    assert sorted(name(r["recording"]) for r in calls) == ["ridge/20240131_053000.wav"] * 2


def test_read_gives_what_is_current(at_home):
    by_table = {table: read("results", table).to_pylist() for table in TABLES}
    check(by_table["recordings"], by_table["calls"], by_table["counts"])
    for row in by_table["calls"]:
        assert row["started_at"].isoformat().startswith("2024-01-31T05:30:0")


def test_the_sql(at_home):
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    answers = [con.execute(code).fetchall() for language, code in BLOCKS if language == "sql"]
    for table in TABLES:
        answer = con.sql(f"FROM {table}").to_arrow_table().to_pylist()
        assert rows(answer) == rows(read("results", table).to_pylist())
    _, by_hour, by_site, bad = answers
    assert by_hour == [("ridge", "low", 5, 2)]
    assert by_site == [("creek", "low", 0, 8 / 3600), ("ridge", "low", 2, 10 / 3600)]
    assert [(name(r[0]), r[1]) for r in bad] == [("creek/bad.wav", "failed")]


def test_the_sql_for_another_classifier(at_home):
    con = duckdb.connect()
    views = next(code for language, code in BLOCKS if language == "sql")
    newest = "(SELECT arg_max(settings, run) FROM runs)"
    there = re.findall(r"`(\(SELECT.*?\))`", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    fingerprints = [info.parameters.fingerprint for info in Output("results").runs()]
    assert there[0] == newest and fingerprints[0] == fingerprints[2] != fingerprints[1]
    con.execute(views.replace(newest, there[1].replace("3f2a", fingerprints[1][:8])))
    answer = con.sql("FROM calls").to_arrow_table().to_pylist()
    assert rows(answer) == rows(read("results", "calls", classifier=fingerprints[1]).to_pylist())
    assert len(answer) == 5


def test_the_python(at_home):
    names = {}
    for language, code in BLOCKS:
        if language == "python":
            exec(compile(code, str(DOCS), "exec"), names)
    check(*(read("results", t).to_pylist() for t in ("recordings", "calls", "counts")))
    assert names["per_site"].to_dict() == {("ridge", "low"): 2}
    assert len(names["new_calls"]) == 2 and len(names["plain_calls"]) == 2
    assert names["loud"] == sum(r["score"] > 0.9 for r in read("results", "predictions").to_pylist())


def test_the_r_is_marked_as_not_run():
    assert [language for language, _ in BLOCKS].count("r") == 1
    assert "this is not" in DOCS.read_text(encoding="utf-8")


def test_every_column_is_explained(at_home):
    text = DOCS.read_text(encoding="utf-8")
    for table in TABLES:
        section = text.partition(f"\n`{table}`: one row")[2].partition("\n`")[0]
        said = {n for line in re.findall(r"^\| ([\w, ]+) \|", section, re.MULTILINE) for n in line.split(", ")}
        assert set(read("results", table).column_names) <= said | {"run"}, table


def test_tables_lists_the_runs(at_home, capsys):
    begun = Path("results/_staging/20300101T000000Z-abcdef")
    (begun / "checkpoints").mkdir(parents=True)
    (begun / "begin.json").write_text("{}")
    (begun / "checkpoints" / "part-1.parquet.json").write_text(
        '[{"table": "recordings", "name": "part-1.parquet", "rows": 7}, {"table": "calls", "name": "p", "rows": 70}]'
    )
    try:
        assert tables(["--output", "results"]) == 0
    finally:
        shutil.rmtree(begun)
    first, other, newest = Output("results").runs()
    lines = capsys.readouterr().out.splitlines()
    cells = [re.split(r"  +", line.strip()) for line in lines[1:4]]
    assert [c[-1] for c in cells] == ["3", "5", "2"]  # superseded; then the calls of the two others
    assert cells[0][:3] == ["*", first.run, first.started_at[:16].replace("T", " ")]
    assert cells[1][0] == other.run and cells[1][2] == other.parameters.fingerprint[:12]
    assert cells[2][1] == newest.run and "1 failed, 2 ok" in cells[2]
    assert "2 of 3 runs" in lines[4]
    assert lines[5].startswith("unfinished: 20300101T000000Z-abcdef") and "7 recordings" in lines[5]


def test_an_output_without_a_scan_is_one_line(tmp_path, capsys):
    assert tables(["--output", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("soundbeam tables: error: ")


def test_the_sql_below_a_folder_named_like_a_column(at_home, tmp_path):
    (tmp_path / "site=wrong").symlink_to(at_home)
    con = duckdb.connect()
    views = next(code for language, code in BLOCKS if language == "sql")
    con.execute(views.replace("'results/", f"'{tmp_path}/site=wrong/results/"))
    for table in TABLES:
        answer = con.sql(f"FROM {table}").to_arrow_table().to_pylist()
        assert rows(answer) == rows(read(tmp_path / "site=wrong" / "results", table).to_pylist())
