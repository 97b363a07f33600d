"""The command line with the generators of ``tabular``: what only they can be asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest


def few(model: str) -> tuple[object, ...]:
    """Options of a fit of seconds; a diffusion of 100 steps draws for a minute, even where nothing was learned."""
    small = {"tabddpm": {"num_timesteps": 5, "d_layers": [16]}, "tabcascade": {"width": 16, "flow_steps": 2}}
    Path("few.json").write_text(json.dumps(small.get(model, {})))
    return ("-m", model, "--settings", "few.json", "--steps", 2, "--batch-size", 50, "--device", "cpu")


@pytest.mark.parametrize("model", ["tabcascade", "tabddpm", "ctgan", "tvae"])
def test_a_table_is_learned_and_rows_are_made_on_a_condition(visits, run_tabllm, model):
    done = run_tabllm("fit", visits, *few(model), "-o", "run")
    assert done.code == 0, done.err
    done = run_tabllm("sample", "run", "-n", 30, "--where", "clicked=1", "-o", "made.csv")
    assert done.code == 0, done.err
    made = pd.read_csv("made.csv")
    assert len(made) == 30
    assert set(made["clicked"]) == {1}


def test_rows_can_be_made_for_the_classes_of_a_target(visits, run_tabllm):
    done = run_tabllm("fit", visits, *few("tabddpm"), "--target", "clicked", "-o", "run")
    assert done.code == 0, done.err
    done = run_tabllm("fit", visits, *few("tabddpm"), "--target", "nothing", "-o", "other")
    assert done.code == 2
    assert "no column 'nothing'" in done.message
    done = run_tabllm("fit", visits, "-m", "tvae", "--target", "clicked", "-o", "other")
    assert done.code == 2
    assert "'tvae' has no option 'target'" in done.message
