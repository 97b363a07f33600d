"""Which settings of a generator are worth searching, and where: plain data, written beside each generator.

What searches them is :mod:`tabllm.tuning`; nothing here knows of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

__all__ = ["Choice", "Range", "Real", "SearchSpace", "Whole"]


@dataclass(frozen=True)
class Choice:
    """One of several values, in no order.

    Example:
        >>> (128, 128) in Choice(((128, 128), (256, 256)))
        True
    """

    options: tuple[Any, ...]

    def __contains__(self, value: Any) -> bool:
        # 1 equals True, and yet is not what was meant by it.
        return any(value == option and isinstance(value, bool) == isinstance(option, bool) for option in self.options)


N = TypeVar("N", int, float)


@dataclass(frozen=True)
class _Interval(Generic[N]):
    """From ``low`` to ``high``, both included; ``log`` where the logarithm is what counts."""

    low: N
    high: N
    log: bool = False

    def __contains__(self, value: Any) -> bool:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return number and self.low <= value <= self.high  # of NaN nothing is true


class Whole(_Interval[int]):
    """A whole number from ``low`` to ``high``, both included; ``log`` where its logarithm is what counts."""

    def __contains__(self, value: Any) -> bool:
        return isinstance(value, int) and super().__contains__(value)


class Real(_Interval[float]):
    """A number from ``low`` to ``high``, both included; ``log`` where its logarithm is what counts."""


Range = Choice | Whole | Real


@dataclass(frozen=True)
class SearchSpace:
    """The settings of one generator that are searched.

    Attributes:
        ranges: option of the generator's ``__init__`` -> where it is looked for. The option's own default lies there.
        share: of the generator's own training length, how much tells good settings from bad ones.
        screen: options of a fit whose rows are only examined to see whether its settings are worth more training:
            what is dear and can be done without.
    """

    ranges: Mapping[str, Range] = field(default_factory=dict)
    share: float = 1.0
    screen: Mapping[str, Any] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.ranges)
