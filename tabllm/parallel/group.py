"""What the processes of one fit do together, whatever they compute with.

Every method is called by all processes, in the same order, with arrays of the same shapes; each waits for the others.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from tabular.errors import TabllmError, UsageError
from tabular.training.processes import Found, Processes

__all__ = ["Group", "LostProcess", "buckets", "told_as_lost"]

#: Numbers that are sent together: enough that the time to begin does not count, few enough to need little memory.
BUCKET = 8_000_000

Arrays = dict[str, np.ndarray]


class LostProcess(TabllmError):
    """Another process of the fit no longer answers."""


class Group(Processes, ABC):
    """The processes of one fit.

    Attributes:
        rank: number of this process; number 0 writes and speaks.
        size: how many there are.
    """

    #: Seconds that a process waits for the others before it gives up; one that died is met at once.
    TIMEOUT_SECONDS: ClassVar[float] = 600.0
    #: Of the engine whose arrays are summed.
    engine: ClassVar[str]
    rank: int
    size: int

    @property
    def leads(self) -> bool:
        return self.rank == 0

    @abstractmethod
    def sum_arrays(self, arrays: Sequence[Any]) -> list[Any]:
        """The sums over all processes of arrays of the engine, the same numbers everywhere.

        Args:
            arrays: of floats; they may be overwritten. What is narrower than float32 comes back as float32.
        """

    @abstractmethod
    def gather_bytes(self, block: np.ndarray) -> np.ndarray:
        """uint8[size, n]: the ``block`` (uint8[n]) of each process."""

    @abstractmethod
    def broadcast_bytes(self, block: np.ndarray) -> np.ndarray:
        """uint8[n]: the block of process 0; elsewhere only the length of ``block`` counts."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the others."""

    # -- made of these ----------------------------------------------------------------------------------------
    def gather(self, values: np.ndarray) -> np.ndarray:
        """[size, *shape]: the ``values`` of each process, on the host."""
        block = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
        found = np.ascontiguousarray(self.gather_bytes(block))
        return found.view(values.dtype).reshape(self.size, *values.shape)

    def total(self, values: np.ndarray) -> np.ndarray:
        """The sum of ``values`` over the processes, added in the order of their numbers: the same everywhere."""
        result: np.ndarray = self.gather(values).sum(axis=0)
        return result

    def any(self, flag: bool) -> bool:
        return bool(self.total(np.array(flag, np.int64)))

    def wait(self) -> None:
        self.gather(np.zeros(1, np.uint8))

    def check_same(self, engine: str, fingerprint: str) -> None:
        """Raise :class:`UsageError`, in every process, unless all have the same data and settings.

        Args:
            engine: what this process computes with.
        """
        if engine != self.engine:
            raise UsageError(f"The processes of this fit are connected by {self.engine}: take that engine.")
        digest = np.frombuffer(hashlib.sha256(fingerprint.encode()).digest(), np.uint8)
        if (self.gather(digest) != digest).any():
            raise UsageError(
                f"The {self.size} processes of this fit have different tables or settings: give all of them the same "
                "command and the same file."
            )

    def broadcast_json(self, value: Any) -> Any:
        """Plain JSON data of process 0."""
        data = json.dumps(value).encode() if self.leads else b""
        length = int(self.gather(np.array([len(data)], np.int64))[0, 0])
        block = np.frombuffer(data, np.uint8) if self.leads else np.zeros(length, np.uint8)
        return json.loads(self.broadcast_bytes(block).tobytes())

    def broadcast_checkpoint(self, found: Found | None) -> Found | None:
        """The checkpoint that process 0 found; elsewhere ``found`` is not looked at."""
        facts = self.broadcast_json(None if found is None else found[2])
        if facts is None:
            return None
        arrays, best, _ = found or ({}, {}, {})
        return self.broadcast_arrays(arrays), self.broadcast_arrays(best), facts

    def broadcast_arrays(self, arrays: Mapping[str, np.ndarray]) -> Arrays:
        """The arrays of process 0; elsewhere ``arrays`` is not looked at."""
        described = self.broadcast_json([[name, value.dtype.str, value.shape] for name, value in arrays.items()])
        result: Arrays = {}
        for name, dtype, shape in described:
            mine = np.ascontiguousarray(arrays[name]) if self.leads else np.zeros(shape, dtype)
            if mine.size:
                mine = self.broadcast_bytes(mine.reshape(-1).view(np.uint8)).view(dtype).reshape(shape)
            result[name] = mine
        return result


@contextlib.contextmanager
def told_as_lost() -> Iterator[None]:
    """What an engine raises inside, where a process waits for others, is reported as :class:`LostProcess`."""
    try:
        yield
    except RuntimeError as error:
        reason = re.sub(r"^\[[^\]]*\] *", "", " ".join(str(error).split()))[:160]  # without the library's file and line
        raise LostProcess(
            f"Another process of this fit ended or no longer answers, so this one ends too ({reason.rstrip('.')})."
        ) from None


def buckets(sizes: Sequence[int]) -> Iterator[slice]:
    """Consecutive arrays of ``sizes`` numbers that are sent together."""
    begin, held = 0, 0
    for index, size in enumerate(sizes):
        held += size
        if held >= BUCKET:
            yield slice(begin, index + 1)
            begin, held = index + 1, 0
    if begin < len(sizes):
        yield slice(begin, len(sizes))
