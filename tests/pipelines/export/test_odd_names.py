"""Labels, sites and paths with tabs, newlines, quotes, commas and formulas of sheets: each table stays whole."""

import csv
import io
import json

import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from soundbeam.pipelines.csv_writing import csv_text
from soundbeam.pipelines.export.contents.plain_text import decimal, file_names, tabbed
from tests.pipelines.export.scanned import MORNING, exported, written

NASTY = [
    "a\tb",
    "line\nbreak",
    '"quoted", and a comma',
    "=1+1",
    "trailing ",
    "Ünï ö",
    "back\\slash",
    "a;0.5",
    "# no comment",
]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)


@given(st.lists(TEXT | st.sampled_from(NASTY), min_size=1, max_size=4))
@example(NASTY)
def test_a_line_of_raven_has_as_many_cells_as_it_was_given(names):
    text = tabbed(["Selection", *(f"c{i}" for i in range(len(names)))]) + tabbed([1, *names]) + tabbed([2, *names])
    assert len(text.splitlines()) == 3 and all(len(line.split("\t")) == len(names) + 1 for line in text.splitlines())
    table = pd.read_csv(io.StringIO(text), sep="\t", keep_default_na=False, dtype=str)
    assert table["Selection"].tolist() == ["1", "2"] and len(table.columns) == len(names) + 1


@given(st.lists(TEXT | st.sampled_from(NASTY), min_size=1, max_size=4))
@example(["\r"])
@example(["a\r\n", "\r\n"])
def test_a_csv_gives_back_what_it_was_given(names):
    read = list(csv.reader(io.StringIO(csv_text(["c"] * len(names), [names, names]))))
    assert read[1:] == [names, names]


@given(st.floats(-1e9, 1e9, allow_nan=False))
def test_decimals(value):
    text = decimal(value)
    assert "e" not in text and abs(float(text) - value) <= 5.1e-7 and len(text.rpartition(".")[2]) in range(1, 7)


@given(
    st.lists(
        TEXT | st.sampled_from([*NASTY, ".", "..", "a/b", "a_b", "A_B", "CON:", "x" * 300, "é", "e\u0301"]), unique=True
    )
)
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_names_of_files_differ_and_are_names(texts):
    names = file_names(texts)
    assert len({name.casefold() for name in names.values()}) == len(texts)
    for name in names.values():
        assert name and not set('<>:"/\\|?*\n\t\0') & set(name) and name not in (".", "..") and name[-1] not in " ."
        assert len(name.encode()) < 200


@pytest.mark.parametrize(
    "name",
    [
        "raven",
        "audacity",
        "birdnet",
        "kaleidoscope",
        "opensoundscape",
        "hawkears",
        "warbler",
        "hoplite",
        "csv",
        "aoef",
        "dwc",
    ],
)
def test_every_format_takes_any_name(tmp_path, name):
    labels = tuple(NASTY)
    found = [(label, float(i), i + 0.5, 0.5) for i, label in enumerate(labels)]
    recordings = {f"file:///data/{odd}/x.wav": (odd, MORNING, 60.0, found) for odd in NASTY if "/" not in odd}
    scan = written(tmp_path / "scan", recordings, labels=labels)
    options = ["--scientific-name", *(f"{label}=Genus species" for label in labels)] if name == "dwc" else []
    to = exported(scan, tmp_path / "to", name, *options)
    rows = 0
    for path in to.rglob("*"):
        if path.suffix == ".csv" and path.name not in ("event.csv", "recordings.csv"):
            with open(path, encoding="utf-8", newline="") as file:
                head, *lines = csv.reader(file)
            assert {len(line) for line in lines} == {len(head)}
            rows += len(lines)
            if "label" in head:
                assert [line[head.index("label")] for line in lines] == list(labels) * len(recordings)
        elif path.suffix == ".txt":
            lines = path.read_text(encoding="utf-8").splitlines()
            lines = lines[1:] if name == "raven" else lines
            assert {line.count("\t") for line in lines} == {16 if name == "raven" else 2}
            rows += len(lines)
        elif path.suffix == ".json" and path.name != "export.json":
            rows += len(json.loads(path.read_text())["data"]["sound_events"])
    assert rows == len(labels) * len(recordings)
