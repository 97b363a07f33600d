"""The guide builds with no link that leads nowhere, and asks nothing of anybody's server."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def built(project: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """As ``mkdocs build --strict`` builds; no ``--quiet``, which would hide the warnings and so what is strict."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": path}
    return subprocess.run(command, cwd=project, capture_output=True, text=True, env=environment)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The guide as pages, built as ``mkdocs build --strict`` builds it."""
    pytest.importorskip("mkdocs")
    folder = tmp_path_factory.mktemp("site")
    done = built(ROOT, folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_a_dead_link_is_an_error(tmp_path):
    pytest.importorskip("mkdocs")
    shutil.copytree(ROOT / "docs", tmp_path / "docs", ignore=shutil.ignore_patterns("reference"))
    page = tmp_path / "docs" / "models.md"
    planted = ("[nowhere](lost.md)", "[nothing](privacy.md#lost)")
    page.write_text(page.read_text("utf-8") + "\n\n" + "\n\n".join(planted) + "\n", "utf-8")
    settings = (ROOT / "mkdocs.yml").read_text("utf-8")
    # Without the reference and its plugin, which take most of the time.
    settings = re.sub(r"plugins:\n.*?(?=^markdown_extensions)", "plugins: []\n", settings, flags=re.S | re.M)
    settings = re.sub(r"^ +- \w+: reference/\S+\n", "", settings, flags=re.M)
    settings = settings.replace("base_path: [.]", f"base_path: [{ROOT}]")
    (tmp_path / "mkdocs.yml").write_text(settings, "utf-8")
    done = built(tmp_path, tmp_path / "site")
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert "lost.md" in said
    assert "#lost" in said
    # Each warning is of what was planted, or of the pages that were left out.
    warnings = [line for line in said.splitlines() if line.startswith("WARNING")]
    assert all("lost" in line or "reference/" in line for line in warnings), warnings


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


def test_the_figures_of_the_readme_are_those_of_the_benchmarks():
    readme = (ROOT / "README.md").read_text("utf-8").partition("## Beside its peers")[2].partition("## ")[0]
    known = (ROOT / "docs" / "benchmarks.md").read_text("utf-8")
    rows = [line for line in readme.splitlines() if line.startswith("| ") and "fit, s" not in line]
    figures = re.findall(r"(?<=\| )[\d.,]+(?= \|)", "\n".join(rows).replace(" | ", " | | "))
    assert len(figures) >= 20
    for figure in figures:
        # The README rounds an AUC to three decimals.
        assert re.search(rf"(?<![\d.]){re.escape(figure)}(?![\d])", known) or any(
            f"{float(found):.3f}" == figure for found in re.findall(r"0\.\d{4}", known)
        ), figure


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 160


def test_every_command_and_option_has_its_place_in_the_guide(site):
    text = (site / "command-line" / "index.html").read_text("utf-8")
    for word in ("tabllm make", "tabllm models pull", "--holdout", "--train-rows", "Training rows"):
        assert word in text


#: What the theme's copy button does with a block: it says that it copies, and takes the text that is shown.
COPIED = """<script>addEventListener("load", () => {
  const blocks = [...document.querySelectorAll(".highlight code:has(.gp)")];
  document.documentElement.dataset.copied = JSON.stringify(blocks.map((block) => {
    block.setAttribute("data-md-copying", "");
    return block.innerText.trimEnd();
  }));
});</script></body>"""


def test_the_copy_button_takes_commands_without_prompts_and_outputs(site, tmp_path):
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("there is no chromium on this machine")
    assert any("data-md-copying" in script.read_text("utf-8") for script in site.rglob("bundle*.js"))
    page = site / "quick-start" / "index.html"
    probed = page.with_name("probed.html")
    probed.write_text(page.read_text("utf-8").replace("</body>", COPIED), "utf-8")
    flags = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--dump-dom")
    done = subprocess.run(
        [chromium, *flags, f"--user-data-dir={tmp_path}", probed.as_uri()], capture_output=True, text=True, check=True
    )
    probed.unlink()
    (found,) = re.findall(r'data-copied="([^"]*)"', done.stdout)
    blocks = json.loads(unescape(found))
    lines = [line for block in blocks for line in block.splitlines() if line]
    assert len(lines) >= 8
    assert all(line.startswith("tabllm ") for line in lines), lines
    assert "Learned " in page.read_text("utf-8")


def test_every_local_link_of_the_readme_leads_somewhere():
    text = (ROOT / "README.md").read_text("utf-8")
    links = [link for link in re.findall(r"\]\(([^)]+)\)", text) if not link.startswith("http")]
    assert links
    headings = {
        re.sub(r"[^\w -]", "", line.lstrip("# ")).lower().replace(" ", "-")
        for line in text.splitlines()
        if line.startswith("#")
    }
    for link in links:
        path, _, anchor = link.partition("#")
        assert (ROOT / path).exists(), link
        assert path or anchor in headings, link
