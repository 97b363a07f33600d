"""Can a column of a person be guessed from the others with the help of the synthetic table?

The attacker knows all of a row but one column, finds the closest synthetic row by what it knows, and takes over its
value (Giomi et al., "A unified framework for quantifying privacy risk in synthetic data", PoPETs 2023, section
on inference). A table that is any use lets such guesses succeed for everyone, learned or not: only what
succeeds MORE often for training rows than for held-out ones is leak.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..facts.estimates import share_difference, share_estimate
from ..facts.privacy import AttributeInference
from ..metrics.distance import Encoder, nearest_rows
from ..models.pair import is_missing
from ..preparing.tables import Table, Tables, subsample

__all__ = ["CAVEAT", "infer_attributes"]

CAVEAT = (
    "Only these columns were guessed, from all the others and by the closest row; that no excess was found does "
    "not prove that a better guesser, or one who knows other columns, finds none."
)

#: Training rows that are guessed, and as many held-out ones.
MAX_TARGETS = 5_000
#: Synthetic rows that are searched.
MAX_SYNTHETIC = 50_000
#: A number is guessed right if its rank in the real column is off by no more.
RANK_TOLERANCE = 0.05


def infer_attributes(
    tables: Tables, secrets: Sequence[str], *, seed: int = 0
) -> tuple[tuple[AttributeInference, ...], list[str]]:
    """Guess each of the columns ``secrets`` for learned and for held-out rows; notes on what was sampled."""
    chosen = [name for name in dict.fromkeys(secrets) if name in tables.modelled]
    if tables.holdout is None or not chosen or len(tables.modelled) < 2:
        return (), []
    rng = np.random.default_rng(seed)
    rows = min(MAX_TARGETS, tables.holdout.rows, tables.real.rows)
    targets = [subsample(table, rows, rng) for table in (tables.real, tables.holdout)]
    synthetic = subsample(tables.synthetic, MAX_SYNTHETIC, rng)
    encode = Encoder(tables)
    level = 1 - 0.05 / len(chosen)  # the intervals hold for all columns together
    found = []
    for name in chosen:
        known = encode.without(name)
        references = known(synthetic)
        fractions = []
        for table in targets:
            closest = nearest_rows(known(table), references, 1)[1][:, 0]
            fractions.append(share_estimate(_right(encode, name, table, synthetic.take(closest)), table.rows, level))
        found.append(AttributeInference(name, fractions[0], fractions[1], share_difference(*fractions), rows))
    notes = []
    if synthetic.rows < tables.synthetic.rows:
        notes.append(f"Columns were guessed from {synthetic.rows:,} synthetic rows.")
    return tuple(found), notes


def _right(encode: Encoder, name: str, truth: Table, guess: Table) -> float:
    """The fraction of rows of ``truth`` whose column ``name`` is that of the same row of ``guess``."""
    a, b = truth.arrays[name], guess.arrays[name]
    if name in encode.tables.tokens:
        return float((a == b).mean())
    lost = is_missing(truth, name), is_missing(guess, name)
    near = np.abs(encode.rank(name, a) - encode.rank(name, b)) <= RANK_TOLERANCE
    return float(np.where(lost[0] | lost[1], lost[0] & lost[1], near).mean())
