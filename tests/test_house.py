"""The shape of the house: which way its imports point, and what its file names say."""

import ast
import collections
import re

import apache_beam as beam
import cloudpickle
import pytest
import soundfile
from apache_beam.pipeline import PipelineVisitor

from soundbeam.model.errors import SoundbeamError
from tests import ROOT
from tests.placeholder import RATE, tone
from tests.test_architecture import FILES, module_of, relative

MODULES = {module_of(path): path for path in FILES}
# The rooms of model/, from the last step of the work to the first: each imports only those that come after it.
COLUMN = ("training", "report", "evaluation", "classifier", "architectures", "frontend", "storage")
# File names that occur in several rooms, and the one thing that they say in each.
SAME = {
    "clips": "labelled clips",
    "conditioning": "what is done to sound before its features are computed",
    "errors": "errors: their tree, and how one is told",
    "examples": "training examples",
    "printing": "what a program prints",
    "request": "what a program is asked to do",
}


def imported(path):
    """The modules of the house that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                found.add(full if full in MODULES else node.module)
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found & MODULES.keys() - {module_of(path)}


def circle(arrows):
    """The nodes of one circle of a graph; [] where there is none."""
    left = {a: set(b) for a, b in arrows.items()}
    while True:
        ends = [a for a, b in left.items() if not b & left.keys()]
        if not ends:
            return sorted(left)
        for end in ends:
            del left[end]
        if not left:
            return []


def test_a_circle_is_seen():
    assert circle({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == ["a", "b", "c"]


def test_no_circle_between_files():
    assert circle({module_of(path): imported(path) for path in FILES}) == []


def test_no_circle_between_folders():
    arrows = collections.defaultdict(set)
    for path in FILES:
        arrows[relative(path.parent)] |= {relative(MODULES[m].parent) for m in imported(path)} - {relative(path.parent)}
    assert circle(arrows) == []


@pytest.mark.parametrize("room", COLUMN)
def test_the_rooms_of_model_import_downward(room):
    above = set(COLUMN[: COLUMN.index(room)])
    for path in (ROOT / "model" / room).rglob("*.py"):
        rooms = {m.split(".")[2] for m in imported(path) if m.startswith("soundbeam.model.")}
        assert not rooms & above, relative(path)


def test_a_file_name_has_one_meaning():
    rooms = collections.Counter(p.stem for p in FILES if p.stem not in ("__init__", "__main__", "program"))
    assert {name for name, n in rooms.items() if n > 1} == set(SAME)


class _Functions(PipelineVisitor):
    """Gathers what a graph takes to its workers, pickled."""

    def __init__(self):
        self.pickled = {}

    def visit_transform(self, node):
        if isinstance(node.transform, beam.ParDo):
            transform = node.transform
            self.pickled[node.full_label] = cloudpickle.dumps((transform.fn, transform.args, transform.kwargs))


def graph_of(main, argv, monkeypatch, run):
    """Step → pickled function, of the pipeline that a program would run."""
    seen = _Functions()

    def look(pipeline):
        pipeline.visit(seen)
        raise SoundbeamError("looked at")

    with monkeypatch.context() as patch:  # only here: a module that is first imported meanwhile would keep the function
        patch.setattr(run, look)
        assert main([str(a) for a in argv]) == 1
    assert len(seen.pickled) > 5
    return seen.pickled


def modules_in(pickled):
    return set(re.findall(rb"soundbeam\.[a-z_.]+", pickled))


def test_no_function_of_a_program_travels_with_a_scan(tone_bundle, tmp_path, monkeypatch):
    from soundbeam.pipelines.scan.program import main

    soundfile.write(tmp_path / "a.wav", tone(2), RATE)
    argv = ["--recordings", tmp_path, "--classifier", tone_bundle, "--output", tmp_path / "out"]
    graph = graph_of(main, argv, monkeypatch, "soundbeam.pipelines.runners.run.run")
    assert any(b"soundbeam.transforms.scoring.score_windows" in modules_in(p) for p in graph.values())
    for step, pickled in graph.items():
        assert not {m for m in modules_in(pickled) if m.startswith(b"soundbeam.pipelines")}, step


def test_no_function_of_a_program_travels_with_embeddings_or_a_search(tone_bundle, tmp_path, monkeypatch):
    from soundbeam.pipelines.embed.program import main as embed
    from soundbeam.pipelines.search.program import main as search

    soundfile.write(tmp_path / "a.wav", tone(2), RATE)
    argv = ["--recordings", tmp_path, "--classifier", tone_bundle, "--output", tmp_path / "out"]
    assert embed([str(a) for a in argv]) == 0
    graphs = [graph_of(embed, [*argv, "--rescan"], monkeypatch, "soundbeam.pipelines.runners.run.run")]
    argv = ["--embeddings", tmp_path / "out", "--query", tmp_path / "a.wav"]
    graphs.append(graph_of(search, argv, monkeypatch, "soundbeam.pipelines.search.nearest_windows.run_pipeline"))
    assert any(b"soundbeam.transforms.search.find_nearest" in modules_in(p) for p in graphs[1].values())
    for step, pickled in [item for graph in graphs for item in graph.items()]:
        assert not {m for m in modules_in(pickled) if m.startswith(b"soundbeam.pipelines")}, step


@pytest.mark.parametrize("features", [[], ["--features", "table"], ["--features", "images"]])
def test_no_function_of_a_program_travels_with_clips(tmp_path, monkeypatch, features):
    from soundbeam.pipelines.materialize.program import main

    for name in ("low/s1-0.wav", "low/s2-0.wav", "other/s3-0.wav", "other/s4-0.wav"):
        (tmp_path / "clips" / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / "clips" / name, tone(1), RATE)
    argv = ["--clips", tmp_path / "clips", "--output", tmp_path / "out", *features]
    monkeypatch.setattr("soundbeam.pipelines.materialize.features.run", None, raising=False)
    for step, pickled in graph_of(main, argv, monkeypatch, "soundbeam.pipelines.runners.run.run").items():
        assert not {m for m in modules_in(pickled) if m.startswith(b"soundbeam.pipelines")}, step
