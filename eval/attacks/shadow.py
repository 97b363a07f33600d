"""A likelihood-ratio attack from shadow models: is what the synthetic table looks like likelier with a row or without?

Carlini, Chien, Nasr, Song, Terzis and Tramèr, "Membership inference attacks from first principles", IEEE S&P 2022
(LiRA). Generators of the same make are fitted with and without each target; how near their rows come to it is a normal
variable, one mean with and one without the target, both with the deviation that all targets share, as the paper advises
for few models. The attack's score is the log-likelihood ratio of what the table under test shows. It is stronger than
the attacks of :mod:`eval.attacks.membership`, for it knows what each row would look like unlearned.

Fitting is the affair of the caller (:mod:`tabllm.shadow`); this file only judges.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from tabular.schema import Schema

from ..facts.privacy import ShadowAttack
from ..metrics.distance import Encoder, closest_squared
from ..preparing.tables import load_tables
from .figures import attack_of

__all__ = ["balanced_halves", "likelihood_ratio", "nearness", "shadow_attack"]

#: Squared distances are taken as no less, so that a copy has a logarithm.
FLOOR = 1e-8
#: The least deviation of a nearness: where all models agree, no ratio is infinite.
LEAST_DEVIATION = 0.05


def balanced_halves(fits: int, targets: int, rng: np.random.Generator) -> np.ndarray:
    """``bool[fits, targets]``: which target each model learns; every target is in half of them."""
    return rng.permuted(np.arange(fits)[:, None].repeat(targets, axis=1), axis=0) < fits // 2


def nearness(targets: pd.DataFrame, made: pd.DataFrame, schema: Schema) -> np.ndarray:
    """``float64[targets]``: minus the log of the squared distance to the closest row of ``made``."""
    tables = load_tables(targets, made, None, schema)
    encode = Encoder(tables)
    return -np.log(np.maximum(closest_squared(encode(tables.real), encode(tables.synthetic)), FLOOR))


def likelihood_ratio(scores: np.ndarray, inside: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """``float64[targets]``: how much likelier ``observed`` is of models that learned the target, as a logarithm.

    Args:
        scores: ``float64[fits, targets]``, of the shadow models.
        inside: ``bool[fits, targets]``, from :func:`balanced_halves`.
        observed: ``float64[targets]``, of the table under test.
    """
    found = []
    for part in (inside, ~inside):
        mean = (scores * part).sum(0) / part.sum(0)
        left = np.maximum(part.sum() - part.shape[1], 1)  # one mean a target was estimated
        deviation = max(float(np.sqrt((((scores - mean) * part) ** 2).sum() / left)), LEAST_DEVIATION)
        found.append(-(((observed - mean) / deviation) ** 2) / 2 - np.log(deviation))
    return found[0] - found[1]


def shadow_attack(
    scores: np.ndarray, inside: np.ndarray, observed: np.ndarray, members: int, *, model: str, rows: int, seed: int = 0
) -> ShadowAttack:
    """The figures of the attack.

    Args:
        scores, inside, observed: as for :func:`likelihood_ratio`.
        members: so many targets, from the first on, were learned; the others were not.
        model: the generator that was fitted, on ``rows`` rows each time.
    """
    ratio = likelihood_ratio(scores, inside, observed)
    rng = np.random.default_rng([seed, 8])
    attack = attack_of("shadow", ratio[:members], ratio[members:], level=0.95, rng=rng)
    return ShadowAttack(attack, len(scores), model, rows, members, len(ratio) - members)
