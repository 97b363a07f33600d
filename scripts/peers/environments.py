"""A virtual environment per peer package, made when it is first needed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["EnvironmentFailed", "python_of"]


class EnvironmentFailed(Exception):
    """A package cannot be installed here."""


def python_of(name: str, install: Sequence[Sequence[str]], folder: Path) -> str:
    """The interpreter of an environment below ``folder``; it is made and filled at the first call.

    Raises:
        EnvironmentFailed: with pip's last line.
    """
    if not name:
        return sys.executable
    place = (folder / name).resolve()
    python = place / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    complete = place / "installed"
    if complete.exists():
        return str(python)
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(place)], check=True)
    for arguments in install:
        command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            lines = (done.stderr or done.stdout).strip().splitlines()
            raise EnvironmentFailed(f"pip install {' '.join(arguments)}: {lines[-1] if lines else 'failed'}")
    complete.write_text("\n".join(" ".join(arguments) for arguments in install) + "\n", encoding="utf-8")
    return str(python)
