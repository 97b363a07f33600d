"""Free text for generators that learn no text: words by their frequency, nothing of a row's wording."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..plain_json import PLAIN, TEXT, FieldError, at_field, check_fields, each_of, list_of, real, whole
from ..schema import Schema
from .made_up_words import made_up_words
from .templates import TemplateCodec

__all__ = ["TextCodec", "WordCodec", "check_learned", "fit_text", "has_nothing_in_common", "words_from"]

#: A word is kept if it stands in at least this many rows, and only the most frequent are.
MIN_ROWS, MAX_WORDS = 5, 5000
#: Words that are made up where none is kept.
MADE_UP = 500
MAX_ROWS_READ = 50_000
#: Words of a text at most: a novel has a tenth of that.
MAX_LENGTH = 1_000_000


@dataclass(frozen=True)
class WordCodec:
    """A text column as a bag of words, drawn independently of the other columns.

    Attributes:
        words: those in at least :data:`MIN_ROWS` rows.
        counts: rows that each word stands in.
        lengths: words per text at the quantiles 0, 1 % .. 100 %.
        missing_rate: fraction of missing cells.
    """

    words: tuple[str, ...]
    counts: tuple[int, ...]
    lengths: tuple[int, ...]
    missing_rate: float

    @classmethod
    def fit(cls, values: np.ndarray) -> WordCodec:
        """Learn from ``values`` (object[n], ``None`` = missing)."""
        present = [str(value) for value in values if value is not None]
        split = [text.split() for text in present[:MAX_ROWS_READ]]
        rows_with = Counter(word for words in split for word in set(words))
        kept = [(word, count) for word, count in rows_with.most_common(MAX_WORDS) if count >= MIN_ROWS]
        lengths = np.quantile([len(words) for words in split] or [1], np.linspace(0, 1, 101))
        return cls(
            tuple(word for word, _ in kept) or _of_nobody(split),
            tuple(count for _, count in kept) or (1,) * MADE_UP,
            tuple(min(int(length), MAX_LENGTH) for length in lengths),
            1 - len(present) / max(len(values), 1),
        )

    def draw(self, rows: int, rng: np.random.Generator, *, present: bool = False) -> np.ndarray:
        """object[rows] of text, ``None`` where missing, which none is if ``present``."""
        lengths = np.maximum(rng.choice(self.lengths, rows), 1)
        weight = np.asarray(self.counts, np.float64)
        drawn = np.asarray(self.words, dtype=object)[
            rng.choice(len(self.words), lengths.sum(), p=weight / weight.sum())
        ]
        texts = np.empty(rows, dtype=object)
        texts[:] = [" ".join(part) for part in np.split(drawn, np.cumsum(lengths)[:-1])]
        if not present:
            texts[rng.random(rows) < self.missing_rate] = None
        return texts

    def held(self) -> str:
        """What is kept of the column, in words."""
        return f"{len(self.words):,} frequent words"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {
            "words": list(self.words),
            "counts": list(self.counts),
            "lengths": list(self.lengths),
            "missing_rate": self.missing_rate,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> WordCodec:
        """Read what :meth:`to_dict` wrote. Raises :class:`tabular.plain_json.FieldError` if it is not."""
        kinds = {
            "words": list_of(TEXT, 1),
            "counts": list_of(whole(1), 1),
            "lengths": list_of(whole(0, MAX_LENGTH), 1),
            "missing_rate": real(0, 1),
        }
        check_fields(data, kinds, "it")
        if len(data["words"]) != len(data["counts"]):
            raise FieldError(f"it has {len(data['words']):,} words and {len(data['counts']):,} counts")
        return cls(tuple(data["words"]), tuple(data["counts"]), tuple(data["lengths"]), float(data["missing_rate"]))


#: How the texts of a column are made.
TextCodec = WordCodec | TemplateCodec


def fit_text(values: np.ndarray) -> TextCodec:
    """Learn the texts ``values`` (object[n], ``None`` = missing): their structure if they have one, or their words."""
    return TemplateCodec.fit(values) or WordCodec.fit(values)


def has_nothing_in_common(values: np.ndarray) -> bool:
    """Whether nothing of the texts ``values`` comes back in several rows, so that all that is written is made up."""
    present = [str(value) for value in values if value is not None][:MAX_ROWS_READ]
    rows_with = Counter(word for text in present for word in set(text.split()))
    return bool(present) and max(rows_with.values(), default=0) < MIN_ROWS and TemplateCodec.fit(values) is None


def _of_nobody(split: list[list[str]]) -> tuple[str, ...]:
    """Made-up words as long as those of the texts, of which none comes back."""
    rng = np.random.default_rng(0)
    words = [word for text in split for word in text[:20]][:MAX_ROWS_READ] or ["text"]
    like = [words[i][:40] for i in rng.integers(0, len(words), MADE_UP)]
    return tuple(made_up_words(like, rng).tolist())


def words_from(data: Mapping[str, Any], schema: Schema) -> dict[str, TextCodec]:
    """The field ``words`` of a ``codec.json``: column of free text -> its codec. Raises :class:`FieldError`."""
    check_fields(data, {"words": each_of(PLAIN)}, "it", needed=())
    found: dict[str, TextCodec] = {}
    for name, entry in data.get("words", {}).items():
        with at_field(f"words of column {name!r}"):
            if name not in schema or schema[name].kind != "text":
                raise FieldError("its schema.json has no such column of free text")
            found[name] = (TemplateCodec if "templates" in entry else WordCodec).from_dict(entry)
    return found


def check_learned(schema: Schema, numbers: set[str], codes: Mapping[str, int]) -> None:
    """Check that the columns that a codec holds are of the schema.

    Args:
        numbers: columns that it holds as numbers.
        codes: column that it holds as categories -> how many, missing left out.

    Raises:
        FieldError: for a column that the schema has not, or has otherwise.
    """
    for name in (*numbers, *codes):
        if name not in schema:
            raise FieldError(f"column {name!r} is not in its schema.json")
        if schema[name].is_numeric != (name in numbers) or schema[name].has_categories != (name in codes):
            raise FieldError(f"column {name!r} is {schema[name].kind} in its schema.json")
    for name, count in codes.items():
        if count != len(schema[name].categories):
            raise FieldError(
                f"column {name!r} has {count:,} categories, and {len(schema[name].categories):,} in its schema.json"
            )
