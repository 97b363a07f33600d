"""Tables of hundreds of columns are learned with fewer updates, all others with as many as ever."""

from __future__ import annotations

import pandas as pd
import pytest

from tabllm.nano.trainer import plan_training
from tabular import create, infer_schema
from tabular.pacing import columns_learned, updates_for


def test_updates_fall_with_columns_beyond_many_to_a_least_number():
    assert updates_for(150, 600, 250) == 600
    assert updates_for(300, 600, 250) == 300
    assert updates_for(1000, 600, 250) == 250
    assert updates_for(1000, 100, 250) == 100


@pytest.mark.parametrize(("columns", "steps", "batch"), [(15, 600, 16), (1000, 413, 8)])
def test_nano_makes_fewer_updates_of_fewer_rows_for_a_wide_table(columns, steps, batch):
    plan = plan_training(500, learning_rate=2e-3, seed=0, columns=columns)
    assert (plan.steps, plan.batch_rows) == (steps, batch)
    assert plan_training(500, learning_rate=2e-3, seed=0, columns=columns, batch_rows=7).batch_rows == 7


def test_tabddpm_makes_fewer_updates_for_wide_tables_of_few_rows():
    model = create("tabddpm")
    assert model._planned_steps(500) == 5000
    model.schema_ = infer_schema(pd.DataFrame({f"c{place}": [0.5, 1.5, 2.5] for place in range(300)}))
    assert columns_learned(model) == 300
    assert model._planned_steps(500) == 2500
    assert model._planned_steps(100_000) == 5000
    assert create("tabddpm", steps=7)._planned_steps(500) == 7
