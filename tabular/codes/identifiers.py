r"""Identifiers: finding the pattern a column of them follows, and making new ones that keep to it.

A pattern is one of

- ``"sequence"``: 1, 2, 3, ..., as the rows of any table are numbered;
- ``"uuid"``: random ones of version 4;
- ``"count:user_{0201}+1"``: going on after the last of the table (:mod:`tabular.codes.sequences`);
- ``"number:100000..999999"``: whole numbers of a range, in no order;
- ``"form:AB-[0-9a-f]{8}"``: a form (:mod:`tabular.codes.forms`), and ``"luhn:"``, ``"mod97:"``, ``"ean:"`` or
  ``"isbn:"`` in place of ``form:`` where the texts end in, or hold, that check digit (a 0 stands in its place);
- a template: ``A`` a capital letter, ``a`` a small one, ``9`` a digit, ``X`` a capital letter or digit, ``x`` a small
  letter or digit, ``#`` a running number, a backslash before a character makes it stand for itself, and anything else
  stands for itself.

New identifiers are made from the pattern alone, so none is copied from the table on purpose.
"""

from __future__ import annotations

import re
import zlib
from functools import lru_cache

import numpy as np

from .checksums import CHECKS, with_check
from .forms import LARGEST, Form, WordLists, as_set, escaped, hashed, parse_form, permuted
from .sequences import parse_counting

__all__ = ["UUID_FORM", "check_pattern", "make_identifiers", "pattern_room", "template_as_form"]

_CLASSES = {
    "A": "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "a": "abcdefghijklmnopqrstuvwxyz",
    "9": "0123456789",
    "X": "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "x": "0123456789abcdefghijklmnopqrstuvwxyz",
}
UUID_FORM = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
_NUMBER = re.compile(r"number:(-?\d{1,20})\.\.(-?\d{1,20})(~\d{1,9})?")
_FORMS = ("form", *CHECKS)
#: What stands for the running number of a template while it is made.
_RUNNING = "\ue000"


def pattern_room(pattern: str, words: WordLists = ()) -> int:
    """How many identifiers a pattern can make before one repeats; counters count as one."""
    if pattern == "sequence" or pattern.startswith("count:"):
        return 1
    if found := _NUMBER.fullmatch(pattern):
        return int(found[2]) - int(found[1]) + 1
    return _form_of(pattern, words, number=False)[1].room


def check_pattern(pattern: str, words: WordLists = ()) -> None:
    """Raise :class:`ValueError`, saying why, for a pattern that cannot be read."""
    if pattern.startswith("count:"):
        parse_counting(pattern)
    elif found := _NUMBER.fullmatch(pattern):
        if int(found[2]) < int(found[1]):
            raise ValueError(f"the range {pattern!r} ends before it begins")
    elif pattern not in ("sequence", "same"):
        _form_of(pattern, words, number=False)


def make_identifiers(
    pattern: str | None,
    n: int | np.ndarray,
    *,
    start: int = 0,
    seed: int = 0,
    number: bool = False,
    name: str = "",
    words: WordLists = (),
) -> np.ndarray:
    """New identifiers as an object array of text.

    Args:
        pattern: ``None`` counts as ``"sequence"``.
        n: how many; or which, counted from 0 (int64[n]): the same number gives the same identifier.
        start: how many were made before with the same pattern and seed; the new ones differ from those
            while the pattern has enough room.
        seed: the same seed gives the same identifiers.
        number: whether they must be numbers, so that the first digit may not be 0.
        name: of the column; another column gets others.
        words: lists of words that the pattern names and that come with it.
    """
    numbers = np.arange(start, start + n) if isinstance(n, int | np.integer) else np.asarray(n, np.int64) + start
    if pattern in (None, "sequence", "same"):  # the same as a column that is not at hand: any numbers
        return (numbers + 1).astype(str).astype(object)
    pattern = str(pattern)
    if pattern.startswith("count:"):
        return parse_counting(pattern).make(numbers, zlib.crc32(name.encode()))
    if found := _NUMBER.fullmatch(pattern):
        key = zlib.crc32(f"{name}\0{found[3] or seed}".encode())
        return _in_range(numbers, int(found[1]), int(found[2]), key)
    prefix, form = _form_of(pattern, words, number=number)
    made = form.make(numbers, name=name, seed=seed, distinct=prefix != "running")
    if prefix in CHECKS:
        return with_check(made, prefix)
    if prefix == "running":
        made[:] = [text.replace(_RUNNING, str(i + 1)) for text, i in zip(made, numbers.tolist(), strict=True)]
    return made


def _in_range(numbers: np.ndarray, low: int, high: int, key: int) -> np.ndarray:
    room = high - low + 1
    # A range that is too large to be permuted is cut into pieces of equal size: one number of each.
    piece = max(1, room // LARGEST)
    pieces = room // piece
    again, within = np.divmod(numbers, pieces)
    offsets = permuted(within, pieces, key).astype(np.uint64) * np.uint64(piece)
    if piece > 1:
        offsets += (hashed(numbers, key + 1) % piece).astype(np.uint64)
    offsets += again.astype(np.uint64) * np.uint64(room % 2**64)  # no room left: the numbers behind the range
    made = offsets + np.uint64(low) if low >= 0 else offsets.astype(np.int64) + low
    return made.astype(str).astype(object)


@lru_cache(maxsize=256)
def _form_of(pattern: str, words: WordLists, *, number: bool) -> tuple[str, Form]:
    prefix, colon, body = pattern.partition(":")
    if colon and prefix in _FORMS:
        return prefix, parse_form(body, words)
    if pattern == "uuid":
        return "form", parse_form(UUID_FORM)
    return ("running" if "#" in re.findall(r"\\.|.", pattern) else "form"), parse_form(
        template_as_form(pattern, number=number)
    )


def template_as_form(pattern: str, *, number: bool = False) -> str:
    """A template as a form; a running number becomes one character of private use."""
    items = []
    for index, part in enumerate(re.findall(r"\\.|.", pattern, re.DOTALL)):
        if part == "#":
            items.append(_RUNNING)
        elif part == "9" and index == 0 and number:
            items.append("[1-9]")
        elif part in _CLASSES:
            items.append(as_set(set(_CLASSES[part])))
        else:
            items.append(escaped(part[-1]))
    return "".join(items)
