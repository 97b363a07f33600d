"""What the name of a column says of its values; only ever a second opinion beside the values."""

from __future__ import annotations

import re

__all__ = ["named_like_a_code", "named_like_an_identifier"]

_IDENTIFIER_WORDS = {"id", "ids", "uuid", "guid", "key", "rowid", "userid", "customerid", "index", "idx"}
_CODE_WORDS = _IDENTIFIER_WORDS | {
    "code", "zip", "zipcode", "postcode", "plz", "postal", "sku", "ean", "isbn", "dma", "fips", "msa", "iso",
}  # fmt: skip


def named_like_an_identifier(name: str) -> bool:
    """``id``, ``user_id``, ``customerID``, ``row key``: the last word says identifier."""
    words = _words(name)
    return bool(words) and words[-1] in _IDENTIFIER_WORDS


def named_like_a_code(name: str) -> bool:
    """``zip``, ``zip_code``, ``adId``: some word says that the numbers only name things."""
    words = _words(name)
    return bool(words) and (words[-1] in _CODE_WORDS or words[0] in {"zip", "postal", "plz"})


def _words(name: str) -> list[str]:
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return [word.lower() for word in re.split(r"[\W_]+", split) if word]
