"""Processes that compute with MLX, over its ring of sockets."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator, Sequence

import mlx.core as mx
import numpy as np

from .group import Group, buckets, told_as_lost
from .world import World

__all__ = ["MlxGroup"]


class MlxGroup(Group):
    """The processes that ``mlx.launch`` started.

    All of them must ask for the same things in the same order, so each is waited for: the order in which MLX would
    compute several sums at once is its own affair.

    Raises:
        LostProcess: if the others do not come.
    """

    engine = "mlx"

    def __init__(self, world: World) -> None:
        with told_as_lost():
            self._group = mx.distributed.init(strict=True, backend="ring")
        self.rank, self.size = world.rank, world.size

    def sum_arrays(self, arrays: Sequence[mx.array]) -> list[mx.array]:
        result: list[mx.array] = []
        mx.eval(*arrays)
        for part in buckets([array.size for array in arrays]):
            flat = mx.concatenate([array.reshape(-1).astype(mx.float32) for array in arrays[part]])
            with told_as_lost(), self._within_time():
                total = mx.distributed.all_sum(flat, group=self._group)
                mx.eval(total)
            begin = 0
            for array in arrays[part]:
                result.append(total[begin : begin + array.size].reshape(array.shape))
                begin += array.size
        return result

    def gather_bytes(self, block: np.ndarray) -> np.ndarray:
        with told_as_lost(), self._within_time():
            found = np.array(mx.distributed.all_gather(mx.array(block), group=self._group))
        return found.reshape(self.size, len(block))

    def broadcast_bytes(self, block: np.ndarray) -> np.ndarray:
        sent = mx.array(block if self.leads else np.zeros_like(block))
        with told_as_lost(), self._within_time():
            received = np.array(mx.distributed.all_sum(sent, group=self._group))  # the others add nothing
        return received

    @contextlib.contextmanager
    def _within_time(self) -> Iterator[None]:
        """End the process if others take too long: MLX waits for ever, and no signal reaches Python meanwhile."""
        timer = threading.Timer(self.TIMEOUT_SECONDS, _give_up)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def close(self) -> None:
        """MLX closes its sockets when the process ends."""


def _give_up() -> None:
    print("Error: Another process of this fit no longer answers, so this one ends.", file=sys.stderr, flush=True)
    os._exit(1)
