"""The rows that a fit learns from: as they are, or under differential privacy what may be known of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..refining import Margins
from ..schema import Schema

if TYPE_CHECKING:
    from ..dp.session import PrivateFit
    from ..dp.settings import Privacy
    from ..dp.streams import Purpose

__all__ = ["TrainingRows", "training_rows"]


@dataclass(frozen=True)
class TrainingRows:
    """The rows of a fit, plain or private; a generator asks them, and not whether they are private.

    Attributes:
        schema: of the table; under differential privacy its public part.
        arrays: canonical, what updates of the weights learn from.
        open: canonical, what all else is learned from (bins, class shares, calibration): the same, or a stand-in of
            noisy histograms.
        private: the budget and the secret of a private fit.
    """

    schema: Schema
    arrays: dict[str, np.ndarray]
    open: dict[str, np.ndarray]
    private: PrivateFit | None = None

    def generator(self, use: Purpose, *seed: int) -> np.random.Generator:
        """Draws that rows depend on: from ``seed``, or from the secret stream ``use`` of a private fit."""
        return np.random.default_rng(seed) if self.private is None else self.private.streams.generator(use)

    def margins(self, names: Iterable[str]) -> Margins | None:
        """Counts of the columns ``names`` to choose made rows by; none of a private fit."""
        if self.private is not None:
            return None
        return Margins.fit({name: self.arrays[name] for name in names}, self.schema)

    def marks(self) -> dict[str, str]:
        """What of the rows' privacy a checkpoint must agree with, beside the settings."""
        return {} if self.private is None else {"privacy": self.private.fingerprint}

    def facts(self, updates: int) -> dict[str, Any]:
        """What a run tells of its privacy after ``updates`` updates."""
        return {} if self.private is None else {"privacy": self.private.facts(updates)}


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
        return TrainingRows(schema, arrays, arrays)
    from ..dp.session import begin_private_fit

    private = begin_private_fit(
        privacy, arrays, schema, steps=steps, batch_rows=batch_rows, settings=settings, checkpoint=checkpoint
    )
    return TrainingRows(private.schema, private.arrays, private.stand_in, private)
