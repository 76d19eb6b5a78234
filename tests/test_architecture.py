"""The rules of the house, read from the imports."""

import ast
from pathlib import Path

import pytest

from tests import ROOT

PACKAGES = ("soundbeam", "pipelines", "transforms", "model")
FILES = sorted(p for package in PACKAGES for p in (ROOT / package).rglob("*.py"))


def imports(path: Path) -> set[str]:
    """All modules that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module or "")
    return found


def of_package(modules: set[str], package: str) -> set[str]:
    return {m for m in modules if m.split(".")[0] == package or m.split(".")[:2] == ["soundbeam", package]}


def module_of(path: Path) -> str:
    """The name that a file of the house is imported by."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(["soundbeam", *parts]).removesuffix(".__init__").replace("soundbeam.soundbeam", "soundbeam")


def holds_a_step(path: Path) -> bool:
    """Whether a file defines a Beam step; what does not (records, counters, decoders) every step may import."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    return any(isinstance(base, ast.Attribute) and base.attr == "PTransform" for c in classes for base in c.bases)


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", [p for p in FILES if p.is_relative_to(ROOT / "model")], ids=relative)
def test_model_knows_nothing_of_beam_or_the_steps(path):
    assert not of_package(imports(path), "apache_beam")
    assert not of_package(imports(path), "transforms")
    assert not of_package(imports(path), "pipelines")


@pytest.mark.parametrize("path", [p for p in FILES if p.is_relative_to(ROOT / "transforms")], ids=relative)
def test_a_step_imports_no_program_and_no_other_step(path):
    found = imports(path)
    assert not of_package(found, "pipelines")
    others = [p for p in FILES if p != path and p.is_relative_to(ROOT / "transforms") and holds_a_step(p)]
    assert not found & {module_of(p) for p in others}


@pytest.mark.parametrize("path", [p for p in FILES if not p.is_relative_to(ROOT / "pipelines")], ids=relative)
def test_only_programs_touch_command_lines_and_pipelines(path):
    assert "argparse" not in imports(path)
    assert "apache_beam.options.pipeline_options" not in imports(path)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        assert not (isinstance(node, ast.Attribute) and node.attr in ("Pipeline", "PipelineOptions"))


def test_tensorflow_io_is_imported_in_two_places_at_most_and_never_on_loading():
    users = [p for p in FILES if of_package(imports(p), "tensorflow_io")]
    assert 1 <= len(users) <= 2, users
    for path in users:
        top = {a.name for n in ast.parse(path.read_text()).body if isinstance(n, ast.Import) for a in n.names}
        assert "tensorflow_io" not in top, path


@pytest.mark.parametrize("path", [*FILES, *sorted((ROOT / "tests").rglob("*.py"))], ids=relative)
def test_a_file_is_one_idea(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300


def test_every_program_has_a_module_with_main_and_its_launch_command():
    from soundbeam.pipelines.cli import PACKAGES, PROGRAMS

    for name in PROGRAMS:
        tree = ast.parse((ROOT / "pipelines" / PACKAGES.get(name, name) / "program.py").read_text(encoding="utf-8"))
        assert any(isinstance(n, ast.FunctionDef) and n.name == "main" for n in tree.body), name
        assert f"soundbeam {name} " in (ast.get_docstring(tree) or ""), name
