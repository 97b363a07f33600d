"""The scores of a trial: known facts, known scores; and what the evaluation says of rows whose worth is plain."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from eval.facts.report import DistanceToClosest
from tabllm.comparing.study import holdout_split
from tabllm.tuning.judging import Facts, Judge, Scores, _surely_nearer, score_of
from tabular import infer_schema

FACTS = Facts(
    shape_error_percent=2.0,
    trend_error_percent=4.0,
    detection=0.64,
    headline="auc",
    synthetic=0.8,
    real=0.9,
    copies_percent=0.2,
    validation_copies_percent=0.2,
    nearer=0.51,
    nearer_low=0.5,
)


def test_the_score_is_the_weighted_mean_of_fidelity_and_utility():
    scores = score_of(FACTS, 0.25)
    assert scores.fidelity == pytest.approx((0.98 + 0.96 + 0.64) / 3)
    assert scores.utility == pytest.approx(0.3 / 0.4)  # counted from 0.5, what knows nothing
    assert scores.score == pytest.approx(0.75 * scores.fidelity + 0.25 * scores.utility)
    assert scores.privacy == pytest.approx(1 - 2 * 0.01)
    assert scores.guarded


def test_utility_lies_between_nothing_and_all():
    assert score_of(replace(FACTS, synthetic=0.95), 0.5).utility == 1
    assert score_of(replace(FACTS, synthetic=0.4), 0.5).utility == 0
    assert score_of(replace(FACTS, headline="r2", synthetic=0.3, real=0.6), 0.5).utility == pytest.approx(0.5)


@pytest.mark.parametrize("change", [{"headline": None}, {"real": 0.5}, {"synthetic": None}])
def test_without_utility_fidelity_is_the_score(change):
    scores = score_of(replace(FACTS, **change), 0.5)
    assert scores.utility is None
    assert scores.score == scores.fidelity


@pytest.mark.parametrize(
    ("change", "guarded"),
    [
        ({}, True),
        ({"nearer": 0.6, "nearer_low": 0.58}, False),
        ({"nearer": 0.6, "nearer_low": 0.49}, True),  # that may be chance
        ({"nearer": 0.515, "nearer_low": 0.51}, True),  # sure, and small
        ({"copies_percent": 0.8}, False),
        ({"copies_percent": 3.2, "validation_copies_percent": 3.0}, True),  # so many repeat by nature
        ({"nearer": None, "nearer_low": None}, True),
    ],
)
def test_the_guard_is_the_verdict_of_the_evaluation(change, guarded):
    assert score_of(replace(FACTS, **change), 0.5).guarded is guarded


def test_repeats_are_averaged_and_the_guard_takes_the_worst():
    judge = Judge.__new__(Judge)
    judge.utility_weight = 0.5
    leaking = replace(FACTS, detection=0.34, nearer=0.7, nearer_low=0.69)
    scores = judge.score([FACTS, leaking])
    one, other = score_of(FACTS, 0.5), score_of(leaking, 0.5)
    assert scores == Scores(
        (one.score + other.score) / 2,
        (one.fidelity + other.fidelity) / 2,
        pytest.approx(one.utility),
        pytest.approx((one.privacy + other.privacy) / 2),
        other.leak,
    )
    assert not scores.guarded


@pytest.fixture
def judged():
    """(rows that are learned, validation rows, their judge): x and y go together, and z says which."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=1500)
    y = x + 0.3 * rng.normal(size=1500)
    table = pd.DataFrame({"x": x.round(3), "y": y.round(3), "z": np.where(x + y > 0, "up", "down")})
    train, validation = holdout_split(table, 0)
    return train, validation, Judge(train, validation, infer_schema(train), target="z", utility_weight=0.5, seed=0)


def test_new_rows_of_the_same_kind_are_worth_most_and_independent_columns_little(judged):
    judge = judged[2]
    rng = np.random.default_rng(1)
    x = rng.normal(size=600)
    y = x + 0.3 * rng.normal(size=600)
    alike = pd.DataFrame({"x": x.round(3), "y": y.round(3), "z": np.where(x + y > 0, "up", "down")})
    shuffled = pd.DataFrame({name: rng.permutation(alike[name]) for name in alike})
    good, bad = (judge.score([judge.measure(made)]) for made in (alike, shuffled))
    assert good.guarded
    assert good.utility > 0.95
    assert good.fidelity > 0.85
    assert bad.utility < 0.3
    assert bad.fidelity < good.fidelity - 0.2


def test_rows_learned_by_heart_do_not_pass_the_guard(judged):
    train, _, judge = judged
    facts = judge.measure(train.sample(600, random_state=0))
    assert facts.copies_percent == 100
    assert facts.nearer > 0.95
    assert not judge.score([facts]).guarded


def test_on_few_validation_rows_a_lean_must_be_large_to_be_more_than_chance():
    few, many = (
        _surely_nearer(DistanceToClosest(0.55, 0.52, 0.58, None, None, None, None, 1000, rows, 4))
        for rows in (200, 50_000)
    )
    assert few < 0.5 < many


def test_the_model_of_the_real_rows_is_trained_once(judged, monkeypatch):
    train, _, judge = judged
    first = judge.measure(train[:300])
    counted = []
    from eval.models import pair

    predict = pair.fit_predict
    monkeypatch.setattr(pair, "fit_predict", lambda *args: counted.append(1) or predict(*args))
    assert judge.measure(train[:300]) == first
    assert len(counted) == 1
