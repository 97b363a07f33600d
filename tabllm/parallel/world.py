"""Which process of how many this is, from what ``torchrun`` or ``mlx.launch`` put into the environment."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["World", "find_world"]


@dataclass(frozen=True)
class World:
    """The place of this process among those that one launcher started.

    Attributes:
        launcher: ``"torchrun"`` or ``"mlx.launch"``.
        engine: what such processes compute with, ``"torch"`` or ``"mlx"``.
        rank: number of this process, from 0.
        size: how many processes there are, at least 2.
        local_rank, local_size: the same among the processes of this machine.
        address: host of process 0.
    """

    launcher: str
    engine: str
    rank: int
    size: int
    local_rank: int
    local_size: int
    address: str


def find_world(environment: Mapping[str, str] = os.environ) -> World | None:
    """The world of this process, or ``None`` where it is alone. Reads a file at most, and imports nothing."""
    return _of_mlx(environment) or _of_torch(environment)


def _of_torch(environment: Mapping[str, str]) -> World | None:
    address = environment.get("MASTER_ADDR")
    try:
        rank, size, local_rank = (int(environment[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
        local_size = int(environment.get("LOCAL_WORLD_SIZE", local_rank + 1))
    except (KeyError, ValueError):
        return None
    if address is None or size < 2:
        return None
    return World("torchrun", "torch", rank, size, local_rank, local_size, address)


def _of_mlx(environment: Mapping[str, str]) -> World | None:
    try:
        rank = int(environment["MLX_RANK"])
        hosts = json.loads(Path(environment["MLX_HOSTFILE"]).read_text(encoding="utf-8"))
        machines = [addresses[0].rpartition(":")[0] for addresses in hosts]  # [["192.168.1.2:32323"], ...]
        mine = machines[rank]
    except (KeyError, ValueError, OSError, TypeError, AttributeError, IndexError):
        return None  # a launch of one process leaves the file empty
    if len(machines) < 2:
        return None
    return World(
        "mlx.launch", "mlx", rank, len(machines), machines[:rank].count(mine), machines.count(mine), machines[0]
    )
