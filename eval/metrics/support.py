"""Whole rows: do synthetic rows lie where real ones do, and do they reach everywhere? alpha-precision, beta-recall.

Alaa, van Breugel, Saveliev and van der Schaar, "How faithful is your synthetic data? Sample-level metrics for
evaluating and auditing generative models", ICML 2022. The alpha-support of a table is the ball around its
centre that holds the share alpha of its rows.

- P(alpha): the fraction of synthetic rows within the alpha-support of real; alpha for a perfect table.
- R(beta): the fraction of real rows with a synthetic neighbour of the beta-support of synthetic, no farther away than
  the k-th closest other real row is.
- integrated: 1 - 2 times the area between the curve and the diagonal, 1 being perfect. R strays from the diagonal
  even for real rows (a neighbour may lie across the edge of the support), so a recall is good if it is near the
  holdout's, not if it is high.
- authenticity: the fraction of synthetic rows that are farther from the closest real row than that is from its own
  closest real row; 0.5 or more for rows that are no copies, by the holdout's value.

The paper learns an embedding in which the rows fill a ball; here a row is the point of :mod:`eval.metrics.distance`,
without a learned step, so figures differ from the paper's and need the holdout's beside them.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ..facts.report import Support
from ..preparing.tables import Tables, subsample
from .distance import Encoded, Encoder, nearest_rows

__all__ = ["integrated", "measure_support", "precision_curve", "recall_curve"]

#: Rows of each table; all tables are cut to equal size, on which recall and authenticity depend.
MAX_ROWS = 5_000
#: The other real row whose distance is the radius of a real row's neighbourhood.
NEIGHBOUR = 5
#: The shares alpha and beta.
LEVELS = np.linspace(0.0, 1.0, 21)


def measure_support(tables: Tables, *, seed: int = 0) -> tuple[Support | None, list[str]]:
    """The figures of the synthetic table and, as their floor, those of the holdout; notes on what was sampled."""
    if not tables.modelled:
        return None, []
    rng = np.random.default_rng(seed)
    whole = [tables.real, tables.synthetic] + ([] if tables.holdout is None else [tables.holdout])
    rows = min(MAX_ROWS, *(table.rows for table in whole))
    encode = Encoder(tables)
    real, *others = (encode(subsample(table, rows, rng)) for table in whole)
    among = nearest_rows(real, real, NEIGHBOUR + 1)[0]
    neighbourhood = _Neighbourhood(real, among[:, -1], among[:, min(1, among.shape[1] - 1)])
    figures = [_figures(neighbourhood, other) for other in others]
    floor = figures[1] if len(figures) > 1 else None
    notes = []
    if rows < max(table.rows for table in whole):
        notes.append(f"Precision and recall of rows were measured on {rows:,} rows of each table.")
    return Support(
        alpha_precision=integrated(figures[0].precision),
        alpha_precision_floor=None if floor is None else integrated(floor.precision),
        beta_recall=integrated(figures[0].recall),
        beta_recall_floor=None if floor is None else integrated(floor.recall),
        authenticity=figures[0].authenticity,
        authenticity_floor=None if floor is None else floor.authenticity,
        rows=rows,
        levels=tuple(float(level) for level in LEVELS),
        precision=tuple(float(fraction) for fraction in figures[0].precision),
        recall=tuple(float(fraction) for fraction in figures[0].recall),
        precision_floor=() if floor is None else tuple(float(fraction) for fraction in floor.precision),
        recall_floor=() if floor is None else tuple(float(fraction) for fraction in floor.recall),
    ), notes


@dataclass(frozen=True)
class _Neighbourhood:
    """The real rows, and the squared distance of each to its k-th and to its first other real row."""

    rows: Encoded
    radius: np.ndarray
    closest: np.ndarray


@dataclass(frozen=True)
class _Figures:
    precision: np.ndarray
    recall: np.ndarray
    authenticity: float


def _figures(real: _Neighbourhood, other: Encoded) -> _Figures:
    to_real, which = (part[:, 0] for part in nearest_rows(other, real.rows, 1))
    return _Figures(
        precision=precision_curve(_to_centre(real.rows, real.rows), _to_centre(other, real.rows)),
        recall=recall_curve(real.rows, real.radius, other, _to_centre(other, other)),
        authenticity=float((to_real > real.closest[which]).mean()),
    )


def _to_centre(points: Encoded, of: Encoded) -> np.ndarray:
    """``float64[rows]``: the squared distance of each point to the mean of ``of``.

    A column that is compared code by code is as many indicators of 1/sqrt(2): the distance of code c to
    their mean is (1 - 2 p_c + sum p^2) / 2 with the shares p.
    """
    squared = ((points.dense.astype(np.float64) - of.dense.mean(0, dtype=np.float64)) ** 2).sum(1)
    for i in range(of.codes.shape[1]):
        size = int(max(points.codes[:, i].max(), of.codes[:, i].max())) + 2
        fraction = np.bincount(of.codes[:, i] + 1, minlength=size) / len(of)
        squared += (1 - 2 * fraction[points.codes[:, i] + 1] + (fraction**2).sum()) / 2
    return squared


def precision_curve(real: np.ndarray, other: np.ndarray) -> np.ndarray:
    """P(alpha) at :data:`LEVELS` from distances to the real centre, ``float64[n]`` and ``float64[m]``.

    A ball that holds the share alpha of the real rows holds a little more where distances tie; P is then brought
    back by the same factor, else a table of few distinct rows could not reach 1 with itself.
    """
    radii = np.quantile(real, LEVELS)
    held = np.searchsorted(np.sort(real), radii, side="right") / len(real)
    fraction = np.searchsorted(np.sort(other), radii, side="right") / len(other)
    return np.clip(np.where(held > 0, fraction * LEVELS / np.maximum(held, 1e-12), 0.0), 0.0, 1.0)


def recall_curve(real: Encoded, radius: np.ndarray, other: Encoded, to_own_centre: np.ndarray) -> np.ndarray:
    """R(beta) at :data:`LEVELS`.

    Args:
        radius: ``float64[n]``, squared, of each real row's neighbourhood.
        to_own_centre: ``float64[m]``, squared distances of the other rows to their own centre.
    """
    # As beta grows the ball only gains rows, so it is enough to know at which beta a real row is first covered.
    order = np.argsort(to_own_centre, kind="stable")
    edges = np.unique(np.round(LEVELS * len(other)).astype(int))
    first = np.full(len(real), np.inf)
    for start, end in pairwise(edges):
        open_rows = np.flatnonzero(np.isinf(first))
        if not len(open_rows):
            break
        shell = Encoded(other.dense[order[start:end]], other.codes[order[start:end]])
        queries = Encoded(real.dense[open_rows], real.codes[open_rows])
        near = nearest_rows(queries, shell, 1)[0][:, 0] <= radius[open_rows]
        first[open_rows[near]] = end / len(other)
    return (first[None, :] <= LEVELS[:, None] + 0.5 / len(other)).mean(1)


def integrated(curve: np.ndarray) -> float:
    """1 - 2 times the area between ``curve``, given at :data:`LEVELS`, and the diagonal (the paper's section 3.3)."""
    gaps = np.abs(curve - LEVELS)
    return float(1 - 2 * ((gaps[:-1] + gaps[1:]) / 2 * np.diff(LEVELS)).sum())
