"""Uses of histories: next events, churn, conversions by channel, and attacks on users, with what is known of each."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from eval.sequences import compare_sequences
from eval.sequences import comparison as comparing
from eval.sequences.page.whole import sequence_page
from eval.sequences.terminal import render_sequences
from eval.sequences.uses.attribution import attribution
from eval.sequences.uses.membership import measure_user_membership
from eval.sequences.uses.predicting import predictions
from tabular.encoding.arrays import to_arrays
from tabular.errors import UsageError
from tabular.relations.log import EventLog, infer_log_schema, read_log
from tabular.terminal import terminal


def table(seed: int, users: int = 150, *, mixed: bool = False) -> pd.DataFrame:
    """Users go a -> b -> c -> a, half of them leave early, and c converts; ``mixed`` has the same in any order."""
    rng = np.random.default_rng(seed)
    counts = np.where(np.arange(users) % 2, 3, 9)
    user = np.repeat(np.arange(users), counts)
    position = np.arange(len(user)) - np.repeat(np.cumsum(counts) - counts, counts)
    page = (position + rng.integers(0, 3, users)[user]) % 3
    if mixed:
        page = rng.permutation(page)
    day = pd.Timestamp("2026-01-05") + pd.to_timedelta(position * 3 + rng.integers(0, 3, users)[user], "D")
    return pd.DataFrame(
        {
            "user": [f"u{number}" for number in user],
            "day": day,
            "page": np.array(list("abc"))[page],
            "paid": (page == 2) & (rng.random(len(user)) < 0.5),
            "price": rng.normal(size=len(user)),
        }
    )


def logs(*tables: pd.DataFrame) -> list[EventLog]:
    schema = infer_log_schema(tables[0], "user", "day")
    return [read_log(to_arrays(each, schema, unseen="missing"), schema, "user", "day", own=()) for each in tables]


def test_a_model_of_mixed_histories_loses_the_next_event_and_none_of_who_stays(monkeypatch):
    monkeypatch.setattr("eval.preparing.features.TREES", 5)
    real, same, mixed = logs(table(1), table(2), table(3, mixed=True))
    event, churn = predictions(real, same, threads=1)
    assert (event.task, churn.task) == ("next event", "churn")
    assert event.real > 0.95
    assert event.synthetic > 0.95
    assert churn.real > 0.9
    assert predictions(real, mixed, threads=1)[0].lost > 0.2
    with pytest.raises(UsageError, match="--target nothing"):
        predictions(real, same, target="nothing")


def test_conversions_are_credited_to_the_channel_that_leads_to_them():
    real, same = logs(table(1), table(2))
    found = attribution(real, same, "paid", "page")
    by_channel = {credit.channel: credit for credit in found.credits}
    assert by_channel["c"].last_touch.value == 100
    assert by_channel["c"].removal.value == pytest.approx(100)
    assert by_channel["a"].last_touch.value == 0
    assert by_channel["a"].removal.value > 10
    assert all(credit.inside for credit in found.credits)
    assert found.rate.low < found.synthetic_rate < found.rate.high


def test_the_removal_effect_is_what_paths_without_a_channel_lose():
    # Half of the paths go through a, the others through b; all convert.
    rows = [(f"u{n}", step, "ab"[n % 2], step == 1) for n in range(8) for step in (0, 1)]
    (log,) = logs(pd.DataFrame(rows, columns=["user", "day", "page", "paid"]))
    found = attribution(log, log, "paid", "page")
    assert [credit.removal.value for credit in found.credits] == pytest.approx([50, 50])
    assert found.rate.value == 100


def test_channels_of_other_histories_lie_outside():
    real, mixed = logs(table(1), table(3, mixed=True).assign(page=lambda log: log["page"].replace({"a": "c"})))
    assert not all(credit.inside for credit in attribution(real, mixed, "paid", "page").credits)


@pytest.mark.parametrize(
    ("conversion", "channel", "words"),
    [
        ("gone", "page", "names 'gone'"),
        ("page", "page", "say which is a conversion"),
        ("paid=5", "page", "this value"),
        ("price=x", "page", "is a number"),
        ("paid", "price", "a channel is a category"),
        ("price=99", "page", "No real"),
    ],
)
def test_what_is_no_conversion_or_channel_is_refused(conversion, channel, words):
    (log,) = logs(table(1, 10))
    with pytest.raises(UsageError, match=words):
        attribution(log, log, conversion, channel)


def test_copied_users_are_told_and_others_are_not():
    real, holdout, fresh = logs(table(1), table(4), table(2))
    copied, why = measure_user_membership(real, holdout, real)
    assert why is None
    assert copied.best.auc.low > 0.9
    blind, _ = measure_user_membership(real, holdout, fresh)
    assert blind.best.auc.low < 0.5
    assert "held out" in measure_user_membership(real, logs(table(4, 30))[0], fresh)[1]


def test_the_report_tells_all_of_it_on_the_terminal_and_on_the_page(monkeypatch, capsys):
    monkeypatch.setattr(comparing, "DRAWS", 1)
    monkeypatch.setattr(comparing, "DETECTION_DRAWS", 0)
    monkeypatch.setattr("eval.preparing.features.TREES", 3)
    report = compare_sequences(
        table(1), table(2), by="user", time="day", holdout=table(4), conversion="paid=True", channel="page", threads=1
    )
    assert type(report).from_dict(report.to_dict()) == report
    render_sequences(report, terminal())
    shown = capsys.readouterr().out
    for words in ("next page", "removal effect", "Was a user learned from?"):
        assert words in shown
    page = sequence_page(report)
    assert all(f'id="{anchor}"' in page for anchor in ("predictions", "attribution", "membership"))
    with pytest.raises(UsageError, match="name both"):
        compare_sequences(table(1), table(2), by="user", time="day", channel="page")
