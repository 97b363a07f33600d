"""Which columns of a table name persons, by the form of their values and by the names of the columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .names import is_of_things, sort_by_name
from .patterns import BY_NAME, BY_VALUE, name_share

__all__ = ["Personal", "find_personal"]

#: Distinct values that are examined.
SAMPLE = 2_000
#: Keys of persons have more values than this; fewer are groups, such as a device that is one of five.
MIN_IDS = 3
#: Least fraction of full names in a column of any name, and in one that is called ``name`` or the like.
FULL_NAMES, CALLED_NAMES, FEW = 0.5, 0.3, 5
#: Different names per e-mail, phone number or the like; of products there are fewer than of customers.
NAMES_PER_PERSON = 0.3


@dataclass(frozen=True)
class Personal:
    """What of a person a column holds.

    Attributes:
        sort: ``"e-mail"``, ``"phone"``, ``"person name"``, ``"street address"``, ``"IBAN"``, ``"payment card"``,
            ``"national id"``, ``"IP address"``, ``"MAC address"`` or ``"device or user id"``.
        share: of the distinct values, how many have the form (0 to 1).
        by: ``"values"`` or ``"name"``, what said so first.
    """

    sort: str
    share: float
    by: str


def find_personal(table: pd.DataFrame | Mapping[str, pd.Series] | pd.Series) -> dict[str, Personal]:
    """The columns that name persons, in their order; a single column is given as a Series with its name.

    Values say it where nearly all distinct ones have a form that nothing else has (an address of e-mail, a checksum);
    the name of a column says it where the values can be what it says. A column of numbers is found by its name
    alone, but for payment cards. Neither a value nor its frequency is kept.
    """
    columns = {str(table.name): table} if isinstance(table, pd.Series) else dict(table.items())
    distinct = {str(name): values for name, column in columns.items() if len(values := _distinct(column))}
    found = {name: sort for name, values in distinct.items() if (sort := _find(name, values)) is not None}
    people = max((len(distinct[name]) for name, each in found.items() if each.sort in _OF_A_PERSON), default=0)
    for name, values in distinct.items() if people else ():
        # Beside an e-mail or a phone number of each person, as many different words called `name` name their owners.
        fraction = _share_of_words(values) if name not in found and sort_by_name(name) == "name" else 0.0
        if fraction >= FULL_NAMES and len(values) >= max(FEW, NAMES_PER_PERSON * people):
            found[name] = Personal("person name", fraction, "name")
    return {name: found[name] for name in distinct if name in found}


_OF_A_PERSON = {"e-mail", "phone", "IBAN", "payment card", "national id", "street address"}


def _distinct(column: pd.Series) -> pd.Series:
    """Distinct values as text, at most :data:`SAMPLE`, evenly drawn; none without text and whole numbers."""
    kinds = pd.api.types
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.cat.categories.to_series()
    if kinds.is_bool_dtype(column) or kinds.is_complex_dtype(column) or column.dtype.kind in "mM":
        return pd.Series(dtype=object)
    numbers = kinds.is_numeric_dtype(column)
    try:
        values = pd.Series(column.dropna().unique())
    except TypeError:  # lists and the like
        return pd.Series(dtype=object)
    if len(values) > SAMPLE:
        values = values.iloc[np.linspace(0, len(values) - 1, SAMPLE).astype(int)]
    if numbers:
        numeric = values.to_numpy(np.float64)
        if not np.isfinite(numeric).all() or (numeric % 1).any():
            return pd.Series(dtype=object)
        if kinds.is_float_dtype(values):
            values = values.astype(np.float64).map(lambda value: f"{value:.0f}")
    elif column.dtype == object:
        values = values[[isinstance(value, (str, bytes, int)) and not isinstance(value, bool) for value in values]]
    return values.astype(str).str.strip().astype(object).reset_index(drop=True)


def _find(name: str, values: pd.Series) -> Personal | None:
    called = sort_by_name(name)
    plain_numbers = bool(values.str.fullmatch(r"-?\d+").all())
    for sort, (test, least, few) in BY_VALUE.items():
        if len(values) < few and called != sort:
            continue
        if is_of_things(name) and sort in _SHARED_FORMS and called != sort:
            continue
        if plain_numbers and sort not in ("payment card", "device or user id"):
            continue
        fraction = float(test(values).mean())
        if fraction >= least:
            return Personal(sort, fraction, "values")
    if called in BY_NAME:
        test, least = BY_NAME[called]
        fraction = float(test(values).mean())
        enough = len(values) >= MIN_IDS if called == "device or user id" else True
        return Personal(called, fraction, "name") if enough and fraction >= least else None
    if plain_numbers or is_of_things(name):
        return None
    fraction = name_share(values, alone=called == "name")
    if fraction >= (CALLED_NAMES if called == "name" else FULL_NAMES) and (called == "name" or len(values) >= FEW):
        return Personal("person name", fraction, "values")
    return None


#: Forms that other things have too: a version looks like an IP address, a file's checksum like a hashed address.
_SHARED_FORMS = {"IP address", "device or user id", "phone", "national id", "payment card"}


def _share_of_words(values: pd.Series) -> float:
    return float(values.str.fullmatch(r"[^\W\d_][^\d_@/&+]{1,59}").mean())
