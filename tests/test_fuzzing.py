"""A small, seeded form of ``scripts/fuzz_inputs.py``: whatever is read gives a result or one sentence."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))

from fuzz_inputs import try_numbers
from fuzzing.targets import TARGETS

#: Inputs of each kind, so that none takes more than a few seconds.
COUNTS = {
    "schema": 20_000,
    "conditions": 2000,
    "settings": 100,
    "csv": 100,
    "json lines": 100,
    "parquet": 50,
    "checkpoint": 300,
    "report": 30,
    "study": 4,
}


@pytest.mark.parametrize("kind", TARGETS)
def test_every_mutated_input_gives_a_result_or_one_sentence(kind, tmp_path):
    if kind == "study":
        pytest.importorskip("optuna")
    tally = try_numbers(TARGETS[kind](tmp_path), range(COUNTS.get(kind, 40)))
    assert tally.faults == []
    # The inputs are neither all harmless nor all hopeless; a checkpoint that is not whole counts as none.
    assert tally.errors or kind == "checkpoint"
    assert tally.read or kind == "study"
