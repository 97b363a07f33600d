"""Histories are compared: what is the same has no distance, and each planted fault is found by its own figure."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from eval.sequences import SequenceReport, compare_sequences
from eval.sequences import comparison as comparing
from eval.sequences.measures import ks_distance
from eval.sequences.terminal import render_sequences
from tabular.errors import TableError, UsageError
from tabular.terminal import terminal


def log(seed: int, users: int = 120) -> pd.DataFrame:
    """Users who visit daily, mostly, and stay on the page where they are."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(2, 8, users)
    user = np.repeat(np.arange(users), counts)
    rows = len(user)
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])
    days = np.cumsum(rng.integers(1, 3, rows))
    page = np.cumsum(rng.random(rows) < 0.2) % 3
    when = pd.Timestamp("2026-01-05") + pd.to_timedelta(days - days[first][user] + rng.integers(0, 9, users)[user], "D")
    return pd.DataFrame(
        {
            "user": [f"u{n}" for n in user],
            "day": when,
            "page": np.array(list("abc"))[page],
            "price": rng.normal(size=rows) + user % 5,
        }
    )


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(comparing, "DRAWS", 2)
    monkeypatch.setattr(comparing, "DETECTION_DRAWS", 1)


def compared(synthetic: pd.DataFrame) -> SequenceReport:
    return compare_sequences(log(1), synthetic, by="user", time="day", threads=1)


def figure(report: SequenceReport, question: str, name: str) -> tuple[float, float]:
    return next((f.value, f.floor) for f in report.figures if (f.question, f.name) == (question, name))


def test_other_users_of_the_same_kind_lie_at_the_noise_floor():
    report = compared(log(2))
    assert report.compared_users == 60
    for question, found in report.questions.items():
        assert found.value < 2 * found.floor + 0.05, question
    assert report.detection > 0.5
    assert SequenceReport.from_dict(report.to_dict()) == report


def test_rows_that_are_dealt_to_other_users_lose_their_transitions_and_nothing_of_their_lengths():
    made = log(2)
    made[["page", "price"]] = made[["page", "price"]].sample(frac=1, random_state=1).to_numpy()
    report = compared(made)
    assert report.questions["length"].value < 0.2
    value, floor = figure(report, "transitions", "page")
    assert value > 2 * floor
    value, floor = figure(report, "coherence", "price")
    assert value > floor + 0.2


def test_stretched_gaps_and_halved_histories_are_told_and_seen_by_the_detector():
    made = log(2)
    made["day"] = made["day"] + (made["day"] - made["day"].min()) * 3
    assert figure(compared(made), "gaps", "time between events")[0] > 0.5
    short = log(2).groupby("user").head(2)
    report = compared(short)
    assert report.questions["length"].value > 0.5
    assert report.detection < 0.3
    assert max(report.telling, key=report.telling.get) in ("events", "span", "gap mean", "gap highest", "gap spread")


def test_a_distance_counts_values_and_not_missing_ones():
    nan = np.nan
    assert ks_distance(np.array([1.0, nan, 2.0]), np.array([1.0, 2.0])) == 0
    assert ks_distance(np.array([1.0]), np.array([2.0, nan])) == 1
    assert ks_distance(np.array([nan]), np.array([nan])) is None
    assert ks_distance(np.array([nan]), np.array([1.0])) == 1


def test_what_only_one_of_the_logs_has_is_a_difference_and_no_error():
    real, made = log(1), log(2)
    real["price"] = real["price"].mask(np.arange(len(real)) % 3 == 0)
    real["day"] += pd.to_timedelta(np.arange(len(real)) % 24, "h")
    report = compare_sequences(real, made, by="user", time="day", threads=1)
    assert figure(report, "per user", "price missing")[0] > 0.5
    assert figure(report, "times", "hour")[0] > 0.5


def test_too_few_users_and_missing_columns_are_refused():
    with pytest.raises(TableError, match="too few to compare"):
        compared(log(2, users=3))
    with pytest.raises(UsageError, match="no column 'price'"):
        compared(log(2).drop(columns="price"))


def test_the_report_is_drawn_with_its_figures(capsys):
    render_sequences(compared(log(2)), terminal(), details=True, limit=2)
    shown = capsys.readouterr().out
    assert "120 real users" in shown
    for words in ("time between events", "burstiness", "Detection of whole users"):
        assert words in shown
