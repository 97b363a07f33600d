"""How long trials and fits are: as many rows looked at, whatever the batch size."""

from __future__ import annotations

import pytest

from tabllm.tuning.length import Length, length_for, length_of_fit

NOTHING = {"epochs": None, "steps": None, "fixed": {}}


def test_a_trial_gets_a_share_of_the_models_own_length():
    assert length_for("ctgan", 1000, share=0.1, **NOTHING) == Length("epochs", 30)
    # 5,000 updates of 1,024 rows are 2,500 passes over 2,048.
    assert length_for("tabddpm", 2048, share=0.1, **NOTHING) == Length("epochs", 250)


def test_a_length_that_is_asked_for_is_taken():
    assert length_for("ctgan", 1000, share=0.1, epochs=7, steps=None, fixed={}) == Length("epochs", 7)
    assert length_for("ctgan", 1000, share=0.1, epochs=None, steps=9, fixed={}) == Length("steps", 9)
    assert Length("steps", 10).part(1 / 3) == {"steps": 3}
    assert Length("steps", 1).part(1 / 3) == {"steps": 1}
    assert Length("epochs", 30).part(0.5) == {"epochs": 15}


def test_a_generator_without_a_length_gets_none(toy):
    assert length_for("toy", 1000, share=0.1, **NOTHING).part(1.0) == {}


def test_a_fit_is_told_its_length_where_the_batch_would_change_it():
    assert length_of_fit("tabddpm", 2048, {"learning_rate": 0.01}, **NOTHING) == {}
    assert length_of_fit("tabddpm", 2048, {"batch_size": 256}, **NOTHING) == {"epochs": 2500}
    assert length_of_fit("ctgan", 1000, {"batch_size": 200}, **NOTHING) == {}  # 300 passes either way
    assert length_of_fit("ctgan", 1000, {"batch_size": 200}, epochs=5, steps=None, fixed={}) == {"epochs": 5}
    assert length_of_fit("ctgan", 1000, {}, epochs=None, steps=50, fixed={}) == {"steps": 50}


@pytest.mark.parametrize("batch", [256, 512, 1024])
def test_trials_of_every_batch_size_look_at_as_many_rows(batch):
    from tabular import TabDDPM

    length = length_for("tabddpm", 8192, share=0.1, **NOTHING)
    trial = TabDDPM(batch_size=batch, **length.part(1.0))
    assert trial._planned_steps(8192) * batch == pytest.approx(500 * 1024)
