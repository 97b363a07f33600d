"""Packages, and the folders in them, stand on each other in one order; help does not wait for what it does not need."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
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
#: Python files of one folder at most, and the folder that is a list of commands.
MOST_FILES, COMMANDS = 16, "tabllm.cli"
#: Imports that run against the order of the folders, when a method is called that is there for the user's convenience.
#: The list may only become shorter.
UPWARD = {
    ("tabular.schema", "tabular.schema_checks"),  # Schema.from_dict
    ("tabular.rules.rule", "tabular.preparing.inference"),  # Rule.check of a table without a schema
    ("tabular.rules.choosing", "tabular.preparing.inference"),  # with_rules of one
    ("eval.facts.notebook", "eval.judging.verdicts"),  # Report.to_frame
    ("eval.facts.notebook", "eval.page.html"),  # Report.save
}


@cache
def tree(path: Path) -> ast.Module:
    """A file of ours, parsed once."""
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def modules() -> dict[str, Path]:
    """Every module of the packages: its dotted name and its file."""
    found = {}
    for package in FLOORS:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def folders() -> set[str]:
    """The packages and all their folders, dotted."""
    return {name for name, path in modules().items() if path.name == "__init__.py"}


def run_imports(node: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """All import statements below ``node`` that run, those inside functions too."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child
        elif isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
            for statement in child.orelse:
                yield from run_imports(statement)
        elif not isinstance(child, ast.expr):
            yield from run_imports(child)


@cache
def arrows() -> frozenset[tuple[str, str]]:
    """Which module imports which, inside functions too; imports for annotations alone do not count."""
    found = set()
    for name, path in modules().items():
        here = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
        for node in run_imports(tree(path)):
            if isinstance(node, ast.Import):
                found |= {(name, alias.name) for alias in node.names if alias.name in modules()}
                continue
            base = here[: len(here) - node.level + 1] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            targets = (f"{source}.{alias.name}" for alias in node.names)
            found |= {(name, one if one in modules() else source) for one in targets if source in modules()}
    return frozenset(found)


def circle(without: set[tuple[str, str]]) -> str:
    """Files or folders that stand on each other, next to each other in one folder; empty if there are none."""
    below: dict[str, dict[str, set[str]]] = {package: defaultdict(set) for package in folders()}
    for source, target in arrows() - without:
        a, b = source.split("."), target.split(".")
        same = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), 0)
        if same:
            below[".".join(a[:same])][".".join(a[: same + 1])].add(".".join(b[: same + 1]))
    for graph in below.values():
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            return " <- ".join(error.args[1])
    return ""


def imports(path: Path) -> Iterator[str]:
    """The top names of all absolute imports of a file, those inside functions too."""
    for node in ast.walk(tree(path)):
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


def test_files_and_folders_stand_on_each_other_in_one_order():
    assert not circle(UPWARD)


@pytest.mark.parametrize("arrow", sorted(UPWARD), ids="->".join)
def test_each_import_against_the_order_is_still_there(arrow):
    assert arrow in arrows(), "take it out of the list"
    assert circle(UPWARD - {arrow}), "take it out of the list"


def test_a_circle_would_be_seen(monkeypatch):
    both = {("tabular.io.reading", "tabular.where.text"), ("tabular.where.text", "tabular.io.files")}
    monkeypatch.setitem(globals(), "arrows", lambda: both)
    assert "tabular.io" in circle(set())
    assert not circle({min(both)})


def test_no_folder_has_more_files_than_can_be_overlooked():
    held = Counter(path.parent.relative_to(ROOT).as_posix().replace("/", ".") for path in modules().values())
    assert not {folder: files for folder, files in held.items() if files > MOST_FILES and folder != COMMANDS}


def test_tests_stand_in_folders_as_what_they_test():
    found = {
        path.parent.relative_to(ROOT / "tests")
        for package in FLOORS
        for path in (ROOT / "tests" / package).rglob("test_*.py")
    }
    assert len(found) > len(FLOORS)
    assert not [folder for folder in found if not (ROOT / folder).is_dir()]


def test_every_folder_says_what_it_holds():
    missing = [name for name in folders() if not ast.get_docstring(tree(modules()[name]))]
    assert not missing


def test_nothing_imports_a_relative_path_out_of_its_package():
    for package in FLOORS:
        for path in (ROOT / package).rglob("*.py"):
            depth = len(path.relative_to(ROOT).parts) - 1
            for node in ast.walk(tree(path)):
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
