"""Was a person's row copied? Exact copies, and the distance to the closest record (DCR).

DCR compares where synthetic rows lie between the table the generator saw and an equally large one that it
did not see (as in TabSyn, Zhang et al., ICLR 2024). It is a check for copying and no more: a generator can
leak membership at a DCR share of 0.5 (Yao et al. 2025, arXiv 2505.01524). Attacks are another matter.
"""

from __future__ import annotations

import numpy as np

from .distance import Encoder, closest_squared
from .fingerprints import row_fingerprints
from .report import Copies, DistanceToClosest, Privacy, finite
from .tables import Tables, subsample

__all__ = ["CAVEAT", "MAX_QUERIES", "MAX_REFERENCES", "count_copies", "measure_privacy", "wilson_interval"]

CAVEAT = (
    "No formal guarantee: these checks find copied rows. They cannot prove that no one's presence or "
    "attributes can be inferred from the synthetic table; only differential privacy bounds that."
)

#: Synthetic (and holdout) rows whose closest record is searched.
MAX_QUERIES = 10_000
#: Rows of each of the two references that are searched.
MAX_REFERENCES = 50_000
#: Squared distances nearer than this are a tie: float32 knows no better.
TIE = 1e-6


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


def wilson_interval(share: float, n: int, z: float = 1.959964) -> tuple[float, float]:
    """Wilson's (1927) 95 % interval of a share of ``n`` trials; it never leaves 0 to 1."""
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    return float(max(0.0, centre - half)), float(min(1.0, centre + half))


def _measure_distance(tables: Tables, seed: int) -> tuple[DistanceToClosest | None, list[str]]:
    assert tables.holdout is not None
    if not tables.modelled:
        return None, ["Distance to the closest record was not measured: no column has a distance."]
    rng = np.random.default_rng(seed)
    # Equal sizes, or the larger table would lie closer by its size alone.
    size = min(tables.real.rows, tables.holdout.rows, MAX_REFERENCES)
    real, holdout = subsample(tables.real, size, rng), subsample(tables.holdout, size, rng)
    queries = subsample(tables.synthetic, MAX_QUERIES, rng)
    encode = Encoder(tables)
    points, real_points, holdout_points = encode(queries), encode(real), encode(holdout)
    to_real = closest_squared(points, real_points)
    to_holdout = closest_squared(points, holdout_points)
    fresh = closest_squared(encode(subsample(holdout, MAX_QUERIES, rng)), real_points)

    gap = to_real - to_holdout
    share = float(((gap < -TIE) + 0.5 * (np.abs(gap) <= TIE)).mean())
    low, high = wilson_interval(share, len(gap))
    notes = []
    if len(gap) < tables.synthetic.rows or size < max(tables.real.rows, tables.holdout.rows):
        notes.append(
            f"Distance to the closest record: {len(gap):,} synthetic rows against {size:,} real and {size:,} holdout rows."
        )
    return DistanceToClosest(
        share_closer_to_real=share,
        share_low=low,
        share_high=high,
        p5_synthetic=finite(np.sqrt(np.quantile(to_real, 0.05))),
        p5_holdout=finite(np.sqrt(np.quantile(fresh, 0.05))),
        median_synthetic=finite(np.sqrt(np.median(to_real))),
        median_holdout=finite(np.sqrt(np.median(fresh))),
        queries=len(gap),
        reference_rows=size,
    ), notes
