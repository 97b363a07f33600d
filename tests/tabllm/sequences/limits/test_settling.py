"""Others are drawn for events that cannot be."""

from __future__ import annotations

import numpy as np

from tabllm.sequences.limits.lifetimes import Lifetimes
from tabllm.sequences.limits.once import Once
from tabllm.sequences.limits.settling import OTHERS, settle
from tabllm.sequences.limits.variety import Variety, Varying

#: 2 of "y" comes from time 10 on.
LATE = Lifetimes.from_data([{"column": "y", "which": "is", "values": [2], "start": [10], "end": [None]}], ["y"])


def free(owner: np.ndarray) -> Varying:
    """Histories that may have as many different values as they like."""
    return Varying(Variety(), {}, owner)


def test_others_are_drawn_for_events_that_repeat_and_then_what_is_free():
    once, rng = Once({"x": 4}, np.array([0, 1, 1])), np.random.default_rng(0)
    once.have("x", np.array([0, 0, 1]), np.array([0, 1, -1], np.int32))
    drawn = {"x": np.array([1, 3, 3], np.int32), "y": np.array([5.0, 6.0, 7.0])}
    asked = []

    def again(rows: np.ndarray) -> dict[str, np.ndarray]:
        asked.append(rows)
        return {"x": np.where(np.arange(len(rows)) % 2 == 0, 0, 2).astype(np.int32), "y": np.full(len(rows), 9.0)}

    settle(drawn, np.zeros(3), once, Lifetimes(), free(once.owner), again, rng)
    assert drawn["x"].tolist() == [2, 3, 0]
    assert drawn["y"].tolist() == [9.0, 6.0, 9.0]
    assert [set(rows) for rows in asked] == [{0, 2}]
    # User 0 has had all but 3, user 1 all but 1 and 2, and only what they had is drawn again.
    drawn = {"x": np.array([1, 0], np.int32)}
    settle(
        drawn, np.zeros(2), once, Lifetimes(), free(once.owner), lambda rows: {"x": np.zeros(len(rows), np.int32)}, rng
    )
    assert drawn["x"][0] == 3
    assert drawn["x"][1] in (1, 2)


def test_so_are_others_for_a_value_that_does_not_come_at_its_time_where_any_is_found():
    times, asked = np.array([9.0, 10.0, 9.0]), []

    def again(rows: np.ndarray) -> dict[str, np.ndarray]:
        asked.append(rows)
        # Of the last event nothing else is ever drawn; of the first the second draw is another.
        return {"y": np.where((rows == 0) & (np.arange(len(rows)) == 1), 1, 2).astype(np.int32)}

    drawn = {"y": np.array([2, 2, 2], np.int32)}
    settle(drawn, times, Once({}, np.arange(3)), LATE, free(np.arange(3)), again, np.random.default_rng(0))
    assert drawn["y"].tolist() == [1, 2, 2]
    assert [np.bincount(rows).tolist() for rows in asked] == [[OTHERS[0], 0, OTHERS[0]], [0, 0, OTHERS[1]]]


def test_of_others_one_that_comes_at_its_time_and_for_the_first_time_is_best():
    once = Once({"x": 3}, np.array([0]))
    once.have("x", np.array([0]), np.array([0], np.int32))
    drawn = {"x": np.array([0], np.int32), "y": np.array([2], np.int32)}
    others = {"x": np.array([0, 1, 2, 0], np.int32), "y": np.array([1, 2, 0, 2], np.int32)}
    settle(drawn, np.array([9.0]), once, LATE, free(once.owner), lambda rows: others, np.random.default_rng(0))
    assert (drawn["x"].tolist(), drawn["y"].tolist()) == ([2], [0])


def test_where_too_many_values_are_new_others_are_drawn_that_came_before():
    owner, rng = np.arange(400), np.random.default_rng(0)
    varying, once = Varying(Variety({"x": (0.1,)}), {"x": 50}, owner), Once({}, owner)

    def again(rows: np.ndarray) -> dict[str, np.ndarray]:
        return {"x": np.where(rng.random(len(rows)) < 0.5, 0, rng.integers(1, 50, len(rows))).astype(np.int32)}

    settle({"x": np.zeros(400, np.int32)}, np.zeros(400), once, Lifetimes(), varying, again, rng)
    drawn = again(owner)
    settle(drawn, np.zeros(400), once, Lifetimes(), varying, again, rng)
    assert 0.05 < (drawn["x"] > 0).mean() < 0.16
