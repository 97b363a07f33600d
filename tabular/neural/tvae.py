"""TVAE: a variational autoencoder for tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, get_args

import torch
from torch import Tensor, nn

from ..dp.settings import Privacy
from ..search_space import Choice, Real
from ..settings import setting
from ..training.learner import Learner
from .base import WIDTHS, NeuralSynthesizer
from .encoding.encoder import TableEncoder
from .encoding.fields import Numbers
from .encoding.spans import Spans
from .layers.first_layer import FirstLayer
from .layers.gates import Gates
from .layers.latent import Posterior
from .network import Data, Guide, Network
from .networks.tvae_learner import TvaeLearner

if TYPE_CHECKING:
    from ..dp.updates import RowsLoss

__all__ = ["TVAE"]


class TVAE(NeuralSynthesizer):
    """Xu, Skoularidou, Cuesta-Infante and Veeramachaneni 2019, "Modeling Tabular Data using Conditional GAN", 4.5.

    The settings are the paper's. What differs from it, each for a better table: a column's spikes and numbers of at
    most 20 values are classes of their own; classes are drawn from the decoder's distribution, which the paper's
    likelihood stands for, where the authors' code takes the most likely one; and each column's own distribution is
    set right after training (:mod:`.encoding.calibration`; ``calibrate=False`` leaves it as it is).

    Example:
        >>> import pandas as pd
        >>> table = pd.DataFrame({"device": ["ios", "web"] * 50, "age": range(100)})
        >>> TVAE(steps=2).fit(table).sample(3).shape
        (3, 2)
    """

    name: ClassVar[str] = "tvae"
    # Noise grows with the number of weights: with the paper's layers, and epsilon 3 on Adult, next to nothing was
    # learned beyond the single columns (AUC 0.53); with these the AUC was 0.88.
    private_defaults: ClassVar[Mapping[str, Any]] = {
        "steps": 500,
        "batch_size": 2048,
        "learning_rate": 6e-3,
        "embedding_dim": 16,
        "compress_dims": (64,),
        "decompress_dims": (64,),
    }

    search_share: ClassVar[float] = 0.1

    # No batch size is searched, for the reason that CTGAN gives.
    epochs: float | None = setting(300, "Passes over the rows.", above=0)
    learning_rate: float = setting(1e-3, "Step size of Adam.", above=0, search=Real(2e-4, 5e-3, log=True))
    l2scale: float = setting(1e-5, "Weight decay of Adam.", least=0, search=Real(1e-7, 1e-3, log=True))
    loss_factor: float = setting(
        2.0,
        "Weight of the reconstruction against the divergence from the prior.",
        above=0,
        search=Real(0.5, 8.0, log=True),
    )
    embedding_dim: int = setting(128, "Numbers of the latent vector.", above=0, search=Choice((32, 64, 128, 256)))
    compress_dims: Sequence[int] = setting((128, 128), "Widths of the encoder's layers.", search=WIDTHS)
    decompress_dims: Sequence[int] = setting((128, 128), "Widths of the decoder's layers.", search=WIDTHS)
    numbers: Numbers = setting(
        "modes",
        "How numbers are encoded: modes (mode-specific normalisation) or quantiles (normal scores).",
        choices=get_args(Numbers),
        search=Choice(("modes", "quantiles")),
    )
    calibrate: bool = setting(True, "Set each column's own distribution right.")
    privacy: Privacy | None = setting(None, "Differential privacy of the fit.")

    def _rate(self) -> float:
        return self.learning_rate

    def _make_network(self, encoder: TableEncoder, spans: Spans) -> Network:
        return Autoencoder(encoder, spans, self.embedding_dim, tuple(self.compress_dims), tuple(self.decompress_dims))

    def _make_learner(self, network: Network, spans: Spans, data: Data, steps: int) -> Learner:
        assert isinstance(network, Autoencoder)
        return TvaeLearner(self, network, data)

    def _private_loss(self, network: Network, data: Data, generator: torch.Generator) -> RowsLoss:
        assert isinstance(network, Autoencoder)
        counts = network.gates.of_codes(data.codes)
        return lambda rows: network.loss(
            data.scalars[rows], data.codes[rows], counts[rows], self.loss_factor, generator
        )


def layers(widths: Sequence[int]) -> nn.Sequential:
    """Linear layers, each followed by a ReLU."""
    return nn.Sequential(*(part for a, b in pairwise(widths) for part in (nn.Linear(a, b), nn.ReLU())))


class Autoencoder(Network):
    """Rows to the mean and log variance of a latent vector, and latent vectors to logits and scalars.

    Attributes:
        sigma: float32[scalars], the learned standard deviation of each scalar, which counts within ``bounds``.
    """

    bounds = 0.01, 1.0

    def __init__(
        self, encoder: TableEncoder, spans: Spans, embedding: int, down: Sequence[int], up: Sequence[int]
    ) -> None:
        super().__init__()
        self.spans, self.embedding, self.scalars = spans, embedding, encoder.scalars
        self.gates = Gates(encoder.gates, spans)
        self.first = FirstLayer(encoder.scalars, spans, down[0])
        self.down = nn.Sequential(nn.ReLU(), layers(down), nn.Linear(down[-1], 2 * embedding))
        self.up = nn.Sequential(layers([embedding, *up]), nn.Linear(up[-1], encoder.scalars + spans.width))
        self.sigma = nn.Parameter(torch.full((encoder.scalars,), 0.1))

    def loss(self, scalars: Tensor, codes: Tensor, counts: Tensor, factor: float, generator: torch.Generator) -> Tensor:
        """The negative evidence bound per row, its reconstruction weighed by ``factor``.

        Args:
            scalars, codes: float32[n, scalars] and int64[n, spans].
            counts: float32[n, scalars], 1 where a scalar counts.
        """
        latent, divergence = Posterior.apply(self.down(self.first(scalars, codes)), generator)
        means, logits = self.up(latent).split([self.scalars, self.spans.width], dim=1)
        likely = self.spans.log_likelihood(logits, codes)
        sigma = self.sigma.clamp(*self.bounds)
        distance = (scalars - torch.tanh(means)) / sigma
        off = (counts * (0.5 * distance.square() + sigma.log())).sum()
        found: Tensor = (factor * (off - likely) + divergence) / len(codes)
        return found

    def propose(self, rows: int, generator: torch.Generator, guide: Guide | None) -> tuple[Tensor, Tensor]:
        latent = torch.randn(rows, self.embedding, generator=generator, device=self.spans.device)
        out = self.up(latent)
        noise = torch.randn(rows, self.scalars, generator=generator, device=self.spans.device)
        scalars = torch.tanh(out[:, : self.scalars]) + noise * self.sigma.clamp(*self.bounds)
        return out[:, self.scalars :], scalars.clamp(-1, 1)
