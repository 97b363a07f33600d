"""Text that has a structure: addresses of pages, JSON, lists with a delimiter, versions, coordinates, paths, codes.

A column is learned as templates: what all texts of one kind have in common, and slots for the rest. A slot draws words
from those that stand there in several rows, and makes up others of the same form; numbers come from the range of those
that stand there. What stands in a few rows alone is never written, so no whole text is copied on purpose.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri
from scipy.stats import rankdata

from ..plain_json import FLAG, PLAIN, TEXT, FieldError, check_fields, list_of, one_of, real, whole
from .slots import MIN_ROWS, SLOT_FIELDS, Slot
from .tokens import CODE, DATE, LITERAL, NUMBER, TIME, WORD, Token, tokens_of

__all__ = ["Template", "TemplateCodec"]

#: Texts are read up to so many.
MAX_ROWS_READ = 20_000
#: Templates at most, tokens of a text at most, and rows that the templates must stand for.
MAX_TEMPLATES, MAX_TOKENS, COVERED = 400, 120, 0.7
#: Different values of a position up to which each has templates of its own: tried in this order until the templates
#: stand for a fraction of :data:`ENOUGH` of the rows.
FEW: tuple[dict[str, int], ...] = (
    {WORD: 24, NUMBER: 8, CODE: 8, TIME: 8},
    {WORD: 4, NUMBER: 2, CODE: 2, TIME: 2},
    {},
)
ENOUGH = 0.95
#: The correlation of so many numbers of a text at most is learned, from so many rows on.
CORRELATED, CORRELATED_ROWS = 12, 30
#: Words of a text of prose, and fraction of what stands between them that is a blank: its words have no places.
PROSE_WORDS, BLANKS = 6, 0.8
#: ... unless there are no more different ones than this, in texts that all have one order of words and numbers.
FEW_WORDS = 8


@dataclass(frozen=True)
class Template:
    """Texts of one kind.

    Attributes:
        parts: literal pieces, and numbers of slots.
        rows: how many texts are of this kind.
        factor: rows of the Cholesky factor of the correlation of the normal scores of its numbers and dates, one behind
            the other; empty where they are drawn by themselves.
        ascending: of ``number`` and ``time``, the kinds whose values always ascend.
    """

    parts: tuple[str | int, ...]
    rows: int
    factor: tuple[float, ...] = ()
    ascending: tuple[str, ...] = ()


@dataclass(frozen=True)
class TemplateCodec:
    """A text column with a structure, drawn independently of the other columns."""

    templates: tuple[Template, ...]
    slots: tuple[Slot, ...]
    missing_rate: float
    #: Whether the dates of a text always ascend.
    ascending: bool = False

    @classmethod
    def fit(cls, values: np.ndarray) -> TemplateCodec | None:
        """Learn from ``values`` (object[n], ``None`` = missing); ``None`` where they have no structure in common."""
        present = [str(value) for value in values if value is not None]
        sample = present[:: max(1, -(-len(present) // MAX_ROWS_READ))]
        as_json = bool(sample) and all(map(_is_json, sample))
        cut = [tokens_of(text, json=as_json) for text in sample]
        if not cut or max(map(len, cut)) > MAX_TOKENS or _is_prose(cut):
            return None
        least = MIN_ROWS if len(cut) >= 4 * MIN_ROWS else 2
        paths, kept, covered = [], [], 0.0
        for few in FEW:  # the finer templates are, the fewer rows has each
            finer = _paths(cut, least, few)
            often = [(path, count) for path, count in Counter(finer).most_common(MAX_TEMPLATES) if count >= least]
            fraction = sum(count for _, count in often) / len(cut)
            if fraction > covered + 0.01:
                paths, kept, covered = finer, often, fraction
            if covered >= ENOUGH:
                break
        if covered < COVERED:
            return None
        # Templates that begin alike share the slots of their beginning.
        pieces: dict[tuple[Token, ...], list[str]] = defaultdict(list)
        chosen = {path for path, _ in kept}
        for tokens, path in zip(cut, paths, strict=True):
            if path in chosen:
                for index, (kind, text) in enumerate(path):
                    if kind != LITERAL and not text:
                        pieces[path[: index + 1]].append(tokens[index][1])
        rows_with = Counter(text for tokens in cut for text in {text for kind, text in tokens if kind != LITERAL})
        common = {text for text, count in rows_with.items() if count >= MIN_ROWS}
        numbers = {prefix: number for number, prefix in enumerate(pieces)}
        slots = tuple(Slot.fit(prefix[-1][0], texts, common) for prefix, texts in pieces.items())
        members: dict[tuple[Token, ...], list[list[Token]]] = defaultdict(list)
        for tokens, path in zip(cut, paths, strict=True):
            if path in chosen:
                members[path].append(tokens)
        templates = tuple(
            Template(_parts(path, numbers), count, *_measured_together(path, members[path], numbers, slots))
            for path, count in kept
        )
        dates = [[text for kind, text in tokens if kind == DATE] for tokens in cut]
        ascending = any(len(found) > 1 for found in dates) and all(found == sorted(found) for found in dates)
        return cls(templates, slots, 1 - len(present) / max(len(values), 1), ascending)

    def draw(self, rows: int, rng: np.random.Generator, *, present: bool = False) -> np.ndarray:
        """object[rows] of text, ``None`` where missing, which none is if ``present``."""
        weight = np.array([template.rows for template in self.templates], np.float64)
        which = rng.choice(len(weight), rows, p=weight / weight.sum())
        texts = np.empty(rows, dtype=object)
        for number in np.unique(which):
            here = np.flatnonzero(which == number)
            texts[here] = self._texts(self.templates[number], len(here), rng)
        if not present:
            texts[rng.random(rows) < self.missing_rate] = None
        return texts

    def _texts(self, template: Template, rows: int, rng: np.random.Generator) -> list[str]:
        measured = [
            index for index, part in enumerate(template.parts) if isinstance(part, int) and self.slots[part].is_measured
        ]
        kinds = {position: self.slots[int(template.parts[position])].kind for position in measured}
        ranks = rng.random((len(measured), rows))
        if template.factor:
            ranks = ndtr(np.reshape(template.factor, (len(measured),) * 2) @ ndtri(ranks))
        values = {
            position: self.slots[int(template.parts[position])].values(rank)
            for position, rank in zip(measured, ranks, strict=True)
        }
        for kind in {*template.ascending, *((DATE,) if self.ascending else ())}:
            positions = [position for position in measured if kinds[position] == kind]
            if positions:
                values |= dict(
                    zip(positions, np.sort([values[position] for position in positions], axis=0), strict=True)
                )
        parts = [
            [part] * rows
            if isinstance(part, str)
            else self.slots[part].write(values[index], rng)
            if index in values
            else self.slots[part].draw(rows, rng).tolist()
            for index, part in enumerate(template.parts)
        ]
        return ["".join(pieces) for pieces in zip(*parts, strict=True)]

    def held(self) -> str:
        """What is kept of the column, in words."""
        words = sum(len(slot.words) for slot in self.slots)
        return f"{len(self.templates):,} templates of its text with {words:,} frequent words"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        slots = [_plain(slot) for slot in self.slots]
        return {
            "templates": [_plain(template) for template in self.templates],
            "slots": slots,
            "missing_rate": self.missing_rate,
            **({"ascending": True} if self.ascending else {}),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> TemplateCodec:
        """Read what :meth:`to_dict` wrote. Raises :class:`tabular.plain_json.FieldError` if it is not."""
        check_fields(data, {"templates": list_of(PLAIN, 1), "slots": list_of(PLAIN), "missing_rate": real(0, 1)}, "it")
        check_fields(data, {"ascending": FLAG}, "it", needed=())
        slots = []
        for entry in data["slots"]:
            check_fields(entry, SLOT_FIELDS, "a slot", needed=("kind",))
            values: dict[str, Any] = {
                name: tuple(value) if isinstance(value, list) else value for name, value in entry.items()
            }
            slot = Slot(**values)
            if not slot.can_draw:
                raise FieldError("a slot lacks what it draws from")
            slots.append(slot)
        templates = []
        for entry in data["templates"]:
            check_fields(entry, _TEMPLATE, "a template", needed=("parts", "rows"))
            if any(isinstance(part, int) and part >= len(slots) for part in entry["parts"]):
                raise FieldError("a template names a slot that it has not")
            factor = tuple(entry.get("factor", ()))
            measured = [part for part in entry["parts"] if isinstance(part, int) and slots[part].is_measured]
            if len(factor) not in (0, len(measured) ** 2):
                raise FieldError("a template's factor has not a row for each of its numbers")
            templates.append(Template(tuple(entry["parts"]), entry["rows"], factor, tuple(entry.get("ascending", ()))))
        return cls(tuple(templates), tuple(slots), float(data["missing_rate"]), data.get("ascending", False))


def _plain(held: Template | Slot) -> dict[str, Any]:
    """The fields that hold something, as plain JSON data."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(held).items() if value}


_PART = type(PLAIN)("text or the number of a slot", lambda value: TEXT.holds(value) or whole(0).holds(value))
_TEMPLATE = {
    "parts": list_of(_PART, 1),
    "rows": whole(1),
    "factor": list_of(real(-1, 1)),
    "ascending": list_of(one_of(NUMBER, TIME)),
}


def _is_prose(cut: Sequence[Sequence[Token]]) -> bool:
    kinds = Counter(tuple(kind for kind, _ in tokens) for tokens in cut)
    words = {text for tokens in cut for kind, text in tokens if kind == WORD}
    if len(words) <= FEW_WORDS and kinds.most_common(1)[0][1] >= ENOUGH * len(cut):
        return False  # 20 x 30 x 40 cm
    between = Counter(text for tokens in cut for kind, text in tokens if kind == LITERAL)
    return between.total() >= (PROSE_WORDS - 1) * len(cut) and between[" "] >= BLANKS * between.total()


def _is_json(text: str) -> bool:
    if text[:1] not in "{[" or not text:
        return False
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _paths(cut: Sequence[Sequence[Token]], least: int, few: Mapping[str, int]) -> list[tuple[Token, ...]]:
    """The template of each text: literals and frequent values as they are, others by their kind alone."""
    paths: list[list[Token]] = [[] for _ in cut]
    for index in range(max(map(len, cut))):
        groups: dict[tuple[Token, ...], Counter[Token]] = defaultdict(Counter)
        keys = [tuple(path) for path in paths]
        for tokens, key in zip(cut, keys, strict=True):
            if index < len(tokens):
                groups[key][tokens[index]] += 1
        spelled = {key: _spelled(counted, least, few) for key, counted in groups.items()}
        for tokens, key, path in zip(cut, keys, paths, strict=True):
            if index < len(tokens):
                kind, text = tokens[index]
                path.append((kind, text if kind == LITERAL or tokens[index] in spelled[key] else ""))
    return [tuple(path) for path in paths]


def _spelled(counted: Counter[Token], least: int, few: Mapping[str, int]) -> set[Token]:
    """The values after one beginning that have templates of their own: few, and all but a few rows have one of them."""
    found: set[Token] = set()
    for kind, most in few.items():
        values = {token: count for token, count in counted.items() if token[0] == kind}
        often = [token for token, count in values.items() if count >= least]
        if len(often) <= most and sum(values[token] for token in often) >= 0.9 * sum(values.values()):
            found.update(often)
    return found


def _measured_together(
    path: tuple[Token, ...],
    members: Sequence[Sequence[Token]],
    numbers: Mapping[tuple[Token, ...], int],
    slots: Sequence[Slot],
) -> tuple[tuple[float, ...], tuple[str, ...]]:
    """The Cholesky factor of the numbers and dates of the texts ``members`` of one path, and what ascends."""
    positions = [
        index
        for index, (kind, text) in enumerate(path)
        if kind != LITERAL and not text and slots[numbers[path[: index + 1]]].is_measured
    ]
    if not 2 <= len(positions) <= CORRELATED or len(members) < CORRELATED_ROWS:
        return (), ()
    values = np.array(
        [
            [slots[numbers[path[: position + 1]]].read(tokens[position][1]) for position in positions]
            for tokens in members
        ]
    )
    kinds = np.array([path[position][0] for position in positions])
    ascending = tuple(kind for kind in (NUMBER, TIME) if _ascend(values[:, kinds == kind]))
    scores = ndtri(rankdata(values, axis=0) / (len(values) + 1))
    spread = scores.std(0)
    scores = scores / np.where(spread > 0, spread, 1)
    correlation = scores.T @ scores / len(scores)
    np.fill_diagonal(correlation, 1)
    # A hundredth of independence keeps the factor from being singular where one number is another.
    factor = np.linalg.cholesky(0.99 * correlation + 0.01 * np.eye(len(positions)))
    return tuple(np.clip(factor, -1, 1).ravel().tolist()), ascending


def _ascend(values: np.ndarray) -> bool:
    """Whether the columns of ``values`` (float64[n, k]) ascend in each row, though they reach into each other."""
    reach = (values[:, 1:].min(0, initial=np.inf) < values[:, :-1].max(0, initial=-np.inf)).all()
    return values.shape[1] > 1 and bool(reach) and bool((np.diff(values, axis=1) >= 0).all())


def _parts(path: tuple[Token, ...], numbers: Mapping[tuple[Token, ...], int]) -> tuple[str | int, ...]:
    parts: list[str | int] = []
    for index, (kind, text) in enumerate(path):
        if kind != LITERAL and not text:
            parts.append(numbers[path[: index + 1]])
        elif parts and isinstance(parts[-1], str):
            parts[-1] += text
        else:
            parts.append(text)
    return tuple(parts) or ("",)
