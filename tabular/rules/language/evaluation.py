"""Which rows keep a rule, on canonical arrays."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ...encoding.arrays import on_grid
from ...encoding.boolean_words import truth
from ...encoding.cells import grid_step
from ...errors import ConditionError, RuleError
from ...schema import Column, Schema
from ...where.intervals import number_span
from .functions import FUNCTIONS, OF_CLOCKS
from .grammar import DATE
from .instants import as_instants, has_zones, local_times
from .keys import (
    category_numbers,
    falls,
    looked_up,
    missing,
    most_frequent,
    numbers_of_codes,
    order_keys,
    row_keys,
)
from .listed import MISSING, listed_rows
from .syntax import (
    All,
    Always,
    Call,
    Condition,
    Constant,
    Decides,
    Exactly,
    Expression,
    Form,
    If,
    Increasing,
    Maps,
    Missing,
    OneOf,
    Reference,
)

if TYPE_CHECKING:
    from ..rule import Rule

__all__ = ["SLACK", "Rows", "check_rules", "flags_of", "kept", "kept_of"]

#: What numbers may differ by, as a fraction of them, and still count as equal: arithmetic on binary fractions.
SLACK = 1e-9


def check_rules(schema: Schema) -> None:
    """Raise :class:`RuleError` for a rule of ``schema`` that asks of a column what its kind cannot answer."""
    none = {
        c.name: np.zeros(0, np.float64 if c.is_numeric else np.int32 if c.has_categories else object) for c in schema
    }
    for rule in schema.rules:
        rule.kept(none, schema)


def kept(rule: Rule, form: Form, arrays: Mapping[str, np.ndarray], schema: Schema) -> np.ndarray:
    """bool[rows]: which rows keep ``rule``, whose tree is ``form``."""
    return kept_of(rule, form, Rows(arrays, schema, rule.text))


def kept_of(rule: Rule, form: Form, rows: Rows) -> np.ndarray:
    """bool[rows]: which of ``rows`` keep ``rule``, whose tree is ``form``."""
    arrays, schema = rows.arrays, rows.schema
    if isinstance(form, Always):
        true, known = rows.truth(form.condition)
        return true | ~known
    if isinstance(form, If):
        (given, known), (true, sure) = rows.truth(form.given), rows.truth(form.wanted)
        return ~(given & known) | true | ~sure
    if isinstance(form, Exactly):
        (first, known), (second, sure) = rows.truth(form.first), rows.truth(form.second)
        return (first == second) | ~known | ~sure
    if isinstance(form, OneOf):
        flags, given = zip(*(flags_of(arrays[name], schema[name], rule.text) for name in form.columns), strict=True)
        count = np.sum(flags, axis=0)
        return (count == 1) | ~np.all(given, axis=0) & (count == 0) if form.exactly else count <= 1
    if isinstance(form, Increasing):
        keys = order_keys(arrays[form.columns[0]], schema[form.columns[0]])
        return ~falls(-keys if form.down else keys)
    if isinstance(form, Maps):
        return _maps(rule, form, rows)
    columns = (*form.columns, form.decided) if isinstance(form, Decides) else form.columns
    if rule.values:
        return _among(rule, columns, arrays, schema)
    assert isinstance(form, Decides)
    return _agree([arrays[name] for name in form.columns], arrays[form.decided])


@dataclass(frozen=True)
class Rows:
    """Rows that conditions and expressions are evaluated for.

    Attributes:
        text: of the rule, for messages.
    """

    arrays: Mapping[str, np.ndarray]
    schema: Schema
    text: str
    #: What was evaluated already: a rule is asked which rows it is about and which keep it.
    _known: dict[Condition | Expression, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def count(self) -> int:
        return len(next(iter(self.arrays.values())))

    def truth(self, condition: Condition) -> tuple[np.ndarray, np.ndarray]:
        """(bool[rows] whether it is met, bool[rows] whether no missing cell stands against knowing it)."""
        if condition not in self._known:
            self._known[condition] = self._truth(condition)
        found: tuple[np.ndarray, np.ndarray] = self._known[condition]
        return found

    def _truth(self, condition: Condition) -> tuple[np.ndarray, np.ndarray]:
        if isinstance(condition, All):
            both = [self.truth(part) for part in condition.conditions]
            true = np.all([met & known for met, known in both], axis=0)
            false = np.any([~met & known for met, known in both], axis=0)
            return true, true | false
        if isinstance(condition, Missing):
            gone = missing(self.arrays[condition.column])
            return (~gone if condition.negated else gone), np.ones(self.count, dtype=bool)
        true = np.ones(self.count, dtype=bool)
        known = np.ones(self.count, dtype=bool)
        for left, sign, right in zip(condition.terms, condition.signs, condition.terms[1:], strict=False):
            met, sure = self._compared(left, sign, right)
            true, known = true & (met | ~sure), known & sure
        return true, known | ~true

    def _compared(self, left: Expression, sign: str, right: Expression) -> tuple[np.ndarray, np.ndarray]:
        if isinstance(left, Constant) and not isinstance(right, Constant):
            return self._compared(right, {"<": ">", "<=": ">=", ">": "<", ">=": "<="}.get(sign, sign), left)
        if isinstance(left, Reference) and self._is_text(left.column):
            return self._compared_text(left, sign, right)
        low = self.number(left)
        if isinstance(right, Constant) and isinstance(right.value, str):
            first, last = self._span(left, right.value)
            if isinstance(left, Reference) and has_zones(self.schema[left.column]):
                low = self.arrays[left.column]  # as it is written: so is the constant
            high = np.full(self.count, last if sign in ("<=", ">") else first)
            if sign in ("=", "!="):
                same = (low >= first - SLACK) & (low <= last + SLACK)
                return same if sign == "=" else ~same, ~np.isnan(low)
        else:
            high = self.number(right)
        known = ~(np.isnan(low) | np.isnan(high))
        slack = SLACK * np.maximum(np.abs(low), np.abs(high))
        if sign in ("=", "!="):
            same = np.abs(low - high) <= slack + self._rounding(left, right)
            return same if sign == "=" else ~same, known
        # Two cells are compared as they stand; what was computed may be off by a binary fraction.
        slack = np.where(known & (isinstance(left, Reference) and isinstance(right, Reference)), 0.0, slack)
        return {"<": low < high - slack, "<=": low <= high + slack, ">": low > high + slack, ">=": low >= high - slack}[
            sign
        ], known

    def _rounding(self, left: Expression, right: Expression) -> float:
        """By how much a column may differ from what it is computed as: half of its last digit."""
        columns = [part for part in (left, right) if isinstance(part, Reference)]
        if len(columns) != 1 or isinstance(right if columns[0] is left else left, Constant):
            return 0.0
        column = self.schema[columns[0].column]
        step = grid_step(column) if column.is_numeric else None
        return 0.0 if step is None else step / 2 * (1 + 1e-6)

    def once(self, expression: Expression) -> np.ndarray:
        """As :meth:`number`, evaluated at the first call only."""
        if expression not in self._known:
            self._known[expression] = self.number(expression)
        found: np.ndarray = self._known[expression]
        return found

    def number(self, expression: Expression, *, local: bool = False) -> np.ndarray:
        """float64[rows], NaN where a cell is missing (dates in seconds since 1970).

        Args:
            local: dates by the clocks that they are written by, not by UTC.
        """
        if isinstance(expression, Reference):
            return self._numbers(expression.column, local)
        if isinstance(expression, Constant):
            value = expression.value
            if isinstance(value, str):
                if not DATE.fullmatch(value):
                    self._span(expression, value)
                value = self._instant(value)
            return np.full(self.count, value)
        if isinstance(expression, Call):
            local = local or expression.function in OF_CLOCKS
            return FUNCTIONS[expression.function](*(self.number(each, local=local) for each in expression.arguments))
        left, right = self.number(expression.left, local=local), self.number(expression.right, local=local)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            if expression.sign == "/":
                return np.where(right == 0, np.nan, left / right)
            return {"+": np.add, "-": np.subtract, "*": np.multiply}[expression.sign](left, right)

    def _instant(self, date: str) -> float:
        try:
            return float(np.datetime64(date.replace(" ", "T"), "s").astype(np.int64))
        except ValueError:
            raise RuleError(f"The rule {self.text!r} names {date!r}, which is no day of the calendar.") from None

    def _is_text(self, name: str) -> bool:
        column = self.schema[name]
        return not column.is_numeric and category_numbers(column) is None

    def _numbers(self, name: str, local: bool) -> np.ndarray:
        column, values = self.schema[name], self.arrays[name]
        if column.is_numeric:
            return local_times(values, column) if local else as_instants(values, column)
        return numbers_of_codes(
            values,
            column,
            f"The rule {self.text!r} computes with column {name!r}, which is of the kind {column.kind} and holds "
            "no numbers.",
        )

    def _span(self, left: Expression, text: str) -> tuple[float, float]:
        """The first and the last number, or instant, that ``text`` stands for beside ``left``."""
        while isinstance(left, Call) and (left.function == "date" or left.function.endswith("_start")):
            left = left.arguments[0]
        try:
            if not isinstance(left, Reference):
                raise ConditionError("")
            column = self.schema[left.column]
            return number_span(text, column if column.is_numeric else Column(column.name, "continuous", "float64"))
        except ConditionError:
            close = difflib.get_close_matches(text, self.schema.names, n=1)
            hint = f"did you mean {close[0]!r}?" if close else "put a name that is no plain word in double quotes."
            what = "date" if isinstance(left, Reference) and self.schema[left.column].kind == "datetime" else "number"
            raise RuleError(
                f"The rule {self.text!r} names {text!r}, which is neither a {what} nor a column of the table; {hint}"
            ) from None

    def _compared_text(self, left: Reference, sign: str, right: Expression) -> tuple[np.ndarray, np.ndarray]:
        column, values = self.schema[left.column], self.arrays[left.column]
        if sign not in ("=", "!="):
            raise RuleError(
                f"The rule {self.text!r} compares column {column.name!r} by {sign!r}, which holds no numbers; "
                "use = or !=."
            )
        if isinstance(right, Constant):
            text = f"{right.value:.15g}" if isinstance(right.value, float) else right.value
            same, known = _equals(values, column, text, self.text), ~missing(values)
        elif isinstance(right, Reference):
            first, second = _as_text(values, column), _as_text(self.arrays[right.column], self.schema[right.column])
            same, known = first == second, ~(missing(values) | missing(self.arrays[right.column]))
        else:
            raise RuleError(f"The rule {self.text!r} computes with text; compare {column.name!r} with a column.")
        return (same if sign == "=" else ~same), known


def flags_of(values: np.ndarray, column: Column, rule: str) -> tuple[np.ndarray, np.ndarray]:
    """(bool[rows] where a flag is set, bool[rows] where it is there).

    Raises:
        RuleError: for a column that is no flag.
    """
    if column.is_numeric:
        return np.nan_to_num(values) != 0, ~np.isnan(values)
    truths = [truth(value) for value in column.categories]
    if not truths or None in truths:
        raise RuleError(f"The rule {rule!r} takes column {column.name!r} for a flag, and it is not of yes and no.")
    return np.append(np.asarray(truths, dtype=bool), False)[values], values >= 0


def _equals(values: np.ndarray, column: Column, text: str, rule: str) -> np.ndarray:
    if not column.has_categories:
        return np.asarray(values == text, dtype=bool)
    listed = [str(value) for value in column.categories]
    if text in listed:
        return values == listed.index(text)
    wanted = truth(text)
    for code, value in enumerate(column.categories):
        if wanted is not None and truth(value) == wanted:
            return values == code
    shown = ", ".join(map(repr, listed[:8]))
    raise RuleError(f"The rule {rule!r} names {text!r}, which column {column.name!r} never holds; it has {shown}.")


def _as_text(values: np.ndarray, column: Column) -> np.ndarray:
    if column.has_categories:
        return np.array([*map(str, column.categories), None], dtype=object)[values]
    if column.is_numeric:
        return np.array([f"{value:.15g}" for value in values], dtype=object)
    return values


def _among(rule: Rule, columns: tuple[str, ...], arrays: Mapping[str, np.ndarray], schema: Schema) -> np.ndarray:
    """bool[rows]: whether each row's combination is listed, or a cell of it is missing."""
    listed = listed_rows(rule, columns, schema)
    codes = listed.codes_of(arrays)
    return np.asarray((listed.find(codes) >= 0) | (codes == MISSING).any(axis=1))


def _maps(rule: Rule, form: Maps, rows: Rows) -> np.ndarray:
    """bool[rows]: whether each row has the cell that goes with what the expression comes to, or lacks one."""
    numbers, cells = rows.once(form.expression), rows.arrays[form.decided]
    if not rule.values:
        return _agree([numbers], cells)
    wanted = looked_up(numbers, rule, rows.schema[form.decided])
    same = on_grid(cells, rows.schema[form.decided]) == wanted if cells.dtype.kind == "f" else cells == wanted
    return np.asarray(same | missing(cells) | np.isnan(numbers))


def _agree(deciding: Sequence[np.ndarray], values: np.ndarray) -> np.ndarray:
    """bool[rows]: whether each row has the value that most of the rows with the same deciding cells have."""
    whole = ~np.any([missing(cells) for cells in (*deciding, values)], axis=0)
    key = row_keys([cells[whole] for cells in deciding])
    decided = row_keys([values[whole]])
    found = np.ones(len(whole), dtype=bool)
    found[whole] = most_frequent(key, decided, of=key) == decided
    return found
