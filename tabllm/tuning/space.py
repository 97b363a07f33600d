"""Between a search space and optuna: its distributions, and what they suggest as settings of a generator."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tabular.errors import UsageError
from tabular.registry import create, search_space
from tabular.schema import Schema
from tabular.search_space import Choice, Range, SearchSpace, Whole
from tabular.settings import settings_table

from ..comparing.study import target_option

__all__ = ["default_settings", "distributions", "settings_from", "space_for", "suggested"]


def space_for(model: str, schema: Schema, *, target: str | None, fixed: Mapping[str, Any]) -> SearchSpace:
    """What is searched of ``model`` on a table.

    A generator that can make rows for the classes of a column is tried both ways; what is ``fixed`` is not searched.

    Raises:
        UsageError: if nothing is left.
    """
    space = search_space(model)
    if not space:
        raise UsageError(f"The model {model!r} has no settings to search; name another with -m.")
    ranges: dict[str, Range] = dict(space.ranges)
    if target_option(model, target, schema):
        ranges["target"] = Choice((None, target))
    ranges = {name: at for name, at in ranges.items() if name not in fixed}
    if not ranges:
        raise UsageError(f"Every setting of {model!r} that could be searched is fixed by --set; leave one out.")
    return replace(space, ranges=ranges)


def default_settings(model: str, space: SearchSpace) -> dict[str, Any]:
    """The generator's own values of what is searched."""
    table = settings_table(type(create(model)))
    return {name: table[name].default for name in space.ranges}


def distributions(space: SearchSpace) -> dict[str, Any]:
    """The space in optuna's words."""
    return {name: _distribution(at) for name, at in space.ranges.items()}


def suggested(settings: Mapping[str, Any]) -> dict[str, Any]:
    """``settings`` as optuna keeps them."""
    return {name: _plain(value) for name, value in settings.items()}


def settings_from(space: SearchSpace, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What optuna keeps as settings: the way back of :func:`suggested`."""
    found = {}
    for name, value in parameters.items():
        at = space.ranges[name]
        found[name] = next(o for o in at.options if _plain(o) == value) if isinstance(at, Choice) else value
    return found


def _distribution(at: Range) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(at, Choice):
        return CategoricalDistribution([_plain(option) for option in at.options])
    if isinstance(at, Whole):
        return IntDistribution(at.low, at.high, log=at.log)
    return FloatDistribution(at.low, at.high, log=at.log)


def _plain(value: Any) -> Any:
    """``value``, or its JSON: optuna's storage takes no list."""
    return json.dumps(value) if isinstance(value, (tuple, list)) else value
