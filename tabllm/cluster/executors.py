"""Who makes the parts: this process, one after another; :mod:`.ray_executor` has workers of a cluster."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING

from .job import PartFacts, Work
from .working import Worker

if TYPE_CHECKING:
    from tabular.synthesizer import Synthesizer

__all__ = ["Executor", "InProcess"]


class Executor(ABC):
    """Makes parts of a job, each exactly once in what it yields."""

    @abstractmethod
    def run(self, work: Work, parts: Sequence[int]) -> Generator[PartFacts, None, None]:
        """Make ``parts``, in any order, and yield each when its file is written; closing it ends the work.

        Raises:
            TabllmError: what a part raised; the parts before it stay.
        """


class InProcess(Executor):
    """Makes one part after another here.

    Args:
        synthesizer: the run, loaded; loaded here if absent.
    """

    def __init__(self, synthesizer: Synthesizer | None = None) -> None:
        self.synthesizer = synthesizer

    def run(self, work: Work, parts: Sequence[int]) -> Generator[PartFacts, None, None]:
        if not parts:
            return
        worker = Worker(work, synthesizer=self.synthesizer)
        for part in parts:
            yield worker.make(part)
