"""What a fit asks of the processes that it is spread over, and which these are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["Found", "Processes", "current_processes", "set_processes"]

#: (state, best weights, facts), as :meth:`tabular.storage.checkpoint.Checkpoint.read` gives them.
Found = tuple[dict[str, np.ndarray], dict[str, np.ndarray], dict[str, Any]]


class Processes:
    """The processes of one fit, all of which call every method in the same order. Of this base class there is one.

    Attributes:
        rank: number of this process, from 0.
        size: how many there are.
    """

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes and speaks."""
        return True

    def any(self, flag: bool) -> bool:
        """Whether ``flag`` is set in any process."""
        return flag

    def wait(self) -> None:
        """Return when every process has come here."""

    def check_same(self, engine: str, fingerprint: str) -> None:
        """Refuse to go on, in every process, unless all have the same data and settings.

        Args:
            engine: what this process computes with.
        """

    def sum_arrays(self, arrays: Sequence[Any]) -> list[Any]:
        """The sums over all processes of arrays of the engine, the same numbers everywhere; they may be overwritten."""
        return list(arrays)

    def broadcast_json(self, value: Any) -> Any:
        """Plain JSON data of the leading process."""
        return value

    def broadcast_checkpoint(self, found: Found | None) -> Found | None:
        """The checkpoint that the leading process found."""
        return found


_current = Processes()


def current_processes() -> Processes:
    """The processes that this one was started with, or this one alone."""
    return _current


def set_processes(processes: Processes | None) -> None:
    """From here on fits of this process are spread over ``processes``; ``None``: over none but this."""
    global _current
    _current = processes or Processes()
