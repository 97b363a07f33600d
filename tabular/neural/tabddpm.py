"""TabDDPM: denoising diffusion for tables, Gaussian for numbers and multinomial for classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
import torch

from ..errors import UsageError
from ..schema import Schema
from ..search_space import Choice, Real, SearchSpace
from .base import NeuralSynthesizer, positive
from .denoiser import AVERAGE, Denoiser, DenoiserLearner
from .encoder import TableEncoder
from .fields import MOST_CLASSES, Numbers
from .network import Data, Network
from .optimizer import Adam
from .spans import Spans
from .training import Learner

if TYPE_CHECKING:
    from ..dp.settings import Privacy
    from ..dp.updates import RowsLoss

__all__ = ["TabDDPM"]

#: Updates where nothing else is asked for.
DEFAULT_STEPS = 5000


class TabDDPM(NeuralSynthesizer):
    """Kotelnikov, Baranchuk, Rubachev and Babenko 2023, "TabDDPM: Modelling Tabular Data with Diffusion Models".

    Numbers are normal scores under Gaussian diffusion (Ho et al. 2020) that predicts the noise; classes are under
    multinomial diffusion (Hoogeboom et al. 2021) that predicts the row. What differs from the authors' code: the
    probabilities of each column are normalised by themselves, which cannot underflow; the network is shown one-hot
    classes in place of their logarithms; ties of a number are spread over their ranks, and its spikes are classes;
    rows are made by the averaged weights; and each column's own distribution is set right after training.

    Args:
        epochs: passes over the rows, in place of ``steps``.
        steps: updates.
        batch_size: rows of an update.
        num_timesteps: steps of the diffusion.
        d_layers: widths of the layers.
        dropout: share of a layer's outputs that an update leaves out.
        learning_rate: step size of Adam, falling to 0 along a straight line.
        weight_decay: of Adam.
        target: a categorical column that rows are made for: it is drawn first, by its true frequency, and the
            network is told. Conditions on it are kept exactly and cost nothing.
        sampling_steps: steps of the diffusion that are taken when rows are made, evenly strided; all if absent.
        calibrate: set each column's own distribution right.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
        seed: fixes the fit, and the samples where no other seed is given.
        rare_below: fold categories of fewer rows than this.
        privacy: the differential privacy of the fit.

    Raises:
        UsageError: for a setting that is out of range, or a target that is no categorical column.

    Example:
        >>> table = pd.DataFrame({"device": ["ios", "web"] * 50, "age": range(100)})
        >>> model = TabDDPM(steps=2, d_layers=[8], num_timesteps=5, target="device").fit(table)
        >>> model.sample(2, where="device=web")["device"].tolist()
        ['web', 'web']
    """

    name: ClassVar[str] = "tabddpm"
    numbers: ClassVar[Numbers] = "quantiles"
    decays: ClassVar[bool] = True
    private_defaults: ClassVar[Mapping[str, Any]] = {
        "steps": 500, "batch_size": 2048, "learning_rate": 0.01, "d_layers": (128, 128),
    }  # fmt: skip

    def __init__(
        self,
        *,
        epochs: float | None = None,
        steps: int | None = None,
        batch_size: int = 1024,
        num_timesteps: int = 100,
        d_layers: Sequence[int] = (512, 512),
        dropout: float = 0.0,
        learning_rate: float = 2e-3,
        weight_decay: float = 0.0,
        target: str | None = None,
        sampling_steps: int | None = None,
        calibrate: bool = True,
        device: str = "auto",
        seed: int = 0,
        rare_below: int = 0,
        privacy: Privacy | None = None,
    ) -> None:
        positive(num_timesteps=num_timesteps, sampling_steps=sampling_steps)
        if not 0 <= dropout < 1:
            raise UsageError(f"dropout must be at least 0 and below 1, not {dropout}.")
        if sampling_steps is not None and sampling_steps > num_timesteps:
            raise UsageError(f"sampling_steps ({sampling_steps}) cannot be more than num_timesteps ({num_timesteps}).")
        super().__init__(
            epochs=epochs, steps=steps, batch_size=batch_size, learning_rate=learning_rate,
            device=device, seed=seed, rare_below=rare_below, calibrate=calibrate,
        )  # fmt: skip
        self.num_timesteps, self.d_layers, self.dropout = num_timesteps, tuple(d_layers), dropout
        self.weight_decay, self.sampling_steps = weight_decay, sampling_steps
        self.target = None if target is None else str(target)  # a label may be a number
        self.privacy = privacy

    @classmethod
    def search_space(cls) -> SearchSpace:
        return SearchSpace(
            {
                "batch_size": Choice((512, 1024, 2048)),
                "learning_rate": Real(3e-4, 1e-2, log=True),
                "num_timesteps": Choice((50, 100, 200)),
                "d_layers": Choice(((256, 256), (512, 512), (1024, 1024), (512, 512, 512), (256, 512, 512, 256))),
                "dropout": Real(0.0, 0.2),
            },
            share=0.1,
            # Calibration makes 20,000 rows: more work than a short training.
            screen={"calibrate": False},
        )

    def _prepare(self, table: pd.DataFrame, schema: Schema) -> None:
        if self.target is None:
            return
        if self.target not in schema:
            names = ", ".join(schema.names)
            raise UsageError(f"There is no column {self.target!r} to be the target; choose one of {names}.")
        column = schema[self.target]
        if not column.has_categories:
            raise UsageError(
                f"The target {self.target!r} is {column.kind}, and tabddpm can be told classes only: "
                "leave the target out, or make it categorical with --kind."
            )
        if len(column.categories) >= MOST_CLASSES:
            raise UsageError(
                f"The target {self.target!r} has {len(column.categories):,} categories, and tabddpm can be told fewer "
                f"than {MOST_CLASSES}: leave the target out, or fold rare ones with --rare-below."
            )

    def _filled(self, scalars: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        # Where a scalar does not count, pure noise is what diffusion has the least to learn from.
        noise = rng.standard_normal(scalars.shape, dtype=np.float32)
        return np.where(np.isnan(scalars), noise, scalars)

    def _planned_steps(self, rows: int) -> int:
        return DEFAULT_STEPS if self.steps is None and self.epochs is None else super()._planned_steps(rows)

    def _make_network(self, encoder: TableEncoder, spans: Spans) -> Network:
        # A target of a single value has no span, and rows are made for it anyway.
        place = encoder.places().get(self.target) if self.target is not None else None
        guided = () if place is None else (place[0].start,)
        return Denoiser(
            encoder.scalars, spans, guided, widths=self.d_layers, dropout=self.dropout, times=self.num_timesteps,
            taken=self.sampling_steps or self.num_timesteps,
        )  # fmt: skip

    def _make_learner(self, network: Network, spans: Spans, data: Data, steps: int) -> Learner:
        assert isinstance(network, Denoiser)
        adam = Adam(network, rate=self._rate(), weight_decay=self.weight_decay, average=AVERAGE)
        return DenoiserLearner(network, data, adam, batch=self._batch_rows(len(data.codes)), steps=steps)

    def _private_loss(self, network: Network, data: Data, generator: torch.Generator) -> RowsLoss:
        assert isinstance(network, Denoiser)
        return lambda rows: network.loss(data.scalars[rows], data.codes[rows], generator)
