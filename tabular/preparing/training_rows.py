"""The rows that a fit learns from: as they are, or under differential privacy what may be known of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np

from ..refining import Margins
from ..schema import Schema

if TYPE_CHECKING:
    from ..dp.session import PrivateFit
    from ..dp.settings import Privacy
    from ..dp.streams import Purpose

__all__ = ["TrainingRows", "training_rows"]

T = TypeVar("T")


@dataclass(frozen=True)
class TrainingRows:
    """The rows of a fit as they are; :class:`PrivateRows` answers in their place under differential privacy.

    Attributes:
        schema: of the table; under differential privacy its public part.
        arrays: canonical, what updates of the weights learn from.
        checkpoint: the folder that holds the secret of a private fit until its run is saved.
    """

    #: Whether draws for a row depend on that row alone, and whether each update takes equally many rows.
    by_row: ClassVar[bool] = False
    equal_batches: ClassVar[bool] = True

    schema: Schema
    arrays: dict[str, np.ndarray]
    checkpoint: str | Path | None = None

    @property
    def open(self) -> dict[str, np.ndarray]:
        """Canonical, what all but the weights is learned from (bins, class frequencies, calibration): the same rows, or
        a stand-in of noisy histograms."""
        return self.arrays

    def open_part(self, encoded: T, encode: Callable[[dict[str, np.ndarray]], T]) -> T:
        """What ``encode`` makes of :attr:`open`; ``encoded`` is what it, or its like, made of :attr:`arrays`."""
        return encoded

    def choose(self, plain: Callable[[], T], private: Callable[[PrivateFit], T]) -> T:
        """What ``plain`` gives, or ``private`` of a private fit's budget and secret."""
        return plain()

    def generator(self, use: Purpose, *seed: int) -> np.random.Generator:
        """Draws that rows depend on: from ``seed``, or from the secret stream ``use`` of a private fit."""
        return np.random.default_rng(seed)

    def margins(self, names: Iterable[str]) -> Margins | None:
        """Counts of the columns ``names`` to choose generated rows by; none of a private fit."""
        return Margins.fit({name: self.arrays[name] for name in names}, self.schema)

    def marks(self) -> dict[str, str]:
        """What of the rows' privacy a checkpoint must agree with, beside the settings."""
        return {}

    def facts(self, updates: int) -> dict[str, Any]:
        """What a run reports of its privacy after ``updates`` updates."""
        return {}


@dataclass(frozen=True, kw_only=True)
class PrivateRows(TrainingRows):
    """The rows of a private fit, of which only noisy updates and noisy histograms may come out."""

    by_row: ClassVar[bool] = True
    equal_batches: ClassVar[bool] = False

    private: PrivateFit

    @property
    def open(self) -> dict[str, np.ndarray]:
        return self.private.stand_in

    def open_part(self, encoded: T, encode: Callable[[dict[str, np.ndarray]], T]) -> T:
        return encode(self.open)

    def choose(self, plain: Callable[[], T], private: Callable[[PrivateFit], T]) -> T:
        return private(self.private)

    def generator(self, use: Purpose, *seed: int) -> np.random.Generator:
        return self.private.streams.generator(use)

    def margins(self, names: Iterable[str]) -> Margins | None:
        return None

    def marks(self) -> dict[str, str]:
        return {"privacy": self.private.fingerprint}

    def facts(self, updates: int) -> dict[str, Any]:
        return {"privacy": self.private.facts(updates)}


def training_rows(
    privacy: Privacy | None,
    arrays: dict[str, np.ndarray],
    schema: Schema,
    *,
    steps: int,
    batch_rows: int,
    settings: Mapping[str, Any],
    checkpoint: str | Path | None,
) -> TrainingRows:
    """The rows of a fit; its budget is dealt out if there is one, see :func:`tabular.dp.session.begin_private_fit`."""
    if privacy is None:
        return TrainingRows(schema, arrays)
    from ..dp.session import begin_private_fit

    private = begin_private_fit(
        privacy, arrays, schema, steps=steps, batch_rows=batch_rows, settings=settings, checkpoint=checkpoint
    )
    return PrivateRows(private.schema, private.arrays, checkpoint, private=private)
