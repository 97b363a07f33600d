"""Other events in place of drawn ones that cannot be."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from .lifetimes import Lifetimes
from .once import Once
from .variety import Varying

__all__ = ["settle"]

Arrays = dict[str, np.ndarray]
#: How many others are drawn at a time for an event that cannot be: few, and many where none of those could be.
OTHERS = (4, 16)


def settle(
    drawn: Arrays,
    times: np.ndarray,
    once: Once,
    lifetimes: Lifetimes,
    varying: Varying,
    again: Callable[[np.ndarray], Mapping[str, np.ndarray]],
    rng: np.random.Generator,
) -> None:
    """Replace, in place, those of the drawn events, one of each of the first histories, that cannot be.

    Where no other is found that can be, a value that comes again gives way to one that is free, and one that does not
    come at its time, or that should be a new one or none, stays.

    Args:
        times: float64[events], when they are.
        again: draws an event anew at the same time for every number of a history that it is given.
    """
    every, wanted = np.arange(len(times)), varying.wanted(drawn, rng)
    for others in OTHERS:
        off = (
            once.repeats(drawn, len(times)) | lifetimes.outside(drawn, times) | (varying.off(drawn, every, wanted) > 0)
        )
        rows = np.flatnonzero(off)
        if not len(rows):
            break
        some = np.repeat(rows, others)
        other = again(some)
        bad = (
            100 * once.had(other, some) + 10 * lifetimes.outside(other, times[some]) + varying.off(other, some, wanted)
        )
        best = np.arange(len(rows)) * others + bad.reshape(-1, others).argmin(axis=1)
        for name, values in other.items():
            drawn[name][rows] = values[best]
    once.keep(drawn, rng)
    varying.have(varying.owner[every], drawn)
