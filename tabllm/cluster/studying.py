"""Tasks of a study, such as trials, each done as a whole by a worker of a cluster."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

__all__ = ["Run", "Workers"]

#: Number of a task -> what ``make`` is given; yields each number with what came of it, in any order.
Run = Callable[[Mapping[int, tuple[Any, ...]]], Iterator[tuple[int, Any]]]


class Workers(ABC):
    """Workers that do tasks."""

    @abstractmethod
    def ready(
        self, begin: Callable[[Any], Any], sent: Any, *, device: str, noun: str, check: Callable[[], None] | None = None
    ) -> AbstractContextManager[Run]:
        """Inside, tasks are done by workers that got ready once.

        Args:
            begin: (``sent``) -> an object whose ``make`` does a task; a function of a module.
            sent: what all tasks share.
            device: where each worker computes.
            noun: of a task, which has a number.
            check: called now and then while tasks are waited for; what it raises ends them.
        """
