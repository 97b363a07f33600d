"""Was this row learned from? An ensemble of membership-inference attacks, the strongest of which is quoted.

The attacker holds the synthetic table and a reference: other rows of the population, here half of the holdout.
Asked about as many learned rows as held-out ones (the other half), it gives each a score:

- distance: how near the closest synthetic row is (Hayes et al. 2019; Chen et al., "GAN-Leaks", CCS 2020);
- density: the density of the synthetic table at the row over that of the reference, so that what is merely
  common is not taken for learned (DOMIAS, van Breugel et al., AISTATS 2023). The densities are
  those of the nearest neighbour (Loftsgaarden and Quesenberry 1965), whose ratio is, up to a constant and a
  power, that of two distances: it needs no bandwidth and takes categories, where the paper's kernels and flows
  do not. (Of 1, 2, 3 and 5 neighbours, one found most of three kinds of leak.)
- classifier: how synthetic, and not reference, a tree model finds the row: the same ratio, learned.

No attack dominates, so all are run; their intervals are widened so as to hold together (Bonferroni).
"""

from __future__ import annotations

import numpy as np

from .audit import epsilon_bound
from .bootstrap import auc_statistic, percentile_interval, resamples
from .distance import Encoder, closest_squared
from .estimates import Estimate, clopper_pearson
from .features import TreeModel, feature_matrix
from .fingerprints import row_fingerprints
from .plain_data import finite
from .privacy_facts import Attack, Membership
from .tables import Table, Tables, subsample

__all__ = ["CAVEAT", "MAX_SYNTHETIC", "MAX_TARGETS", "attack_of", "measure_membership"]

CAVEAT = (
    "An attack that fails does not prove that none succeeds: a stronger one, or one that knows the generator or "
    "a person's other records, may still tell who was learned from."
)

#: Learned rows that are asked about, and as many held-out ones.
MAX_TARGETS = 5_000
#: Synthetic rows, and reference rows, among which neighbours are searched.
MAX_SYNTHETIC = 50_000
#: Below this many held-out rows to ask about, no figure would mean anything.
MIN_TARGETS = 20
#: Squared distances are taken as no less: the ratio of two copies to none must stay a number.
FLOOR = 1e-8
CONFIDENCE = 0.95


def measure_membership(
    tables: Tables, *, seed: int = 0, threads: int | None = None
) -> tuple[Membership | None, list[str]]:
    """Attack, score the attacks, and bound epsilon from below.

    Returns:
        ``None`` without a holdout or with too few rows in it, and notes.
    """
    holdout = tables.holdout
    if holdout is None or not tables.modelled:
        return None, ["No membership attack was run: it needs a holdout that the generator never saw."]
    asked = min(MAX_TARGETS, holdout.rows // 2, tables.real.rows)
    if asked < MIN_TARGETS:
        return None, [f"No membership attack was run: the holdout has {holdout.rows} rows; give {2 * MIN_TARGETS}."]
    rng = np.random.default_rng(seed)
    order = rng.permutation(holdout.rows)
    strangers = holdout.take(order[:asked])
    reference = subsample(holdout.take(np.sort(order[asked:])), MAX_SYNTHETIC, rng)
    members = tables.real.take(rng.choice(tables.real.rows, asked, replace=False))
    synthetic = subsample(tables.synthetic, MAX_SYNTHETIC, rng)

    scores = _scores(tables, (members, strangers), synthetic, reference, seed, threads)
    level = 1 - (1 - CONFIDENCE) / len(scores)
    attacks = tuple(attack_of(name, *pair, level=level, rng=rng) for name, pair in scores.items())
    strongest = max(attacks, key=lambda attack: attack.auc.value or 0.0)
    notes = []
    if synthetic.rows < tables.synthetic.rows:
        notes.append(
            f"The attacker was given {synthetic.rows:,} synthetic rows to search (and all, to look for equal rows)."
        )
    return Membership(
        attacks=attacks,
        strongest=strongest.name,
        members=asked,
        reference_rows=reference.rows,
        synthetic_rows=synthetic.rows,
        epsilon=epsilon_bound(scores, rng=rng, confidence=CONFIDENCE),
        caveat=CAVEAT,
    ), notes


def attack_of(
    name: str, members: np.ndarray, strangers: np.ndarray, *, level: float, rng: np.random.Generator
) -> Attack:
    """The figures of one attack, whose scores are higher the more it takes a row for learned.

    Args:
        members, strangers: ``float64[n]``, ``float64[m]``.
        level: of the intervals (bootstrap for the AUC; Clopper-Pearson for the shares, at the threshold that
            the held-out rows give).
    """
    truth = np.repeat([True, False], [len(members), len(strangers)])
    measure = auc_statistic(truth, np.concatenate([members, strangers]))
    point = float(measure(np.ones((1, len(truth)), dtype=np.int64))[0][0])
    drawn = np.concatenate([measure(counts)[0] for counts in resamples(len(truth), rng)])
    shares = []
    for rate in (0.01, 0.1):
        threshold = np.sort(strangers)[::-1][int(rate * len(strangers))]
        hits = int((members > threshold).sum())
        shares.append(Estimate(hits / len(members), *clopper_pearson(hits, len(members), level)))
    return Attack(name, Estimate(finite(point), *percentile_interval(drawn, level)), shares[0], shares[1])


def _scores(
    tables: Tables, targets: tuple[Table, Table], synthetic: Table, reference: Table, seed: int, threads: int | None
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Per attack the scores of the learned and of the held-out targets."""
    encode = Encoder(tables, ranks_of=synthetic)
    points = [encode(table) for table in targets]
    to_synthetic = [closest_squared(part, encode(synthetic)) for part in points]
    to_reference = [closest_squared(part, encode(reference)) for part in points]
    # The search may see a part of the synthetic table only; equal rows are found in the whole.
    made = row_fingerprints(tables.synthetic, tables.modelled)
    for table, squared in zip(targets, to_synthetic, strict=True):
        squared[np.isin(row_fingerprints(table, tables.modelled), made)] = 0.0

    x_synthetic, types = feature_matrix(synthetic, tables.modelled, tables)
    x_reference, _ = feature_matrix(reference, tables.modelled, tables)
    model = TreeModel("binary:logistic", types, seed=seed, threads=threads)
    model.fit(np.concatenate([x_synthetic, x_reference]), np.repeat([1.0, 0.0], [len(x_synthetic), len(x_reference)]))
    likeness = [model.predict(feature_matrix(table, tables.modelled, tables)[0]) for table in targets]
    density = [
        np.log(np.maximum(b, FLOOR)) - np.log(np.maximum(a, FLOOR))
        for a, b in zip(to_synthetic, to_reference, strict=True)
    ]
    return {
        "distance": (-to_synthetic[0], -to_synthetic[1]),
        "density": (density[0], density[1]),
        "classifier": (likeness[0], likeness[1]),
    }
