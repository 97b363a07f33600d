"""The table of faults names tests that are there."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: The name of a test in a cell of the table.
NAMED = re.compile(r"`(test_\w+)`")


def rows() -> list[list[str]]:
    """The cells of all rows under the headings of tables of four columns."""
    lines = (ROOT / "docs/reliability.md").read_text("utf-8").splitlines()
    table = [line for line in lines if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    return [row for row in cells if row[0] != "fault" and not set(row[0]) <= set("-: ")]


@functools.cache
def functions() -> set[str]:
    """The names of all functions of all test files."""
    found: set[str] = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        tree = ast.walk(ast.parse(path.read_text("utf-8")))
        found |= {node.name for node in tree if isinstance(node, ast.FunctionDef)}
    return found


def test_every_fault_has_a_test_that_is_there():
    faults = rows()
    assert len(faults) >= 20
    for row in faults:
        assert len(row) == 4, row
        assert all(row), row
        named = NAMED.findall(row[3])
        assert named, f"{row[0]}: no test"
        assert set(named) <= functions(), f"{row[0]}: {set(named) - functions()}"


def test_the_faults_that_are_asked_about_most_are_in_the_table():
    faults = " ".join(row[0].lower() for row in rows())
    for word in (
        "disk",
        "read-only",
        "input",
        "memory",
        "not a number",
        "sigterm",
        "sigpipe",
        "sighup",
        "clock",
        "home",
        "terminal",
        "lang=c",
        "hangs",
        "network file system",
    ):
        assert word in faults, word
