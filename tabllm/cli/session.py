"""Where a command prints: results on standard output, everything about the work on standard error."""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tabular.errors import OutputError
from tabular.terminal import folded, json_safe, plain, terminal

if TYPE_CHECKING:
    from rich.console import Console

    from tabular.progress import Reporter

__all__ = ["STDOUT", "Session", "seconds", "shown"]

#: The file name that means standard output.
STDOUT = "-"


class Session:
    """What every command of one call shares: ``--quiet``, ``--debug`` and the two streams."""

    def __init__(self) -> None:
        self.quiet = False
        self.debug = False

    @property
    def command(self) -> str:
        """The command of this call, as it would be typed."""
        return shlex.join(["tabllm", *sys.argv[1:]])

    def reporter(self) -> Reporter:
        """Progress bars and notes on standard error; silent under ``--quiet``."""
        from tabular.progress import RichReporter

        return RichReporter(quiet=self.quiet)

    def console(self) -> Console:
        """Where a result is drawn. Raises :class:`OutputError` if standard output is closed."""
        self._check_stdout()
        return terminal()

    def say(self, line: str) -> None:
        """One line about the work."""
        if not self.quiet:
            click.echo(folded(plain(line)), err=True)

    def warn(self, line: str) -> None:
        """One line that must not be missed."""
        if not self.quiet:
            click.secho(folded(plain(line)), fg="red", bold=True, err=True)

    def suggest(self, *command: str | Path) -> None:
        """The command to type next."""
        if not self.quiet:
            click.echo(f"Next:  {click.style(plain(shlex.join(map(str, command))), bold=True)}", err=True)

    def step(self, *command: str | Path) -> None:
        """One of several commands to type."""
        if not self.quiet:
            click.echo(f"  {click.style('$', dim=True)} {plain(shlex.join(map(str, command)))}", err=True)

    def draws(self, json_file: str | None) -> bool:
        """Whether a result is drawn: not if its JSON goes to standard output, or was all that was asked for."""
        return json_file != STDOUT and not (json_file and self.quiet)

    def check_json(self, json_file: str | None) -> None:
        """As :meth:`check_file`, and standard output will do if it is open."""
        if self.draws(json_file) or json_file == STDOUT:
            self._check_stdout()
        if json_file != STDOUT:
            self.check_file(json_file)

    def _check_stdout(self) -> None:
        if sys.stdout is None:
            raise OutputError(
                "Standard output is closed, so nothing can be printed there; open it, or take --json FILE --quiet."
            )

    def check_file(self, file: str | None) -> None:
        """Raise :class:`OutputError` if ``file`` cannot be written; called before long work begins."""
        if file is None:
            return
        path = Path(file)
        folder = path.resolve().parent
        if path.is_dir():
            raise OutputError(f"{path} is a folder; name a file in it.")
        if not folder.is_dir():
            raise OutputError(f"{file} cannot be written: there is no folder {folder}.")
        if not os.access(path if path.exists() else folder, os.W_OK):
            raise OutputError(f"{file} may not be written; choose another place, or change its permissions.")

    def write_json(self, data: Any, json_file: str | None) -> None:
        """Write ``data`` to the file of ``--json``, if one was given."""
        if json_file is None:
            return
        if json_file == STDOUT:
            utf = (sys.stdout.encoding or "utf-8").lower().startswith("utf")
            click.echo(json_safe(json.dumps(data, indent=2, ensure_ascii=not utf, allow_nan=False)))
        else:
            from tabular.storage.rundir import write_json

            write_json(json_file, data)


def seconds(duration: float) -> str:
    """A duration as a person says it: ``0.4 s``, ``12 s``, ``3 min 5 s``, ``2 h 4 min``."""
    if duration < 9.95:
        return f"{duration:.1f} s"
    whole = round(duration)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def shown(path: str | Path) -> str:
    """A path as text, ``standard output`` for ``-``."""
    return "standard output" if str(path) == STDOUT else str(path)
