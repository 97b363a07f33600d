"""Blocks of rows that several threads draw at once; what they give is collected in the order of the calls.

One block after the other leaves cores idle: its products are too small for the threads of one operation to gain by.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, TypeVar

__all__ = ["Blocks"]

Result = TypeVar("Result")
#: Blocks that wait or are being drawn, for each thread: enough that none is idle, few enough to hold in memory.
WAITING = 3


class Blocks(Generic[Result]):
    """A context in which blocks are drawn.

    Args:
        threads: with 1 each block is drawn at once, by the caller.
        collect: called by the caller's thread with each result, in order.
    """

    def __init__(self, threads: int, collect: Callable[[Result], None]) -> None:
        self.threads, self.collect = threads, collect
        self._pool: ThreadPoolExecutor | None = None
        self._open: deque[Future[Result]] = deque()

    def __enter__(self) -> Blocks[Result]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            while kind is None and self._open:
                self._collect_one()
        finally:
            if self._pool is not None:
                self._pool.shutdown(cancel_futures=True)

    def draw(self, block: Callable[[], Result]) -> None:
        """Have a block drawn; waits while too many others do. An error in a block is raised here or at the end."""
        if self.threads == 1:
            self.collect(block())
            return
        self._pool = self._pool or ThreadPoolExecutor(self.threads, "blocks")
        self._open.append(self._pool.submit(block))
        while len(self._open) > WAITING * self.threads:
            self._collect_one()

    def add(self, result: Result) -> None:
        """Put a result that is there between those of blocks."""
        if not self._open:
            self.collect(result)
            return
        there: Future[Result] = Future()
        there.set_result(result)
        self._open.append(there)

    def _collect_one(self) -> None:
        self.collect(self._open.popleft().result())
