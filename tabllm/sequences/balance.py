"""What is left of a user's means for the events that are still to come.

A user's mean is that of all of his events. Drawn from the mean alone, each of 20 ratings may be as far above it as the
others, and made users have means of their own beside those that were drawn for them. So an event is given the mean that
those to come must have, itself among them: a sum that is used up, and comes out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from typing_extensions import Self

from tabular.relations.log import EventLog

__all__ = ["Balance"]

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Balance:
    """Where the numbers of histories stand; arrays have one entry per history.

    Attributes:
        mean: of each column of numbers what all events together should have.
        above: by how much the events so far lie above it, summed; one without a value lies nowhere.
    """

    mean: Arrays
    above: Arrays

    @classmethod
    def at_first(cls, mean: Arrays) -> Self:
        """Before the first event."""
        return cls(mean, {name: np.zeros(len(values)) for name, values in mean.items()})

    @classmethod
    def of_log(cls, log: EventLog, mean: Arrays, rows: np.ndarray) -> Self:
        """Before each of ``rows``, int64[some], of a log.

        Args:
            mean: of each column float64[users].
        """
        user = log.user[rows]
        above = {}
        for name, means in mean.items():
            sums = np.concatenate([[0.0], np.cumsum(np.nan_to_num(log.arrays[name] - means[log.user]))])
            above[name] = sums[rows] - sums[log.first[user]]
        return cls({name: means[user] for name, means in mean.items()}, above)

    def to_come(self, left: np.ndarray) -> dict[str, np.ndarray]:
        """The means of the ``left`` events to come."""
        return {name: mean - self.above[name] / np.maximum(left, 1) for name, mean in self.mean.items()}

    def after(self, event: Arrays, on: int) -> Balance:
        """Behind an ``event``, of the first ``on`` histories, which go on."""
        return Balance(
            {name: mean[:on] for name, mean in self.mean.items()},
            {
                name: above[:on] + np.nan_to_num(event[name][:on] - self.mean[name][:on])
                for name, above in self.above.items()
            },
        )
