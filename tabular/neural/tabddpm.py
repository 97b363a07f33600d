"""TabDDPM: denoising diffusion for tables, Gaussian for numbers and multinomial for classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch

from ..dp.settings import Privacy
from ..errors import UsageError
from ..pacing import MANY_COLUMNS, columns_learned, updates_for
from ..schema import Schema
from ..search_space import Choice, Real
from ..settings import setting
from ..training.learner import Learner
from .base import NeuralSynthesizer
from .encoding.encoder import TableEncoder
from .encoding.fields import MOST_CLASSES
from .encoding.spans import Spans
from .network import Data, Network
from .networks.denoiser import AVERAGE, Denoiser, DenoiserLearner
from .updates.optimizer import Adam

if TYPE_CHECKING:
    from ..dp.updates import RowsLoss

__all__ = ["TabDDPM"]

#: Updates where nothing else is asked for; and of a wide table at least so many, and so many passes.
DEFAULT_STEPS, LEAST_STEPS, LEAST_EPOCHS = 5000, 1000, 500


class TabDDPM(NeuralSynthesizer):
    """Kotelnikov, Baranchuk, Rubachev and Babenko 2023, "TabDDPM: Modelling Tabular Data with Diffusion Models".

    Numbers are normal scores under Gaussian diffusion (Ho et al. 2020) that predicts the noise; classes are under
    multinomial diffusion (Hoogeboom et al. 2021) that predicts the row. What differs from the authors' code: the
    probabilities of each column are normalised by themselves, which cannot underflow; the network is shown one-hot
    classes in place of their logarithms; ties of a number are spread over their ranks, and its spikes are classes;
    rows are made by the averaged weights; and each column's own distribution is set right after training.

    Example:
        >>> import pandas as pd
        >>> table = pd.DataFrame({"device": ["ios", "web"] * 50, "age": range(100)})
        >>> model = TabDDPM(steps=2, d_layers=[8], num_timesteps=5, target="device").fit(table)
        >>> model.sample(2, where="device=web")["device"].tolist()
        ['web', 'web']
    """

    name: ClassVar[str] = "tabddpm"
    decays: ClassVar[bool] = True
    numbers = "quantiles"
    private_defaults: ClassVar[Mapping[str, Any]] = {
        "steps": 500,
        "batch_size": 2048,
        "learning_rate": 0.01,
        "d_layers": (128, 128),
    }

    search_share: ClassVar[float] = 0.1
    # Calibration makes 20,000 rows: more work than a short training.
    search_screen: ClassVar[Mapping[str, Any]] = {"calibrate": False}

    epochs: float | None = setting(None, "Passes over the rows, in place of steps.", above=0)
    steps: int | None = setting(
        None, "Updates.", above=0, absent=f"{DEFAULT_STEPS:,}, fewer for over {MANY_COLUMNS} columns of few rows"
    )
    batch_size: int = setting(1024, "Batch size: rows per update.", above=0, search=Choice((512, 1024, 2048)))
    learning_rate: float = setting(
        2e-3, "Step size of Adam, falling to 0 along a straight line.", above=0, search=Real(3e-4, 1e-2, log=True)
    )
    num_timesteps: int = setting(100, "Steps of the diffusion.", above=0, most=100_000, search=Choice((50, 100, 200)))
    d_layers: Sequence[int] = setting(
        (512, 512),
        "Widths of the layers.",
        search=Choice(((256, 256), (512, 512), (1024, 1024), (512, 512, 512), (256, 512, 512, 256))),
    )
    dropout: float = setting(
        0.0, "Share of a layer's outputs that an update leaves out.", least=0, below=1, search=Real(0.0, 0.2)
    )
    weight_decay: float = setting(0.0, "Weight decay of Adam.", least=0)
    # A label may be a number.
    target: str | int | None = setting(
        None,
        "A categorical column that rows are made for: it is drawn first, by its true frequency, and the network "
        "is told. Conditions on it are kept exactly and cost nothing.",
    )
    sampling_steps: int | None = setting(
        None,
        "Steps of the diffusion that are taken when rows are made, evenly strided.",
        above=0,
        most=100_000,
        absent="all",
    )
    calibrate: bool = setting(True, "Set each column's own distribution right.")
    privacy: Privacy | None = setting(None, "Differential privacy of the fit.")

    def _check_together(self) -> None:
        if self.sampling_steps is not None and self.sampling_steps > self.num_timesteps:
            raise UsageError(
                f"sampling_steps ({self.sampling_steps}) cannot be more than num_timesteps ({self.num_timesteps})."
            )

    @property
    def _target(self) -> str | None:
        return None if self.target is None else str(self.target)

    def _rate(self) -> float:
        return self.learning_rate

    def _prepare(self, schema: Schema, rows: int) -> None:
        target = self._target
        if target is None:
            return
        if target not in schema:
            names = ", ".join(schema.names)
            raise UsageError(f"There is no column {target!r} to be the target; choose one of {names}.")
        column = schema[target]
        if not column.has_categories:
            raise UsageError(
                f"The target {target!r} is {column.kind}, and tabddpm can be told classes only: "
                "leave the target out, or make it categorical with --kind."
            )
        if len(column.categories) >= MOST_CLASSES:
            raise UsageError(
                f"The target {target!r} has {len(column.categories):,} categories, and tabddpm can be told fewer "
                f"than {MOST_CLASSES}: leave the target out, or fold rare ones with --rare-below."
            )

    def _filled(self, scalars: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        # Where a scalar does not count, pure noise is what diffusion has the least to learn from.
        noise = rng.standard_normal(scalars.shape, dtype=np.float32)
        return np.where(np.isnan(scalars), noise, scalars)

    def _planned_steps(self, rows: int) -> int:
        if self.steps is not None or self.epochs is not None:
            return super()._planned_steps(rows)
        least = max(LEAST_STEPS, LEAST_EPOCHS * self._steps_per_epoch(rows))
        return updates_for(columns_learned(self), DEFAULT_STEPS, least)

    def _make_network(self, encoder: TableEncoder, spans: Spans) -> Network:
        # A target of a single value has no span, and rows are made for it anyway.
        place = encoder.places().get(self._target) if self._target is not None else None
        guided = () if place is None else (place[0].start,)
        return Denoiser(
            encoder.scalars,
            spans,
            guided,
            widths=tuple(self.d_layers),
            dropout=self.dropout,
            times=self.num_timesteps,
            taken=self.sampling_steps or self.num_timesteps,
        )

    def _make_learner(self, network: Network, spans: Spans, data: Data, steps: int) -> Learner:
        assert isinstance(network, Denoiser)
        adam = Adam(network, rate=self._rate(), weight_decay=self.weight_decay, average=AVERAGE)
        return DenoiserLearner(network, data, adam, batch=self._batch_rows(len(data.codes)), steps=steps)

    def _private_loss(self, network: Network, data: Data, generator: torch.Generator) -> RowsLoss:
        assert isinstance(network, Denoiser)
        return lambda rows: network.loss(data.scalars[rows], data.codes[rows], generator)
