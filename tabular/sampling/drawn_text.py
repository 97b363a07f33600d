"""Drawn cells as text: in the writing of the cells that they stand among."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..columns.facts import BAD_SHARE
from ..dates.text import detect_date_text, format_dates, parse_dates
from ..encoding.arrays import holds_text
from ..encoding.cells import numbers, texts
from ..numbers.detection import detect_number_text
from ..numbers.text import format_numbers, parse_numbers
from ..schema import Column

__all__ = ["as_given_text"]

#: Given texts by which the writing is chosen.
_TRIED = 200


def as_given_text(drawn: pd.Series, given: pd.Series, column: Column) -> np.ndarray:
    """``drawn`` as an object array of texts (None missing), written as the filled cells of ``given`` are.

    Args:
        drawn: cells that :func:`tabular.from_arrays` made for ``column``.
        given: cells of text, of which some may be missing.
    """
    of_numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in column.categories)
    if not column.is_numeric and not (column.categories and of_numbers):
        return texts(drawn).to_numpy(dtype=object)
    known = pd.Series(given.dropna().unique(), dtype=object).map(str)
    form = _writing(known, column)
    values = numbers(drawn, column)
    if column.kind == "datetime":
        times = bool(np.nan_to_num(values % 86400).any())
        return format_dates(values, form or ("%Y-%m-%d %H:%M:%S" if times else "%Y-%m-%d"))
    if form is None:
        return format_numbers(values, "{:.0f}" if column.kind == "integer" else "{:|short}")
    return format_numbers(values, form)


def _writing(known: pd.Series, column: Column) -> str | None:
    """The column's own format, or that of the ``known`` texts where it gives more of them back."""
    forms = [column.format] if holds_text(column) and column.format else []
    counts = np.ones(len(known))
    if len(known) and column.kind == "datetime":
        dates = detect_date_text(known, counts, bad_share=BAD_SHARE, name=column.name)
        forms += [] if dates is None else [dates.format]
    elif len(known):
        found = detect_number_text(known, counts, bad_share=BAD_SHARE)
        widths = known.str.len().unique()
        if found is not None:
            forms.append(found.template)
        elif len(widths) == 1 and known.str.fullmatch(r"\d+").all():
            forms.append(f"{{:0{widths[0]}.0f}}")  # codes that the run learned as numbers
    if len(forms) < 2:
        return forms[0] if forms else None
    read, write = (parse_dates, format_dates) if column.kind == "datetime" else (parse_numbers, format_numbers)
    tried = known.iloc[:_TRIED]
    return max(forms, key=lambda form: int(np.sum(write(read(tried, form), form) == tried.to_numpy())))
