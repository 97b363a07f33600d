"""Builds the :class:`Column` of each kind from the facts of a column."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from ..dates.forms import compiled
from ..dates.zones import without_zones
from ..encoding.cells import grid_step, labels
from ..encoding.marks import choose_marks
from ..errors import SchemaError
from ..schema import Column
from .facts import ColumnFacts
from .grain import learn_grain
from .keys import identifier_pattern

__all__ = ["ATOM_SHARE", "OTHER", "build_column", "needed_decimals"]

#: A number that carries at least this fraction of the filled cells is an atom.
ATOM_SHARE = 0.005
#: ... and it occurs at least so often: in a table of 100 rows every single value has 1 %.
ATOM_ROWS = 5
#: At most so many atoms, the most frequent.
ATOM_LIMIT = 256
#: More digits after the point than this are the noise of full precision.
MAX_DECIMALS = 9
#: How fine native instants are of which some have nanoseconds.
_NANOSECONDS = "%Y-%m-%d %H:%M:%S.%9{9}f"
#: What rare text categories are folded into.
OTHER = "(other)"


def build_column(facts: ColumnFacts, kind: str, *, rare_below: int = 0, forced: bool = False) -> Column:
    """The column of ``kind``; ``forced`` where a person chose it, so that it may not fit.

    Raises:
        SchemaError: if the values cannot be of that kind.
    """
    missing_rate = facts.missing / facts.rows if facts.rows else 0.0
    base: dict[str, Any] = {"name": facts.name, "kind": kind, "dtype": facts.dtype, "missing_rate": missing_rate}
    if not facts.cells:
        notes = (*facts.notes, "All cells are missing.") if facts.rows else facts.notes
        return Column(**{**base, "kind": kind if forced else "constant", "notes": notes})
    return _BUILDERS[kind](facts, base, rare_below)


def _categorical(facts: ColumnFacts, base: dict[str, Any], rare_below: int) -> Column:
    codes, distinct = labels(facts.distinct, facts.name)
    counts = np.bincount(codes, weights=facts.counts, minlength=len(distinct)).astype(np.int64)
    notes = list(facts.notes)
    unused = int((counts == 0).sum()) if facts.type == "category" else 0
    scale = facts.dtype == "category[ordered]" and unused <= ATOM_LIMIT  # its levels say what there is, not who
    if unused and not scale:
        notes.append(f"Categories of its dtype that occur in no row are left out: {unused:,}.")
    kept = [(value, int(count)) for value, count in zip(distinct, counts, strict=True) if count]
    if facts.dtype != "category[ordered]":
        kept.sort(key=lambda entry: _order(entry[0]))
    other: Any = None
    rare = [value for value, count in kept if count < rare_below]
    if rare and len(kept) > 1:
        frequent = [value for value, count in kept if count >= rare_below]
        if isinstance(kept[0][0], str):
            other = OTHER
            frequent = sorted({*frequent, OTHER}) if facts.dtype != "category[ordered]" else [*frequent, OTHER]
        else:
            other = max(kept, key=lambda entry: entry[1])[0]
            frequent = frequent or [other]
        notes.append(f"{len(rare):,} categories in fewer than {rare_below:,} rows each: folded into {other!r}.")
        return Column(**base, categories=tuple(frequent), other=other, notes=tuple(notes))
    levels = tuple(distinct) if scale and unused else ()
    return Column(**base, categories=tuple(value for value, _ in kept), levels=levels, notes=tuple(notes))


def _order(value: Any) -> tuple[int, Any]:
    return (1, value) if isinstance(value, str) else (0, value)


def _constant(facts: ColumnFacts, base: dict[str, Any], rare_below: int) -> Column:
    if facts.kinds != 1:
        raise SchemaError(f"Column {facts.name!r} is no constant: it has {facts.kinds:,} distinct values.")
    return _categorical(facts, base, 0)


def _boolean(facts: ColumnFacts, base: dict[str, Any], rare_below: int) -> Column:
    if facts.kinds > 2:
        raise SchemaError(f"Column {facts.name!r} is not boolean: it has {facts.kinds:,} distinct values.")
    return _categorical(facts, base, 0)


def _numeric(facts: ColumnFacts, base: dict[str, Any], rare_below: int) -> Column:
    values, notes, form = facts.numbers, list(facts.notes), None
    if facts.type == "category":
        raise SchemaError(f"Column {facts.name!r} has the dtype category; turn it into numbers first.")
    if facts.type in ("datetime", "date"):
        raise SchemaError(f"Column {facts.name!r} holds dates, not numbers; its kind is datetime.")
    if facts.is_text:
        if facts.number_text is None:
            example = str(facts.texts.iloc[0])
            raise SchemaError(f"Column {facts.name!r} does not hold numbers, but such as {example!r}.")
        form = facts.number_text.template
        _take_bad_cells(facts, base, notes, "numbers", values, rare_below)
    values, counts = values[np.isfinite(values)], facts.counts[np.isfinite(values)]
    # The values a generator gives back are rounded in float64, whatever the width of the column.
    # Digits alone are as many as they need to be, whether text or not: 5.00 has none.
    written = facts.number_text if facts.number_text is not None and not facts.number_text.is_plain else None
    decimals = written.decimals if written is not None else needed_decimals(values, facts.dtype)
    if base["kind"] == "integer":
        if np.any(values % 1):
            raise SchemaError(f"Column {facts.name!r} is not integer: it holds such as {values[values % 1 != 0][0]!r}.")
        decimals = None
        if np.abs(values).max() > 2.0**53:
            notes.append(
                "Holds integers above 2**53, which are kept only to 16 digits; as identifier or text they are exact."
            )
    base |= {"decimals": decimals, "format": form, "notes": tuple(notes)}
    return _of_values(base, values, counts, rare_below)


def _datetime(facts: ColumnFacts, base: dict[str, Any], rare_below: int) -> Column:
    notes, written = list(facts.notes), None
    if facts.is_text and facts.date_text is None:
        example = str(facts.texts.iloc[0])
        raise SchemaError(f"Column {facts.name!r} does not hold dates in one known format, but such as {example!r}.")
    if facts.date_text is not None:
        values, form = facts.date_text.values, facts.date_text.format
        written = compiled(form)
        if facts.date_text.ambiguous:
            notes.append(f"Day and month cannot be told apart: read as {form}.")
        if not facts.date_text.exact:
            notes.append(f"Some of its dates are not written exactly as {form}, in which all are written back.")
        _take_bad_cells(facts, base, notes, "dates", values, rare_below)
    elif facts.type in ("datetime", "date"):
        values, form = facts.numbers, None
    else:
        raise SchemaError(
            f"Column {facts.name!r} holds numbers, not dates; turn them into dates with pandas.to_datetime."
        )
    if written is not None and written.zones:
        values, _ = without_zones(values, written)
    good = np.isfinite(values)
    clock = written is not None and not written.has_date
    values, counts = np.round(values[good], 9 if clock else 6), facts.counts[good]
    if written is None and "[ns" in facts.dtype and np.any(pd.DatetimeIndex(facts.distinct).nanosecond):
        form = _NANOSECONDS
    if (behind := compiled(form or "")) is not None and behind.made_up_digits:
        notes.append(f"Instants are held to {behind.held_digits} digits of a second; the digits behind are made up.")
    if form is None:
        form = "%Y-%m-%d" if not np.any(values % 86400) else "%Y-%m-%d %H:%M" if not np.any(values % 60) else None
    decimals = _second_decimals(values)
    if written is not None and written.fraction_digits:
        decimals = min(decimals, written.fraction_digits, written.held_digits)
    base |= {"decimals": decimals, "format": form, "notes": tuple(notes)}
    return _of_values(base, values, counts, rare_below)


def _of_values(base: dict[str, Any], values: np.ndarray, counts: np.ndarray, rare_below: int) -> Column:
    """A column of numbers or dates, with its bounds, its frequent values and its grain."""
    low, high = _bounds(values, counts, rare_below)
    column = Column(**base, minimum=low, maximum=high, atoms=_atoms(values, counts, rare_below))
    instants = column.kind == "datetime"
    form = compiled(column.format or "")
    decimals = 0 if column.kind == "integer" else column.decimals
    grain = learn_grain(
        values,
        counts,
        instants=instants,
        dated=form is None or form.has_date,
        decimals=decimals,
        finest=grid_step(column) or 1.0,
        rare_below=rare_below,
    )
    return column if grain is None else replace(column, grain=grain.to_text(instants=instants))


def _text(facts: ColumnFacts, base: dict[str, Any], rare_below: int) -> Column:
    return Column(**base, notes=facts.notes)


def _identifier(facts: ColumnFacts, base: dict[str, Any], rare_below: int) -> Column:
    notes = list(facts.notes)
    if facts.type == "integer" and np.abs(facts.numbers).max() > 2.0**53:
        notes.append("Holds integers above 2**53, too large to be learnt as numbers.")
    return Column(**base, pattern=identifier_pattern(facts), notes=tuple(notes))


def _take_bad_cells(
    facts: ColumnFacts, base: dict[str, Any], notes: list[str], what: str, values: np.ndarray, rare_below: int
) -> None:
    """Note the cells of a column of text that are no ``what``: marks in part, and missing all of them."""
    bad = ~np.isfinite(values)
    cells = int(facts.counts[bad].sum())
    if not cells:
        return
    examples = [repr(str(text)[:20]) for text in facts.texts[bad].iloc[:3]]
    more = ", ..." if bad.sum() > 3 else ""
    verb = f"cells is no {what[:-1]}" if cells == 1 else f"cells are not {what}"
    notes.append(f"{cells:,} of {facts.rows:,} {verb} ({', '.join(examples)}{more}): read as missing.")
    base["missing_rate"] = (facts.missing + cells) / facts.rows
    base["marks"], base["mark_shares"] = choose_marks(facts.texts[bad], facts.counts[bad], facts.missing, rare_below)


def _atoms(values: np.ndarray, counts: np.ndarray, rare_below: int) -> tuple[float, ...]:
    least = max(ATOM_SHARE * counts.sum(), ATOM_ROWS, rare_below)
    heavy = np.flatnonzero(counts >= least)
    heavy = heavy[np.argsort(-counts[heavy], kind="stable")][:ATOM_LIMIT]
    return tuple(np.sort(values[heavy] + 0.0).tolist())


def _bounds(values: np.ndarray, counts: np.ndarray, rare_below: int) -> tuple[float, float]:
    """The least and greatest value; with ``rare_below`` the value up to which so many cells lie."""
    if rare_below <= 1:
        return float(values.min() + 0.0), float(values.max() + 0.0)
    order = np.argsort(values)
    below = np.cumsum(counts[order])
    above = np.cumsum(counts[order][::-1])
    low = values[order][min(int(np.searchsorted(below, rare_below)), len(values) - 1)]
    high = values[order][::-1][min(int(np.searchsorted(above, rare_below)), len(values) - 1)]
    return float(min(low, high) + 0.0), float(max(low, high) + 0.0)


def needed_decimals(values: np.ndarray, dtype: str = "float64") -> int | None:
    """The least number of digits after the point that writes every value exactly; ``None`` beyond 9.

    ``values`` are ``float64``; those of a ``float32`` column need only be right to float32.
    """
    narrow = {"float32": np.float32, "Float32": np.float32, "float[pyarrow]": np.float32, "float16": np.float16}
    width: Any = narrow.get(dtype, np.float64)
    broken = values[values % 1 != 0]
    if not len(broken):
        return 0
    largest = np.abs(broken).max()
    start = 1
    for part in (broken[:: max(1, len(broken) // 500)], broken):  # a sample first: most columns end there
        for decimals in range(start, MAX_DECIMALS + 1):
            if largest * 10.0**decimals > 2.0**52:
                return None
            if (np.round(part, decimals).astype(width) == part.astype(width)).all():
                start = decimals
                break
        else:
            return None
    return start


def _second_decimals(seconds: np.ndarray) -> int:
    """The digits after the point that the seconds need: 0, 3, 6, or 9 for times of day."""
    ticks = np.rint((seconds - np.floor(seconds)) * 1e9).astype(np.int64)
    if np.abs(seconds).max() > 1e6:
        ticks = np.rint(ticks / 1000).astype(np.int64) * 1000  # float64 holds no more of a date
    return next(digits for digits in (0, 3, 6, 9) if not np.any(ticks % 10 ** (9 - digits)))


_BUILDERS: dict[str, Callable[[ColumnFacts, dict[str, Any], int], Column]] = {
    "categorical": _categorical,
    "constant": _constant,
    "boolean": _boolean,
    "integer": _numeric,
    "continuous": _numeric,
    "datetime": _datetime,
    "text": _text,
    "identifier": _identifier,
}
