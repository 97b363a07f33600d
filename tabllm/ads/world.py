"""The simulated world of ads: who there is, what is shown to them, and what makes a person click.

The click probability of a row is logistic, ``p = 1 / (1 + exp(-z))``, and ``z`` is the sum of the terms below, whose
sizes are chosen by hand so that the best possible AUC lies near that of published click logs (0.75 to 0.8):

====================  ==========================================================================================
term                  logit
====================  ==========================================================================================
age                   -0.2 (age - 40) / 15
gender                female 0.05, male 0, unknown -0.15
city rank             0.08 (rank - 3)
device series         normal, deviation 0.25
device size           0.15 (inches - 6.2)
network               wifi 0.2, 5g 0.1, 4g 0, 3g -0.3
ad, task, slot        normal, deviations 0.6, 0.4, 0.5
creative type         image 0, video 0.3, carousel 0.1, native 0.2, text -0.3, playable 0.4
hour                  0.2 cos(2 pi (hour - 21) / 24): most in the evening
creative x slot       normal, deviation 0.35
ad x age              a_ad (age - 40) / 15, a_ad normal, deviation 0.35: an ad has its audience
task x gender         normal, deviation 0.3
video or playable     on 3g -0.7
intercept             so that the mean probability of the rows is the click rate asked for
====================  ==========================================================================================

A task (a campaign) has several ads. An ad has one task and one creative type, and runs for some of the days, so that
the last days show ads that the first did not. City rank follows from the residence, device size from the series.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

__all__ = ["CREATIVES", "DAYS", "GENDERS", "NETWORKS", "World", "build_world", "zipf"]

DAYS = 14
RESIDENCES, SERIES, SLOTS = 60, 40, 12
ADS_PER_TASK = 3
GENDERS, GENDER_SHARES, GENDER_LOGITS = ("female", "male", "unknown"), (0.47, 0.45, 0.08), (0.05, 0.0, -0.15)
NETWORKS, NETWORK_SHARES, NETWORK_LOGITS = ("wifi", "5g", "4g", "3g"), (0.52, 0.2, 0.24, 0.04), (0.2, 0.1, 0.0, -0.3)
CREATIVES = ("image", "video", "carousel", "native", "text", "playable")
CREATIVE_SHARES, CREATIVE_LOGITS = (0.36, 0.24, 0.12, 0.14, 0.09, 0.05), (0.0, 0.3, 0.1, 0.2, -0.3, 0.4)
#: When people look at ads: most at eight in the evening.
_HOURS = 1.2 + np.cos(2 * np.pi * (np.arange(24) - 20) / 24)
HOUR_SHARES = _HOURS / _HOURS.sum()
#: Fraction of ads that run from the first to the last day.
STANDING_SHARE = 0.4


@dataclass(frozen=True)
class World:
    """What is drawn once for all rows; the counts are those of ads, tasks, residences, series and slots.

    Attributes:
        popularity: ``float64[ads]``, how often an ad is shown while it runs (Zipf).
        running: ``bool[DAYS, ads]``.
        task_of, creative_of: ``int64[ads]``.
        rank_of: ``int64[residences]``, 1 (largest) to 5.
        sizes_of: ``float64[series, 2]``, inches of the small and the large device of a series.
        slot_shares: ``float64[creatives, slots]``.
    """

    popularity: np.ndarray = field(repr=False)
    running: np.ndarray = field(repr=False)
    task_of: np.ndarray = field(repr=False)
    creative_of: np.ndarray = field(repr=False)
    rank_of: np.ndarray = field(repr=False)
    sizes_of: np.ndarray = field(repr=False)
    slot_shares: np.ndarray = field(repr=False)
    series_logit: np.ndarray = field(repr=False)
    ad_logit: np.ndarray = field(repr=False)
    ad_age_logit: np.ndarray = field(repr=False)
    task_logit: np.ndarray = field(repr=False)
    task_gender_logit: np.ndarray = field(repr=False)
    slot_logit: np.ndarray = field(repr=False)
    creative_slot_logit: np.ndarray = field(repr=False)


def zipf(count: int, exponent: float) -> np.ndarray:
    """``float64[count]``: shares that fall as ``1 / rank ** exponent``."""
    weight = np.arange(1, count + 1) ** -exponent
    return np.asarray(weight / weight.sum())


def build_world(ads: int, rng: np.random.Generator) -> World:
    """A world of ``ads`` ads."""
    tasks = -(-ads // ADS_PER_TASK)
    creatives = len(CREATIVES)
    days = np.arange(DAYS)[:, None]
    first = rng.integers(-3, DAYS, ads)
    last = first + rng.integers(3, 10, ads)
    standing = rng.random(ads) < STANDING_SHARE
    standing[0] = True  # no day without an ad
    slots = rng.dirichlet(np.full(SLOTS, 4.0), creatives) * zipf(SLOTS, 0.7)
    small = np.round(rng.normal(6.0, 0.35, SERIES), 1)
    return World(
        popularity=rng.permutation(zipf(ads, 0.9)),
        running=standing | ((days >= first) & (days <= last)),
        task_of=rng.integers(tasks, size=ads),
        creative_of=rng.choice(creatives, ads, p=CREATIVE_SHARES),
        rank_of=np.minimum(1 + np.arange(RESIDENCES) // 12, 5),
        sizes_of=np.stack([small, np.round(small + 0.6, 1)], axis=1),
        slot_shares=slots / slots.sum(1, keepdims=True),
        series_logit=rng.normal(0, 0.25, SERIES),
        ad_logit=rng.normal(0, 0.6, ads),
        ad_age_logit=rng.normal(0, 0.35, ads),
        task_logit=rng.normal(0, 0.4, tasks),
        task_gender_logit=rng.normal(0, 0.3, (tasks, len(GENDERS))),
        slot_logit=rng.normal(0, 0.5, SLOTS),
        creative_slot_logit=rng.normal(0, 0.35, (creatives, SLOTS)),
    )
