"""The guide builds with no link that leads nowhere, and asks nothing of anybody's server."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The guide as pages, built as ``mkdocs build --strict`` builds it."""
    pytest.importorskip("mkdocs")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    quiet = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=quiet)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_every_page_is_built(site):
    for page in (ROOT / "docs").rglob("*.md"):
        name = page.relative_to(ROOT / "docs").with_suffix("").as_posix()
        assert (site / ("index.html" if name == "index" else f"{name}/index.html")).is_file(), name


def test_no_page_loads_anything_from_elsewhere(site):
    for page in site.rglob("*.html"):
        loaded = re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=\"?(https?:[^\" >]+)", page.read_text("utf-8"))
        assert not loaded, page


def test_the_reference_shows_signatures_and_no_markup_of_docstrings(site):
    for name, shown in (("tabllm", "TableLM"), ("tabular", "infer_schema"), ("eval", "compare_several")):
        text = (site / "reference" / name / "index.html").read_text("utf-8")
        assert shown in text
        assert not re.findall(r":(?:class|func|meth|mod|data|attr):", text), name
        assert "doctest:" not in text, name


def test_the_figures_of_the_readme_stand_in_the_guide(site):
    readme = (ROOT / "README.md").read_text("utf-8")
    figures = readme.partition("[start:figures]")[2].partition("[end:figures]")[0]
    first = re.search(r"\| fit, seconds \| (\d+) \|", figures)
    assert first is not None
    text = re.sub(r"<[^>]+>", "", (site / "models" / "index.html").read_text("utf-8"))
    assert re.search(rf"fit, seconds\s+{first[1]}\b", text)


def test_every_local_link_of_the_readme_leads_somewhere():
    text = (ROOT / "README.md").read_text("utf-8")
    links = [link for link in re.findall(r"\]\(([^)]+)\)", text) if not link.startswith("http")]
    assert links
    headings = {re.sub(r"[^\w -]", "", line.lstrip("# ")).lower().replace(" ", "-") for line in text.splitlines()
                if line.startswith("#")}  # fmt: skip
    for link in links:
        path, _, anchor = link.partition("#")
        assert (ROOT / path).exists(), link
        assert path or anchor in headings, link
