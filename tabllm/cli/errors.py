"""What an error says to a person, and the exit code it ends with. Every error of every command ends here."""

from __future__ import annotations

import contextlib
import errno
import os
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from tabular.errors import TabllmError
from tabular.machine.memory import is_out_of_memory
from tabular.terminal import folded, plain

from .parallel import end_together, leave_at_once
from .session import STDOUT

if TYPE_CHECKING:
    from tabular.io.resuming import ResumableWriter

__all__ = [
    "Interrupted",
    "PipeClosed",
    "explain",
    "goes_on",
    "hold_closed_streams",
    "interruptible",
    "interruptible_fit",
    "leave",
    "rows_left",
    "unwritten",
]

#: As the shell counts a command that a signal ended: 128 + SIGINT, 128 + SIGPIPE.
INTERRUPTED = 130
PIPE_CLOSED = 141

_FULL = (errno.ENOSPC, errno.EDQUOT)


class PipeClosed(Exception):
    """Whoever read standard output has had enough; Click would keep a BrokenPipeError for itself."""


class Interrupted(TabllmError):
    """Ctrl-C, or a signal that is taken for it, where there is something to say about what is left."""

    exit_code = INTERRUPTED


@contextlib.contextmanager
def interruptible_fit(run: Path) -> Iterator[None]:
    """What Ctrl-C leaves of a fit that writes ``run`` is said, as :class:`Interrupted`."""
    from tabular.storage.rundir import HISTORY, holds, run_stamp, take_partial

    partial = take_partial(run)
    before = run_stamp(partial)
    try:
        yield
    except KeyboardInterrupt:
        left = "it was too early for a checkpoint, so nothing is left"
        if (partial / HISTORY).exists():
            left = f"it was too early for a checkpoint; the losses so far are in {partial / HISTORY}"
        if holds(partial):
            left = f"{partial}/ holds a checkpoint: the same command goes on from there"
            if run_stamp(partial) == before:
                left = f"{partial}/ is as an earlier call left it"
        raise Interrupted(f"Interrupted; {left}.") from None


@contextlib.contextmanager
def interruptible(left: str | Callable[[], str]) -> Iterator[None]:
    """Ctrl-C within is reported as :class:`Interrupted`, with what is ``left`` of the work, if there is any."""
    try:
        yield
    except KeyboardInterrupt:
        text = left if isinstance(left, str) else left()
        raise Interrupted(f"Interrupted; {text}." if text else "Interrupted.") from None


def goes_on(folder: object) -> str:
    """What is left of work in ``folder``."""
    return f"{folder}/ holds what is done: the same command goes on from there"


def unwritten(out: str | None) -> str:
    """What is left of a file that is written in one step."""
    return "" if out is None or out == STDOUT else f"{out} was not written"


def rows_left(writer: ResumableWriter, out: str) -> str:
    """What is left of a file whose rows are written one part after the other."""
    kept = f"{writer.folder}/ holds {writer.rows:,} rows: the same command goes on from there"
    return kept if writer.kept else unwritten(out)


def leave(error: BaseException, *, debug: bool = False, signal: int | None = None) -> NoReturn:
    """Say what went wrong on standard error, in one line, and end the process.

    Args:
        signal: what ended the command in the place of Ctrl-C.
    """
    if isinstance(error, SystemExit):
        raise error
    if isinstance(error, click.exceptions.Exit):
        sys.exit(error.exit_code)
    _drop_output()
    if isinstance(error, (PipeClosed, BrokenPipeError)):
        sys.exit(PIPE_CLOSED)  # whoever read our output has had enough: `| head`
    if debug:
        import traceback

        click.echo(plain("".join(traceback.format_exception(error)), lines=True), err=True, nl=False)
    message, code = explain(error)
    interrupted = code == INTERRUPTED
    if signal is not None and interrupted:
        code = 128 + signal
    reported, code = end_together(error, message, code, interrupted)
    if reported is not None:
        begin = "" if isinstance(error, Interrupted) and reported == message else "Error: "
        with contextlib.suppress(OSError):  # after SIGHUP there is no terminal to say it on
            lines = folded(plain(" ".join(reported.split())), indent=len(begin))
            click.echo(click.style(begin.strip(), fg="red", bold=True) + " " * bool(begin) + lines, err=True)
    leave_at_once(code)
    sys.exit(code)


def hold_closed_streams() -> None:
    """Open nothing where the caller closed a standard stream, or the next file takes its number and gets its output."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):  # in the order of their numbers, the lowest free one first
        if stream is None:
            os.open(os.devnull, os.O_RDWR)


def _drop_output() -> None:
    """Let go of output that cannot be written, or Python complains of it once more at its end."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except OSError:
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def explain(error: BaseException) -> tuple[str, int]:
    """The sentence and the exit code of ``error``."""
    if isinstance(error, TabllmError):
        return str(error), error.exit_code
    if isinstance(error, click.ClickException):
        return _usage(error), error.exit_code
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        return "Interrupted.", INTERRUPTED
    if is_out_of_memory(error):
        return "There is not enough memory for this; ask for fewer rows, or close other programs.", 1
    if isinstance(error, OSError):
        return _system(error), 1
    return f"Something unexpected went wrong ({_first_line(error)}); {_again()} to see where.", 1


def _usage(error: click.ClickException) -> str:
    text = error.format_message().rstrip()
    text = text if text.endswith((".", "?", "!")) else text + "."
    context = getattr(error, "ctx", None)
    if isinstance(error, click.NoSuchOption) and error.option_name == "--by" and context is not None:
        learns = "'tabllm fit --by COL --time COL' learns whole histories; sample, extend and eval take its run"
        return f"{context.info_name} has no --by: {learns}."
    return f"{text} See '{context.command_path} --help'." if context is not None else text


def _system(error: OSError) -> str:
    name = f" ({os.fsdecode(error.filename)})" if isinstance(error.filename, (str, bytes)) else ""
    if error.errno in _FULL or f"Errno {errno.ENOSPC}]" in str(error):
        return f"The disk is full{name}; free some space and run the same command again."
    reason = error.strerror or _first_line(error)
    return f"The system refused{name}: {reason}; check the path, its permissions and the disk."


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0].rstrip('.')}" if lines else type(error).__name__


def _again() -> str:
    command = shlex.join(["tabllm", "--debug", *sys.argv[1:]])
    return f"run '{command}'" if len(command) <= 100 else "run it again as 'tabllm --debug ...'"
