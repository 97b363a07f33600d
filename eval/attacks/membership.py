"""Was this row learned from? An ensemble of membership-inference attacks, the strongest of which is quoted.

The attacker holds the synthetic table and a reference: other rows of the population, here half of the holdout.
Asked about as many training rows as held-out ones (the other half), it gives each a score:

- distance: how near the closest synthetic row is (Hayes et al. 2019; Chen et al., "GAN-Leaks", CCS 2020);
- density: the density of the synthetic table at the row over that of the reference, so that what is merely
  common is not taken for learned (DOMIAS, van Breugel et al., AISTATS 2023). The densities are
  those of the nearest neighbour (Loftsgaarden and Quesenberry 1965), whose ratio is, up to a constant and a
  power, that of two distances: it needs no bandwidth and takes categories, where the paper's kernels and flows
  do not. (Of 1, 2, 3 and 5 neighbours, one found most of three kinds of leak.)
- classifier: how synthetic, and not reference, a tree model finds the row: the same ratio, learned.

No attack dominates, so all are run; their intervals are widened so as to hold together (Bonferroni). A mean over all
rows says little of the few that stand stranger_scores: :mod:`eval.attacks.exposed` attacks those by themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..facts.privacy import Membership
from ..metrics.distance import Encoded, Encoder, closest_squared
from ..preparing.features import TreeModel, feature_matrix
from ..preparing.fingerprints import row_fingerprints
from ..preparing.tables import Table, Tables, subsample
from .audit import epsilon_bound
from .exposed import attack_exposed
from .figures import attack_of

__all__ = ["CAVEAT", "MAX_SYNTHETIC", "MAX_TARGETS", "Attacker", "measure_membership"]

CAVEAT = (
    "An attack that fails does not prove that none succeeds: a stronger one, or one that knows the generator or "
    "a person's other records, may still tell who was learned from."
)

#: Training rows that are asked about, and as many held-out ones.
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
    count = min(MAX_TARGETS, holdout.rows // 2, tables.real.rows)
    if count < MIN_TARGETS:
        return None, [f"No membership attack was run: the holdout has {holdout.rows} rows; give {2 * MIN_TARGETS}."]
    rng = np.random.default_rng(seed)
    order = rng.permutation(holdout.rows)
    strangers = holdout.take(order[:count])
    reference = subsample(holdout.take(np.sort(order[count:])), MAX_SYNTHETIC, rng)
    members = tables.real.take(rng.choice(tables.real.rows, count, replace=False))
    synthetic = subsample(tables.synthetic, MAX_SYNTHETIC, rng)

    attacker = Attacker.train(tables, synthetic, reference, seed, threads)
    member_scores, stranger_scores = attacker(members), attacker(strangers)
    scores = {name: (member_scores[name], stranger_scores[name]) for name in member_scores}
    level = 1 - (1 - CONFIDENCE) / len(scores)
    attacks = tuple(attack_of(name, *pair, level=level, rng=rng) for name, pair in scores.items())
    exposed, more = attack_exposed(
        attacker, tables.real, (members, member_scores), (strangers, stranger_scores), seed=seed
    )
    strongest = max(attacks, key=lambda attack: attack.auc.value or 0.0)
    notes = more
    if synthetic.rows < tables.synthetic.rows:
        notes.append(
            f"The attacker was given {synthetic.rows:,} synthetic rows to search (and all, to look for equal rows)."
        )
    return Membership(
        attacks=attacks,
        strongest=strongest.name,
        members=count,
        reference_rows=reference.rows,
        synthetic_rows=synthetic.rows,
        epsilon=epsilon_bound(scores, rng=rng, confidence=CONFIDENCE),
        caveat=CAVEAT,
        exposed=exposed,
    ), notes


@dataclass(frozen=True)
class Attacker:
    """What the attacker holds, and its scores of any rows: a call gives ``{attack: float64[rows]}``."""

    tables: Tables
    reference: Table
    encode: Encoder
    points: tuple[Encoded, Encoded]
    fingerprints: np.ndarray
    model: TreeModel

    @classmethod
    def train(
        cls, tables: Tables, synthetic: Table, reference: Table, seed: int = 0, threads: int | None = None
    ) -> Attacker:
        """An attacker who has these synthetic rows, and these others of the population."""
        encode = Encoder(tables, ranks_of=synthetic)
        x, types = feature_matrix(synthetic, tables.modelled, tables)
        others, _ = feature_matrix(reference, tables.modelled, tables)
        y = np.repeat([1.0, 0.0], [len(x), len(others)])
        model = TreeModel("binary:logistic", types, seed=seed, threads=threads).fit(np.concatenate([x, others]), y)
        # The search may see a part of the synthetic table only; equal rows are found in the whole.
        made = row_fingerprints(tables.synthetic, tables.modelled)
        return cls(tables, reference, encode, (encode(synthetic), encode(reference)), made, model)

    def __call__(self, targets: Table) -> dict[str, np.ndarray]:
        names = self.tables.modelled
        rows = self.encode(targets)
        to_synthetic, to_reference = (closest_squared(rows, points) for points in self.points)
        to_synthetic[np.isin(row_fingerprints(targets, names), self.fingerprints)] = 0.0
        return {
            "distance": -to_synthetic,
            "density": np.log(np.maximum(to_reference, FLOOR)) - np.log(np.maximum(to_synthetic, FLOOR)),
            "classifier": self.model.predict(feature_matrix(targets, names, self.tables)[0]),
        }
