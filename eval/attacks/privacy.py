"""Was a person's row copied? Exact copies, the distance to the closest record (DCR), its ratio (NNDR); the attacks.

DCR compares where synthetic rows lie between the table the generator saw and an equally large one that it
did not see (as in TabSyn, Zhang et al., ICLR 2024). It is a check for copying and no more: a generator can
leak membership at a DCR share of 0.5 (Yao et al. 2025, arXiv 2505.01524). The nearest-neighbour distance ratio
(Lowe 2004; for synthetic tables Zhao et al., "CTAB-GAN", ACML 2021) is asked in the same way: it notices a row
that clings to one real row in a place where rows lie far apart.

The attacks have files of their own: :mod:`eval.attacks.membership`, :mod:`eval.attacks.attributes`,
    :mod:`eval.attacks.singling_out`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..facts.estimates import Estimate, wilson_interval
from ..facts.privacy import NearestRatio
from ..facts.report import Copies, DistanceToClosest, Privacy, finite
from ..metrics.distance import Encoder, nearest_rows
from ..metrics.distributions import distance_histogram
from ..preparing.fingerprints import row_fingerprints
from ..preparing.tables import Tables, beside_holdout, subsample
from .attributes import CAVEAT as ATTRIBUTE_CAVEAT
from .attributes import infer_attributes
from .combinations import lone_combinations
from .identifying import identifying_cells
from .membership import measure_membership
from .singling_out import CAVEAT as SINGLING_OUT_CAVEAT
from .singling_out import single_out

__all__ = [
    "CAVEAT",
    "MAX_QUERIES",
    "MAX_REFERENCES",
    "count_copies",
    "distance_ratio",
    "equal_size_share",
    "measure_distance",
    "measure_privacy",
]

CAVEAT = (
    "No formal guarantee: these checks and attacks find what they look for. They cannot prove that no one's presence "
    "or attributes can be inferred from the synthetic table; only differential privacy bounds that."
)

RATIO_CAVEAT = (
    "A fair share here proves only that synthetic rows do not cling to single training rows; a generator can leak "
    "membership without."
)

#: Synthetic (and holdout) rows whose closest record is searched.
MAX_QUERIES = 10_000
#: Real rows that are searched.
MAX_REFERENCES = 100_000
#: Squared distances nearer than this are a tie: equal rows differ by the rounding of sums alone.
TIE = 1e-9


def measure_privacy(
    tables: Tables, *, secrets: Sequence[str] = (), seed: int = 0, threads: int | None = None
) -> tuple[Privacy, list[str]]:
    """Count the copies and, given a holdout, compare the distances and run the attacks.

    Args:
        secrets: columns that an attacker would guess: the target, those that are protected.
    """
    copies, identifying = count_copies(tables), identifying_cells(tables)
    combinations, notes = lone_combinations(tables, seed)
    if tables.holdout is None:
        notes.append(
            "Distances to the closest record were not measured and no attack was run: "
            "both need a holdout that the generator never saw."
        )
        return Privacy(copies, None, CAVEAT, identifying=identifying, combinations=combinations), notes
    distance, ratio, more = measure_distance(tables, seed)
    notes += more
    membership, more = measure_membership(tables, seed=seed, threads=threads)
    notes += more
    attributes, more = infer_attributes(tables, secrets, seed=seed)
    notes += more
    singling_out, more = single_out(tables, seed=seed)
    notes += more
    return Privacy(
        copies,
        distance,
        CAVEAT,
        ratio=ratio,
        membership=membership,
        attributes=attributes,
        singling_out=singling_out,
        attribute_caveat=ATTRIBUTE_CAVEAT if attributes else None,
        singling_out_caveat=SINGLING_OUT_CAVEAT if singling_out else None,
        identifying=identifying,
        combinations=combinations,
    ), notes


def count_copies(tables: Tables) -> Copies:
    """Compare whole rows, identifiers apart: an invented identifier on a copied row is still a copy.

    A table of identifiers alone is compared by those.
    """
    names = (*tables.modelled, *tables.texts) or tuple(tables.schema.names)
    real = row_fingerprints(tables.real, names)
    synthetic = row_fingerprints(tables.synthetic, names)
    copied = np.isin(synthetic, real)
    holdout = None
    if tables.holdout is not None:
        holdout = float(100 * np.isin(row_fingerprints(tables.holdout, names), real).mean())
    distinct, counts = np.unique(real, return_counts=True)
    once = float(np.isin(synthetic, distinct[counts == 1]).mean())
    # New rows of the same kind equal a row that stands once here as often as a row stands here twice (Good 1953, "The
    # population frequencies of species"), 3 standard deviations of that count to each side.
    pairs = int((counts == 2).sum())
    spread = 3 * np.sqrt(pairs + 1)
    probability = [min(1.0, 2 * max(0.0, count) / len(real)) for count in (pairs, pairs - spread, pairs + spread)]
    return Copies(
        synthetic_rows=int(copied.sum()),
        synthetic_percent=float(100 * copied.mean()),
        holdout_percent=holdout,
        real_repeated_percent=float(100 * counts[counts > 1].sum() / len(real)),
        once=Estimate(once, *wilson_interval(once, len(synthetic))),
        once_by_chance=Estimate(*map(float, probability)),
    )


def equal_size_share(fraction: float, parts: int) -> float:
    """The share nearer to real that references of equal size would give.

    Args:
        fraction: how often the closest row is a real one, when the real table is ``parts`` times the holdout.

    Returns:
        The share whose odds are ``1 / parts`` of the odds of ``fraction``: 0.5 where nothing was copied, 1 where
        everything was, and ``fraction`` itself for one part.
    """
    return fraction / (fraction + parts * (1 - fraction))


def measure_distance(tables: Tables, seed: int) -> tuple[DistanceToClosest | None, NearestRatio | None, list[str]]:
    """Ask for each synthetic row whether the closest row, and the lowest ratio, is a real one.

    The larger table would lie closer by its size alone. Cutting the real table to the size of the holdout
    would forgive copies of every row that was cut, so it is dealt into equal parts instead, each as large as
    the holdout, and every part runs against the holdout: had the generator copied nothing, all parts and the
    holdout would be the closest equally often, ties shared among them.
    """
    if tables.holdout is None or not tables.modelled:
        return None, None, ["Distance to the closest record was not measured: no column has a distance."]
    rng = np.random.default_rng(seed)
    whole, holdout, parts = beside_holdout(tables, MAX_REFERENCES, rng)
    size = holdout.rows
    queries = subsample(tables.synthetic, MAX_QUERIES, rng)
    encode = Encoder(tables)
    points, fresh = encode(queries), encode(subsample(holdout, MAX_QUERIES, rng))
    two_holdout = nearest_rows(points, encode(holdout), 2)[0]
    order = rng.permutation(whole.rows)[: parts * size].reshape(parts, size)
    references = [encode(whole.take(part)) for part in order]
    two_parts = np.stack([nearest_rows(points, reference, 2)[0] for reference in references])
    two_fresh = _two_least([nearest_rows(fresh, reference, 2)[0] for reference in references])
    two_real = _two_least(list(two_parts))

    fraction = _share_won(two_parts[:, :, 0], two_holdout[:, 0])
    tighter = _share_won(distance_ratio(two_parts), distance_ratio(two_holdout))
    to_real, fresh_to_real = two_real[:, 0], two_fresh[:, 0]
    ratio, fresh_ratio = distance_ratio(two_real), distance_ratio(two_fresh)
    notes = []
    if len(to_real) < tables.synthetic.rows:
        notes.append(f"Distance to the closest record was measured for {len(to_real):,} synthetic rows.")
    if whole.rows < tables.real.rows:
        notes.append(f"Distances were measured to {whole.rows:,} rows drawn from the real table.")
    return (
        DistanceToClosest(
            share_closer_to_real=fraction.value,
            share_low=fraction.low,
            share_high=fraction.high,
            p5_synthetic=finite(np.sqrt(np.quantile(to_real, 0.05))),
            p5_holdout=finite(np.sqrt(np.quantile(fresh_to_real, 0.05))),
            median_synthetic=finite(np.sqrt(np.median(to_real))),
            median_holdout=finite(np.sqrt(np.median(fresh_to_real))),
            queries=len(to_real),
            reference_rows=size,
            real_parts=parts,
            histogram=distance_histogram(np.sqrt(to_real), np.sqrt(fresh_to_real)),
        ),
        NearestRatio(
            share_tighter_to_real=tighter,
            p5_synthetic=finite(np.quantile(ratio, 0.05)),
            p5_holdout=finite(np.quantile(fresh_ratio, 0.05)),
            median_synthetic=finite(np.median(ratio)),
            median_holdout=finite(np.median(fresh_ratio)),
            caveat=RATIO_CAVEAT,
        ),
        notes,
    )


def _two_least(squared: list[np.ndarray]) -> np.ndarray:
    """``float64[queries, 2]``: the two least distances over all parts."""
    return np.sort(np.concatenate(squared, axis=1), axis=1)[:, :2]


def distance_ratio(two: np.ndarray) -> np.ndarray:
    """The closest distance over the second closest, from the squares ``float64[..., 2]``; 1 where both are 0."""
    first, second = two[..., 0], two[..., -1]
    return np.sqrt(np.where(second > 0, first / np.where(second > 0, second, 1.0), 1.0))


def _share_won(parts: np.ndarray, holdout: np.ndarray) -> Estimate:
    """How often a real part has the least value, at equal sizes.

    Args:
        parts: ``float64[parts, queries]``.
        holdout: ``float64[queries]``.
    """
    least = np.minimum(parts.min(0), holdout) + TIE
    winners = (parts <= least).sum(0)
    fraction = float((winners / (winners + (holdout <= least))).mean())
    low, high = wilson_interval(fraction, len(holdout))
    return Estimate(*(equal_size_share(value, len(parts)) for value in (fraction, low, high)))
