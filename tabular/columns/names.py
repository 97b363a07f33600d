"""The names of columns: whether they can serve, and what they say of the values.

What a name says is only ever a second opinion beside the values.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from ..errors import TableError

__all__ = [
    "check_names",
    "named_like_a_code",
    "named_like_a_measurement",
    "named_like_a_row_number",
    "named_like_an_identifier",
    "words_of",
]

_IDENTIFIER_WORDS = {"id", "ids", "uuid", "guid", "key", "rowid", "userid", "customerid", "index", "idx"}
_CODE_WORDS = _IDENTIFIER_WORDS | {
    "code",
    "zip",
    "zipcode",
    "postcode",
    "plz",
    "postal",
    "sku",
    "ean",
    "isbn",
    "dma",
    "fips",
    "msa",
    "iso",
}
_ROW_WORDS = {"index", "idx", "row", "rows", "rowid", "rownum", "rownumber", "unnamed", "nr", "lfd"}
#: What is counted or ordered by these is a measurement, though every row may have another one.
_MEASURED_WORDS = {
    "year",
    "yr",
    "jahr",
    "annee",
    "ano",
    "anno",
    "quarter",
    "month",
    "monat",
    "week",
    "woche",
    "day",
    "tag",
    "days",
    "date",
    "time",
    "timestamp",
    "hour",
    "minute",
    "second",
    "seconds",
    "age",
    "rank",
    "ranking",
    "position",
    "place",
    "percentile",
    "score",
    "price",
    "amount",
    "count",
    "total",
    "population",
    "distance",
    "temperature",
}


def check_names(names: Sequence[str], origin: str) -> None:
    """Raise :class:`TableError`, beginning with ``origin``, if a name is empty or stands twice."""
    for index, name in enumerate(names, 1):
        if not name.strip():
            raise TableError(
                f"{origin} has no name for column {index} of {len(names)}; name it, or remove the column "
                "(pandas writes a nameless one unless told index=False)."
            )
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise TableError(f"{origin} has the column {twice[0]!r} more than once; rename one.")


def named_like_an_identifier(name: str) -> bool:
    """``id``, ``user_id``, ``customerID``, ``row key``: the last word says identifier."""
    words = words_of(name)
    return bool(words) and words[-1] in _IDENTIFIER_WORDS


def named_like_a_row_number(name: str) -> bool:
    """``index``, ``row``, ``Unnamed: 0``: what numbers the rows of any table from its first."""
    words = words_of(name)
    return not words or words[0] in _ROW_WORDS


def named_like_a_measurement(name: str) -> bool:
    """``year``, ``rank``, ``total price``: the last word says that the numbers measure something."""
    words = words_of(name)
    return bool(words) and words[-1] in _MEASURED_WORDS


def named_like_a_code(name: str) -> bool:
    """``zip``, ``zip_code``, ``adId``: some word says that the numbers only name things."""
    words = words_of(name)
    return bool(words) and (words[-1] in _CODE_WORDS or words[0] in {"zip", "postal", "plz"})


def words_of(name: str) -> list[str]:
    """The words of a column's name in small letters: ``userID`` and ``user-id`` are ``user``, ``id``."""
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return [word.lower() for word in re.split(r"[\W_]+", split) if word]
