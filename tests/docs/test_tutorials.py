"""The notebooks of the guide run from top to bottom, and the guide shows what they print."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
TUTORIALS = sorted((ROOT / "docs" / "tutorials").glob("*.ipynb"))


def loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_there_are_four():
    assert [path.stem for path in TUTORIALS] == ["ads", "histories", "privacy", "rare-class"]


@pytest.mark.slow
@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_a_notebook_runs(path, monkeypatch):
    pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=":")
    notebook = loaded(ROOT / "scripts" / "run_tutorials.py").run(path)
    assert all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code")


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_a_notebook_keeps_its_outputs_and_its_page_shows_them(path):
    pytest.importorskip("mkdocs")
    notebook = json.loads(path.read_text(encoding="utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1)), "run scripts/run_tutorials.py"
    assert not [out for cell in code for out in cell["outputs"] if out["output_type"] == "error"]
    page = loaded(ROOT / "docs" / "notebooks.py").markdown(notebook)
    assert all("".join(cell["source"]) in page for cell in notebook["cells"])
    assert "<table" in page
    assert "<style" not in page


def test_a_page_shows_text_as_text_and_tables_as_tables():
    shown = loaded(ROOT / "docs" / "notebooks.py").shown
    assert shown({"text": ["a\n", "b\n"]}) == "```text\na\nb\n```"
    assert shown({"data": {"text/plain": ["1"]}}) == "```text\n1\n```"
    html = ["<p>\n", "<style scoped>x</style>\n", "<b>1</b></p>"]
    assert shown({"data": {"text/html": html}}) == "<div><p><b>1</b></p></div>"
