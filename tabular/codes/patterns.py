"""Finding the pattern that a column of identifiers follows: what may stand at each position, in each kind of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from math import gcd

import numpy as np
import pandas as pd

from .checksums import CHECKS, find_check, without_check
from .forms import LARGEST, WordLists, as_set, parse_form
from .identifiers import UUID_FORM, make_identifiers, pattern_room, template_as_form

__all__ = ["find_pattern", "loose_digits", "loose_pattern", "number_range", "some_of", "without_real"]

#: Texts are read up to so many, evenly drawn, and up to this length.
SAMPLE, LONGEST = 2000, 160
#: A character that is never seen where so many were expected, if all were equally frequent, does not occur there.
EXPECTED = 12
#: Kinds of identifiers in one column, and texts of each at least: fewer may be one person's.
MAX_KINDS, MIN_TEXTS = 24, 5
#: Fraction of the texts that these kinds must be.
MOST_OF_THEM = 0.9
#: Letters seen, none behind f, until a text counts as hexadecimal.
HEX_EVIDENCE = 20
#: Real identifiers that may be hit by accident, on average, before a pattern is checked against them.
RARE = 1e-4
#: Salts that are tried, and identifiers that are checked of each: several times as many as the table has.
SALTS, CHECKED, MOST_CHECKED = 12, 4, 200_000
#: Real ones among them, on average, beyond which no salt can be hoped for.
FEW_HITS = 3
#: Steps that are tried, where one of them can be hoped to have a first text that is free: none of these many can be
#: where as many real ones stand on each first text.
MOST_STEPS, MOST_PER_FIRST = 40, 20

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
#: Letters that say what kind of code it is: capitals before digits and small letters, or letters before digits.
_PREFIX = re.compile(r"[A-Z]{2,}(?=[a-z\d]*\d[a-z\d]*$)|[a-z]+(?=\d+$)")
_RUN = re.compile(r"[0-9A-Za-z]+")
_D, _L, _U = "0123456789", "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_CLASSES = tuple(map(set, (_D, _D + "abcdef", _D + "ABCDEF", _L, _U, _D + _L, _D + _U, _L + _U, _D + _L + _U)))
_HEX = (1, 2)
#: Signs of base 64.
_SIGNS = set("-_+/=")
#: What a shape calls a class.
_LOOSE = {"9": set(_D), "a": set(_L), "A": set(_U)}
#: What the templates of old call a class; a pattern of nothing else is written so.
_TEMPLATES = {
    as_set(set(_D)): "9",
    as_set(set(_U)): "A",
    as_set(set(_L)): "a",
    as_set(set(_D + _U)): "X",
    as_set(set(_D + _L)): "x",
}


def some_of(texts: pd.Series, most: int) -> pd.Series:
    """At most ``most`` of ``texts``, one at a drawn place of each stretch: by even steps a counter ends in 0 alone."""
    if len(texts) <= most:
        return texts
    positions = (np.arange(most) + np.random.default_rng(0).random(most)) * (len(texts) / most)
    return texts.iloc[np.minimum(positions.astype(np.int64), len(texts) - 1)]


def find_pattern(texts: pd.Series, *, prose: bool = False) -> str | None:
    """The pattern that distinct ``texts`` follow, or ``None`` if they are not regular.

    Args:
        prose: whether blanks and points may stand in codes of different lengths.
    """
    sample = [str(text) for text in some_of(texts, SAMPLE)]
    if not sample or not all(sample) or max(map(len, sample)) > LONGEST:
        return None
    if all(_UUID.fullmatch(text) for text in sample):
        return "uuid"
    check = find_check(np.array(sample))
    if check is not None:  # texts that differ in their check digits alone would become the same one
        sample = without_check(np.array(sample), check).tolist()
    pattern = (
        _of_kinds(sample, prose, True)
        or _of_kinds(sample, prose, False)
        or (_positions(sample) if len({len(text) for text in sample}) == 1 else None)
    )
    if pattern is None:
        return None
    if check is not None:
        return f"{check}:{template_as_form(pattern) if not pattern.startswith('form:') else pattern[5:]}"
    return pattern


def _of_kinds(sample: list[str], prose: bool, prefix: bool) -> str | None:
    """Several kinds side by side that differ in their letters or in the lengths of their digits: INV-0012, CR-412."""
    skeletons = [_skeleton(text, prose, prefix) for text in sample]
    counted = Counter(skeletons)
    # Kinds of a few texts, such as the first numbers of one digit, are left out.
    kinds = {kind: count for kind, count in counted.items() if count >= min(MIN_TEXTS, len(sample) / 4)}
    if len(counted) == 1 or not 0 < len(kinds) <= MAX_KINDS or sum(kinds.values()) < MOST_OF_THEM * len(sample):
        return None
    if not all(set(kind) & set(_D + "\0") for kind in kinds) or len(sample) < 3 * len(kinds):
        return None
    members: dict[str, list[str]] = {kind: [] for kind in kinds}
    for text, kind in zip(sample, skeletons, strict=True):
        if kind in members:
            members[kind].append(text)
    parts = []
    for kind, texts in members.items():
        found = _items(texts, zero_in_front=len(members) == 1)
        if found is None:
            return None
        parts.append(f"{kinds[kind]}*{_written(found)}" if len(members) > 1 else _written(found))
    return "form:" + "|".join(parts)


def _skeleton(text: str, prose: bool, prefix: bool) -> str:
    """``text`` with the digits and mixed runs as signs of their length, and letters as they are."""
    if not prose and re.search(r"[\s@]|\d\.\d", text):
        return text  # prose, addresses, versions and decimals are no codes

    def hidden(run: re.Match[str]) -> str:
        head = _PREFIX.match(run[0]) if prefix else None
        kept = head[0] if head else run[0] if run[0].isalpha() else ""
        return kept + "\0" * (len(run[0]) - len(kept))

    return _RUN.sub(hidden, text)


def _positions(sample: list[str]) -> str | None:
    items = _items(sample)
    # Words of equal length ("Berlin", "London") are no identifiers: one needs a digit.
    if items is None or not any(len(members) > 1 and members & set(_D) for members in items):
        return None
    written = [as_set(members) for members in items]
    template = [_TEMPLATES.get(item) or _as_template(item) for item in written]
    if all(part is not None for part in template):
        return "".join(part for part in template if part is not None)
    return "form:" + _written(items)


def _as_template(item: str) -> str | None:
    """A literal item of a form in a template; ``None`` for a set."""
    if item.startswith("["):
        return None
    char = item[-1]
    return "\\" + char if char in "Aa9Xx#\\" else char


def _items(texts: list[str], *, zero_in_front: bool = True) -> list[set[str]] | None:
    """What may stand at each position of ``texts``, all of one length.

    Args:
        zero_in_front: whether numbers may begin with a zero though none of these does.
    """
    seen = [set(position) for position in zip(*texts, strict=True)]
    several = [members for members in seen if len(members) > 1]
    letters = sum(
        char.isalpha() for text in texts[:200] for char, members in zip(text, seen, strict=True) if len(members) > 1
    )
    together: set[str] = set().union(*several) if several else set()
    hexadecimal = letters >= HEX_EVIDENCE and any(together <= _CLASSES[position] for position in _HEX)
    items: list[set[str]] = []
    chosen: list[tuple[int, set[str]]] = []  # positions that vary, and the class of each
    for members in seen:
        if len(members) == 1:
            items.append(members)
            continue
        found = next(
            (c for index, c in enumerate(_CLASSES) if members <= c and (hexadecimal or index not in _HEX)), None
        )
        if found is None:
            whole = _CLASSES[-1] | _SIGNS
            if not members <= whole or len(members - _SIGNS) < 3:
                return None
            found = _CLASSES[-1] | (together & _SIGNS)
        if not zero_in_front and found == _CLASSES[0] and "0" not in members and not (items and items[-1] <= found):
            found = found - {"0"}
        items.append(members if len(texts) >= EXPECTED * len(found) else found)
        if items[-1] is found:
            chosen.append((len(items) - 1, found))
    for place, found in chosen:
        # What all positions of a class lack together, such as I, L, O and U in base 32, is not of the alphabet.
        alike = [other for other, its in chosen if its == found]
        if len(alike) * len(texts) >= EXPECTED * len(found):
            items[place] = found & set().union(*(seen[other] for other in alike))
    return items


def _written(items: list[set[str]]) -> str:
    parts: list[list[object]] = []
    for members in items:
        item = as_set(members)
        if parts and parts[-1][0] == item and len(members) > 1:
            parts[-1][1] = int(str(parts[-1][1])) + 1
        else:
            parts.append([item, 1])
    return "".join(f"{item}{{{times}}}" if times != 1 else str(item) for item, times in parts)


def loose_pattern(texts: pd.Series) -> str:
    """A pattern for irregular ``texts``: their most frequent shapes, or else letters and digits of their lengths."""
    sample = [str(text)[:LONGEST] for text in some_of(texts, SAMPLE) if str(text)]
    shapes = Counter(re.sub(r"[A-Z]", "A", re.sub(r"[a-z]", "a", re.sub(r"\d", "9", text))) for text in sample)
    kept = [(shape, count) for shape, count in shapes.most_common(MAX_KINDS) if count >= MIN_TEXTS and len(shape) > 3]
    if sum(count for _, count in kept) >= len(sample) / 2:
        return "form:" + "|".join(
            f"{count}*" + "".join(as_set(_LOOSE[char]) if char in _LOOSE else as_set({char}) for char in shape)
            for shape, count in kept
        )
    plain = "".join(sample)
    members = (set(_D) if not plain or re.search(r"\d", plain) else set()) | (
        set(_U) if plain.isupper() else set(_L) if re.search(r"[^\W\d]", plain) else set()
    )
    lengths = Counter(max(len(text), 6) for text in sample or ["000000"]).most_common(MAX_KINDS)
    return "form:" + "|".join(f"{count}*{as_set(members or set(_D))}{{{length}}}" for length, count in lengths)


def loose_digits(pattern: str) -> list[str]:
    """``pattern`` with any digit where one is, behind what says of which kind it is; nothing for one without a check.

    What is made still keeps the check, unlike a pattern that is widened by more digits.
    """
    name, _, body = pattern.partition(":")
    if name not in CHECKS:
        return []
    found, kept = parse_form(body), 4 if name == "mod97" else 1
    parts = []
    for slots, weight in zip(found.alternatives, found.weights, strict=True):
        items = [set(slot.tolist()) for slot in slots]
        last = max((index for index, members in enumerate(items) if members & set(_D)), default=0)
        for index in range(kept, last if CHECKS[name].place.start < 0 else last + 1):
            items[index] = set(_D) if items[index] <= set(_D) else items[index]
        parts.append(f"{weight}*{_written(items)}" if len(found.weights) > 1 else _written(items))
    return [f"{name}:{'|'.join(parts)}"]


def number_range(numbers: np.ndarray, dtype: str, *, apart: bool = False) -> str:
    """The pattern for distinct whole ``numbers`` that do not count: a range around them, with round ends.

    Args:
        numbers: int64 or uint64.
        dtype: what must hold them.
        apart: whether the range must not hold a real one.
    """
    low, high = int(numbers.min()), int(numbers.max())
    unit = 10 ** max(0, len(str(high - low)) - 2)
    ends = low // unit * unit, (high // unit + 1) * unit - 1
    digits = {len(str(abs(value))) for value in (low, high)}
    if low > 0 and len(digits) == 1:  # as many digits as all real ones have
        figures = digits.pop()
        ends = max(ends[0], 10 ** (figures - 1)), min(ends[1], 10**figures - 1)
    room = max(ends[1] - ends[0] + 1, 2 * len(numbers))
    if apart:
        ends = high + 1, high + room
    least, most = _limits(dtype)
    if ends[1] > most:  # nothing above: below the real ones, or among them
        ends = (low - room, low - 1) if apart and low - room >= max(least, min(low, 0)) else (ends[0], most)
    return f"number:{max(ends[0], least)}..{max(ends[1], ends[0])}"


def _limits(dtype: str) -> tuple[int, int]:
    plain = dtype.lower()
    if found := re.match(r"(u?)int(\d+)", plain):
        bits = int(found[2])
        return (0, 2**bits - 1) if found[1] else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return (-(2**53), 2**53) if plain.startswith(("float", "double")) else (-(10**19), 10**20 - 1)


def number_gap(numbers: np.ndarray) -> str | None:
    """A range between two of the distinct ``numbers`` in which as many have room twice over; ``None`` without one."""
    ordered = np.sort(numbers)
    gaps = ordered[1:] - ordered[:-1]
    widest = int(np.argmax(gaps))
    room = int(gaps[widest]) - 1
    unit = 10 ** max(0, len(str(room)) - 2)
    low = (int(ordered[widest]) // unit + 1) * unit
    high = (int(ordered[widest + 1]) // unit) * unit - 1
    return f"number:{low}..{high}" if high - low >= 2 * len(numbers) else None


def without_real(
    pattern: str, real: np.ndarray, name: str, words: WordLists = (), *, rows: int | None = None
) -> str | None:
    """``pattern``, maybe narrowed or with a salt, by which new identifiers are none of the distinct ``real`` ones.

    ``None`` where there is no such one: it makes hardly any others.

    Args:
        words: lists that come with the pattern.
        rows: identifiers that a table has, as many as are real if absent.
    """
    if pattern == "sequence" or pattern.startswith("count:"):
        return pattern
    rows = len(real) if rows is None else rows
    wanted = CHECKED * rows + 1000
    if pattern_room(pattern, words) >= wanted * len(real) / RARE:
        return pattern  # hitting one is a rare accident, whatever the seed
    if pattern.startswith("number:"):
        return None if len(real) < 2 else number_gap(np.array([int(text) for text in real.tolist()]))
    form = UUID_FORM if pattern == "uuid" else template_as_form(pattern)
    prefix, form = pattern.split(":", 1) if ":" in pattern else ("form", form)
    known = set(real.tolist())
    room = pattern_room(pattern, words)
    wanted = min(wanted, MOST_CHECKED, room)
    few = wanted <= FEW_HITS * room / len(real)
    # Words of a list are hardly the real ones, however many these are.
    tries = SALTS if few else 1 if re.search(r"(?<!\\)\{[A-Za-z]", form) else 0
    for salt in range(tries if 2 * rows <= wanted else 0):
        salted = f"{prefix}:{form}~{salt}"
        if known.isdisjoint(make_identifiers(salted, wanted, name=name, words=words).tolist()):
            return salted
    narrowed = _narrowed(form, real, words, 2 * rows)
    enough = narrowed is not None and pattern_room(f"{prefix}:{narrowed}", words) >= 2 * rows
    return f"{prefix}:{narrowed}" if enough else None


def _narrowed(form: str, real: np.ndarray, words: WordLists, room: int) -> str | None:
    """``form`` with a step that no ``real`` text is on, or else a few characters fixed that none has together.

    ``None`` if there is neither. A step looks like the real ones: all characters occur at all positions.

    Args:
        room: texts that must be left.
    """
    codes = np.ascontiguousarray(real.astype(str))
    codes = codes.view(np.uint32).reshape(len(codes), -1)
    found = parse_form(form, words)
    parts = []
    for slots, weight in zip(found.alternatives, found.weights, strict=True):
        if any(len(word) != 1 for slot in slots for word in slot):
            return None
        here = codes[(codes > 0).sum(1) == len(slots)]
        step = _free_step(slots, here, -(-room * weight // sum(found.weights)))
        pins = _free_pins(slots, here) if step is None else {}
        if pins is None:
            return None
        items = [{pins[index]} if index in pins else set(slot.tolist()) for index, slot in enumerate(slots)]
        written = _written(items) + ("" if step is None else f"%{step[0]}+{step[1]}")
        parts.append(f"{weight}*{written}" if len(found.weights) > 1 else written)
    return "|".join(parts)


def _free_step(slots: tuple[np.ndarray, ...], codes: np.ndarray, room: int) -> tuple[int, int] | None:
    """(step, first) so that each step-th text of ``slots`` from the first on is none of ``codes`` (uint32[n, width]).

    A small step by which characters of all positions change, and that leaves ``room`` texts; ``None`` without one.
    """
    texts = 1
    for slot in slots:
        texts *= len(slot)
    if texts > LARGEST:
        return None
    index = _indices(slots, range(len(slots)), codes)
    fit = (
        step
        for step in range(max(2, len(codes) // MOST_PER_FIRST), texts // max(room, 1) + 1)
        if gcd(step, texts) == 1 and len(codes) < step * np.log(step * MOST_STEPS)
    )
    for step in islice(fit, MOST_STEPS):
        free = np.flatnonzero(np.bincount(index % step, minlength=step) == 0)
        if len(free):
            return step, int(free[len(free) // 2])
    return None


def _indices(slots: tuple[np.ndarray, ...], positions: Sequence[int], codes: np.ndarray) -> np.ndarray:
    """int64[n]: the rank of each of ``codes`` among all texts of the slots ``positions``; the last counts fastest."""
    index = np.zeros(len(codes), np.int64)
    for position in positions:
        order = np.argsort(slots[position])
        ranked = slots[position][order].view(np.uint32)
        index = index * len(ranked) + order[np.minimum(np.searchsorted(ranked, codes[:, position]), len(ranked) - 1)]
    return index


def _free_pins(slots: tuple[np.ndarray, ...], codes: np.ndarray) -> dict[int, str] | None:
    """Positions -> characters that no row of ``codes`` (uint32[n, width]) has together; few positions, if any do."""
    if not len(codes):
        return {}
    # From the third on: what stands first often tells kinds apart, and the last may be a check digit.
    several = [index for index, slot in enumerate(slots[:-1]) if len(slot) > 1]
    for many in (1, 2, 3, 4):
        positions = several[-many:] if len(several) >= many else []
        room = int(np.prod([len(slots[position]) for position in positions])) if positions else 0
        if not room or room > MOST_CHECKED:
            continue
        free = np.setdiff1d(np.arange(room), _indices(slots, positions, codes))
        if len(free):
            chosen, pins = int(free[len(free) // 2]), {}
            for position in reversed(positions):
                chosen, at = divmod(chosen, len(slots[position]))
                pins[position] = str(slots[position][at])
            return pins
    return None
