"""What columns must be for others that are made from them to be as they are given.

``total`` and ``quantity`` tell ``price``. A date tells only the day of a timestamp, a country only which cities it may
be: there what was drawn is kept where it agrees, its time of day or its remainder is taken over, or else one of the
values that agree is chosen, as often as each was drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ...encoding.arrays import on_grid
from ...encoding.cells import grid_step
from ...schema import Column, Schema
from ..language.evaluation import Rows
from ..language.instants import has_zones, is_local, placed, zone_numbers
from ..language.keys import row_keys
from ..language.listed import listed_rows
from ..language.syntax import Call, Reference
from .derivations import Computed, Derivation, Gap, LookedUp, Mapped, codes_of, is_missing
from .solving import DAY, loses, solve, years_later

__all__ = ["Made", "invert"]

Arrays = dict[str, np.ndarray]
Made = Computed | LookedUp | Mapped

#: A source with more values than that is not searched for those that agree.
MOST_VALUES = 200_000
#: What a value that was never drawn weighs beside one that was drawn once.
UNDRAWN = 1e-3


def invert(
    found: Arrays,
    derivations: Sequence[Derivation],
    known: Arrays,
    schema: Schema,
    rng: np.random.Generator,
    *,
    choose: bool = True,
) -> None:
    """Change ``found`` so that what is made from it comes to the cells that are ``known``, as far as it can.

    Args:
        found: canonical arrays: known cells, and drawn ones that may be changed.
        derivations: each after those that it needs.
        known: bool[rows] per column; cells that follow from known ones become known.
        choose: whether a category that does not agree is replaced by one that does; else it is left, to be drawn again.
    """
    made = [each for each in derivations if not isinstance(each, Gap) and _is_there(each, found)]
    alone: dict[str, list[Made]] = {}
    for each in made:
        if len(each.sources) == 1:
            alone.setdefault(each.sources[0], []).append(each)
    plain = [each for each in made if isinstance(each, Computed) and not loses(each.expression)]
    plain.sort(key=lambda each: _coarseness(each, found, schema))
    lossy = [each for each in made if len(each.sources) > 1 and each not in plain]
    # Twice, since what is made from a column that is made itself tells that one first, and that one others. At first
    # only what follows from known cells alone: a drawn one may still be changed by what is made from it.
    for sure in (True, False):
        for each in plain:
            _solve_one(each, found, known, schema, sure=sure)
        for each in reversed(made):
            if len(each.sources) == 1 and alone[each.sources[0]][0] is each:
                source = each.sources[0]
                bounds = _bounds(source, made, found, known)
                _match(source, alone[source], bounds, found, known, schema, rng, choose)
        for each in lossy:
            if isinstance(each, Computed):
                _solve_one(each, found, known, schema)
            elif choose and isinstance(each, LookedUp):
                _choose_combination(each, found, known, schema, rng)


def _coarseness(made: Computed, found: Mapping[str, np.ndarray], schema: Schema) -> float:
    """What the rounding of the column leaves open, as a fraction of it."""
    target = schema[made.target]
    if not target.is_numeric or target.kind == "datetime":
        return 0.0
    typical = np.nanmedian(np.abs(found[made.target])) if len(found[made.target]) else 0.0
    return (grid_step(target) or 0.0) / max(float(typical), 1e-12)


def _is_there(derivation: Made, found: Mapping[str, np.ndarray]) -> bool:
    return derivation.target in found and all(source in found for source in derivation.sources)


# -- one column that others are made from -------------------------------------------------------------------------
@dataclass(frozen=True)
class _Values:
    """Values that a column may have, and what is made from each.

    Attributes:
        values: canonical values, of instants their days or times of day, in seconds.
        made: target -> canonical values, for those that depend on nothing else.
        part: an instant of the column -> which of ``values`` it has, as a number; identity for other columns.
        put: (instants, chosen values) -> instants.
        bounded: whether bounds of the column are bounds of ``values``.
    """

    values: np.ndarray
    made: Mapping[str, np.ndarray]
    part: Callable[[np.ndarray], np.ndarray]
    put: Callable[[np.ndarray, np.ndarray], np.ndarray]
    bounded: bool = True


def _match(
    source: str,
    made: Sequence[Made],
    bounds: tuple[np.ndarray, np.ndarray],
    found: Arrays,
    known: Arrays,
    schema: Schema,
    rng: np.random.Generator,
    choose: bool,
) -> None:
    """Choose ``source`` so that all that is made from it alone, and known, comes out."""
    column = schema[source]
    todo = ~known[source] & np.any([known[each.target] for each in made], axis=0)
    if not todo.any():
        return
    if choose or column.is_numeric:
        for values in _values_of(source, tuple(made), schema):
            _choose(source, values, bounds, todo, found, known, schema, rng)
    for each in made:
        if isinstance(each, Computed):
            _solve_one(each, found, known, schema, fix=False)
    right = np.all([_agrees(each, found, schema) | ~known[each.target] for each in made], axis=0)
    known[source] = known[source] | (todo & right)


def _choose(
    source: str,
    values: _Values,
    bounds: tuple[np.ndarray, np.ndarray],
    todo: np.ndarray,
    found: Arrays,
    known: Arrays,
    schema: Schema,
    rng: np.random.Generator,
) -> None:
    targets = list(values.made)
    if not targets or not len(values.values):
        return
    requested = np.stack([known[name] & ~is_missing(found[name]) for name in targets], axis=1) & todo[:, None]
    ordered = values.values
    drawn = values.part(found[source])
    position = np.clip(np.searchsorted(ordered, drawn), 0, len(ordered) - 1)
    drawn_there = ~is_missing(found[source]) & (ordered[position] == drawn)
    weights = np.bincount(position[drawn_there], minlength=len(ordered)) + UNDRAWN
    least, most = np.searchsorted(ordered, bounds[0], "left"), np.searchsorted(ordered, bounds[1], "right")
    for pattern in np.unique(requested[requested.any(axis=1)], axis=0):
        rows = np.flatnonzero((requested == pattern).all(axis=1))
        names = [name for name, counts in zip(targets, pattern, strict=True) if counts]
        sides = [(values.made[name], _held(found[name][rows], schema[name])) for name in names]
        key = row_keys([np.concatenate(side) for side in sides])
        of_values, of_rows = key[: len(ordered)], key[len(ordered) :]
        wrong = ~drawn_there[rows] | (of_values[position[rows]] != of_rows)
        if values.bounded:
            wrong |= (position[rows] < least[rows]) | (position[rows] >= most[rows])
        within = (least[rows][wrong], most[rows][wrong]) if values.bounded else None
        chosen = _weighted(of_values, weights, of_rows[wrong], rng, within)
        rows = rows[wrong][chosen >= 0]
        if len(rows):
            new = values.put(found[source][rows], ordered[chosen[chosen >= 0]])
            changed = found[source].copy()
            changed[rows] = _held(new, schema[source])
            found[source] = changed


def _weighted(
    of_values: np.ndarray,
    weights: np.ndarray,
    wanted: np.ndarray,
    rng: np.random.Generator,
    within: tuple[np.ndarray, np.ndarray] | None = None,
) -> np.ndarray:
    """int64: for each wanted key one of the values with it, as often as they weigh; -1 where there is none.

    Args:
        within: for each wanted key the first value that counts, and the one behind the last.
    """
    order = np.argsort(of_values, kind="stable")
    size = len(of_values) + 1
    positions, total = of_values[order] * size + order, np.concatenate([[0.0], np.cumsum(weights[order])])
    least, most = (np.zeros_like(wanted), np.full_like(wanted, size)) if within is None else within
    first, last = np.searchsorted(positions, wanted * size + least), np.searchsorted(positions, wanted * size + most)
    height = total[first] + rng.random(len(wanted)) * (total[np.maximum(last, first)] - total[first])
    position = np.clip(np.searchsorted(total, height, "right") - 1, first, np.maximum(last - 1, first))
    return np.where(last > first, order[np.minimum(position, len(order) - 1)], -1)


def _bounds(
    source: str, made: Sequence[Made], found: Mapping[str, np.ndarray], known: Mapping[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """The least and the most that ``source`` may be, for known ages of other known dates."""
    low, high = np.full(len(found[source]), -np.inf), np.full(len(found[source]), np.inf)
    for each in made:
        call = each.expression if isinstance(each, Computed) else None
        if not isinstance(call, Call) or call.function != "years" or Reference(source) not in call.arguments:
            continue
        other = call.arguments[1 - call.arguments.index(Reference(source))]
        if not isinstance(other, Reference) or other.column == source:
            continue
        age = np.where(known[each.target] & known[other.column], found[each.target], np.nan)
        day = np.floor(found[other.column] / DAY) * DAY
        if call.arguments[0] == Reference(source):
            first, last = years_later(day, age), years_later(day, age + 1) - 1
        else:
            first, last = years_later(day, -age - 1) + DAY, years_later(day, -age) + DAY - 1
        low, high = np.fmax(low, first), np.fmin(high, last)
    return low, high


def _choose_combination(made: LookedUp, found: Arrays, known: Arrays, schema: Schema, rng: np.random.Generator) -> None:
    """Choose what is not known of ``origin, dest`` among the listed combinations with the known ``distance``."""
    names = (*made.sources, made.target)
    requested = np.stack([known[name] for name in names], axis=1)
    todo = requested[:, -1] & ~requested.all(axis=1) & ~is_missing(found[made.target])
    combinations = listed_rows(made.rule, names, schema)
    rows, listed = combinations.codes_of(found), combinations.codes
    whole = row_keys(np.concatenate([listed, rows]).T)
    weights = np.array([UNDRAWN] * len(listed)) + np.bincount(whole, minlength=whole.max() + 1)[whole[: len(listed)]]
    todo &= ~np.isin(whole[len(listed) :], whole[: len(listed)])
    for pattern in np.unique(requested[todo], axis=0):
        some = np.flatnonzero(todo & (requested == pattern).all(axis=1))
        key = row_keys(np.concatenate([listed, rows[some]])[:, pattern].T)
        chosen = _weighted(key[: len(listed)], weights, key[len(listed) :], rng)
        some, chosen = some[chosen >= 0], chosen[chosen >= 0]
        for name, is_known in zip(made.sources, pattern, strict=False):
            if not is_known:
                changed = found[name].copy()
                changed[some] = made.listed(name)[chosen]
                found[name] = changed
                known[name] = known[name].copy()
                known[name][some] = True


@lru_cache(maxsize=64)
def _values_of(source: str, made: tuple[Made, ...], schema: Schema) -> tuple[_Values, ...]:
    """What ``source`` may be: its categories, the numbers that a rule lists, or the days and the times of day."""
    column = schema[source]
    if column.kind == "datetime":
        return _instants(column, made)
    if column.has_categories:
        values = np.arange(len(column.categories), dtype=np.int32)
    else:
        listed = next((each for each in made if isinstance(each, LookedUp)), None)
        if listed is None:
            return ()
        values = np.unique(listed.listed(source))
        values = values[~np.isnan(values)]
    return (_Values(values, {each.target: _made(each, source, values) for each in made}, _same, _put_whole),)


def _instants(column: Column, made: Sequence[Made]) -> tuple[_Values, ...]:
    if column.minimum is None or column.maximum is None:
        return ()
    days = np.arange(column.minimum // DAY, column.maximum // DAY + 1) * DAY
    step = max(grid_step(column) or 1.0, 1.0)
    times = np.arange(0.0, DAY, step)
    middle = float(np.median(on_grid(days + DAY / 2, column) % DAY))
    days = days[on_grid(days + middle, column) // DAY * DAY == days] if len(days) > 2 else days
    day = days[len(days) // 2] if len(days) else 0.0
    times = times[on_grid(day + times, column) == day + times] if len(days) > 2 else times
    if not len(days) or not len(times) or max(len(days), len(times)) > MOST_VALUES:
        return ()
    of_days: Arrays = {}
    of_times: Arrays = {}
    for each in made:
        each_day = [_made(each, column.name, days + time) for time in (0.0, DAY / 2, DAY - 1)]
        if all(np.array_equal(each_day[0], other, equal_nan=other.dtype.kind == "f") for other in each_day[1:]):
            of_days[each.target] = each_day[0]
            continue
        some = days[np.unique(np.linspace(0, len(days) - 1, 9).astype(np.int64))]
        each_time = [_made(each, column.name, day + times) for day in some]
        if all(np.array_equal(each_time[0], other, equal_nan=other.dtype.kind == "f") for other in each_time[1:]):
            of_times[each.target] = each_time[0]
    return (
        _Values(days, of_days, lambda at: np.floor(at / DAY) * DAY, lambda at, day: day + at % DAY),
        _Values(
            times,
            of_times,
            lambda at: np.floor(at % DAY / step) * step,
            lambda at, time: np.floor(at / DAY) * DAY + time + at % step,
            bounded=False,
        ),
    )


def _same(values: np.ndarray) -> np.ndarray:
    return values


def _put_whole(_: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    return chosen


def _made(derivation: Made, source: str, values: np.ndarray) -> np.ndarray:
    return _held(derivation.join({source: values}), derivation.schema[derivation.target])


def _held(values: np.ndarray, column: Column) -> np.ndarray:
    return on_grid(values, column) if column.is_numeric else values


# -- arithmetic ---------------------------------------------------------------------------------------------------
def _solve_one(
    derivation: Computed, found: Arrays, known: Arrays, schema: Schema, *, fix: bool = True, sure: bool = False
) -> None:
    """Compute one of the columns that a known cell is computed from; the finest number of those that are not known.

    Args:
        fix: whether the cells are known then.
        sure: only where all the others are known.
    """
    target = schema[derivation.target]
    todo = known[target.name] & ~is_missing(found[target.name])
    for source in sorted(derivation.sources, key=lambda name: _step(schema[name])):
        where = todo & ~known[source]
        if sure:
            where &= np.all([known[name] for name in derivation.sources if name != source] or [where], axis=0)
        if not where.any() or (loses(derivation.expression) and not is_local(schema[source])):
            continue
        right = where & _agrees(derivation, found, schema)
        rows = Rows(found, schema, "")
        wanted = rows.number(Reference(target.name))
        with np.errstate(invalid="ignore"):
            computed = rows.number(derivation.expression)
            step = grid_step(target) or 0.0 if target.is_numeric else 0.0
            rest = computed - np.rint(computed / step) * step if step else np.zeros(len(wanted))
        # What was rounded away is taken over from the drawn cells where that agrees.
        for value in (np.where(np.isfinite(rest), wanted + rest, wanted), wanted):
            solution = solve(derivation.expression, source, value, Rows(found, schema, ""))
            if solution is None:
                break
            put = where & ~right & np.isfinite(solution)
            new = _placed(solution, schema[source], found[source])
            put &= ~is_missing(new)
            trial = {**found, source: np.where(put, new, found[source]).astype(found[source].dtype)}
            agrees = where & _agrees(derivation, trial, schema)
            last = fix and value is wanted
            found[source] = np.where(put & (agrees | last), trial[source], found[source])
            right |= put & agrees
        if fix:
            known[source] = known[source] | right
            todo &= ~right


def _placed(numbers: np.ndarray, column: Column, drawn: np.ndarray) -> np.ndarray:
    """Canonical values of ``column`` for ``numbers``, instants in the zones of the ``drawn`` ones."""
    if not column.is_numeric:
        return codes_of(numbers, column)
    if has_zones(column):
        numbers = placed(numbers, column, zone_numbers(drawn, column))
    return on_grid(numbers, column)


def _step(column: Column) -> float:
    """The distance of neighbouring numbers; categories are coarser than any."""
    return (grid_step(column) or 0.0) if column.is_numeric else np.inf


def _agrees(made: Made, found: Mapping[str, np.ndarray], schema: Schema) -> np.ndarray:
    """bool[rows]: where the column is what it is made as."""
    cells = {name: found[name] for name in (*made.sources, made.target)}
    return made.rule.kept(cells, schema) & ~is_missing(made.join(cells)) & ~is_missing(cells[made.target])
