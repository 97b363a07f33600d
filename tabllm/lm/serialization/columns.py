"""Cells of one column as paths of choices: values from a list, digits, calendar dates, free text.

Every codec here holds an :class:`~.automaton.Automaton` and turns canonical values (:mod:`tabular.encoding.arrays`)
into choices and back, for all rows at once. Values come back from the choices, never from text that is parsed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tabular.plain_json import FLAG, TEXT, FieldError, check_fields, list_of, maybe, real, whole
from tabular.where.conditions import Allowed

from .automaton import DONE, Automaton, Level, restricted, trie
from .text_bounds import default_bound
from .tokenizer import TextTokenizer

__all__ = ["CellCodec", "ListCodec", "TextCells", "TrieLeaves"]

#: Most tokens of one free text that a run may speak of, and most different tokens in a column of them.
MAX_TEXT_TOKENS, MAX_TEXT_VOCABULARY = 1 << 15, 8192


class CellCodec(ABC):
    """One column: canonical values <-> int32[n, depth] choices, -1 after the end of a value.

    Attributes:
        automaton: what may be written.
        closed: whether the last token of a value says that it is the last, so that nothing must part it from
            what follows.
    """

    automaton: Automaton
    closed = True

    @abstractmethod
    def encode(self, values: np.ndarray) -> np.ndarray:
        """Canonical values -> choices."""

    @abstractmethod
    def decode(self, choices: np.ndarray) -> np.ndarray:
        """Choices -> canonical values."""

    def narrowed(self, allowed: Allowed | None, *, present: bool = False) -> Automaton | None:
        """The automaton kept to what ``allowed`` allows, and, if ``present``, to what is not missing.

        ``None`` if nothing is left.
        """
        raise NotImplementedError(f"{type(self).__name__} takes no conditions")

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data from which the column can be built again with the same tokenizer."""


class ListCodec(CellCodec):
    """A column whose values are listed; each is written as one piece of text.

    Args:
        texts: what is written for each value; a last one more than ``numbers`` or codes stands for "missing".
        numbers: float64, the values of a numeric column, ascending; ``None`` for codes of a categorical column.
        missing: whether the last text stands for a missing cell.
        short: write no more of a value's tokens than tell it from the others.
        end: the token that closes a value where one begins another.
    """

    def __init__(
        self,
        tokenizer: TextTokenizer,
        texts: Sequence[str],
        numbers: np.ndarray | None,
        *,
        missing: bool,
        short: bool,
        end: int,
    ) -> None:
        self.texts, self.numbers, self.missing, self.short, self.end = list(texts), numbers, missing, short, end
        self.paths = tokenizer.all_ids([f" {text}" for text in texts])
        if short:
            self.paths = _telling(self.paths)
        try:
            self.automaton, self.rows = trie(self.paths)
            self.closed = False
        except ValueError:
            shortest = _different(self.paths, tokenizer)
            close = _closing(shortest, tokenizer, end)
            self.paths = [[*path, close] for path in shortest]
            self.automaton, self.rows = trie(self.paths)
        self.leaves = TrieLeaves(self.automaton, self.rows)

    def encode(self, values: np.ndarray) -> np.ndarray:
        last = len(self.texts) - 1
        if self.numbers is None:
            return self.rows[np.where(values < 0, last, values)]
        position = np.clip(np.searchsorted(self.numbers, values), 0, len(self.numbers) - 1)
        before = np.maximum(position - 1, 0)
        nearer = np.abs(values - self.numbers[before]) < np.abs(values - self.numbers[position])
        position = np.where(nearer, before, position)
        return self.rows[np.where(np.isnan(values), last, position)]

    def decode(self, choices: np.ndarray) -> np.ndarray:
        value = self.leaves.find(choices)
        gone = value == len(self.texts) - 1 if self.missing else np.zeros(len(value), bool)
        if self.numbers is None:
            return np.where(gone, -1, value).astype(np.int32)
        return np.where(gone, np.nan, self.numbers[np.minimum(value, len(self.numbers) - 1)])

    def narrowed(self, allowed: Allowed | None, *, present: bool = False) -> Automaton | None:
        keep = np.ones(len(self.texts), bool)
        if allowed is not None:
            plain = np.arange(len(self.texts)) if self.numbers is None else np.append(self.numbers, np.nan)
            keep = allowed.contains(plain[: len(self.texts)])
        part = kept_trie(self.paths, keep, allowed, missing=self.missing, present=present)
        return None if part is None else restricted(self.automaton, part)

    def to_dict(self) -> dict[str, Any]:
        numbers = None if self.numbers is None else self.numbers.tolist()
        return {"type": "list", "texts": self.texts, "numbers": numbers, "missing": self.missing}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], tokenizer: TextTokenizer, *, short: bool, end: int) -> ListCodec:
        """Read what :meth:`to_dict` wrote. Raises :class:`tabular.plain_json.FieldError` if it is not."""
        check_fields(data, {"texts": list_of(TEXT, 1), "numbers": maybe(list_of(real(), 1)), "missing": FLAG}, "it")
        numbers = None if data["numbers"] is None else np.asarray(data["numbers"], np.float64)
        if numbers is not None and len(numbers) + data["missing"] != len(data["texts"]):
            raise FieldError(f"it has {len(data['texts']):,} texts for {len(numbers):,} numbers")
        return cls(tokenizer, data["texts"], numbers, missing=data["missing"], short=short, end=end)


def kept_trie(
    paths: Sequence[Sequence[int]], keep: np.ndarray, allowed: Allowed | None, *, missing: bool, present: bool
) -> Automaton | None:
    """The trie of those ``paths`` that bool[paths] ``keep`` names; ``None`` if there is none.

    Args:
        missing: whether the last path stands for a missing cell, which ``allowed`` and ``present`` may rule out.
    """
    if missing:
        keep[-1] = not present and (allowed is None or allowed.missing)
    return trie([path for path, kept in zip(paths, keep, strict=True) if kept])[0] if keep.any() else None


class TextCells(CellCodec):
    """Free text of at most ``longest`` tokens, of tokens that the column's own texts are made of.

    A line break ends the text, so there is none inside; a cell that ends at once is missing.

    Args:
        vocabulary: token ids, ascending.

    Attributes:
        lengths: int64[texts], tokens of each text that was fitted to, none of a codec that was read.
    """

    lengths = np.empty(0, np.int64)

    def __init__(self, tokenizer: TextTokenizer, vocabulary: Sequence[int], longest: int, *, missing: bool) -> None:
        self.tokenizer, self.longest, self.missing = tokenizer, longest, missing
        self.end = tokenizer.ids("\n")[-1]
        self.vocabulary = np.array(sorted(set(vocabulary) - {self.end}), np.int64)
        tokens = np.append(self.vocabulary, self.end)
        step = np.append(np.zeros(len(self.vocabulary), np.int32), np.int32(DONE))[None]
        first = Level(tokens, step, np.append(np.ones(len(self.vocabulary), bool), missing)[None])
        if not missing:
            first = Level(self.vocabulary, step[:, :-1], np.ones((1, len(self.vocabulary)), bool))
        inner = Level(tokens, step, np.ones((1, len(tokens)), bool))
        last = Level(np.array([self.end]), np.array([[DONE]], np.int32), np.ones((1, 1), bool))
        self.automaton = Automaton((first, *[inner] * (longest - 1), last))

    @classmethod
    def fit(cls, tokenizer: TextTokenizer, values: np.ndarray, *, most: int | None = None) -> TextCells:
        """Learn from ``values`` (object[n], ``None`` = missing).

        Args:
            most: tokens of a text at most; chosen by the texts' lengths if absent.
        """
        present = [value for value in values if value is not None]
        rows = tokenizer.all_ids([_one_line(value) for value in present])
        end = tokenizer.ids("\n")[-1]
        used, counts = np.unique(np.concatenate([np.asarray(row, np.int64) for row in rows]), return_counts=True)
        used = used[np.argsort(-counts, kind="stable")][:MAX_TEXT_VOCABULARY]
        lengths = np.array([len(row) for row in rows], np.int64)
        longest = default_bound(lengths) if most is None else max(1, min(most, int(lengths.max(initial=1))))
        vocabulary = [int(token) for token in used if token != end]
        made = cls(tokenizer, vocabulary, longest, missing=len(present) < len(values))
        made.lengths = lengths
        return made

    def bounded(self, longest: int) -> TextCells:
        """The same column with texts of at most ``longest`` tokens."""
        made = TextCells(self.tokenizer, self.vocabulary.tolist(), longest, missing=self.missing)
        made.lengths = self.lengths
        return made

    def encode(self, values: np.ndarray) -> np.ndarray:
        gone = np.array([value is None for value in values])
        rows = self.tokenizer.all_ids(["" if value is None else _one_line(value) for value in values])
        choices = np.full((len(values), self.longest + 1), -1, np.int32)
        row = np.repeat(np.arange(len(rows)), [len(ids) for ids in rows])
        flat = np.concatenate([np.asarray(ids, np.int64) for ids in rows])
        position = np.minimum(np.searchsorted(self.vocabulary, flat), len(self.vocabulary) - 1)
        known = self.vocabulary[position] == flat  # tokens too rare to be kept are left out
        row, position = row[known], position[known]
        lengths = np.bincount(row, minlength=len(rows))
        column = np.arange(len(row)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        inside = column < self.longest
        choices[row[inside], column[inside]] = position[inside]
        lengths = np.minimum(lengths, self.longest)
        empty = (lengths == 0) & ~gone
        choices[empty, 0] = 0
        lengths = np.where(empty, 1, lengths)
        end = np.where(lengths == self.longest, 0, len(self.vocabulary))
        choices[np.arange(len(values)), lengths] = end
        return choices

    def decode(self, choices: np.ndarray) -> np.ndarray:
        inside = choices[:, : self.longest]
        is_token = (inside >= 0) & (inside < len(self.vocabulary))
        lengths = np.where(is_token.all(axis=1), self.longest, is_token.argmin(axis=1))
        ids = self.vocabulary[np.where(is_token, inside, 0)]
        texts = self.tokenizer.texts([row[:length] for row, length in zip(ids.tolist(), lengths, strict=True)])
        made = np.empty(len(choices), dtype=object)
        made[:] = [_one_line(text).strip() for text in texts]
        made[lengths == 0] = None
        return made

    def narrowed(self, allowed: Allowed | None, *, present: bool = False) -> Automaton | None:
        if not (present and self.missing):
            return self.automaton
        first = self.automaton.levels[0]
        step = first.step.copy()
        step[:, -1] = -2
        return Automaton((Level(first.tokens, step, first.known), *self.automaton.levels[1:]))

    def to_dict(self) -> dict[str, Any]:
        return {
            "type": "text",
            "vocabulary": self.vocabulary.tolist(),
            "longest": self.longest,
            "missing": self.missing,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], tokenizer: TextTokenizer) -> TextCells:
        """Read what :meth:`to_dict` wrote. Raises :class:`tabular.plain_json.FieldError` if it is not."""
        token = whole(0, tokenizer.backend.get_vocab_size() - 1)
        kinds = {"vocabulary": list_of(token, 1), "longest": whole(1, MAX_TEXT_TOKENS), "missing": FLAG}
        check_fields(data, kinds, "it")
        return cls(tokenizer, data["vocabulary"], data["longest"], missing=data["missing"])


def _one_line(text: Any) -> str:
    return " " + " ".join(str(text).split())


def _telling(paths: list[list[int]]) -> list[list[int]]:
    """Each path cut behind the first token that tells it from all others; whole where it begins another."""
    order = sorted(range(len(paths)), key=paths.__getitem__)
    shared = [0] * (len(paths) + 1)
    for place in range(1, len(order)):
        one, other = paths[order[place - 1]], paths[order[place]]
        same = 0
        while same < min(len(one), len(other)) and one[same] == other[same]:
            same += 1
        shared[place] = same
    cut = list(paths)
    for place, index in enumerate(order):
        cut[index] = paths[index][: max(shared[place], shared[place + 1]) + 1]
    return cut


def _different(paths: list[list[int]], tokenizer: TextTokenizer) -> list[list[int]]:
    """The paths, with a number behind those that a tokenizer makes equal."""
    again: dict[tuple[int, ...], int] = {}
    taken: set[tuple[int, ...]] = set()
    shortest = []
    for path in map(tuple, paths):
        made, number = path, again.get(path, 0)
        while made in taken and number <= len(paths):
            number += 1
            made = (*path, *tokenizer.ids(f" {number}"))
        again[path] = number
        taken.add(made)
        shortest.append(list(made))
    return shortest


def _closing(paths: list[list[int]], tokenizer: TextTokenizer, end: int) -> int:
    """``end``, or, where a value has that token inside, another that none has."""
    inside = {token for path in paths for token in path}
    marks = (tokenizer.ids(mark)[-1] for mark in (";", "|", "\n"))
    return next(token for token in (end, *marks, *range(tokenizer.backend.get_vocab_size())) if token not in inside)


class TrieLeaves:
    """Which of the listed values a path of a trie is.

    Args:
        rows: int32[values, depth], the choices of each value.
    """

    def __init__(self, automaton: Automaton, rows: np.ndarray) -> None:
        self.levels = automaton.levels
        self.values = [np.full(level.step.shape, -1, np.int64) for level in self.levels]
        state = np.zeros(len(rows), np.int64)
        for index, level in enumerate(self.levels):
            running = np.flatnonzero((rows[:, index] >= 0) & (state >= 0))
            after = level.step[state[running], rows[running, index]]
            done = after == DONE
            self.values[index][state[running[done]], rows[running[done], index]] = running[done]
            state[running] = after

    def find(self, choices: np.ndarray) -> np.ndarray:
        """int32[n, depth] choices -> int64[n], the values' numbers."""
        value = np.full(len(choices), -1, np.int64)
        state = np.zeros(len(choices), np.int64)
        for index, level in enumerate(self.levels):
            running = np.flatnonzero((value < 0) & (choices[:, index] >= 0))
            choice = choices[running, index]
            value[running] = self.values[index][state[running], choice]
            state[running] = level.step[state[running], choice]
        return value
