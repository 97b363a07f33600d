"""TabCascade: a row's classes and coarse numbers first, then the numbers themselves by flow matching."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ..search_space import Choice, Real, SearchSpace, Whole
from .base import NeuralSynthesizer, positive
from .cascade import Cascade, CascadeLearner
from .encoder import TableEncoder
from .fields import Numbers
from .network import Data, Network
from .optimizer import Adam
from .spans import Spans
from .training import Learner

__all__ = ["TabCascade"]

#: Passes over the rows where nothing else is asked for, and bounds of the updates that they come to.
DEFAULT_EPOCHS, LEAST_STEPS, MOST_STEPS = 25, 300, 4000
#: Share of the old weights in the moving average.
AVERAGE = 0.998
#: Looks at the held-out rows that may bring nothing before training ends.
PATIENCE = 15


class TabCascade(NeuralSynthesizer):
    """Mueller, Gruber and Fok 2026, "Cascaded Flow Matching for Heterogeneous Tabular Data with Mixed-Type Features".

    A row at low resolution comes first: its categories, and of each number a coarse class (a bin, a value that many
    rows share, or missing). Then flow matching makes the numbers under these classes. What differs from the paper:
    numbers are cut into bins of equal mass, within which they are normal scores, in place of the leaves of a
    distributional regression tree; the low resolution is made one column at a time, each given those before
    (:mod:`.autoregression`), in place of a diffusion of all of them at once; and along the path of the flow
    (:mod:`.flow`) scalars stay standard normal, which takes the place of the paper's data-dependent coupling.

    Rows are held out of training: each of the two parts is kept as it was when it served those best. The biases of
    the classes are then set so that every class is drawn as often as it stands in the table.

    Args:
        epochs: passes over the rows at most, in place of ``steps``.
        steps: updates at most.
        batch_size: rows of an update.
        width, depth: of the layers of both parts.
        dropout: share of a layer's outputs that an update leaves out.
        flow_steps: steps of the flow when rows are made.
        learning_rate: step size of Adam, falling to 0 along a straight line.
        weight_decay: of Adam.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
        seed: fixes the fit, and the samples where no other seed is given.
        rare_below: fold categories of fewer rows than this.

    Raises:
        UsageError: for a setting that is out of range.

    Example:
        >>> import pandas as pd
        >>> table = pd.DataFrame({"device": ["ios", "web"] * 50, "age": range(100)})
        >>> TabCascade(steps=2).fit(table).sample(2, where="device=web")["device"].tolist()
        ['web', 'web']
    """

    name: ClassVar[str] = "tabcascade"
    numbers: ClassVar[Numbers] = "bins"

    def __init__(
        self,
        *,
        epochs: float | None = None,
        steps: int | None = None,
        batch_size: int = 512,
        width: int = 128,
        depth: int = 2,
        dropout: float = 0.0,
        flow_steps: int = 10,
        learning_rate: float = 1e-3,
        weight_decay: float = 0.0,
        device: str = "auto",
        seed: int = 0,
        rare_below: int = 0,
    ) -> None:
        positive(width=width, depth=depth, flow_steps=flow_steps)
        super().__init__(
            epochs=epochs, steps=steps, batch_size=batch_size, learning_rate=learning_rate,
            device=device, seed=seed, rare_below=rare_below, calibrate=False,
        )  # fmt: skip
        self.width, self.depth, self.dropout, self.flow_steps = width, depth, dropout, flow_steps
        self.weight_decay = weight_decay

    @classmethod
    def search_space(cls) -> SearchSpace:
        return SearchSpace(
            {
                "batch_size": Choice((128, 256, 512, 1024)),
                "learning_rate": Real(2e-4, 5e-3, log=True),
                "width": Choice((64, 128, 256)),
                "depth": Whole(1, 4),
                "dropout": Real(0.0, 0.3),
                "flow_steps": Whole(5, 40, log=True),
            },
            share=0.25,
        )

    def _planned_steps(self, rows: int) -> int:
        if self.steps is not None or self.epochs is not None:
            return super()._planned_steps(rows)
        return int(np.clip(DEFAULT_EPOCHS * rows / self._batch_rows(rows), LEAST_STEPS, MOST_STEPS))

    def _patience(self) -> int:
        return PATIENCE

    def _make_network(self, encoder: TableEncoder, spans: Spans) -> Network:
        return Cascade(
            encoder, spans, width=self.width, depth=self.depth, dropout=self.dropout, flow_steps=self.flow_steps
        )

    def _make_learner(self, network: Network, spans: Spans, data: Data, steps: int) -> Learner:
        assert isinstance(network, Cascade)
        network.begin(data)
        adam = Adam(network, rate=self._rate(), weight_decay=self.weight_decay, average=AVERAGE)
        return CascadeLearner(network, data, adam, batch=self._batch_rows(len(data.codes)), steps=steps, seed=self.seed)
