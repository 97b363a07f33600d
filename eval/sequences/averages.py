"""Figures of several draws of units, of users or of parents, each beside that of other real units."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from .facts import Distance, Figure

__all__ = ["DETECTION_DRAWS", "Averages"]

#: Draws over which the detection is averaged.
DETECTION_DRAWS = 2
#: Features that are named as giving synthetic units away.
MAX_TELLING = 10

#: (question, name, distance or ``None`` where it cannot be measured).
Found = tuple[str, str, float | None]


class Averages:
    """Means over draws."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, str], list[tuple[float | None, float | None]]] = defaultdict(list)
        self._scores: list[tuple[float, float]] = []
        self._gains: dict[str, float] = defaultdict(float)

    def add(self, found: Iterable[Found], floor: Iterable[Found]) -> None:
        """The distances of one draw, and those of other real units in the same order."""
        for (question, name, value), (_, _, other) in zip(found, floor, strict=True):
            self._values[question, name].append((value, other))

    def add_detection(self, score: float, floor: float, gains: Mapping[str, float]) -> None:
        """The detection of one draw, its floor, and which features tell units apart, in percent."""
        self._scores.append((score, floor))
        for name, gain in gains.items():
            self._gains[name] += gain

    def figures(self) -> tuple[Figure, ...]:
        """Every distance."""
        return tuple(
            Figure(_mean([value for value, _ in measured]), _mean([floor for _, floor in measured]), question, name)
            for (question, name), measured in self._values.items()
        )

    def questions(self, questions: Sequence[str]) -> dict[str, Distance]:
        """The mean distance of each question that has one."""
        figures, found = self.figures(), {}
        for question in questions:
            if asked := [figure for figure in figures if figure.question == question]:
                found[question] = Distance(_mean([f.value for f in asked]), _mean([f.floor for f in asked]))
        return found

    @property
    def detection(self) -> float | None:
        return _mean([score for score, _ in self._scores])

    @property
    def detection_floor(self) -> float | None:
        return _mean([floor for _, floor in self._scores])

    def telling(self) -> dict[str, float]:
        """The features that tell most, first, in percent."""
        most = sorted(self._gains.items(), key=lambda item: -item[1])[:MAX_TELLING]
        return {name: gain / len(self._scores) for name, gain in most}


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
