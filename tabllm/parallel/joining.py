"""The group of this process: joined once, and asked for by whoever fits."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tabular.errors import EngineError
from tabular.training.processes import set_processes

from .group import Group
from .verdict import Board
from .world import World, find_world

__all__ = ["current_board", "current_group", "finish", "first_on_each_machine", "join", "processes_here"]

Result = TypeVar("Result")

_joined: tuple[World, Group, Board] | None = None


def join(*, device: str = "auto") -> Group | None:
    """The group that ``torchrun`` or ``mlx.launch`` started this process in; ``None`` where it is alone.

    A fit after it is spread over the processes. Only process 0 is then to save the run.

    Args:
        device: as for :class:`tabllm.lm.pretrained.PretrainedLM`.

    Raises:
        EngineError: if the launcher's engine is not installed.
        LostProcess: if the others do not come.
        UsageError: for more processes than GPUs.
    """
    global _joined
    world = find_world()
    if world is None:
        return None
    if _joined is None:
        group = _group_of(world, device)
        _joined = world, group, Board(group, world.address)
        set_processes(group)
    return _joined[1]


def _group_of(world: World, device: str) -> Group:
    try:
        if world.engine == "mlx":
            from .mlx_group import MlxGroup

            return MlxGroup(world)
        from .torch_group import TorchGroup

        return TorchGroup(world, device)
    except ModuleNotFoundError as error:
        raise EngineError(f"{world.launcher} needs the engine {world.engine}, which is not here ({error}).") from None


def current_group() -> Group | None:
    """What :func:`join` gave, without joining."""
    return _joined[1] if _joined else None


def processes_here() -> int:
    """How many processes of the group this machine has; 1 where this process is alone."""
    return _joined[0].local_size if _joined else 1


def first_on_each_machine(work: Callable[[], Result]) -> Result:
    """``work()``, done by one process of each machine before the others do it: a download needs one."""
    if _joined is None:
        return work()
    world, group, _ = _joined
    if world.local_rank:
        group.wait()
        return work()
    result = work()
    group.wait()
    return result


def current_board() -> Board | None:
    """Where processes that were joined tell each other how they end."""
    return _joined[2] if _joined else None


def finish() -> None:
    """Wait until every process has done its work, and part; nothing where this process is alone."""
    global _joined
    if _joined is None:
        return
    _, group, board = _joined
    board.finish()
    group.wait()
    if group.rank:
        # gloo may abort a process in which both sides of a connection end it at once: process 0 parts first.
        board.wait()
    group.close()
    board.close()
    _joined = None
    set_processes(None)
