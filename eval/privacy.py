"""Was a person's row copied? Exact copies, and the distance to the closest record (DCR).

DCR compares where synthetic rows lie between the table the generator saw and an equally large one that it
did not see (as in TabSyn, Zhang et al., ICLR 2024). It is a check for copying and no more: a generator can
leak membership at a DCR share of 0.5 (Yao et al. 2025, arXiv 2505.01524). Attacks are another matter.
"""

from __future__ import annotations

import numpy as np

from .distance import Encoder, closest_squared
from .distributions import distance_histogram
from .estimates import wilson_interval
from .fingerprints import row_fingerprints
from .report import Copies, DistanceToClosest, Privacy, finite
from .tables import Tables, subsample

__all__ = [
    "CAVEAT",
    "MAX_QUERIES",
    "MAX_REFERENCES",
    "count_copies",
    "equal_size_share",
    "measure_privacy",
]

CAVEAT = (
    "No formal guarantee: these checks find copied rows. They cannot prove that no one's presence or "
    "attributes can be inferred from the synthetic table; only differential privacy bounds that."
)

#: Synthetic (and holdout) rows whose closest record is searched.
MAX_QUERIES = 10_000
#: Real rows that are searched.
MAX_REFERENCES = 100_000
#: Squared distances nearer than this are a tie: equal rows differ by the rounding of sums alone.
TIE = 1e-9


def measure_privacy(tables: Tables, *, seed: int = 0) -> tuple[Privacy, list[str]]:
    """Count the copies and, given a holdout, compare the distances."""
    copies = count_copies(tables)
    if tables.holdout is None:
        note = "Distance to the closest record was not measured: it needs a holdout that the generator never saw."
        return Privacy(copies, None, CAVEAT), [note]
    distance, notes = _measure_distance(tables, seed)
    return Privacy(copies, distance, CAVEAT), notes


def count_copies(tables: Tables) -> Copies:
    """Compare whole rows, identifiers apart: an invented identifier on a copied row is still a copy."""
    names = (*tables.modelled, *tables.texts)
    real = row_fingerprints(tables.real, names)
    synthetic = row_fingerprints(tables.synthetic, names)
    copied = np.isin(synthetic, real)
    holdout = None
    if tables.holdout is not None:
        holdout = float(100 * np.isin(row_fingerprints(tables.holdout, names), real).mean())
    _, counts = np.unique(real, return_counts=True)
    return Copies(
        synthetic_rows=int(copied.sum()),
        synthetic_percent=float(100 * copied.mean()),
        holdout_percent=holdout,
        real_repeated_percent=float(100 * counts[counts > 1].sum() / len(real)),
    )


def equal_size_share(share: float, parts: int) -> float:
    """The share nearer to real that references of equal size would give.

    Args:
        share: how often the closest row is a real one, when the real table is ``parts`` times the holdout.

    Returns:
        The share whose odds are ``1 / parts`` of the odds of ``share``: 0.5 where nothing was copied, 1 where
        everything was, and ``share`` itself for one part.
    """
    return share / (share + parts * (1 - share))


def _measure_distance(tables: Tables, seed: int) -> tuple[DistanceToClosest | None, list[str]]:
    """Ask for each synthetic row whether the closest row is a real one.

    The larger table would lie closer by its size alone. Cutting the real table to the size of the holdout
    would forgive copies of every row that was cut, so it is dealt into equal parts instead, each as large as
    the holdout, and every part runs against the holdout: had the generator copied nothing, all parts and the
    holdout would be the closest equally often, ties shared among them.
    """
    if tables.holdout is None or not tables.modelled:
        return None, ["Distance to the closest record was not measured: no column has a distance."]
    rng = np.random.default_rng(seed)
    whole = subsample(tables.real, MAX_REFERENCES, rng)
    parts = -(-whole.rows // tables.holdout.rows)
    size = whole.rows // parts
    holdout = subsample(tables.holdout, size, rng)
    queries = subsample(tables.synthetic, MAX_QUERIES, rng)
    encode = Encoder(tables)
    points, fresh = encode(queries), encode(subsample(holdout, MAX_QUERIES, rng))
    to_holdout = closest_squared(points, encode(holdout))
    order = rng.permutation(whole.rows)[: parts * size].reshape(parts, size)
    references = [encode(whole.take(part)) for part in order]
    to_parts = np.stack([closest_squared(points, reference) for reference in references])
    fresh_to_real = np.min([closest_squared(fresh, reference) for reference in references], axis=0)

    to_real = to_parts.min(0)
    nearest = np.minimum(to_real, to_holdout) + TIE
    winners = (to_parts <= nearest).sum(0)
    holdout_wins = to_holdout <= nearest
    share = float((winners / (winners + holdout_wins)).mean())
    low, high = wilson_interval(share, len(to_real))
    notes = []
    if len(to_real) < tables.synthetic.rows:
        notes.append(f"Distance to the closest record was measured for {len(to_real):,} synthetic rows.")
    if whole.rows < tables.real.rows:
        notes.append(f"Distances were measured to {whole.rows:,} rows drawn from the real table.")
    return DistanceToClosest(
        share_closer_to_real=equal_size_share(share, parts),
        share_low=equal_size_share(low, parts),
        share_high=equal_size_share(high, parts),
        p5_synthetic=finite(np.sqrt(np.quantile(to_real, 0.05))),
        p5_holdout=finite(np.sqrt(np.quantile(fresh_to_real, 0.05))),
        median_synthetic=finite(np.sqrt(np.median(to_real))),
        median_holdout=finite(np.sqrt(np.median(fresh_to_real))),
        queries=len(to_real),
        reference_rows=size,
        real_parts=parts,
        histogram=distance_histogram(np.sqrt(to_real), np.sqrt(fresh_to_real)),
    ), notes
