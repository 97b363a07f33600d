"""Yes and no as text: the two words of a boolean column, which keep their own spelling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["are_boolean_words", "truth"]

#: What is true, and what is false beside it.
_PAIRS = (
    ("true", "false"),
    ("yes", "no"),
    ("t", "f"),
    ("y", "n"),
    ("on", "off"),
    ("oui", "non"),
    ("ja", "nein"),
    ("si", "no"),
    ("sí", "no"),
    ("sì", "no"),
    ("sim", "não"),
    ("vrai", "faux"),
    ("wahr", "falsch"),
)
_TRUE = {"1", "1.0"} | {pair[0] for pair in _PAIRS}
_FALSE = {"0", "0.0"} | {pair[1] for pair in _PAIRS}


def are_boolean_words(words: Sequence[str]) -> bool:
    """Whether ``words`` are the two of one pair, such as ``yes`` and ``no``, in whatever case."""
    plain = {word.strip().lower() for word in words}
    return len(words) == 2 and any(plain == set(pair) for pair in _PAIRS)


def truth(value: Any) -> bool | None:
    """Whether ``value`` (``True``, ``1``, ``"yes"``, ``"FALSE"``) means true; ``None`` if it means neither."""
    word = str(value).strip().lower()
    return True if word in _TRUE else False if word in _FALSE else None
