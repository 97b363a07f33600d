"""The tokens that dated texts share: runs of digits, words, and what stands between them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = ["Digits", "Offset", "Token", "Word", "tokens_of"]

_RUN = re.compile(r"[0-9]+|(?:[^\W\d_]+\.?)+|(?:(?![0-9]|[^\W\d_]).)+", re.DOTALL)
#: An offset from UTC, maybe with the zone's name as JavaScript and Java write it, and what closes a bracket: it follows
#: a time of day, or the name of a zone.
_OFFSET = re.compile(
    r"(?<=[0-9a-zA-Z])(?P<offset> ?(?:(?:\+(?:0[0-9]|1[0-4])|-(?:0[0-9]|1[0-2]))(?::?(?:00|15|30|45))?|Z)"
    r"(?: \([^()]+\)|\[[A-Za-z_/+-]+\])?)"
    r"(?P<close>[])\"']?)$"
)
_TIMED = re.compile(r"(?:[0-9]:[0-9]{2}(?:[.,][0-9]+)?|T[0-9]{4,6}(?:[.,][0-9]+)?|GMT|UTC|[AaPp]\.?[Mm]\.?)$")
#: A time of day by itself has no more offsets than this behind a minus: others are the end of a range.
FEW_OFFSETS = 3
#: A text of more runs is no date.
MAX_TOKENS = 16


@dataclass
class Digits:
    """A run of digits in all texts: its lengths, its least and greatest value (of two digits: all), how it is padded.

    ``optional`` says that some texts lack it, and the full stop before it.
    """

    lengths: set[int] = field(default_factory=set)
    pairs: set[int] = field(default_factory=set)
    low: int = 10**18
    high: int = -1
    zero: bool = False
    blank: bool = False
    optional: bool = False

    def add(self, text: str, *, blank: bool) -> None:
        """Take note of one run; ``blank`` if a blank pads it. An empty one says that the run may be left out."""
        if not text:
            self.optional = True
            return
        self.lengths.add(len(text))
        value = int(text[:18])
        self.low, self.high = min(self.low, value), max(self.high, value)
        if len(text) == 2:
            self.pairs.add(value)
        self.zero |= len(text) > 1 and text[0] == "0"
        self.blank |= blank

    @property
    def length(self) -> int:
        """The one length of all runs, 0 if they differ."""
        return next(iter(self.lengths)) if len(self.lengths) == 1 else 0


@dataclass
class Word:
    """A run of letters in all texts: which words it is."""

    words: set[str] = field(default_factory=set)

    @property
    def constant(self) -> str | None:
        """The word, if it is always the same."""
        return next(iter(self.words)) if len(self.words) == 1 else None


@dataclass
class Offset:
    """An offset from UTC at the end, with the blank before it."""

    texts: Counter[str] = field(default_factory=Counter)


#: A ``str`` is a separator.
Token = str | Digits | Word | Offset


def tokens_of(texts: Sequence[str]) -> tuple[list[Token], list[str]] | None:
    """The tokens of the most frequent structure among ``texts``, and the texts that have it; ``None`` without one."""
    structures: dict[tuple[str, ...], list[tuple[str, list[str]]]] = {}
    for text in texts:
        runs = _runs(text)
        if runs is not None:
            key = tuple(_kind(run) for run in runs)
            structures.setdefault(key, []).append((text, runs))
    if not structures:
        return None
    _merge_fractions(structures)
    best = max(structures, key=lambda key: len(structures[key]))
    tokens: list[Token] = [
        Digits() if kind == "0" else Word() if kind == "a" else Offset() if kind == "z" else kind for kind in best
    ]
    for _, runs in structures[best]:
        for index, (token, run) in enumerate(zip(tokens, runs, strict=True)):
            if isinstance(token, Digits):
                before = runs[index - 1] if index else ""
                token.add(run, blank=before.endswith("\0"))
            elif isinstance(token, Word):
                token.words.add(run)
            elif isinstance(token, Offset):
                token.texts[run[1:]] += 1
    if isinstance(tokens[-1], Offset) and best.count("0") <= 3 and _ends_of_ranges(tokens[-1]):
        return None
    return tokens, [text for text, _ in structures[best]]


def _ends_of_ranges(offset: Offset) -> bool:
    """Whether what stands behind times of day is a second time: 09:00-12:00."""
    return len(offset.texts) > FEW_OFFSETS and all(text.lstrip().startswith("-") for text in offset.texts)


def _merge_fractions(structures: dict[tuple[str, ...], list[tuple[str, list[str]]]]) -> None:
    """Texts without a fraction of a second join those with one, where both are found: Python's ``isoformat``."""
    clock = ("0", ":", "0", ":", "0", ".", "0")
    for key in list(structures):
        for index in range(len(key) - len(clock) + 1):
            point = index + len(clock) - 2
            short = key[:point] + key[point + 2 :]
            if key[index : index + len(clock)] == clock and short in structures:
                whole = [(text, [*runs[:point], ".", "", *runs[point:]]) for text, runs in structures.pop(short)]
                structures[key] += whole


def _kind(run: str) -> str:
    if run[0] == "\1":
        return "z"
    if "0" <= run[0] <= "9":
        return "0"
    return "a" if run[0].isalpha() else run.replace("\0", "")


def _runs(text: str) -> list[str] | None:
    """The runs of a text; an offset begins with a mark, and a blank that pads a digit is one after its separator."""
    end = ""
    found = _OFFSET.search(text)
    if found is not None and _TIMED.search(text[: found.start()]):
        text, end = text[: found.start()], "\1" + found["offset"]
    runs: list[str] = []
    position = 0
    while position < len(text):
        match = _RUN.match(text, position)
        if match is None or len(runs) >= MAX_TOKENS:
            return None
        runs.append(match[0])
        position = match.end()
    for index in range(1, len(runs)):
        # "Mar  4": the second blank stands for the digit that a day of two has.
        if len(runs[index]) == 1 and runs[index].isdigit() and runs[index - 1].endswith("  "):
            runs[index - 1] = runs[index - 1][:-1] + "\0"
    if not any("0" <= run[0] <= "9" for run in runs):
        return None
    if not end:
        return runs
    return [*runs, end, found["close"]] if found is not None and found["close"] else [*runs, end]
