"""Leaving columns of a table out, before anything is asked of them."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

import pandas as pd

from ..errors import UsageError

__all__ = ["drop_columns"]


def drop_columns(table: pd.DataFrame, names: Sequence[str], *, absent_ok: bool = False) -> pd.DataFrame:
    """``table`` without the columns ``names``, whatever they hold.

    Args:
        absent_ok: whether columns that the table has not are passed over.

    Raises:
        UsageError: if there is no such column, or none would be left.
    """
    if not names:
        return table
    known = [str(name) for name in table.columns]
    for name in names:
        if name not in known and not absent_ok:
            close = get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"the table has {', '.join(map(repr, known[:20]))}."
            raise UsageError(f"There is no column {name!r} to drop; {hint}")
    kept = [index for index, name in enumerate(known) if name not in names]
    if not kept:
        raise UsageError("No column would be left; drop fewer.")
    return table.iloc[:, kept]
