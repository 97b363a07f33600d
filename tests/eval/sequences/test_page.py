"""The page of histories: its sections, its plots and verdicts, and nothing of a table that is markup."""

from __future__ import annotations

import re
from html import unescape

import numpy as np
import pandas as pd
import pytest

from eval.sequences import SequenceReport, compare_sequences
from eval.sequences import comparison as comparing
from eval.sequences.page.drawings import span_text
from eval.sequences.page.whole import sequence_page
from eval.sequences.words import verdicts_of
from tabular.errors import UsageError


def log(seed: int, users: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    counts = rng.integers(2, 8, users)
    rows = counts.sum()
    start = pd.Timestamp("2026-01-05").timestamp() + rng.integers(0, 40 * 86400, rows)
    return pd.DataFrame(
        {
            "user": np.repeat([f"u{number}" for number in range(users)], counts),
            "time": pd.to_datetime(start, unit="s"),
            "page": rng.choice(["<b>home", "cart"], rows),
            "price": rng.choice([1.5, np.nan, 7.0, 20.0], rows),
        }
    )


@pytest.fixture(scope="module")
def report() -> SequenceReport:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparing, "DRAWS", 1)
        patch.setattr(comparing, "DETECTION_DRAWS", 1)
        patch.setattr("eval.preparing.features.TREES", 3)
        return compare_sequences(log(1), log(2), by="user", time="time", threads=1)


def test_histograms_and_matrices_count_every_event(report):
    drawn = report.pictures
    assert SequenceReport.from_dict(report.to_dict()) == report
    for profile in (drawn.lengths, drawn.gaps, drawn.calendar, *drawn.per_user):
        assert sum(profile.real_percent) == pytest.approx(100)
        assert sum(profile.synthetic_percent) == pytest.approx(100)
        assert len(profile.edges) == len(profile.real_percent) + 1
    assert np.sum(drawn.hours.real_percent) == pytest.approx(100)
    for matrix in drawn.transitions:
        assert np.sum(matrix.real_percent, axis=1) == pytest.approx(100)
    assert {matrix.name: matrix.rows for matrix in drawn.transitions}["page"] == ("<b>home", "cart")


def test_the_page_has_every_section_its_plots_and_the_origin(report):
    text = sequence_page(report, facts={"real rows": "log.csv"})
    for anchor in ("verdicts", "length", "gaps", "times", "transitions", "per-user", "detection", "origin"):
        assert f'href="#{anchor}"' in text
        assert f'id="{anchor}"' in text
    assert text.count('role="img"') == 3 + 3 + 3 * len(report.pictures.transitions) + len(report.pictures.per_user)
    assert "<b>" not in text
    assert "<b>home" in unescape(text)
    for verdict in verdicts_of(report).values():
        assert verdict.figure in text


def test_several_logs_stand_side_by_side_and_each_address_is_there_once(report):
    text = sequence_page({"nano": report, "other": report})
    assert "Side by side" in text
    found = re.findall(r'id="([^"]+)"', text)
    assert len(found) == len(set(found))
    with pytest.raises(UsageError, match="no report"):
        sequence_page({})


def test_dates_without_a_time_of_day_are_told_by_weekday_and_plain_numbers_have_no_calendar(monkeypatch):
    monkeypatch.setattr(comparing, "DRAWS", 1)
    monkeypatch.setattr(comparing, "DETECTION_DRAWS", 0)
    both = [log(seed)[["user", "time"]] for seed in (1, 2)]
    dates = [table.assign(time=table["time"].dt.normalize()) for table in both]
    drawn = compare_sequences(*dates, by="user", time="time").pictures
    assert drawn.hours is None
    assert sum(drawn.weekdays.real_percent) == pytest.approx(100)
    steps = [table.assign(time=table["time"].astype("int64") / 1e18) for table in both]
    report = compare_sequences(*steps, by="user", time="time")
    assert report.pictures.calendar is None
    assert 'id="times"' not in sequence_page(report)


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0"), (90, "1.5 min"), (6 * 3600, "6 h"), (86400 * 14, "2 wk"), (0.25, "0.25 s")]
)
def test_a_length_of_time_is_written_in_its_largest_unit(seconds, words):
    assert span_text(seconds) == words
