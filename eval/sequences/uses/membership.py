"""Was this user learned from? Attacks by the distance of a whole user to synthetic ones.

As in the membership attack on rows, the attacker holds the synthetic log and a reference, half of the held-out users,
and is asked about learned users and about the other half. Users are compared by the values of
:func:`eval.sequences.per_user.features_of_users`, each as its rank among synthetic users.
"""

from __future__ import annotations

import numpy as np

from tabular.relations.log import EventLog

from ...attacks.figures import attack_of
from ..per_user import features_of_users
from .facts import UserMembership

__all__ = ["measure_user_membership"]

#: Users that are asked about, and users that are searched.
MAX_TARGETS, MAX_SEARCHED = 5_000, 20_000
#: Held-out users below which no figure would mean anything.
MIN_TARGETS = 20
CONFIDENCE = 0.95
#: Distances are taken as no less: the ratio of two equal users must stay a number.
NEAR = 1e-6


def measure_user_membership(
    real: EventLog, holdout: EventLog, synthetic: EventLog, *, seed: int = 0
) -> tuple[UserMembership | None, str | None]:
    """Attack whole users.

    Args:
        real: users that were learned.
        holdout: users that were not.

    Returns:
        ``None`` with a note if too few users were held out.
    """
    from sklearn.neighbors import NearestNeighbors

    asked = min(MAX_TARGETS, len(holdout.first) // 2, len(real.first))
    if asked < MIN_TARGETS:
        return None, (
            f"No membership attack on users was run: {len(holdout.first):,} users are held out; {2 * MIN_TARGETS} are "
            "needed."
        )
    rng = np.random.default_rng([seed, 13])
    features = [features_of_users(log) for log in (synthetic, real, holdout)]
    names = [name for name in features[0] if all(name in each for each in features)]
    made, learned, held = (np.column_stack([each[name] for name in names]) for each in features)
    encode = _Ranks(made)
    order = rng.permutation(len(held))
    strangers, reference = encode(held[order[:asked]]), encode(held[order[asked:]][:MAX_SEARCHED])
    members = encode(learned[rng.permutation(len(learned))[:asked]])
    searched = encode(made[rng.permutation(len(made))[:MAX_SEARCHED]])
    found = []
    for points in (searched, reference):
        near = NearestNeighbors(n_neighbors=1, metric="manhattan").fit(points)
        found.append([np.maximum(near.kneighbors(part)[0][:, 0], NEAR) for part in (members, strangers)])
    scores = {
        "distance": [-each for each in found[0]],
        "density": [np.log(to_reference) - np.log(to_made) for to_made, to_reference in zip(*found, strict=True)],
    }
    level = 1 - (1 - CONFIDENCE) / len(scores)
    attacks = tuple(attack_of(name, *pair, level=level, rng=rng) for name, pair in scores.items())
    strongest = max(attacks, key=lambda attack: attack.auc.value or 0.0)
    return UserMembership(asked, len(reference), attacks, strongest.name), None


class _Ranks:
    """Features as ranks among synthetic users, 0 to 1; a missing value is as far from all others as can be."""

    def __init__(self, made: np.ndarray) -> None:
        self.known = [np.sort(column[~np.isnan(column)]) for column in made.T]

    def __call__(self, users: np.ndarray) -> np.ndarray:
        columns = []
        for values, known in zip(users.T, self.known, strict=True):
            rank = (np.searchsorted(known, values, "left") + np.searchsorted(known, values, "right")) / 2
            columns.append(np.where(np.isnan(values), -1.0, rank / max(len(known), 1)))
        return np.column_stack(columns)
