"""What a run itself gives away: its probability of a row, asked about training rows and about held-out ones.

The loss attack of Yeom et al. 2018 ("Privacy risk in machine learning", section 3): who holds the model takes the rows
to which it gives much probability for learned. A held-out row that the run cannot draw at all, since a value of it
stands in no training row, counts as the least probable: the run's lists of values are part of what it gives away.

Nothing here knows a generator: the probabilities come from outside.
"""

from __future__ import annotations

import numpy as np

from tabular.errors import UsageError

from ..facts.privacy import RunAttack
from .figures import attack_of
from .membership import MAX_TARGETS, MIN_TARGETS

__all__ = ["CAVEAT", "attack_run", "drawn_targets"]

CAVEAT = (
    "The attack on the run knows one figure of each row, its probability. One that compares it with models of other "
    "rows (shadow models) may tell more."
)
CONFIDENCE = 0.95


def drawn_targets(rows: int, seed: int, most: int = MAX_TARGETS) -> np.ndarray:
    """int64: which of ``rows`` rows are asked about, at most ``most``, in ascending order."""
    return np.sort(np.random.default_rng(seed).permutation(rows)[:most])


def attack_run(learned: np.ndarray, held_out: np.ndarray, *, seed: int = 0) -> RunAttack:
    """Tell training rows from held-out ones by their log-probability under the run.

    Args:
        learned: float64[n], of rows that the run learned; -inf where it cannot draw a row.
        held_out: float64[m], of rows that it never saw.

    Raises:
        UsageError: for too few rows.
    """
    learned, held_out = (np.asarray(part, np.float64) for part in (learned, held_out))
    if min(len(learned), len(held_out)) < MIN_TARGETS:
        raise UsageError(
            f"An attack on the run needs {MIN_TARGETS} learned and {MIN_TARGETS} held-out rows, not {len(learned):,} "
            f"and {len(held_out):,}."
        )
    attack = attack_of("probability", learned, held_out, level=CONFIDENCE, rng=np.random.default_rng(seed))
    auc = attack.auc.value or 0.5
    found = f"in {100 * auc:.1f} % of pairs (50 % is blind)"
    if (attack.auc.low or 0.0) > 0.5:
        words = (
            f"Who holds the run can tell training rows: of a training row and a new one, it finds the training row "
            f"the likelier one {found}. Share the synthetic rows, and the run with those alone who may know the table."
        )
    else:
        words = (
            f"This attack tells no training rows from the run: of a training row and a new one, it finds the training "
            f"row the likelier one {found}, which chance alone explains."
        )
    return RunAttack(
        attack=attack,
        learned_rows=len(learned),
        held_out_rows=len(held_out),
        learned_bits=_bits(learned),
        held_out_bits=_bits(held_out),
        learned_impossible_percent=float(100 * np.isneginf(learned).mean()),
        held_out_impossible_percent=float(100 * np.isneginf(held_out).mean()),
        words=words,
        caveat=CAVEAT,
    )


def _bits(logs: np.ndarray) -> float | None:
    possible = logs[np.isfinite(logs)]
    return float(-possible.mean() / np.log(2)) if len(possible) else None
