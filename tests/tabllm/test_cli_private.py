"""Differential privacy on the command line."""

from __future__ import annotations

import json

import pytest

FEW = ("--steps", 2, "--batch-size", 30, "--device", "cpu")


@pytest.mark.parametrize("model", ["nano", "tvae", "tabddpm"])
def test_a_private_run_shows_what_was_spent(visits, run_tabllm, model):
    asked = ("--dp-epsilon", 2, "--dp-public-schema", "--dp-noise-seed", 0)
    done = run_tabllm("fit", visits, "-m", model, *FEW, *asked, "-o", "run")
    assert done.code == 0, done.err
    shown = run_tabllm("info", "run").out
    assert "differential privacy" in shown
    assert "opacus" in shown
    told = json.loads(run_tabllm("info", "run", "--json", "-").out)["privacy"]
    assert 1.8 < told["epsilon"] <= 2
    assert told["steps"] == 2
    assert run_tabllm("sample", "run", "-n", 20, "-o", "made.csv").code == 0


def test_a_schema_file_is_the_word_for_what_is_public(visits, run_tabllm):
    done = run_tabllm("fit", visits, *FEW, "--dp-epsilon", 2, "-o", "run")
    assert done.code == 2
    assert "--schema FILE" in done.message
    assert run_tabllm("schema", visits, "-o", "public.json").code == 0
    done = run_tabllm("fit", visits, *FEW, "--dp-epsilon", 2, "--schema", "public.json", "-o", "run")
    assert done.code == 0, done.err


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (
            ("-m", "ctgan", "--dp-epsilon", 1, "--dp-public-schema"),
            "'ctgan' cannot be fitted",
        ),
        (("--dp-epsilon", -1, "--dp-public-schema"), "must be above 0"),
        (("--dp-clip", 1), "--dp-epsilon E"),
        (("--dp-epsilon", 1, "--dp-public-schema", "--engine", "mlx"), "--engine torch"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_line(visits, run_tabllm, arguments, named):
    done = run_tabllm("fit", visits, *arguments)
    assert done.code == 2
    assert named in done.message
