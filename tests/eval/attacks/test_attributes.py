"""Guessing succeeds for everyone where columns depend on each other; only learned rows give an excess."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from eval.attacks.attributes import infer_attributes


def patients(rows, seed):
    """An illness that nothing else tells, and a habit that the sex tells for certain."""
    rng = np.random.default_rng(seed)
    sex = rng.choice(["F", "M"], rows)
    return pd.DataFrame(
        {
            "height": rng.normal(170, 10, rows),
            "weight": rng.normal(70, 10, rows),
            "sex": sex,
            "habit": np.where(sex == "F", "tea", "coffee"),
            "illness": rng.choice(list("ABCD"), rows),
        }
    )


def test_copies_give_an_illness_away_that_nothing_else_tells(tables):
    real = patients(1000, 0)
    (found,), notes = infer_attributes(tables(real, real.copy(), patients(800, 2)), ["illness"])
    assert found.learned.value == 1
    assert found.holdout.value == pytest.approx(0.25, abs=0.06)
    assert found.excess.low > 0.65
    assert (found.rows, notes) == (800, [])


def test_what_the_population_tells_of_anyone_is_no_excess(tables):
    found, _ = infer_attributes(tables(patients(1000, 0), patients(1000, 1), patients(1000, 2)), ["habit", "illness"])
    habit, illness = found
    assert habit.learned.value == habit.holdout.value == 1
    assert habit.excess.value == 0
    assert illness.excess.low < 0 < illness.excess.high


def test_numbers_are_guessed_within_a_twentieth_of_the_ranks(tables):
    real = patients(1000, 0)
    found, _ = infer_attributes(tables(real, patients(1000, 1), patients(1000, 2)), ["height"])
    assert found[0].learned.value == pytest.approx(0.0975, abs=0.04)  # |u - v| <= .05 of two uniform ranks
    copied, _ = infer_attributes(tables(real, real.copy(), patients(1000, 2)), ["height"])
    assert copied[0].learned.value == 1


def test_a_missing_cell_is_guessed_only_by_a_missing_one(tables):
    real = patients(400, 0)
    real["height"] = real.height.where(np.arange(400) % 2 == 0)
    found, _ = infer_attributes(tables(real, real.copy(), real.copy()), ["height"])
    assert found[0].learned.value == 1
    lost, _ = infer_attributes(tables(real, real.assign(height=np.nan), real.copy()), ["height"])
    assert lost[0].learned.value == 0.5


def test_nothing_is_guessed_without_a_holdout_or_from_no_other_column(tables):
    assert infer_attributes(tables(patients(50, 0), patients(50, 1)), ["illness"]) == ((), [])
    alone = patients(50, 0)[["illness"]]
    assert infer_attributes(tables(alone, alone, alone), ["illness"]) == ((), [])


def test_searching_a_part_of_the_synthetic_rows_is_said(monkeypatch, tables):
    monkeypatch.setattr("eval.attacks.attributes.MAX_SYNTHETIC", 30)
    _, notes = infer_attributes(tables(patients(50, 0), patients(50, 1), patients(50, 2)), ["illness"])
    assert "30 synthetic rows" in notes[0]
