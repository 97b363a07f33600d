"""What varies at one position of texts that have a structure: words, numbers, codes, dates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Sequence
from dataclasses import dataclass

import numpy as np

from ..plain_json import TEXT, list_of, one_of, real, whole
from .made_up_words import made_up_codes, made_up_words
from .tokens import CODE, DATE, NUMBER, TIME, WORD

__all__ = ["MIN_ROWS", "SLOT_FIELDS", "Slot"]

#: A word is kept if it stands in at least this many rows.
MIN_ROWS = 5
#: Words kept of a slot, and knots of the distribution of its numbers.
MAX_WORDS, KNOTS = 2_000, 101
#: Digits that float64 holds; a number written with an exponent, which takes as many digits as it needs.
MAX_DIGITS, AS_FLOAT = 15, 99
#: The years 1 to 9999, as days since 1970.
_DAYS = -719_162, 2_932_896


@dataclass(frozen=True)
class Slot:
    """What varies at one position.

    Attributes:
        kind: ``word``, ``number``, ``code``, ``date`` or ``time``.
        words: those that are kept; ``counts`` says how many rows have each.
        rest: rows that have another one.
        shapes: what the others are like: ``a`` for a letter, ``A`` for a capital, ``9`` for a digit.
        knots: quantiles of the numbers, of dates in days since 1970, and of times in minutes, all of them multiples of
            ``step``; ``decimals`` are the digits after the numbers'
            point, one of them for each, ``width`` the digits that zeros fill up to, 0 if none do, and ``group`` what
            parts thousands.
    """

    kind: str
    words: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()
    rest: int = 0
    shapes: tuple[str, ...] = ()
    knots: tuple[float, ...] = ()
    decimals: tuple[int, ...] = ()
    width: int = 0
    group: str = ""
    step: int = 0

    @classmethod
    def fit(cls, kind: str, texts: Sequence[str], common: Container[str]) -> Slot:
        """Learn from the pieces that stand at the position; ``common`` are those of several rows of the column."""
        counted = Counter(texts)
        if kind == DATE:
            return cls(DATE, knots=_knots(np.array(texts, "datetime64[D]").astype(np.float64)))
        if kind == TIME:
            minutes = np.array([_minutes(text) for text in texts])
            return cls(TIME, knots=_knots(minutes), step=max(1, int(np.gcd.reduce(minutes.astype(np.int64)))))
        if kind == NUMBER:
            group = "," if any("," in text for text in counted) else ""
            return cls._of_numbers([text.replace(",", "") for text in texts] if group else texts, group)
        kept = [(text, count) for text, count in counted.most_common(MAX_WORDS) if text in common]
        rest = len(texts) - sum(count for _, count in kept)
        words = {text for text, _ in kept}
        return cls(
            kind,
            tuple(text for text, _ in kept),
            tuple(count for _, count in kept),
            rest,
            _shapes([text for text in texts if text not in words]),
        )

    @classmethod
    def _of_numbers(cls, texts: Sequence[str], group: str) -> Slot:
        whole_ones = {text for text in set(texts) if text.lstrip("-").isdecimal()}
        lengths = {len(text.lstrip("-")) for text in whole_ones}
        padded = any(text.lstrip("-").startswith("0") and len(text) > 1 for text in whole_ones)
        if max(lengths, default=0) > MAX_DIGITS or (padded and len(lengths) > 1):
            return cls(CODE, rest=len(texts), shapes=_shapes(texts))
        values = np.array([float(text) for text in texts])
        positions = [
            AS_FLOAT if "e" in text.lower() else min(len(text.partition(".")[2]), MAX_DIGITS) for text in texts
        ]
        decimals = sorted(positions)[:: max(1, len(positions) // 50)]
        width = lengths.pop() if padded else 0
        return cls(NUMBER, knots=_knots(values), decimals=tuple(decimals), width=width, group=group)

    @property
    def can_draw(self) -> bool:
        """Whether there is something to draw from, each with its share."""
        if self.is_measured:
            return bool(self.knots) and {NUMBER: bool(self.decimals), TIME: self.step > 0}.get(self.kind, True)
        some = self.rest + sum(self.counts) > 0
        return some and len(self.words) == len(self.counts) and (not self.rest or bool(self.shapes))

    @property
    def is_measured(self) -> bool:
        """Whether its values have an order: numbers, dates and times."""
        return self.kind in (NUMBER, DATE, TIME)

    def read(self, text: str) -> float:
        """The number, days since 1970, or minutes of ``text``."""
        if self.kind == TIME:
            return _minutes(text)
        if self.kind == DATE:
            return float(np.datetime64(text, "D").astype(np.int64))
        return float(text.replace(",", ""))

    def values(self, ranks: np.ndarray) -> np.ndarray:
        """float64[n]: the numbers, days since 1970, or minutes at ``ranks`` (float64[n] of 0 to 1)."""
        return np.interp(ranks, np.linspace(0, 1, len(self.knots)), self.knots)

    def write(self, values: np.ndarray, rng: np.random.Generator) -> list[str]:
        """The text of each of ``values`` (float64[n])."""
        if self.kind == DATE:
            days = np.rint(np.clip(values, *_DAYS)).astype("datetime64[D]")
            return np.datetime_as_string(days).tolist()
        if self.kind == TIME:
            minutes = np.clip(np.rint(values / self.step) * self.step, 0, 1439).astype(np.int64).tolist()
            return [f"{minute // 60:02d}:{minute % 60:02d}" for minute in minutes]
        decimals = rng.choice(self.decimals, len(values))
        return [
            repr(value)
            if positions == AS_FLOAT
            else f"{value:{self.group}.{positions}f}"
            if positions
            else f"{round(value):{self.group}}".zfill(self.width)
            for value, positions in zip(values.tolist(), decimals.tolist(), strict=True)
        ]

    def draw(self, rows: int, rng: np.random.Generator) -> np.ndarray:
        """object[rows] of text."""
        if self.is_measured:
            made = np.empty(rows, dtype=object)
            made[:] = self.write(self.values(rng.random(rows)), rng)
            return made
        weight = np.array([*self.counts, self.rest], np.float64)
        chosen = rng.choice(len(weight), rows, p=weight / weight.sum())
        made = np.array([*self.words, ""], dtype=object)[chosen]
        other = np.flatnonzero(chosen == len(self.words))
        if len(other):
            like = [self.shapes[i] for i in rng.integers(0, len(self.shapes), len(other))]
            made[other] = (made_up_words if self.kind == WORD else made_up_codes)(like, rng)
        return made


def _minutes(text: str) -> float:
    return 60.0 * int(text[:2]) + int(text[3:])


def _knots(values: np.ndarray) -> tuple[float, ...]:
    """Quantiles of ``values``: few of few ones, so that none of them is one of the table by itself."""
    found = np.quantile(values, np.linspace(0, 1, min(KNOTS, max(2, len(values) // MIN_ROWS))))
    return tuple(found.tolist())


def _shapes(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(shape for shape, _ in Counter(map(_shape, texts)).most_common(20))


def _shape(text: str) -> str:
    """``text`` with nothing but its case and digits left."""
    lower = text.lower()
    hexadecimal = set(lower) <= set("0123456789abcdef")
    letter = "a" if hexadecimal else "x"
    return "".join("9" if char.isdecimal() else letter.upper() if char.isupper() else letter for char in text)


#: The fields of a slot in JSON.
SLOT_FIELDS = {
    "kind": one_of(WORD, NUMBER, CODE, DATE, TIME),
    "words": list_of(TEXT),
    "counts": list_of(whole(1)),
    "rest": whole(0),
    "shapes": list_of(TEXT),
    "knots": list_of(real()),
    "decimals": list_of(whole(0, AS_FLOAT)),
    "width": whole(0, MAX_DIGITS),
    "group": one_of(","),
    "step": whole(1, 1439),
}
