"""TabCascade: a row's classes and coarse numbers first, then the numbers themselves by flow matching."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ..search_space import Choice, Real, Whole
from ..settings import setting
from ..training.learner import Learner
from .base import NeuralSynthesizer
from .encoding.encoder import TableEncoder
from .encoding.spans import Spans
from .network import Data, Network
from .networks.cascade import Cascade, CascadeLearner
from .updates.optimizer import Adam

__all__ = ["TabCascade"]

#: Passes over the rows where nothing else is asked for, and bounds of the updates that they come to.
DEFAULT_EPOCHS, LEAST_STEPS, MOST_STEPS = 25, 300, 4000
#: Share of the old weights in the moving average.
AVERAGE = 0.998
#: Looks at the held-out rows that may bring nothing before training ends.
PATIENCE = 15
#: Cells of an update at most, but for a few rows: each takes several hidden vectors.
MOST_CELLS, LEAST_ROWS = 1 << 17, 32


class TabCascade(NeuralSynthesizer):
    """Mueller, Gruber and Fok 2026, "Cascaded Flow Matching for Heterogeneous Tabular Data with Mixed-Type Features".

    A row at low resolution comes first: its categories, and of each number a coarse class (a bin, a value that many
    rows share, or missing). Then flow matching makes the numbers under these classes. What differs from the paper:
    numbers are cut into bins of equal mass, within which they are normal scores, in place of the leaves of a
    distributional regression tree; the low resolution is made one column at a time, each given those before
    (:mod:`.networks.autoregression`), in place of a diffusion of all of them at once; and along the path of the flow
    (:mod:`.networks.flow`) scalars stay standard normal, which takes the place of the paper's data-dependent coupling.

    Rows are held out of training: each of the two parts is kept as it was when it served those best. The biases of
    the classes are then set so that every class is drawn as often as it stands in the table.

    Example:
        >>> import pandas as pd
        >>> table = pd.DataFrame({"device": ["ios", "web"] * 50, "age": range(100)})
        >>> TabCascade(steps=2).fit(table).sample(2, where="device=web")["device"].tolist()
        ['web', 'web']
    """

    name: ClassVar[str] = "tabcascade"
    numbers = "bins"

    search_share: ClassVar[float] = 0.25

    epochs: float | None = setting(None, "Passes over the rows at most, in place of steps.", above=0)
    steps: int | None = setting(None, "Updates at most.", above=0, absent="by the size of the table")
    batch_size: int = setting(
        512,
        "Batch size: rows per update, at most; of a table of over 256 columns there are fewer.",
        above=0,
        search=Choice((128, 256, 512, 1024)),
    )
    learning_rate: float = setting(
        1e-3, "Step size of Adam, falling to 0 along a straight line.", above=0, search=Real(2e-4, 5e-3, log=True)
    )
    width: int = setting(128, "Width of the layers of both parts.", above=0, search=Choice((64, 128, 256)))
    depth: int = setting(2, "Layers of both parts.", above=0, most=1000, search=Whole(1, 4))
    dropout: float = setting(
        0.0, "Share of a layer's outputs that an update leaves out.", least=0, below=1, search=Real(0.0, 0.3)
    )
    flow_steps: int = setting(
        10, "Steps of the flow when rows are made.", above=0, most=100_000, search=Whole(5, 40, log=True)
    )
    weight_decay: float = setting(0.0, "Weight decay of Adam.", least=0)

    def _rate(self) -> float:
        return self.learning_rate

    def _planned_steps(self, rows: int) -> int:
        if self.steps is not None or self.epochs is not None:
            return super()._planned_steps(rows)
        return int(np.clip(DEFAULT_EPOCHS * rows / self._batch_rows(rows), LEAST_STEPS, MOST_STEPS))

    def _batch_rows(self, rows: int) -> int:
        columns = len(self.schema_) if hasattr(self, "schema_") else 1
        return min(super()._batch_rows(rows), max(LEAST_ROWS, MOST_CELLS // columns))

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
