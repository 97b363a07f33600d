"""A simulated ad log: rows of :mod:`tabllm.ads.world`, the probability of a click known for each.

Nothing in it was measured. That cannot be lost: every id in the rows begins with ``sim-``, and the command writes a
note beside the file. What it is for: on a real log nobody knows how well the best model could do; here the AUC of the
true probabilities is the ceiling (the Bayes AUC), and what a model lacks of it is its own fault.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tabular.errors import UsageError

from . import world as worlds
from .world import CREATIVES, DAYS, GENDERS, NETWORKS, World, build_world, zipf

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "CLICK",
    "START",
    "TIME",
    "TRUTH",
    "check_world",
    "click_chances",
    "click_logits",
    "draw_by",
    "draw_impressions",
    "expected_auc",
    "named",
    "numbered",
    "simulate_ads",
    "simulation_note",
]

CLICK, TIME, TRUTH = "click", "time", "true_click_probability"
#: The first second of the log, a Monday.
START = "2026-01-05"
MAX_ADS = 100_000


def check_world(ads: int, click_rate: float) -> None:
    """Raise :class:`UsageError` for a number of ads, or a mean click probability, out of range."""
    if not 2 <= ads <= MAX_ADS:
        raise UsageError(f"The number of ads must be 2 to {MAX_ADS:,}, not {ads}.")
    if not 0 < click_rate < 1:
        raise UsageError(f"The click rate must lie between 0 and 1, not be {click_rate:g}.")


def simulate_ads(
    rows: int, *, seed: int = 0, ads: int = 300, click_rate: float = 0.02, truth: bool = False
) -> pd.DataFrame:
    """A log of ``rows`` impressions in the order of their time.

    Args:
        ads: how many different ones there are.
        click_rate: the mean of the true probabilities of the rows.
        truth: whether to add the column :data:`TRUTH`, the probability that each click was drawn with.

    Raises:
        UsageError: for a number of rows or ads, or a rate, out of range.
    """
    if rows < 1:
        raise UsageError(f"The number of rows must be 1 or more, not {rows}.")
    check_world(ads, click_rate)
    import pandas as pd

    rng = np.random.default_rng(seed)
    world = build_world(ads, rng)
    drawn = draw_impressions(world, rows, rng)
    probability = click_chances(click_logits(world, drawn), click_rate)
    columns: dict[str, Any] = {
        CLICK: (rng.random(rows) < probability).astype(np.int64),
        "age": drawn["age"],
        "gender": named(drawn["gender"], GENDERS),
        "residence": numbered(drawn["residence"], "city", worlds.RESIDENCES),
        "city_rank": world.rank_of[drawn["residence"]],
        "device_series": numbered(drawn["series"], "series", worlds.SERIES),
        "device_size": drawn["size"],
        "network_type": named(drawn["network"], NETWORKS),
        "ad_id": numbered(drawn["ad"], "ad", ads),
        "task_id": numbered(world.task_of[drawn["ad"]], "task", len(world.task_logit)),
        "creative_type": named(world.creative_of[drawn["ad"]], CREATIVES),
        "slot_id": numbered(drawn["slot"], "slot", worlds.SLOTS),
        TIME: pd.Timestamp(START) + pd.to_timedelta(drawn["second"], unit="s"),
    }
    if truth:
        columns[TRUTH] = probability.round(6)
    return pd.DataFrame(columns)


def expected_auc(probability: np.ndarray) -> float:
    """The AUC that the true probabilities themselves have, over all draws of the clicks: no model can expect more.

    It is the fraction of pairs (click, no click) that ``chance: float64[rows]`` orders rightly, each pair weighted by
    the probability that these two rows become one, equal probabilities counting half; rows are not paired with
    themselves.
    """
    order = np.sort(probability)
    below = np.cumsum(1 - order) - (1 - order)
    ties = order * (1 - order)  # a row and itself are no pair
    _, starts, counts = np.unique(order, return_index=True, return_counts=True)
    miss = np.add.reduceat(1 - order, starts)
    right = (order * np.repeat(below[starts] + miss / 2, counts)).sum() - ties.sum() / 2
    pairs = order.sum() * (1 - order).sum() - ties.sum()
    return float(right / pairs)


def simulation_note(
    table: pd.DataFrame, *, seed: int, ads: int, click_rate: float, users: int | None = None
) -> dict[str, Any]:
    """What the note beside the file says of ``table`` (with its true probabilities), as plain JSON data."""
    return {
        "simulated": True,
        "note": "Simulated by 'tabllm simulate-ads'; nothing in this table was measured.",
        "seed": seed,
        "rows": len(table),
        "ads": ads,
        "click_rate": click_rate,
        "clicks": int(table[CLICK].sum()),
        "ceiling_auc": expected_auc(table[TRUTH].to_numpy()),
        "effects": "The terms of the click probability and their sizes stand in tabllm/ads/world.py"
        + ("." if users is None else ", those of a user's past in tabllm/ads/histories/simulated.py."),
        **({} if users is None else {"users": users}),
    }


def draw_impressions(world: World, rows: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Codes and quantities of ``rows`` impressions, by time."""
    hour = rng.choice(24, rows, p=worlds.HOUR_SHARES)
    second = np.sort(rng.integers(DAYS, size=rows) * 86_400 + hour * 3_600 + rng.integers(3_600, size=rows))
    residence = rng.choice(worlds.RESIDENCES, rows, p=zipf(worlds.RESIDENCES, 0.8))
    series = rng.choice(worlds.SERIES, rows, p=zipf(worlds.SERIES, 0.9))
    ad = draw_by(world.running * world.popularity, second // 86_400, rng)
    return {
        "second": second,
        "age": np.clip(18 + rng.gamma(2.2, 9.5, rows), 18, 85).astype(np.int64),
        "gender": rng.choice(len(GENDERS), rows, p=worlds.GENDER_SHARES),
        "residence": residence,
        "series": series,
        "size": world.sizes_of[series, (rng.random(rows) < 0.35).astype(np.int64)],
        "network": rng.choice(len(NETWORKS), rows, p=worlds.NETWORK_SHARES),
        "ad": ad,
        "slot": draw_by(world.slot_shares, world.creative_of[ad], rng),
    }


def draw_by(weights: np.ndarray, group: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """For each row one of the columns of ``weights: float64[groups, choices]``, by the weights of its group.

    All groups share one search: group g's cumulated shares lie between g and g + 1.
    """
    fractions = np.cumsum(weights, axis=1) / weights.sum(1, keepdims=True)
    fractions[:, -1] = 1.0
    line = (fractions + np.arange(len(fractions))[:, None]).ravel()
    position = np.searchsorted(line, group + rng.random(len(group)), side="right")
    return np.asarray(position - group * weights.shape[1])


def click_logits(world: World, drawn: dict[str, np.ndarray]) -> np.ndarray:
    """``float64[rows]``: the terms of :mod:`tabllm.ads.world`, without the intercept."""
    ad, slot = drawn["ad"], drawn["slot"]
    task, creative = world.task_of[ad], world.creative_of[ad]
    age = (drawn["age"] - 40) / 15
    hour = drawn["second"] % 86_400 / 3_600
    moving = np.isin(creative, [CREATIVES.index("video"), CREATIVES.index("playable")])
    return np.asarray(
        -0.2 * age
        + np.array(worlds.GENDER_LOGITS)[drawn["gender"]]
        + 0.08 * (world.rank_of[drawn["residence"]] - 3)
        + world.series_logit[drawn["series"]]
        + 0.15 * (drawn["size"] - 6.2)
        + np.array(worlds.NETWORK_LOGITS)[drawn["network"]]
        + world.ad_logit[ad]
        + world.task_logit[task]
        + world.slot_logit[slot]
        + np.array(worlds.CREATIVE_LOGITS)[creative]
        + 0.2 * np.cos(2 * np.pi * (hour - 21) / 24)
        + world.creative_slot_logit[creative, slot]
        + world.ad_age_logit[ad] * age
        + world.task_gender_logit[task, drawn["gender"]]
        - 0.7 * (moving & (drawn["network"] == NETWORKS.index("3g")))
    )


def click_chances(logits: np.ndarray, rate: float, weights: np.ndarray | None = None) -> np.ndarray:
    """The probabilities of ``logits`` under the intercept that makes their mean, weighted by ``weights``, ``rate``."""
    from scipy.optimize import brentq
    from scipy.special import expit

    reach = np.abs(logits).max() + 50
    intercept = brentq(
        lambda value: np.average(expit(logits + value), weights=weights) - rate, -reach, reach, xtol=1e-12
    )
    return np.asarray(expit(logits + intercept))


def named(codes: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """The name of each code: ``object[rows]``."""
    return np.array(names, dtype=object)[codes]


def numbered(codes: np.ndarray, what: str, count: int) -> np.ndarray:
    """``sim-ad-007``: as many digits as ``count`` needs."""
    digits = len(str(count))
    return np.array([f"sim-{what}-{number:0{digits}}" for number in range(1, count + 1)], dtype=object)[codes]
