"""What the command line does differently in a process that ``torchrun`` or ``mlx.launch`` started."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

from tabular.errors import TabllmError, UsageError

from ..parallel.world import World, find_world

if TYPE_CHECKING:
    from ..parallel.group import Group
    from .session import Session

__all__ = ["check_command", "end_together", "join_fit", "leave_at_once"]

#: The one command that is spread over processes.
SPREAD = "fit"


def check_command(command: str | None) -> None:
    """Raise :class:`UsageError` for a command that many processes would only do many times."""
    world = find_world()
    if world is not None and command not in (None, SPREAD):
        raise UsageError(
            f"'tabllm {command}' is done by one process, and {world.launcher} started {world.size}: start it without "
            f"{world.launcher}; only 'tabllm fit' is spread."
        )


def join_fit(session: Session, model: str, options: dict[str, Any]) -> Group | None:
    """Join the processes that fit ``model`` together; all but the first become silent. ``None`` for one process.

    Args:
        options: of the generator; the engine is set to that of the launcher.

    Raises:
        UsageError: for a generator or engine that is not spread.
        LostProcess: if the others do not come.
    """
    world = find_world()
    if world is None:
        return None
    from tabular.registry import has_option, spread_engines

    from ..parallel.joining import join

    able = spread_engines(model)
    if "privacy" in options or not able:
        raise UsageError(
            f"{model}{' with differential privacy' if 'privacy' in options else ''} is fitted by one process: start it "
            f"without {world.launcher}."
        )
    if world.engine not in able:
        raise UsageError(
            f"{world.launcher} spreads fits of the engine {world.engine}, and {model} is fitted by torch: start it by "
            "torchrun."
        )
    if options.get("engine", "auto") not in ("auto", world.engine):
        raise UsageError(
            f"{world.launcher} spreads fits of the engine {world.engine}; take --engine {world.engine}, or start it by "
            f"{'mlx.launch' if world.engine == 'torch' else 'torchrun'}."
        )
    if ":" in options.get("device", ""):
        raise UsageError(
            f"Each process that {world.launcher} started takes a GPU of its own: write --device cuda, and choose the "
            "GPUs by CUDA_VISIBLE_DEVICES."
        )
    if has_option(model, "engine"):
        options["engine"] = world.engine
    group = join(device=options.get("device", "auto"))
    session.quiet |= world.rank > 0
    return group


def end_together(error: BaseException, message: str, code: int, interrupted: bool) -> tuple[str | None, int]:
    """(message, exit code) with which this process of a fit that failed ends; no message where another one speaks.

    Args:
        interrupted: whether it was Ctrl-C or a signal, which all have got as a rule.
    """
    world = find_world()
    if world is None:
        return message, code
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # launchers end the others by a signal as soon as one ends
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    return _settled(world, error, message, code, interrupted)


def _settled(world: World, error: BaseException, message: str, code: int, interrupted: bool) -> tuple[str | None, int]:
    from ..parallel.group import LostProcess
    from ..parallel.joining import current_board, join

    lost = isinstance(error, LostProcess)
    if current_board() is None:
        if interrupted or lost:
            return message if world.rank == 0 else None, code
        with contextlib.suppress(TabllmError):  # an error before that; the others have the same, or come here as well
            join(device="cpu")
    board = current_board()
    if board is None:
        return message, code
    verdict = board.settle(code, lost=lost, patient=interrupted)
    if verdict.speaker != board.rank:
        return None, verdict.code
    return (verdict.reason or message) if lost or interrupted else message, verdict.code


def leave_at_once(code: int) -> None:
    """End a process of a spread fit that failed; nothing then waits for threads or sockets of an engine's library."""
    if find_world() is None:
        return
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(code)
