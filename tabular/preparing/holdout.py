"""Which rows of a table are held back: rows drawn at random, or whole people where people have several rows each.

A row that is held back beside training rows of its person is no new row: a model that learned people by heart does well
on it, and what it gives away does not show.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .row_keys import smallest_keys

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["held_out", "people_columns", "people_note"]

#: What names one person; a name or an address is shared by several.
_OF_ONE_PERSON = {"device or user id", "national id", "e-mail", "phone", "IBAN", "payment card"}
#: Fewer people than this leave too few on either side of a split.
MIN_PEOPLE = 40


def people_columns(table: pd.DataFrame, *, seed: int = 0) -> tuple[str, ...]:
    """The columns of ``table`` by which several rows belong to one person; none where every row is its own person.

    A column of e-mails, user ids or the like whose values repeat comes before attributes that repeat together.
    """
    import pandas as pd

    from ..encoding.cells import plain_cells
    from ..personal import find_personal
    from ..personal.people import find_people

    table = table.apply(plain_cells)  # lists and the like cannot be distinguished as they are
    for name, personal in find_personal(table).items():
        if personal.sort in _OF_ONE_PERSON:
            filled = table[name].dropna()
            if MIN_PEOPLE <= filled.nunique() < len(filled):
                return (name,)
    codes = np.stack([pd.factorize(table[name], use_na_sentinel=False)[0] for name in table], axis=1)
    groupings = find_people(codes, seed=seed)
    return tuple(str(table.columns[index]) for index in groupings[0].columns) if groupings else ()


def people_note(columns: Sequence[str]) -> str:
    """What there is to say where whole people are held back."""
    names = ", ".join(f"`{name}`" for name in columns)
    return f"Whole people are held back, not single rows: several rows are of one person, by {names}."


def held_out(table: pd.DataFrame, count: int, seed: int, people: Sequence[str] = ()) -> np.ndarray:
    """``bool[rows]``: which rows are held back, about ``count`` of them.

    Those with the ``count`` smallest keys of the stream PCG64(``seed``). With ``people``, columns, each combination of
    their values is a person whose rows stay together (where a single column says who it is, a missing value is a person
    of its own): people, numbered as they first come, are drawn by their keys until their rows are about ``count``.

    Of numpy's draws only the raw stream is promised to stay the same in every version (NEP 19), and a run is read by
    later ones.
    """
    if not people:
        return smallest_keys(len(table), count, seed)
    labels = _people(table[list(people)])
    sizes = np.bincount(labels)
    drawn = np.argsort(np.random.PCG64(seed).random_raw(len(sizes)), kind="stable")
    # One of more rows than are requested would be most of the holdout.
    drawn = drawn[sizes[drawn] <= max(count, int(sizes.min()))]
    chosen = drawn[: int(np.abs(sizes[drawn].cumsum() - count).argmin()) + 1] if count else drawn[:0]
    return np.isin(labels, chosen)


def _people(columns: pd.DataFrame) -> np.ndarray:
    """int64[rows], the person of each row, numbered in the order in which they come."""
    import pandas as pd

    labels = np.zeros(len(columns), np.int64)
    for name in columns:
        codes, values = pd.factorize(columns[name], use_na_sentinel=columns.shape[1] == 1)
        lone = codes < 0  # a missing e-mail is nobody's in particular
        codes = np.where(lone, len(values) + lone.cumsum(), codes)
        labels = pd.factorize(labels * (int(codes.max()) + 1) + codes)[0]
    return labels
