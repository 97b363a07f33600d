"""What a generator learns of a table with rules: the columns without those that follow from others.

What is learned depends on the schema alone, so a run needs to keep nothing else. A table without rules is learned
exactly as if this folder were not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

import numpy as np

from ...dates.forms import Form as DateForm
from ...dates.forms import compiled
from ...encoding.arrays import on_grid
from ...encoding.cells import grid_step
from ...encoding.clock import time_of_day
from ...errors import ConditionError
from ...grain.text import grain_from_text
from ...schema import Column, Schema
from ...where.conditions import Allowed, both
from ..language.instants import has_zones, is_local
from ..language.keys import category_numbers
from ..language.syntax import (
    Always,
    Chain,
    Constant,
    Decides,
    Expression,
    Form,
    Maps,
    Operation,
    Reference,
    columns_of,
)
from ..rule import Rule
from .consequences import Consequences, Nearest, consequences_of, nearest_of
from .derivations import SHORT, Computed, Derivation, Gap, LookedUp, Mapped, constant, is_missing
from .keeping import Keeping
from .narrowing import narrowed
from .placing import placements_of, reaches
from .solving import DAY, rearranged
from .sources import free_sources, with_sources
from .steps import Changed, in_order

__all__ = ["Reduction", "equation_of", "reduction_of"]

Arrays = Mapping[str, np.ndarray]


class Reduction:
    """The columns of a schema that are learned, and how the others are made from them.

    Attributes:
        whole: the schema of the table.
        schema: of what is learned: a column that follows from others is left out, or something stands in its place.
        derivations: how the others are made, each after those that it needs.
        steps: these, and how columns are put in order with those before them, or set by conditions on them, in the
            order in which they are taken.
        bounds: column that no rule computes -> all that rules on orders ask of it.
        flags: column -> what is learned of whether it is there, for those that can be made and left out: a column that
            follows from others, and one that others are made from, which stand in rows without it, too.
    """

    def __init__(self, schema: Schema) -> None:
        self.whole = schema
        derived: dict[str, Derivation] = {}
        needed: dict[str, set[str]] = {}
        for rule in schema.rules:
            found = _derivation(rule, schema)
            if found is None or found.target in derived:
                continue
            if not any(reaches(source, found.target, needed) for source in found.sources):
                derived[found.target], needed[found.target] = found, set(found.sources)
        self._free = free_sources(schema, list(derived.values()))
        placements, self.bounds = placements_of(schema, derived, needed)
        decided = consequences_of(schema, derived, needed, self._free)
        self.steps = in_order(derived, nearest_of(schema, derived), placements, decided)
        self.derivations = [step for step in self.steps if not isinstance(step, Changed)]
        self.flags: dict[str, Column] = {}
        columns: list[Column] = []
        for column in schema:
            made = derived.get(column.name)
            if column.missing_rate and (column.name in self._free or not (made is None or made.parts)):
                # Before the column: what stands in for a missing cell goes with less than one that is there.
                self.flags[column.name] = _flag(column, schema)
                columns.append(self.flags[column.name])
            columns += (column,) if made is None else made.parts
        self.schema = schema if not derived else Schema(tuple(columns), schema.rows, schema.notes)
        self._derived = derived

    def split(self, arrays: Arrays, *, by_row: bool = False) -> dict[str, np.ndarray]:
        """Canonical arrays of the table -> those of what is learned.

        Args:
            by_row: each row by itself: missing cells that others are made from stay missing, since working them out
                takes over something of other rows, which no private fit may.
        """
        if not self.derivations:
            return dict(arrays)
        found: dict[str, np.ndarray] = {}
        whole = arrays if by_row else with_sources(arrays, self._free, self.derivations, self.whole)
        for name, values in arrays.items():
            found |= self._derived[name].split(whole) if name in self._derived else {name: whole[name]}
            if name in self.flags:
                found[self.flags[name].name] = np.where(is_missing(values), -1, 0).astype(np.int32)
        return found

    def join(self, arrays: Arrays) -> dict[str, np.ndarray]:
        """Canonical arrays of what is learned -> those of the table; on the grid where a rule makes columns of them.

        A column that is made from one that is not there is left out.
        """
        if not self.steps:
            return dict(arrays)
        parts = {part.name for found in self.derivations for part in found.parts}
        flags = {flag.name: name for name, flag in self.flags.items()}
        made = {}
        for name, values in arrays.items():
            if name in flags:
                continue
            column = None if name in parts else self.whole[name]
            made[name] = on_grid(values, column) if column is not None and column.is_numeric else values
        rows = len(next(iter(arrays.values())))
        for step in self.steps:
            for source in step.sources:
                if source not in made and (never_varies := constant(self.whole[source], rows)) is not None:
                    made[source] = never_varies
            if isinstance(step, Changed):
                if all(name in made for name in (step.target, *step.sources)):
                    made[step.target] = step.place(made)
            elif not isinstance(step, Gap) or step.gap.name in made:
                made[step.target] = step.join(made)
        for flag, name in flags.items():
            if flag in arrays and name in made:
                gone = np.nan if made[name].dtype.kind == "f" else -1
                made[name] = np.where(arrays[flag] < 0, gone, made[name]).astype(made[name].dtype)
        for step in self.steps:
            if not isinstance(step, Consequences) or not made.keys() >= {step.target, *step.sources}:
                continue
            if self.flags.keys() & set(step.sources):  # what decides was left out just now
                made[step.target] = step.place(made)
        return {name: values for name, values in made.items() if name not in parts}

    @property
    def filled(self) -> tuple[str, ...]:
        """Columns that others make and that have no missing cell: where they would have one, the row is none."""
        computed = [each.target for each in self.derivations if not isinstance(each, Gap)]
        return tuple(name for name in computed if not self.whole[name].missing_rate)

    def parts(self, name: str) -> list[str]:
        """What is learned of a column of the table: its own name where it does not follow from others."""
        found = [part.name for part in self._derived[name].parts] if name in self._derived else [name]
        return [*found, self.flags[name].name] if name in self.flags else found

    def made_of(self, names: list[str]) -> list[str]:
        """``names`` of learned columns of the table, and those that follow from them."""
        found = [name for name in names if name in self.whole]
        for derivation in self.derivations:
            if all(source in found for source in derivation.sources):
                found.append(derivation.target)
        return found

    def holes(self, holes: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Which cells of the table are missing -> which of what is learned cannot be known."""
        found = {name: hole for name, hole in holes.items() if name not in self._derived}
        for name, derivation in self._derived.items():
            for part in derivation.parts:
                needed = (name, derivation.source) if isinstance(derivation, Gap) else (name,)
                found[part.name] = np.any([holes[each] for each in needed], axis=0)
        return found | {flag.name: holes[name] for name, flag in self.flags.items()}

    def allowed(self, conditions: Mapping[str, Allowed]) -> dict[str, Allowed]:
        """Conditions on columns of the table -> those on what is learned; the others are for :meth:`keeping`.

        A condition on what is looked up (a country, a month) is one on what decides it (its cities, days). One on a
        column that may be left out is one on its flag, too.

        Raises:
            ConditionError: if the conditions contradict a rule.
        """
        found = dict(conditions)
        for name in self.flags.keys() & conditions.keys():
            flag, requested = self.flags[name].name, conditions[name]
            found[flag] = Allowed(flag, (0,) if requested.codes or requested.intervals else (), None, requested.missing)
            if requested.missing and name in self._free:
                del found[name]  # what stands there before it is left out may be anything
        for derivation in reversed(self.derivations):
            condition = found.pop(derivation.target, None)
            asked_of = None if condition is None else narrowed(derivation, condition)
            if asked_of is None:
                continue
            if not asked_of.codes and not asked_of.intervals:
                raise ConditionError(
                    f"The condition on {derivation.target!r} contradicts the rule {derivation.rule.text!r}: none of "
                    "its values keeps it."
                )
            known = found.get(asked_of.column)
            found[asked_of.column] = asked_of if known is None else both(known, asked_of)
        return found

    def keeping(self, conditions: Mapping[str, Allowed]) -> Keeping | None:
        """What tells which rows keep the rules, and the conditions on columns that follow from others or are set.

        ``None`` for a table without rules.
        """
        if not self.whole.rules:
            return None
        made = self._derived.keys() | self.flags.keys()
        made |= {step.target for step in self.steps if isinstance(step, Consequences | Nearest)}
        return Keeping(
            self.whole, {name: requested for name, requested in conditions.items() if name in made}, self.filled
        )


@lru_cache(maxsize=16)
def reduction_of(schema: Schema) -> Reduction:
    """What a generator learns of a table with this ``schema``."""
    return Reduction(schema)


def _derivation(rule: Rule, schema: Schema) -> Derivation | None:
    """How a rule makes one column from others; ``None`` where it only says which rows there are."""
    form = rule.form(schema.names)
    if not all(_is_learned(schema[name]) for name in columns_of(form)):
        return None
    if isinstance(form, Decides) and rule.values:
        return LookedUp(form.decided, rule, form.columns, schema)
    if isinstance(form, Maps) and rule.values:
        return Mapped(form.decided, rule, form.expression, schema)
    equation = _finest(equation_of(form), schema)
    if equation is not None:
        target = schema[equation[0]]
        if (target.is_numeric and is_local(target)) or category_numbers(target) is not None:
            return Computed(target.name, rule, equation[1], schema)
    dates = _dates(form, schema)
    return None if dates is None else _gap(rule, *dates, schema)


def _is_learned(column: Column) -> bool:
    return column.is_numeric or column.kind in ("categorical", "boolean")


def equation_of(form: Form) -> tuple[str, Expression] | None:
    """(column, what it is computed as) of ``total = price * quantity``."""
    if not isinstance(form, Always) or not isinstance(form.condition, Chain) or form.condition.signs != ("=",):
        return None
    for target, other in (form.condition.terms, form.condition.terms[::-1]):
        named = columns_of(other)
        if isinstance(target, Reference) and named and target.column not in named and not isinstance(other, Constant):
            return target.column, other
    return None


def _finest(equation: tuple[str, Expression] | None, schema: Schema) -> tuple[str, Expression] | None:
    """The equation, turned if its left side has but multiples of a number: sums of others seldom come to one."""
    if equation is None:
        return None
    name, expression = equation
    grain = grain_from_text(schema[name].grain or "", instants=schema[name].kind == "datetime").step
    for other in columns_of(expression) if grain else ():
        column = schema[other]
        step = grid_step(column) if column.is_numeric and column.grain is None and column.kind != "datetime" else None
        turned = rearranged(expression, other, Reference(name)) if step and step < (grain or 0.0) else None
        if turned is not None:
            return other, turned
    return equation


def _dates(form: Form, schema: Schema) -> tuple[Column, Column, float, float] | None:
    """(earlier, later, least and most seconds between them) of ``start <= end`` or ``0 <= end - start <= 72 h``."""
    if not isinstance(form, Always) or not isinstance(form.condition, Chain):
        return None
    terms, signs = form.condition.terms, form.condition.signs
    if all(sign in (">", ">=") for sign in signs):
        terms, signs = terms[::-1], tuple(sign.replace(">", "<") for sign in signs[::-1])
    if not all(sign in ("<", "<=") for sign in signs):
        return None
    low: float | None = 0.0
    high: float | None = np.inf
    if len(terms) == 2 and isinstance(terms[1], Reference):
        earlier, later = terms
    elif isinstance(terms[1], Operation) and terms[1].sign == "-" and len(terms) <= 3:
        earlier, later = terms[1].right, terms[1].left
        low, high = _number(terms[0]), _number(terms[-1]) if len(terms) == 3 else np.inf
    else:
        return None
    if not isinstance(earlier, Reference) or not isinstance(later, Reference):
        return None
    if low is None or high is None or low < 0:  # nothing says which is the later one
        return None
    first, last = schema[earlier.column], schema[later.column]
    if not (_is_instant(first) and _is_instant(last)):
        return None
    if signs[0] == "<" and not low:
        low = min(grid_step(first) or 1.0, grid_step(last) or 1.0)
    return first, last, low, high


def _gap(rule: Rule, first: Column, last: Column, low: float, high: float, schema: Schema) -> Gap:
    name = _new_name(last.name, schema, f"{last.name} - {first.name}")
    missing = max(first.missing_rate, last.missing_rate)
    assert first.minimum is not None
    assert last.maximum is not None
    slack = DAY if has_zones(first) or has_zones(last) else 0.0  # bounds are those of local times
    widest = max(min(high, last.maximum - first.minimum + slack), low)
    column = Column(name, "continuous", "float64", missing, minimum=low, maximum=widest)
    zone = None
    if has_zones(last):
        zones = (compiled(last.format or "") or DateForm(())).zones
        named = _new_name(last.name, schema, f"{last.name} (zone)")
        zone = Column(named, "categorical", "str", last.missing_rate, categories=zones)
    return Gap(last.name, rule, first.name, schema, column, zone, _hours(last, widest, schema))


def _hours(last: Column, widest: float, schema: Schema) -> Column | None:
    """The time of day of the later of two dates, where it has hours of its own and may lie far enough behind."""
    grain = grain_from_text(last.grain or "", instants=True)
    if not ("hour" in grain.parts or grain.hours) or widest < SHORT or not is_local(last):
        return None
    time = time_of_day(last, grain)
    return None if time is None else replace(time, name=_new_name(last.name, schema, f"{last.name} (time)"))


def _number(term: Expression) -> float | None:
    return term.value if isinstance(term, Constant) and not isinstance(term.value, str) else None


def _is_instant(column: Column) -> bool:
    return column.kind == "datetime" and column.minimum is not None and column.maximum is not None


def _flag(column: Column, schema: Schema) -> Column:
    """What is learned of whether a cell of ``column`` is there."""
    name = _new_name(column.name, schema)
    return Column(name, "constant", "object", column.missing_rate, categories=("there",))


def _new_name(name: str, schema: Schema, wanted: str = "") -> str:
    found = wanted or f"{name} (there)"
    while found in schema:
        found += "'"
    return found
