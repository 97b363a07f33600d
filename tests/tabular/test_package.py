"""The package costs nothing until it is used, and stands on no other."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import tabular

SOURCE = Path(tabular.__file__).parent


def test_importing_the_package_loads_no_library():
    code = "import tabular, sys; print([m for m in ('pandas', 'numpy', 'torch', 'mlx') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=SOURCE.parent)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("name", tabular.__all__)
def test_every_public_name_is_there(name):
    assert getattr(tabular, name).__name__ == name


def test_what_is_lazy_shows_its_names():
    import tabllm

    assert dir(tabllm) == sorted(tabllm.__all__)
    assert dir(tabular) == sorted(tabular.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nope'"):
        tabular.nope  # noqa: B018


def test_the_ground_floor_stands_on_no_other():
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            assert not {name.split(".")[0] for name in names} & {"eval", "tabllm"}, path
