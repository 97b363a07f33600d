r"""Forms: small regular expressions of what an identifier is made of, and making distinct texts of one.

A form is one or more alternatives separated by ``|``, each with an optional weight: ``3*AB-[0-9]{4}|XY[0-9]{6}``.
``[0-9a-f]`` is a set of characters, ``{4}`` repeats it, ``{given}`` stands for a word of a list
(:mod:`tabular.codes.pools`, or a list that comes with the form; ``{Given}`` and ``{GIVEN}`` for the same with a
capital or in capitals), a backslash makes a character stand for itself, and so does everything else. An alternative
that ends in ``%71+8`` makes every 71st text alone, from the 8th on, counted in order of their characters: none of the
real ones stands there. A form that ends in ``~N`` makes the same texts whatever the seed: they were checked against the
real ones when it was found.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np

from .pools import words_of_list

__all__ = [
    "ALL",
    "Form",
    "WordLists",
    "alternatives_of",
    "as_set",
    "escaped",
    "hashed",
    "parse_form",
    "permuted",
    "regex_of",
]

#: Lists of words that come with a form: pairs of a name in small letters and of the words with blanks between them.
WordLists = tuple[tuple[str, str], ...]

#: Numbers up to here are permuted whole; of a larger form a part that is so large counts, and the rest is drawn.
LARGEST = 1 << 32
#: Alternatives are dealt out in rounds of so many texts.
ROUND = 1000
#: Each text of an alternative, from the first on.
ALL = (1, 0)
_SPECIAL = set("\\[]{}|*~%")
_EVERY = re.compile(r"(?<!\\)%(\d{1,10})\+(\d{1,10})$")
_ITEM = re.compile(
    r"\\(?P<escaped>.)|\[(?P<set>(?:\\.|[^\]\\])+)\]|\{(?P<times>\d{1,3})\}|\{(?P<list>[A-Za-z]+)\}"
    r"|(?P<plain>[^\\\[\]{}|])",
    re.DOTALL,
)


@dataclass(frozen=True)
class Form:
    """A parsed form.

    Attributes:
        alternatives: per alternative its slots, each an array of the texts it can be.
        weights: how often each alternative is taken, in :data:`ROUND` texts.
        every: per alternative (step, first): of its texts in order, each step-th from the first on can be made.
        salt: ``None`` where the seed decides.
    """

    alternatives: tuple[tuple[np.ndarray, ...], ...]
    weights: tuple[int, ...]
    every: tuple[tuple[int, int], ...]
    salt: int | None = None

    @property
    def room(self) -> int:
        """How many distinct texts can be made before one repeats."""
        return min(
            ROUND * _places(slots, every) // weight
            for slots, weight, every in zip(self.alternatives, self.weights, self.every, strict=True)
        )

    def make(self, numbers: np.ndarray, *, name: str, seed: int, distinct: bool = True) -> np.ndarray:
        """object[n]: the texts of ``numbers`` (int64[n]); different numbers have different texts.

        Args:
            name: of the column; another name gives other texts.
            distinct: where the form has no room left, whether a number behind keeps the texts distinct.
        """
        key = zlib.crc32(f"{name}\0{seed if self.salt is None else f'salt {self.salt}'}".encode())
        rounds, position = np.divmod(numbers, ROUND)
        dealt = np.repeat(np.arange(len(self.weights)), self.weights)[permuted(np.arange(ROUND), ROUND, key)]
        rank = np.zeros(ROUND, np.int64)
        for choice, weight in enumerate(self.weights):
            rank[dealt == choice] = np.arange(weight)
        made = np.empty(len(numbers), dtype=object)
        for choice, (slots, weight, every) in enumerate(zip(self.alternatives, self.weights, self.every, strict=True)):
            here = np.flatnonzero(dealt[position] == choice)
            if len(here):
                make = _texts if every == ALL else partial(_every_texts, every)
                made[here] = make(slots, rounds[here] * weight + rank[position[here]], key + choice, distinct)
        return made


def _product(slots: Sequence[np.ndarray]) -> int:
    room = 1
    for slot in slots:
        room *= len(slot)
    return room


def _places(slots: tuple[np.ndarray, ...], every: tuple[int, int]) -> int:
    """How many distinct texts an alternative can be."""
    step, first = every
    return -(-(_product(slots) - first) // step)


def _every_texts(
    every: tuple[int, int], slots: tuple[np.ndarray, ...], numbers: np.ndarray, key: int, distinct: bool
) -> np.ndarray:
    step, first = every
    again, within = np.divmod(numbers, _places(slots, every))
    left = permuted(within, _places(slots, every), key) * step + first
    blocks = []
    for slot in reversed(slots):
        left, here = np.divmod(left, len(slot))
        blocks.append(slot[here])
    return _told_apart(_joined(blocks[::-1]), again, distinct)


def _told_apart(made: np.ndarray, again: np.ndarray, distinct: bool) -> np.ndarray:
    """``made`` with the round behind those for which a form had no room left, where texts must be ``distinct``."""
    for row in np.flatnonzero(again) if distinct else ():
        made[row] = f"{made[row]}{again[row]}"
    return made


def _texts(slots: tuple[np.ndarray, ...], numbers: np.ndarray, key: int, distinct: bool) -> np.ndarray:
    # As many slots count as fit into LARGEST, those that are drawn differ from text to text all the same.
    counting: list[int] = []
    room = 1
    for index in sorted(range(len(slots)), key=lambda position: hashed(np.array([position]), key)[0]):
        if len(slots[index]) > 1 and room * len(slots[index]) <= LARGEST:
            counting.append(index)
            room *= len(slots[index])
    again, within = np.divmod(numbers, room)
    left = permuted(within, room, key)
    blocks: list[np.ndarray] = []
    chosen: dict[int, np.ndarray] = {}
    for index in counting:
        left, chosen[index] = np.divmod(left, len(slots[index]))
    drawn, spent = np.zeros(len(numbers), np.int64), LARGEST + 1
    for index, slot in enumerate(slots):
        if index not in chosen and len(slot) > 1:
            if spent * len(slot) > LARGEST:  # one hash serves several slots
                drawn, spent = hashed(numbers, key + 7919 * (index + 1)), 1
            drawn, chosen[index] = np.divmod(drawn, len(slot))
            spent *= len(slot)
        blocks.append(slot[chosen[index]] if len(slot) > 1 else np.repeat(slot, len(numbers)))
    return _told_apart(_joined(blocks), again, distinct)


def _joined(blocks: list[np.ndarray]) -> np.ndarray:
    """The texts of ``blocks`` (arrays of text, equally long) side by side: object[n]."""
    joined: list[np.ndarray] = []
    run: list[np.ndarray] = []
    for block in [*blocks, None]:
        if block is not None and block.dtype.itemsize == 4:  # one character: a run of them is one matrix
            run.append(block.view(np.uint32) if block.flags.c_contiguous else block.copy().view(np.uint32))
            continue
        if run:
            joined.append(np.ascontiguousarray(np.stack(run, axis=1)).view(f"U{len(run)}").ravel())
            run = []
        if block is not None:
            joined.append(block)
    whole = joined[0] if joined else np.zeros(0, "U1")
    for block in joined[1:]:
        whole = np.char.add(whole, block)
    return whole.astype(object)


@lru_cache(maxsize=256)
def parse_form(text: str, words: WordLists = ()) -> Form:
    """Read a form. Raises :class:`ValueError` saying what is wrong with it.

    Args:
        words: lists that stand in for those of the same name.
    """
    body, salt = text, None
    if found := re.fullmatch(r"(.*?)(?<!\\)~(\d{1,9})", text, re.DOTALL):
        body, salt = found[1], int(found[2])
    alternatives, weights, every = [], [], []
    for part in alternatives_of(body):
        weight, chosen = re.match(r"(\d{1,6})\*", part), _EVERY.search(part)
        weights.append(int(weight[1]) if weight else 1)
        slots = _slots(part[weight.end() if weight else 0 : chosen.start() if chosen else None], words)
        if not slots:
            raise ValueError(f"the form {text!r} has an empty alternative")
        alternatives.append(tuple(slots))
        every.append((int(chosen[1]), int(chosen[2])) if chosen else ALL)
        if chosen and not (every[-1][1] < every[-1][0] and every[-1][1] < _product(slots) <= LARGEST):
            raise ValueError(f"the form {text!r} has a step that leaves no texts, or too many to be counted")
    if len(alternatives) > ROUND // 2 or min(weights) < 1:
        raise ValueError(f"the form {text!r} has too many alternatives or a weight of 0")
    return Form(tuple(alternatives), _parts_of(weights), tuple(every), salt)


def _parts_of(weights: list[int]) -> tuple[int, ...]:
    """``weights`` as whole parts of :data:`ROUND`, at least 1 each."""
    exact = np.asarray(weights, np.float64) * ROUND / sum(weights)
    parts = np.maximum(np.floor(exact), 1).astype(int)
    while (off := ROUND - parts.sum()) != 0:
        position = int(np.argmax((exact - parts) * np.sign(off)))
        parts[position] += 1 if off > 0 else -1
    return tuple(int(part) for part in parts)


def alternatives_of(body: str) -> list[str]:
    """The alternatives of a form, with their weights."""
    parts, depth, last, position = [], 0, 0, 0
    while position < len(body):
        char = body[position]
        if char == "\\":
            position += 1
        elif char == "[":
            depth += 1
        elif char == "]":
            depth = max(0, depth - 1)
        elif char == "|" and not depth:
            parts.append(body[last:position])
            last = position + 1
        position += 1
    return [*parts, body[last:]]


def regex_of(text: str) -> re.Pattern[str]:
    """A regular expression that matches whatever the form ``text`` makes, and more: any word for one of a list."""
    parts = []
    for alternative in alternatives_of(text):
        written = ""
        for item in _ITEM.finditer(_EVERY.sub("", re.sub(r"^\d{1,6}\*", "", alternative))):
            if item["list"] is not None:
                written += r"\S+"
            elif item["escaped"] or item["plain"]:
                written += re.escape(item["escaped"] or item["plain"])
            else:
                written += item[0] if item["times"] else f"[{''.join(map(re.escape, _members(item['set'])))}]"
        parts.append(written)
    return re.compile("|".join(parts))


def _slots(part: str, words: WordLists) -> list[np.ndarray]:
    slots: list[np.ndarray] = []
    position = 0
    while position < len(part):
        found = _ITEM.match(part, position)
        if found is None:
            raise ValueError(f"the form {part!r} cannot be read from {part[position : position + 10]!r} on")
        position = found.end()
        if found["times"] is not None:
            if not slots or not found["times"].strip("0"):
                raise ValueError(f"the form {part!r} repeats nothing, or no times")
            slots += [slots[-1]] * (int(found["times"]) - 1)
        elif found["list"] is not None:
            slots.append(words_of_list(found["list"], words))
        elif found["set"] is not None:
            slots.append(np.array(_members(found["set"])))
        else:
            slots.append(np.array([found["escaped"] or found["plain"]]))
    return slots


def _members(inside: str) -> list[str]:
    chars = re.findall(r"\\.|.", inside, re.DOTALL)
    members: dict[str, None] = {}
    position = 0
    while position < len(chars):
        low = chars[position][-1]
        if position + 2 < len(chars) and chars[position + 1] == "-":
            high = chars[position + 2][-1]
            if ord(high) < ord(low) or ord(high) - ord(low) > 1000:
                raise ValueError(f"the set [{inside}] has no range {low}-{high}")
            members.update((chr(code), None) for code in range(ord(low), ord(high) + 1))
            position += 3
        else:
            members[low] = None
            position += 1
    return list(members)


def as_set(chars: set[str]) -> str:
    """The item of a form that stands for one of ``chars``."""
    if len(chars) == 1:
        return escaped(next(iter(chars)))
    codes = sorted(map(ord, chars))
    runs: list[list[int]] = []
    for code in codes:
        if runs and code == runs[-1][1] + 1:
            runs[-1][1] = code
        else:
            runs.append([code, code])
    written = ""
    for low, high in runs:
        ends = [_in_set(chr(low)), _in_set(chr(high))]
        written += "-".join(ends) if high - low > 1 else "".join(ends[: high - low + 1])
    return f"[{written}]"


def _in_set(char: str) -> str:
    return "\\" + char if char in "\\]-[^" else char


def escaped(text: str) -> str:
    """``text`` as a form that stands for itself."""
    return "".join("\\" + char if char in _SPECIAL else char for char in text)


def hashed(numbers: np.ndarray, key: int) -> np.ndarray:
    """int64[n], at least 0: a pseudorandom number for each of ``numbers`` (SplitMix64, Steele et al. 2014)."""
    mixed = numbers.astype(np.uint64) + np.uint64((key * 0x9E3779B97F4A7C15) % 2**64)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((mixed ^ (mixed >> np.uint64(31))) >> np.uint64(1)).astype(np.int64)


def permuted(numbers: np.ndarray, room: int, key: int) -> np.ndarray:
    """int64[n]: ``numbers``, all below ``room``, each replaced by another one below it, no two by the same.

    A Feistel network of four rounds on the next power of four; what falls outside goes through again.
    """
    half = max(1, ((room - 1).bit_length() + 1) // 2)
    mask = np.int64((1 << half) - 1)
    found = np.asarray(numbers, np.int64).copy()
    outside = np.arange(len(found))
    while len(outside):
        left, right = found[outside] >> half, found[outside] & mask
        for turn in range(4):
            left, right = right, left ^ (hashed(right, 4 * key + turn) & mask)
        found[outside] = (left << half) | right
        outside = outside[found[outside] >= room]
    return found
