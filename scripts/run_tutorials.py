#!/usr/bin/env python3
"""Run the notebooks of docs/tutorials and write what they print into them; the guide shows it.

python scripts/run_tutorials.py             # all
python scripts/run_tutorials.py ads         # one
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

TUTORIALS = Path(__file__).resolve().parents[1] / "docs" / "tutorials"


def run(path: Path) -> nbformat.NotebookNode:
    """The notebook with its outputs, run in an empty folder. Raises ``CellExecutionError`` where a cell fails."""
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(notebook, timeout=600, resources={"metadata": {"path": folder}}).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # when each cell ran: another time in each run
        if cell.cell_type == "code":  # bars come and go, and say nothing on a page
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    return notebook


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="all if absent")
    names = parser.parse_args().names or sorted(path.stem for path in TUTORIALS.glob("*.ipynb"))
    for name in names:
        path = TUTORIALS / f"{name}.ipynb"
        nbformat.write(run(path), path)
        print(f"Ran {path.name}.")


if __name__ == "__main__":
    main()
