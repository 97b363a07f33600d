"""Free text for generators that learn no text: words by their frequency, nothing of a row's wording."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["WordCodec"]

#: A word is kept if it stands in at least this many rows, and only the most frequent are.
MIN_ROWS, MAX_WORDS = 5, 5000
MAX_ROWS_READ = 50_000


@dataclass(frozen=True)
class WordCodec:
    """A text column as a bag of words, drawn independently of the other columns.

    Attributes:
        words: those in at least :data:`MIN_ROWS` rows.
        counts: rows that each word stands in.
        lengths: words per text at the quantiles 0, 1 % .. 100 %.
        missing_rate: share of missing cells.
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
            tuple(word for word, _ in kept) or ("text",),
            tuple(count for _, count in kept) or (1,),
            tuple(int(length) for length in lengths),
            1 - len(present) / max(len(values), 1),
        )

    def draw(self, rows: int, rng: np.random.Generator, *, present: bool = False) -> np.ndarray:
        """object[rows] of text, ``None`` where missing, which none is if ``present``."""
        lengths = np.maximum(rng.choice(self.lengths, rows), 1)
        share = np.asarray(self.counts, np.float64)
        drawn = np.asarray(self.words, dtype=object)[rng.choice(len(self.words), lengths.sum(), p=share / share.sum())]
        texts = np.empty(rows, dtype=object)
        texts[:] = [" ".join(part) for part in np.split(drawn, np.cumsum(lengths)[:-1])]
        if not present:
            texts[rng.random(rows) < self.missing_rate] = None
        return texts

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
        """Read what :meth:`to_dict` wrote."""
        return cls(tuple(data["words"]), tuple(data["counts"]), tuple(data["lengths"]), float(data["missing_rate"]))
