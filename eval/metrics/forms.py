"""Columns that have no distribution to compare, judged by form: validity, uniqueness, and the most frequent value.

The form of a value is its text with every run of letters, of digits and of blanks as one sign, so that any e-mail
address, order number or URL of one make has one form. Of prose, where hardly two values share a form, only the
characters and the length are held against the real ones. A date is valid if it can be read as the real ones are. An
address made anew at the reserved domain example.com (RFC 2606) has the form of one at a domain of its own.
"""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from tabular.encoding.cells import plain_cells, texts
from tabular.schema import Column, Schema

from ..facts.fidelity import FormFacts

__all__ = ["judge_forms"]

#: Above this fraction of different forms among the different values, they are prose.
PROSE = 0.3
#: Different values that are examined.
SAMPLE = 20_000
#: Where :mod:`tabular.personal.shapes` puts addresses that were at nobody's public domain.
_RESERVED = re.compile(r"(@[\w-]+)\.example\.com\b")
_RUNS = (
    (re.compile(r"[A-Z]+"), "A"),
    (re.compile(r"[^\W\d_A-Z]+"), "a"),
    (re.compile(r"\d+"), "9"),
    (re.compile(r"\s+"), " "),
    (re.compile(r"(?:Aa|aA|A9|9A|a9|9a)[Aa9]*"), "x"),
)


def judge_forms(
    schema: Schema, real: pd.DataFrame, synthetic: pd.DataFrame, holdout: pd.DataFrame | None, unread: dict[str, float]
) -> tuple[FormFacts, ...]:
    """The facts of every identifier, text and date, in table order.

    Args:
        unread: share in % of the synthetic dates of a column that cannot be read.
    """
    return tuple(
        _facts(
            column,
            real[column.name],
            synthetic[column.name],
            None if holdout is None else holdout[column.name],
            unread.get(column.name),
        )
        for column in schema
        if column.kind in ("identifier", "text", "datetime")
    )


def _facts(
    column: Column, real: pd.Series, synthetic: pd.Series, holdout: pd.Series | None, unread: float | None
) -> FormFacts:
    known, made = _filled(real), _filled(synthetic)
    held = None if holdout is None else _filled(holdout)
    if column.kind == "datetime":
        valid, floor = 100.0 - (unread or 0.0) if len(made) else None, None
    else:
        forms = _Forms(known)
        valid, floor = forms.percent(made), None if held is None else forms.percent(held)
    return FormFacts(
        column.name,
        column.kind,
        valid,
        floor,
        _unique(known),
        _unique(made),
        _top(known),
        _top(made),
    )


def _filled(cells: pd.Series) -> pd.Series:
    filled = plain_cells(cells).dropna()
    return filled.astype(str) if filled.dtype.kind != "O" else texts(filled)


def _unique(cells: pd.Series) -> float | None:
    return 100 * cells.nunique() / len(cells) if len(cells) else None


def _top(cells: pd.Series) -> float | None:
    return 100 * int(cells.value_counts().iloc[0]) / len(cells) if len(cells) else None


class _Forms:
    """The forms of the values of a real column."""

    def __init__(self, cells: pd.Series) -> None:
        distinct = cells.unique()[:SAMPLE]
        self.known = {form_of(text) for text in distinct}
        words = np.mean([text.count(" ") for text in distinct]) if len(distinct) else 0.0
        self.prose = len(self.known) > max(3, PROSE * len(distinct)) or words >= 2
        self.characters = {_sort(character) for text in distinct for character in text}
        lengths = [len(text) for text in distinct] or [0]
        self.shortest, self.longest = min(lengths) / 2, max(lengths) * 2

    def percent(self, cells: pd.Series) -> float | None:
        """How many of ``cells`` have one of these forms."""
        if not len(cells):
            return None
        counts = cells.value_counts()
        holds = np.array([self._holds(text) for text in counts.index], bool)
        return float(100 * counts.to_numpy()[holds].sum() / len(cells))

    def _holds(self, text: str) -> bool:
        if not self.prose:
            return form_of(text) in self.known or form_of(_RESERVED.sub(r"\1.com", text)) in self.known
        return self.shortest <= len(text) <= self.longest and all(_sort(sign) in self.characters for sign in text)


def _sort(character: str) -> str:
    return "a" if character.isalpha() else "9" if character.isdigit() else character


def form_of(text: str) -> str:
    """``"a.a@x.a"`` for ``"ann.li@host1.org"``: runs of letters, digits, and of both mixed, as one sign each."""
    for runs, sign in _RUNS:
        text = runs.sub(sign, text)
    return text
