"""The likelihood ratio of shadow models: halves, a hand-made leak, and none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from eval.attacks.shadow import balanced_halves, likelihood_ratio, nearness, shadow_attack


def test_every_target_is_in_half_of_the_models_and_not_in_the_same():
    inside = balanced_halves(8, 200, np.random.default_rng(0))
    assert (inside.sum(0) == 4).all()
    assert 80 < inside[0].sum() < 120
    assert len(np.unique(inside, axis=1).T) > 40


@pytest.mark.parametrize("lead", [0.0, 2.0])
def test_a_nearness_that_learning_raises_is_told_and_none_is_not(lead):
    rng = np.random.default_rng(0)
    inside = balanced_halves(8, 400, rng)
    each = rng.normal(0, 5, 400)  # how near any model comes to it: what the plain distance is misled by
    scores = each + lead * inside + rng.normal(size=inside.shape)
    observed = each + lead * (np.arange(400) < 200) + rng.normal(size=400)
    found = shadow_attack(scores, inside, observed, 200, model="toy", rows=100)
    assert (found.fits, found.members, found.strangers) == (8, 200, 200)
    if lead:
        assert found.attack.auc.low > 0.8
        assert "better than by chance" in found.words
    else:
        assert found.attack.auc.low < 0.5 < found.attack.auc.high
        assert "no better than by chance" in found.words


def test_where_all_models_agree_nothing_is_told():
    inside = balanced_halves(4, 10, np.random.default_rng(0))
    assert (likelihood_ratio(np.ones((4, 10)), inside, np.ones(10)) == 0).all()


def test_nearness_is_greatest_of_a_copy(tables):
    from tabular.preparing.inference import infer_schema

    targets = pd.DataFrame({"a": np.arange(20.0) ** 2, "b": list("xy") * 10})
    found = nearness(targets, targets.iloc[:15], infer_schema(targets))
    assert found[:15].min() > found[15:].max()
