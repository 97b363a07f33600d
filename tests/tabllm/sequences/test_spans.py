"""Spans of few users go with their number of events and their beginning, as they were learned."""

from __future__ import annotations

import numpy as np
import pytest

from tabllm.sequences.spans import MAX_USERS, MIN_USERS, Spans
from tabular.plain_json import FieldError


def users(number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Many events take long, whoever begins late ends early, and half of the users have two or three events."""
    rng = np.random.default_rng(1)
    count = np.where(rng.random(number) < 0.5, rng.integers(2, 4, number), rng.integers(4, 60, number)).astype(float)
    first = rng.integers(0, 100, number).astype(float)
    span = np.rint(np.minimum(count * rng.uniform(2, 4, number), 300 - first))
    return count, first, span


def ranks_go_together(first: np.ndarray, second: np.ndarray) -> float:
    order = [np.argsort(np.argsort(each, kind="stable")) for each in (first, second)]
    return float(np.corrcoef(order)[0, 1])


def test_spans_go_with_the_number_of_events_and_keep_their_distribution():
    count, first, span = users(300)
    spans = Spans.of(count, first, span)
    drawn = spans.draw(count, first, np.random.default_rng(2))
    assert ranks_go_together(count, drawn) == pytest.approx(ranks_go_together(count, span), abs=0.1)
    assert np.quantile(drawn, [0.1, 0.5, 0.9]) == pytest.approx(np.quantile(span, [0.1, 0.5, 0.9]), rel=0.35)
    assert span.min() <= drawn.min()
    assert drawn.max() <= span.max()


def test_beginnings_go_with_the_number_of_events_and_keep_their_distribution():
    count, first, span = users(300)
    first = np.rint(np.maximum(100 - 1.5 * count + np.random.default_rng(3).normal(0, 9, 300), 0))
    spans = Spans.of(count, first, span)
    drawn = spans.beginning(count, np.random.default_rng(2))
    assert ranks_go_together(count, drawn) == pytest.approx(ranks_go_together(count, first), abs=0.1)
    assert np.quantile(drawn, [0.1, 0.5, 0.9]) == pytest.approx(np.quantile(first, [0.1, 0.5, 0.9]), abs=6)


def test_equal_spans_stay_equal_and_what_nobody_had_is_drawn_at_the_ends():
    count, first, _ = users(60)
    spans = Spans.of(count, first, np.full(60, 7.0))
    assert set(spans.draw(np.array([1.0, 1e6]), np.array([-5.0, 5e9]), np.random.default_rng(0))) == {7.0}


def test_nobody_waits_longer_for_events_than_learned_users():
    count, first, span = users(300)
    spans = Spans.of(count, first, span)
    most = np.quantile(span / (count - 1), 0.99)
    few, begin = np.tile([2.0, 3.0], 200), np.zeros(400)
    drawn = spans.draw(few, begin, np.random.default_rng(2)) / (few - 1)
    assert drawn.max() <= most
    older = Spans.from_dict({name: value for name, value in spans.to_dict().items() if name != "slowest"})
    assert (older.draw(few, begin, np.random.default_rng(2)) / (few - 1)).max() > 1.5 * most


def test_too_few_or_enough_users_need_none():
    for number in (MIN_USERS - 1, MAX_USERS + 1):
        assert Spans.of(*users(number)) is None
    count, first, span = users(200)
    assert Spans.of(np.ones(200), first, span * 0) is None
    assert Spans.of(count, first, span) is not None


def test_it_is_read_as_it_was_written():
    spans = Spans.of(*users(100))
    assert Spans.from_dict(spans.to_dict()) == spans
    older = {name: spans.to_dict()[name] for name in ("count", "first", "span", "weights", "spread")}
    assert Spans.from_dict(older).beginning(np.array([3.0]), np.random.default_rng(0)) is None
    with pytest.raises(FieldError, match="spread"):
        Spans.from_dict({**spans.to_dict(), "spread": "wide"})
