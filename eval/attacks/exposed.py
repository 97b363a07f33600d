"""The most exposed people: membership attacks on the most isolated rows, apart from average ones.

What gives one person in a hundred away hardly moves a mean over all (Carlini et al., "The privacy onion effect",
NeurIPS 2022; Stadler, Oprisanu and Troncoso, "Synthetic data: anonymisation groundhog day", USENIX Security 2022).
Isolation is the distance to the closest of some real rows that were held out, which the generator never saw: so learned
and held-out rows are chosen alike, and only what the synthetic table tells sets them apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ..facts.privacy import AttackedGroup, Exposed
from ..metrics.distance import closest_squared
from ..preparing.tables import Table, subsample
from .figures import attack_of, median_estimate

if TYPE_CHECKING:
    from .membership import Attacker

__all__ = ["SHARE", "attack_exposed"]

#: Of the rows, how many count as isolated; on a small holdout more, up to the second.
SHARE, MAX_SHARE = 0.01, 0.1
#: Fewer held-out rows than this give no figure.
MIN_ROWS = 20
#: Training rows among which the isolated ones are sought, and held-out rows that they are isolated from.
MAX_POOL, MAX_NEIGHBOURS = 50_000, 1_000
#: Isolated training rows that are asked about.
MAX_TARGETS = 1_000

#: Rows, and the scores of each attack for them.
Asked = tuple[Table, Mapping[str, np.ndarray]]


def attack_exposed(
    attacker: Attacker, real: Table, members: Asked, strangers: Asked, *, seed: int = 0
) -> tuple[Exposed | None, list[str]]:
    """Attack the isolated rows of ``real`` and of the ``strangers``; the average ones are among those asked before.

    Returns:
        ``None``, and a note, where too few of the strangers are isolated.
    """
    fraction = max(SHARE, MIN_ROWS / strangers[0].rows)
    if fraction > MAX_SHARE:
        return None, [f"Isolated rows were not attacked apart: it takes {2 * MIN_ROWS / MAX_SHARE:.0f} holdout rows."]
    rng = np.random.default_rng([seed, 6])
    neighbours = attacker.encode(subsample(attacker.reference, MAX_NEIGHBOURS, rng))
    pool = subsample(real, MAX_POOL, rng)
    isolation = [closest_squared(attacker.encode(table), neighbours) for table in (pool, members[0], strangers[0])]
    middle = float(np.median(isolation[0]))
    first = _farthest(isolation[0], fraction, rng)[:MAX_TARGETS]
    last = _farthest(isolation[2], fraction, rng)
    level = 1 - 0.05 / (2 * len(members[1]))
    isolated = attacker(pool.take(first)), {name: scores[last] for name, scores in strangers[1].items()}
    average = [
        {name: scores[far <= middle] for name, scores in attacked.items()}
        for far, attacked in zip(isolation[1:], (members[1], strangers[1]), strict=True)
    ]
    groups = [_group(inside, outside, level, rng) for inside, outside in (isolated, (average[0], average[1]))]
    return Exposed(round(100 * fraction, 1), groups[0], groups[1]), []


def _farthest(isolation: np.ndarray, fraction: float, rng: np.random.Generator) -> np.ndarray:
    """The positions of the most isolated rows; which of equals is left to chance."""
    order = np.lexsort((rng.random(len(isolation)), -isolation))
    return order[: max(MIN_ROWS, round(fraction * len(isolation)))]


def _group(
    members: Mapping[str, np.ndarray], strangers: Mapping[str, np.ndarray], level: float, rng: np.random.Generator
) -> AttackedGroup:
    attacks = tuple(attack_of(name, members[name], strangers[name], level=level, rng=rng) for name in members)
    distances = [np.sqrt(np.maximum(-attacked["distance"], 0.0)) for attacked in (members, strangers)]
    return AttackedGroup(
        len(distances[0]), len(distances[1]), attacks, median_estimate(distances[0]), median_estimate(distances[1])
    )
