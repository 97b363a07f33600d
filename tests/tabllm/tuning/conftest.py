"""A generator whose rows are worth what its settings say, so that a search has an answer to find."""

from __future__ import annotations

import math
import sys
import types

import pytest

from tabllm.tuning import study
from tabllm.tuning.judging import Facts, Judge
from tabular import registry
from tabular.search_space import Choice, Real, SearchSpace, Whole


@pytest.fixture
def dial(toy, monkeypatch):
    """The generator ``dial``: its rows are best at ``rate`` 0.01, ``depth`` 3 and ``shape`` [2, 2]."""

    class Dial(toy):
        name = "dial"
        #: What every fit was made with, and the settings of a table's rows.
        made: list = []  # noqa: RUF012
        #: settings -> error that their fit ends with.
        broken = staticmethod(lambda options: None)

        def __init__(self, *, rate=0.001, depth=1, shape=(1, 1), seed=0, epochs=None, steps=None):
            super().__init__(seed=seed)
            self.options = {"rate": rate, "depth": depth, "shape": tuple(shape)}
            self.epochs, self.steps = epochs, steps

        def fit(self, table, **keywords):
            error = self.broken(self.options)
            if error is not None:
                raise error
            self.made.append({**self.options, "seed": self.seed, "epochs": self.epochs, "steps": self.steps})
            return super().fit(table, **keywords)

        def sample(self, n, **_):
            rate, depth, shape = self.options.values()
            away = abs(math.log10(rate) + 2) / 3 + abs(depth - 3) / 8 + 0.2 * (shape != (2, 2))
            rows = self.table.iloc[:n].copy()
            rows.attrs |= {"worth": max(1 - away, 0.0), "leaks": depth == 5}
            return rows

        def planned_epochs(self, rows):
            return 100.0

        @classmethod
        def search_space(cls):
            return SearchSpace(
                {
                    "rate": Real(1e-4, 1.0, log=True),
                    "depth": Whole(1, 5),
                    "shape": Choice(((1, 1), (2, 2), (3, 3))),
                },
                share=0.5,
            )

    class Weigher(Judge):
        """Takes the rows' word for what they are worth."""

        def measure(self, made):
            nearer = 0.9 if made.attrs["leaks"] else 0.5
            return Facts(0.0, 0.0, made.attrs["worth"], None, None, None, 0.0, 0.0, nearer, nearer)

    monkeypatch.setattr(study, "Judge", Weigher)
    Dial.made = []
    module = types.ModuleType("dial")
    module.Dial = Dial
    monkeypatch.setitem(sys.modules, "dial", module)
    registry.register("dial", "dial:Dial")
    return Dial
