"""What a search space says, and that every generator's own is true of it."""

from __future__ import annotations

import inspect

import pytest

import tabllm  # noqa: F401 (registers the language models)
from tabular.registry import create, model_names, search_space
from tabular.search_space import Choice, Real, SearchSpace, Whole
from tabular.synthesizer import Synthesizer


@pytest.mark.parametrize("model", model_names())
def test_what_is_searched_are_options_whose_defaults_lie_in_their_ranges(model):
    space = search_space(model)
    assert space
    parameters = inspect.signature(type(create(model))).parameters
    for name, at in space.ranges.items():
        assert name in parameters
        assert parameters[name].default in at, name
    assert 0 < space.share <= 1
    assert set(space.screen) <= set(parameters) - set(space.ranges)


@pytest.mark.parametrize("model", ["ctgan", "tvae", "tabddpm", "tabcascade", "nano"])
def test_every_end_of_a_range_is_a_setting_that_the_generator_takes(model):
    for name, at in search_space(model).ranges.items():
        ends = at.options if isinstance(at, Choice) else (at.low, at.high)
        for value in ends:
            assert create(model, **{name: value}), (name, value)


def test_what_a_name_stands_for_is_not_searched():
    assert "base" not in search_space("gpt2").ranges


def test_a_generator_has_nothing_to_search_unless_it_says_so():
    assert not Synthesizer.search_space()
    assert not SearchSpace({})


def test_what_lies_in_a_range():
    assert 3 in Whole(1, 3)
    assert 4 not in Whole(1, 3)
    assert 2.0 not in Whole(1, 3)
    assert True not in Whole(0, 3)
    assert 2 in Real(1.5, 3)
    assert float("nan") not in Real(0, 1)
    assert (128, 128) in Choice(((128, 128), None))
    assert None in Choice((None, 1))
    assert True not in Choice((0, 1))


@pytest.mark.parametrize(
    ("model", "epochs"),
    [
        ("ctgan", 300),
        ("tvae", 300),
        ("tabddpm", 5000),  # updates, and a batch holds the whole table
        ("tabcascade", 300),  # the least updates, likewise
        ("nano", 600 / (570 // 16)),  # the least updates, of 16 rows each; 30 rows are held out
    ],
)
def test_the_length_of_a_training_is_known_before_it(model, epochs):
    assert create(model).planned_epochs(600 if model == "nano" else 500) == pytest.approx(epochs)


def test_a_length_in_updates_or_passes_is_what_is_planned():
    assert create("tvae", steps=40, batch_size=100).planned_epochs(1000) == 4
    assert create("tabcascade", epochs=2.5).planned_epochs(1024) == 2.5
    assert create("lm", epochs=3, random_weights=True).planned_epochs(2000) == pytest.approx(3, rel=0.01)
