"""Words of nobody: of syllables, as long and in the case of the words that they stand for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["made_up_codes", "made_up_words"]

_CONSONANTS, _VOWELS = np.array(list("bdfgklmnprstvz")), np.array(list("aeiou"))
_DIGITS, _HEX, _LETTERS = "0123456789", "0123456789abcdef", "0123456789abcdefghijklmnopqrstuvwxyz"


def made_up_words(like: Sequence[str], rng: np.random.Generator) -> np.ndarray:
    """object[n]: a word for each of ``like``, which give their length and case alone."""
    lengths = np.fromiter(map(len, like), np.int64, len(like))
    widest = int(lengths.max(initial=1))
    letters = np.where(
        (np.arange(widest) + rng.integers(0, 2, (len(like), 1))) % 2 == 0,
        rng.choice(_CONSONANTS, (len(like), widest)),
        rng.choice(_VOWELS, (len(like), widest)),
    )
    words = np.empty(len(like), dtype=object)
    for index, word in enumerate(like):
        made = "".join(letters[index, : lengths[index]])
        words[index] = made.upper() if word.isupper() else made.capitalize() if word[:1].isupper() else made
    return words


def made_up_codes(like: Sequence[str], rng: np.random.Generator) -> np.ndarray:
    """object[n]: letters and digits for each of ``like``: as many, in its case, hexadecimal where it is."""
    codes = np.empty(len(like), dtype=object)
    for index, code in enumerate(like):
        lower = code.lower()
        members = _DIGITS if code.isdecimal() else _HEX if set(lower) <= set(_HEX) else _LETTERS
        made = "".join(members[i] for i in rng.integers(0, len(members), len(code)))
        mixed = [char.upper() if up else char for char, up in zip(made, rng.random(len(code)) < 0.5, strict=True)]
        codes[index] = made if code == lower else made.upper() if code.isupper() else "".join(mixed)
    return codes
