"""How probable rows are, beside rows of reference: what ``tabllm score`` says, and writes beside the rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tabular.likelihood.facts import RowScores
from tabular.progress import Reporter

if TYPE_CHECKING:
    from tabular.synthesizer import Synthesizer

__all__ = ["DRAWN_ROWS", "Scorer", "class_columns", "columns_without", "score_columns", "with_columns"]

#: Rows that the model draws to say what is typical.
DRAWN_ROWS = 1000
_LN2 = 0.6931471805599453


@dataclass
class Scorer:
    """Scores rows of several tables against the same rows of reference.

    Attributes:
        columns: to score; absent, all that are not given.
        given: as if they were known.
        others: real rows that the percentiles are of; absent, rows that the model draws.
        compared_with: what ``others`` are.
    """

    synthesizer: Synthesizer
    columns: Sequence[str] | None = None
    given: Sequence[str] | None = None
    others: pd.DataFrame | None = None
    compared_with: str = f"{DRAWN_ROWS:,} rows that the model generates"
    progress: Reporter | None = None

    _reference: tuple[np.ndarray, np.ndarray] | None = None

    def score(self, rows: pd.DataFrame) -> RowScores:
        """The bits of ``rows``. Raises what :meth:`tabular.synthesizer.Synthesizer.cell_log_probs` raises."""
        names, cells = self._bits(rows)
        if self._reference is None:
            drawn = self._bits(self.synthesizer.sample(DRAWN_ROWS, seed=0, refine=False))[1]
            drawn = drawn[np.isfinite(drawn).all(axis=1)]
            typical = drawn.mean(axis=0) if len(drawn) else np.zeros(len(names))
            total = np.sort((drawn if self.others is None else self._bits(self.others)[1]).sum(axis=1))
            self._reference = typical, total[~np.isnan(total)]
        return RowScores(names, cells, *self._reference, self.compared_with)

    def _bits(self, table: pd.DataFrame) -> tuple[list[str], np.ndarray]:
        cells = self.synthesizer.cell_log_probs(table, self.columns or None, self.given or None, progress=self.progress)
        return list(cells.columns), 0.0 - cells.to_numpy() / _LN2


def columns_without(synthesizer: Synthesizer, dropped: Sequence[str], given: Sequence[str]) -> tuple[str, ...]:
    """The columns to score of a table that has not those that are ``dropped``."""
    kept = [column for column in synthesizer.schema if column.name not in (*dropped, *given)]
    return tuple(column.name for column in kept if column.kind not in ("identifier", "text"))


def score_columns(scores: RowScores) -> dict[str, Any]:
    """The columns that are written beside the rows."""
    return {
        "log_prob": 0.0 - scores.bits * _LN2,
        "bits": scores.bits,
        "percentile": scores.percentile,
        "least_likely": [scores.columns[position] if position >= 0 else None for position in scores.least_likely],
    }


def class_columns(probs: pd.DataFrame, target: str) -> dict[str, Any]:
    """The columns that are written for the probability of each class of ``target``."""
    return {f"{target}={name}": probs[name].to_numpy() for name in probs}


def with_columns(rows: pd.DataFrame, more: Mapping[str, Any]) -> pd.DataFrame:
    """``rows``, numbered anew, with more columns; one whose name is taken gets an underscore."""
    found = rows.reset_index(drop=True)
    for name, values in more.items():
        while name in found:
            name += "_"
        found[name] = values
    return found
