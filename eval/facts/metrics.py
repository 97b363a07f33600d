"""One figure of a whole comparison, as plain data: what every face can draw without knowing it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Metric"]


@dataclass(frozen=True)
class Metric:
    """A figure of the synthetic table, and the same of the holdout.

    Attributes:
        name: in JSON; ``label``: for a person, with its unit.
        meaning: what it says, a sentence.
        better: ``"higher"``, ``"lower"``, or ``"half"`` and ``"one"`` (the nearer to 0.5, to 1 the better).
        floor: of real rows that were not learned; ``None`` without a holdout.
    """

    name: str
    label: str
    meaning: str
    better: str
    decimals: int
    value: float
    floor: float | None = None
