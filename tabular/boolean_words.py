"""Yes and no as text: the two words of a boolean column, which keep their own spelling."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["are_boolean_words"]

_PAIRS = [
    {"true", "false"}, {"yes", "no"}, {"t", "f"}, {"y", "n"}, {"on", "off"}, {"oui", "non"}, {"ja", "nein"},
    {"si", "no"}, {"sí", "no"}, {"sì", "no"}, {"sim", "não"}, {"vrai", "faux"}, {"wahr", "falsch"},
]  # fmt: skip


def are_boolean_words(words: Sequence[str]) -> bool:
    """Whether ``words`` are the two of one pair, such as ``yes`` and ``no``, in whatever case."""
    return len(words) == 2 and {word.strip().lower() for word in words} in _PAIRS
