"""Each package stands only on those below it, and help is not kept waiting for what it does not need."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
#: What each package may import of ours.
FLOORS = {"tabular": {"tabular"}, "eval": {"eval", "tabular"}, "tabllm": {"tabllm", "eval", "tabular"}}
#: What takes long to import.
HEAVY = {
    "mlx",
    "mlx_lm",
    "numpy",
    "optuna",
    "pandas",
    "pyarrow",
    "rich",
    "scipy",
    "sklearn",
    "torch",
    "transformers",
    "xgboost",
}


def imports(path: Path) -> Iterator[str]:
    """The top names of all absolute imports of a file, those inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.partition(".")[0]


@pytest.mark.parametrize("package", FLOORS)
def test_no_import_goes_upward(package):
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    upward = {
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files
        for name in imports(path)
        if name in FLOORS.keys() - FLOORS[package]
    }
    assert not upward


def test_nothing_imports_a_relative_path_out_of_its_package():
    for package in FLOORS:
        for path in (ROOT / package).rglob("*.py"):
            depth = len(path.relative_to(ROOT).parts) - 1
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                assert not (isinstance(node, ast.ImportFrom) and node.level > depth), path


@pytest.mark.parametrize(
    "program",
    [
        "import tabllm",
        "import tabular, eval",
        "from tabllm.cli.main import main; main(['--help'])",
        "from tabllm.cli.main import main; main(['fit', '--help'])",
        "from tabllm.cli.main import main; main(['tune', '--help'])",
        "from tabllm.cli.main import main; main(['completion', 'fish'])",
        "from tabllm.cli.main import main; main(['fit', 'no-such-file.csv', '--kind', 'x'])",
    ],
)
def test_what_needs_no_table_loads_nothing_heavy(program):
    watch = "import atexit, sys; atexit.register(lambda: print('LOADED', *sys.modules))"
    done = subprocess.run([sys.executable, "-c", f"{watch}; {program}"], capture_output=True, text=True, cwd=ROOT)
    loaded = set(done.stdout.rpartition("LOADED")[2].split())
    assert "tabllm" in loaded or "eval" in loaded
    assert not loaded & HEAVY


@pytest.mark.parametrize("command", ["eval", "schema"])
def test_what_needs_no_model_loads_no_engine(command, tmp_path):
    table = tmp_path / "t.csv"
    table.write_text("a,b\n" + "".join(f"{i},{i % 3}\n" for i in range(40)))
    arguments = [command, str(table)] + [str(table), "--target", "b"] * (command == "eval")
    watch = "import atexit, sys; atexit.register(lambda: print('LOADED', *sys.modules))"
    program = f"{watch}; from tabllm.cli.main import main; main({arguments!r})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not set(done.stdout.rpartition("LOADED")[2].split()) & {"torch", "mlx", "mlx_lm", "transformers"}
