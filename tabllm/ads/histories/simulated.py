"""A simulated ad log of users with histories: what a user does depends on what he saw and clicked before.

The rows are those of :mod:`tabllm.ads.world`, and each belongs to a user. To the logit of a click are added:

======================  ====================================================================================
term                    logit
======================  ====================================================================================
frequency               0.5 log(1 + clicks before)
recency                 0.8 exp(-days since the last click)
fatigue                 -0.5 log(1 + how often the user saw the ad before)
channel                 search 0.5, email 0.2, social 0, display -0.3
last channel            after search 0.4, email 0.2, social 0, display -0.2; of the event before
======================  ====================================================================================

A click becomes a conversion with the logit ``c + 0.7 log(1 + clicks before) + 0.6 [last channel is email or search]``,
where ``c`` makes :data:`CONVERSION_RATE` of the clicks conversions. Channels go on: seven in ten events come through
the channel of the event before. Half of the events follow the one before within minutes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tabular.errors import UsageError

from .. import simulator, world
from ..simulator import CLICK, START, TIME, TRUTH, draw_by, named, numbered
from ..world import CREATIVES, DAYS, GENDERS, HOUR_SHARES, NETWORKS, build_world

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CHANNELS", "CONVERSION", "CONVERSION_TRUTH", "USER", "simulate_users"]

USER, CONVERSION, CONVERSION_TRUTH = "user_id", "conversion", "true_conversion_probability"
CHANNELS, CHANNEL_SHARES = ("display", "search", "social", "email"), np.array([0.4, 0.25, 0.25, 0.1])
CHANNEL_LOGITS, LAST_CHANNEL_LOGITS = np.array([-0.3, 0.5, 0.0, 0.2]), np.array([-0.2, 0.4, 0.0, 0.2])
FREQUENCY, RECENCY, FATIGUE = 0.5, 0.8, -0.5
CONVERSION_RATE, CONVERSION_FREQUENCY, CONVERSION_CHANNEL = 0.2, 0.7, 0.6
#: Fraction of events that come through the channel of the event before, and that follow it within minutes.
KEPT_CHANNEL, IN_BURSTS = 0.7, 0.5
BURST_SECONDS = 120.0
#: Events of a user on average that are still simulated in seconds: one step for each event of the longest user.
MAX_MEAN = 1_000


def simulate_users(
    rows: int, users: int, *, seed: int = 0, ads: int = 300, click_rate: float = 0.02, truth: bool = False
) -> pd.DataFrame:
    """A log of ``rows`` impressions of ``users`` users, in the order of their time.

    Args:
        ads: how many different ones there are.
        click_rate: the mean of the true click probabilities of the rows.
        truth: whether to add the columns :data:`~tabllm.ads.simulator.TRUTH` and :data:`CONVERSION_TRUTH`, the
            probabilities that a row is clicked, and that it becomes a conversion, given the user's past.

    Raises:
        UsageError: for numbers or a rate out of range.
    """
    if not 1 <= users <= rows:
        raise UsageError(f"The number of users must be 1 to that of the rows, {rows:,}, not {users:,}.")
    if rows > MAX_MEAN * users:
        raise UsageError(f"{rows:,} rows of {users:,} users are more than {MAX_MEAN:,} of each; name more users.")
    simulator.check_world(ads, click_rate)
    import pandas as pd

    rng = np.random.default_rng(seed)
    made = build_world(ads, rng)
    user, first = _owners(rows, users, rng)
    second = _times(user, first, rng)
    drawn = simulator.draw_impressions(made, rows, rng)
    for name in ("age", "gender", "residence", "series", "size"):  # a user's own
        drawn[name] = drawn[name][first][user]
    drawn["second"] = second
    drawn["ad"] = draw_by(made.running * made.popularity, second // 86_400, rng)
    drawn["slot"] = draw_by(made.slot_shares, made.creative_of[drawn["ad"]], rng)
    channel = _channels(first, rows, rng)
    fixed = simulator.click_logits(made, drawn) + CHANNEL_LOGITS[channel] + FATIGUE * np.log1p(_seen(user, drawn["ad"]))
    last = np.append(0, channel[:-1])
    begins = np.zeros(rows, dtype=bool)
    begins[first] = True
    fixed += np.where(begins, 0.0, LAST_CHANNEL_LOGITS[last])
    click, probability, before = _clicks(fixed, second, first, click_rate, rng)
    warm = ~begins & np.isin(last, [CHANNELS.index("search"), CHANNELS.index("email")])
    wanted = CONVERSION_FREQUENCY * np.log1p(before) + CONVERSION_CHANNEL * warm
    becomes = simulator.click_chances(wanted, CONVERSION_RATE, weights=probability)
    conversion = click & (rng.random(rows) < becomes)
    columns: dict[str, Any] = {
        USER: numbered(rng.permutation(users)[user], "user", users),
        TIME: pd.Timestamp(START) + pd.to_timedelta(second, unit="s"),
        CLICK: click.astype(np.int64),
        CONVERSION: conversion.astype(np.int64),
        "channel": named(channel, CHANNELS),
        "age": drawn["age"],
        "gender": named(drawn["gender"], GENDERS),
        "city_rank": made.rank_of[drawn["residence"]],
        "device_series": numbered(drawn["series"], "series", world.SERIES),
        "device_size": drawn["size"],
        "network_type": named(drawn["network"], NETWORKS),
        "ad_id": numbered(drawn["ad"], "ad", ads),
        "creative_type": named(made.creative_of[drawn["ad"]], CREATIVES),
        "slot_id": numbered(drawn["slot"], "slot", world.SLOTS),
    }
    if truth:
        columns |= {TRUTH: probability.round(6), CONVERSION_TRUTH: (probability * becomes).round(6)}
    return pd.DataFrame(columns).iloc[np.argsort(second, kind="stable")].reset_index(drop=True)


def _owners(rows: int, users: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(int64[rows], the user of each row, ascending; int64[users], each one's first row): a few users have many."""
    weight = rng.gamma(0.8, 1.0, users)
    counts = 1 + rng.multinomial(rows - users, weight / weight.sum())
    return np.repeat(np.arange(users), counts), np.cumsum(counts) - counts


def _times(user: np.ndarray, first: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """int64[rows]: seconds since the start, ascending within each user: visits by the hour of day, bursts in each."""
    rows = len(user)
    hour = rng.choice(24, rows, p=HOUR_SHARES)
    visit = rng.integers(DAYS, size=rows) * 86_400.0 + hour * 3_600 + rng.integers(3_600, size=rows)
    visit = visit[np.lexsort((visit, user))]
    burst = rng.random(rows) < IN_BURSTS
    burst[first] = False
    begin = np.maximum.accumulate(np.where(burst, 0, np.arange(rows)))
    steps = np.cumsum(np.where(burst, rng.exponential(BURST_SECONDS, rows), 0.0))
    second = np.minimum(visit[begin] + steps - steps[begin], DAYS * 86_400 - 1)
    return np.floor(second[np.lexsort((second, user))]).astype(np.int64)


def _channels(first: np.ndarray, rows: int, rng: np.random.Generator) -> np.ndarray:
    """int64[rows]: the channel of the event before, or another one."""
    fresh = rng.random(rows) >= KEPT_CHANNEL
    fresh[first] = True
    drawn = rng.choice(len(CHANNELS), rows, p=CHANNEL_SHARES)
    return drawn[np.maximum.accumulate(np.where(fresh, np.arange(rows), 0))]


def _seen(user: np.ndarray, ad: np.ndarray) -> np.ndarray:
    """int64[rows]: how often the user of each row saw its ad before."""
    pair = user * (int(ad.max()) + 1) + ad
    order = np.argsort(pair, kind="stable")
    begins = np.flatnonzero(np.append(True, np.diff(pair[order]) != 0))
    count = np.diff(np.append(begins, len(pair)))
    found = np.empty(len(pair), np.int64)
    found[order] = np.arange(len(pair)) - np.repeat(begins, count)
    return found


def _clicks(
    fixed: np.ndarray, second: np.ndarray, first: np.ndarray, rate: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(bool[rows], clicks; float64[rows], their probabilities; int64[rows], clicks of the user before).

    All users at once, event by event, for each draw changes the next; the intercept that makes the mean probability
    ``rate`` is searched over the same uniform numbers.
    """
    from scipy.optimize import brentq
    from scipy.special import logit

    uniform = rng.random(len(fixed))
    counts = np.diff(np.append(first, len(fixed)))
    longest_first = np.argsort(-counts, kind="stable")
    starts, counts = first[longest_first], counts[longest_first]
    active = np.searchsorted(-counts, -np.arange(counts[0]), side="left")  # users with an event at each step

    def walk(intercept: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        click, probability = np.zeros(len(fixed), bool), np.zeros(len(fixed))
        before, past = np.zeros(len(fixed), np.int64), np.zeros(len(starts), np.int64)
        when = np.full(len(starts), -np.inf)
        for step, users in enumerate(active):
            rows = starts[:users] + step
            days = (second[rows] - when[:users]) / 86_400
            z = fixed[rows] + intercept + FREQUENCY * np.log1p(past[:users]) + RECENCY * np.exp(-days)
            found = 1 / (1 + np.exp(-z))
            hit = uniform[rows] < found
            click[rows], probability[rows], before[rows] = hit, found, past[:users]
            past[:users] += hit
            when[:users][hit] = second[rows][hit]
        return click, probability, before

    reach = float(np.abs(fixed).max()) + abs(float(logit(rate))) + 10
    intercept = brentq(lambda value: walk(value)[1].mean() - rate, -reach, reach, xtol=1e-4)
    return walk(intercept)
