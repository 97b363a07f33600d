"""Settings, devices and calls that cannot be are refused in words."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tabllm import TableLM
from tabllm.decoding.backend import choose_backend
from tabular.errors import TabllmError, UsageError


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"epochs": 0}, "epochs"),
        ({"width": 30, "heads": 4}, "width"),
        ({"seed": -1}, "seed"),
        ({"engine": "jax"}, "jax"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, named):
    with pytest.raises(UsageError, match=named):
        TableLM(**settings).check()


def test_a_device_that_is_not_there_is_named():
    with pytest.raises(UsageError, match="abacus"):
        choose_backend("torch", "abacus")


def test_a_model_that_has_learned_nothing_says_so(small):
    with pytest.raises(UsageError, match="fit"):
        small().sample(3)


def test_a_learning_rate_at_which_training_diverges_is_said_in_words(small):
    table = pd.DataFrame({"x": np.arange(300) % 7, "y": list("abc") * 100})
    with pytest.raises(TabllmError, match="learning"):
        small(steps=40, learning_rate=1e6).fit(table)


@pytest.mark.parametrize(
    "settings",
    [
        {"epochs": -1},
        {"steps": 0},
        {"batch_size": 0},
        {"learning_rate": 0},
        {"learning_rate": -1e-3},
        {"bins": 0},
        {"layers": 0},
        {"width": 0},
        {"heads": -2},
        {"heads": 3},
    ],
)
def test_a_setting_out_of_range_is_refused_by_its_name(settings):
    with pytest.raises(UsageError, match=next(iter(settings))):
        TableLM(**settings).check()


@pytest.mark.parametrize("call", ["sample", "complete", "save", "sample_batches"])
def test_whatever_needs_a_fit_says_so(small, call, visits_table, tmp_path):
    model = small()
    arguments = {"sample": (3,), "complete": (visits_table,), "save": (tmp_path / "run",), "sample_batches": (3,)}
    with pytest.raises(UsageError, match="fit"):
        list(getattr(model, call)(*arguments[call]) or [])
    assert list(tmp_path.iterdir()) == []
