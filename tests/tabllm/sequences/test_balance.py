"""The means of the events to come."""

import numpy as np
import pandas as pd
import pytest

from tabllm import SequenceLM
from tabllm.sequences.balance import Balance
from tabllm.sequences.layout import Layout, user_arrays
from tabular.encoding.arrays import to_arrays
from tabular.relations.log import infer_log_schema, read_log


@pytest.fixture(scope="module")
def log():
    rng = np.random.default_rng(0)
    user = np.repeat(np.arange(30), rng.integers(1, 9, 30))
    spent = pd.Series(rng.gamma(2.0, 5.0, len(user)).round(2))
    spent[rng.random(len(user)) < 0.2] = np.nan
    days = pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(len(user)), unit="D")
    table = pd.DataFrame(
        {"user": user.astype(str), "day": days, "spent": spent, "page": rng.choice(list("abc"), len(user))}
    )
    schema = infer_log_schema(table, "user", "day", overrides={"user": "identifier"})
    return read_log(to_arrays(table, schema), schema, "user", "day")


def to_come_by_hand(log):
    """Of every row the mean that this event and those behind it have, if each without a value has that of its user."""
    found = []
    for first, count in zip(log.first, log.counts, strict=True):
        values = log.arrays["spent"][first : first + count]
        mean = np.nanmean(values) if (~np.isnan(values)).any() else np.nan
        values = np.where(np.isnan(values), mean, values)
        found += [values[place:].mean() for place in range(count)]
    return np.array(found)


@pytest.mark.filterwarnings("ignore:Mean of empty slice")
def test_of_a_log_it_is_the_mean_of_the_events_that_are_left(log):
    means = {"spent": user_arrays(log, Layout.of(log))["mean spent"]}
    rows = np.arange(len(log.user))
    left = log.counts[log.user] - log.position
    np.testing.assert_allclose(Balance.of_log(log, means, rows).to_come(left)["spent"], to_come_by_hand(log))
    some = rows[::3]
    np.testing.assert_allclose(
        Balance.of_log(log, means, some).to_come(left[some])["spent"], to_come_by_hand(log)[some]
    )


def test_step_by_step_it_is_what_it_is_of_the_log(log):
    means = user_arrays(log, Layout.of(log))["mean spent"]
    order = np.argsort(-log.counts, kind="stable")
    balance = Balance.at_first({"spent": means[order]})
    for step in range(log.counts.max()):
        on = int((log.counts > step).sum())
        rows = (log.first[order] + step)[:on]
        left = log.counts[log.user[rows]] - step
        whole = Balance.of_log(log, {"spent": means}, rows)
        np.testing.assert_allclose(balance.to_come(left)["spent"], whole.to_come(left)["spent"])
        balance = balance.after({"spent": log.arrays["spent"][rows]}, int((log.counts > step + 1).sum()))


def test_made_users_have_the_means_that_were_drawn_for_them():
    """Each user spends about one sum or another, and one in two of the purchases is far above it."""
    rng = np.random.default_rng(1)
    user = np.repeat(np.arange(150), 10)
    spent = (rng.integers(1, 9, 150) * 10.0)[user] + rng.choice([-20.0, 20.0], len(user))
    days = pd.Timestamp("2026-01-01") + pd.to_timedelta(np.tile(np.arange(10), 150), unit="D")
    model = SequenceLM(by="user", time="day", steps=250, seed=0)
    model.fit(pd.DataFrame({"user": user.astype(str), "day": days, "spent": spent}))
    drawn = []
    own = model._drawn_users
    model._drawn_users = lambda *parts: drawn.append(own(*parts)) or drawn[-1]
    made = model.sample(150, seed=3).groupby("user", sort=False)["spent"].mean()
    apart = made.to_numpy() - drawn[0]["mean spent"]
    # Without a balance the mean of ten purchases is 20 / sqrt(10) = 6.3 away.
    assert np.sqrt((apart**2).mean()) < 4.5
