"""What a generator brings to tell how probable given rows are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ..parts import Parts
from .spans import Span

__all__ = ["RowScorer"]

Arrays = Mapping[str, np.ndarray]


class RowScorer(ABC):
    """The probabilities of a generator that draws one part of a row after the other.

    Attributes:
        parts: how columns are taken apart; probabilities are of parts.
        names: the parts that are drawn, in the order in which whole rows are drawn.
    """

    parts: Parts
    names: Sequence[str]

    @abstractmethod
    def log_probs(
        self,
        arrays: Arrays,
        spans: Mapping[str, Span],
        given: Sequence[str],
        scored: Sequence[str],
        advance: Callable[[int], None],
    ) -> dict[str, np.ndarray]:
        """Log-probability of each part after ``given`` and the ones before it, float64[rows]; -inf if impossible.

        Args:
            arrays: canonical arrays of the parts.
            spans: per numeric part, the ends of the numbers that are written as those of ``arrays``.
            given, scored: some of :attr:`names`, in that order.
            advance: told how many rows are done.
        """

    def class_probs(self, arrays: Arrays, rows: int, given: Sequence[str], target: str, classes: int) -> np.ndarray:
        """The probability of each class, float64[rows, classes], summing to 1: the target is taken as not missing.

        Args:
            arrays: canonical arrays of ``given``.
            target: a part that is no number, with ``classes`` values.
        """
        logs = np.empty((rows, classes))
        for code in range(classes):
            filled = {**arrays, target: np.full(rows, code, np.int32)}
            logs[:, code] = self.log_probs(filled, {}, given, [target], lambda _: None)[target]
        probs = np.exp(logs - logs.max(axis=1, keepdims=True))
        found: np.ndarray = probs / probs.sum(axis=1, keepdims=True)
        return found
