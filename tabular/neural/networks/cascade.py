"""The network of TabCascade: classes first, then the numbers within their bins."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...training.learner import State
from ..base import calibration_rows
from ..batch_parts import Part
from ..encoding.encoder import TableEncoder
from ..encoding.spans import Spans
from ..layers.gates import Gates
from ..network import CERTAIN, Data, Guide, Network
from ..updates.learner import AdamLearner
from ..updates.optimizer import Adam
from ..updates.rows import shuffled_rows
from .autoregression import Autoregression
from .flow import Flow

__all__ = ["Cascade", "CascadeLearner", "sparse_waves"]

#: Rows that are judged by and not learned: a share of them, within bounds.
HELD_OUT_SHARE, MOST_HELD_OUT = 0.05, 2000
#: Spans of the rows that are judged by, all together: each takes several hidden vectors.
MOST_JUDGED = 1 << 19
#: Entries of the matrix of waves from which it is a sparse one: nearly all are 0 where there are many numbers.
MOST_WAVES = 1 << 22
#: Share of the updates in which the spans come as they stand in the table; in the others one that can be asked for
#: comes first.
PLAIN_SHARE = 0.5
#: Draws of noise and moment that held-out rows are judged under.
JUDGED = 4


class Cascade(Network):
    """An :class:`.autoregression.Autoregression` of the classes and a :class:`.flow.Flow` of the scalars under them."""

    def __init__(
        self, encoder: TableEncoder, spans: Spans, *, width: int, depth: int, dropout: float, flow_steps: int
    ) -> None:
        super().__init__()
        self.spans, self.scalars = spans, encoder.scalars
        self.guided = encoder.category_spans()
        sizes: dict[str, Any] = {"width": width, "depth": depth, "dropout": dropout}
        # MPS has no sparse products.
        large = math.prod(encoder.waves_shape) > MOST_WAVES and spans.device.type != "mps"
        waves = (sparse_waves(encoder) if large else torch.from_numpy(encoder.waves())).to(spans.device)
        self.classes = Autoregression(spans, waves, **sizes) if len(spans) else None
        self.flow = None
        if encoder.scalars:
            gates = Gates(encoder.gates, spans)
            self.flow = Flow(gates, spans, waves, encoder.scalars, steps=flow_steps, **sizes)
        self.register_buffer("shares", torch.zeros(spans.width))

    @torch.no_grad()
    def begin(self, data: Data) -> None:
        """Start from what is known before any training: how often each class occurs."""
        if self.classes is not None:
            counts = self.spans.one_hot_counts(data.codes)
            self.shares.copy_(counts / len(data.codes))
            self.classes.begin(counts)

    def propose(self, rows: int, generator: torch.Generator, guide: Guide | None) -> tuple[Tensor, Tensor]:
        codes = torch.empty(rows, 0, dtype=torch.int64, device=self.spans.device)
        scalars = torch.empty(rows, 0, device=self.spans.device)
        if self.classes is not None:
            codes = self.classes.draw(rows, generator, None if guide is None else (guide.span, guide.probabilities))
        if self.flow is not None:
            scalars = self.flow.draw(codes, generator)
        return self.spans.one_hot(codes) * CERTAIN, scalars


def sparse_waves(encoder: TableEncoder) -> Tensor:
    """:meth:`.encoding.encoder.TableEncoder.waves` as a sparse tensor; of 1,000 columns the dense one takes 400 MB."""
    indices, values = [], []
    for begin, feature, block in encoder.wave_blocks():
        places = np.indices(block.shape).reshape(2, -1)
        indices.append(places + np.array([[begin], [feature]]))
        values.append(block.reshape(-1))
    placed = torch.from_numpy(np.concatenate(indices, axis=1)), torch.from_numpy(np.concatenate(values))
    # Where networks are made without memory, for the shapes of their weights alone, this is no weight and has values.
    options: dict[str, Any] = {"device": "cpu", "is_coalesced": True, "check_invariants": True}
    return torch.sparse_coo_tensor(*placed, encoder.waves_shape, **options)


class CascadeLearner(AdamLearner):
    """One update of both parts, which share no weight; each is kept as it was when it served unseen rows best."""

    def __init__(self, network: Cascade, data: Data, adam: Adam, *, batch: int, steps: int, seed: int) -> None:
        rows = len(data.codes)
        held = min(int(rows * HELD_OUT_SHARE), MOST_HELD_OUT, MOST_JUDGED // max(len(network.spans), 1))
        order = torch.randperm(rows, generator=torch.Generator().manual_seed(seed)).to(data.codes.device)
        self.held_out = Data(data.codes[order[:held]], data.scalars[order[:held]])
        self.data = Data(data.codes[order[held:]], data.scalars[order[held:]])
        super().__init__(adam, network.spans.device, batch=min(batch, len(self.data.codes)))
        self.network, self.steps = network, steps

    def finish(self, best: State) -> State:
        weights = super().finish(best)
        if self.network.classes is not None:
            self.generator.manual_seed(0)
            self.network.classes.calibrate(self.network.shares, calibration_rows(self.network.spans), self.generator)
        return weights

    def begin_interval(self, seed: int) -> None:
        super().begin_interval(seed)
        self.orders = np.random.default_rng(seed)  # on the host, where the order is needed

    def step(self, number: int) -> Tensor | None:
        network = self.network
        rows = shuffled_rows(len(self.data.codes), self.batch, self.generator, self.data.codes.device)
        scalars, codes = self.data.scalars[rows], self.data.codes[rows]
        first = None
        if network.classes is not None and network.guided and self.orders.random() >= PLAIN_SHARE:
            first = int(self.orders.choice(network.guided))

        def differentiate(part: Part) -> Tensor:
            mine, losses = part.of(codes), []
            if network.classes is not None:
                of_spans = network.classes(mine, network.classes.order(first), self.generator).sum()
                losses.append(-of_spans if part.count == 1 else -of_spans * (len(mine) / part.rows))
            if network.flow is not None:
                total = None if part.count == 1 else network.flow.gates.of_codes(codes).sum()
                losses.append(network.flow.loss(part.of(scalars), mine, self.generator, total=total))
            loss = torch.stack(losses).sum()
            self.adam.differentiate(loss)
            return loss.detach()

        loss = self.differentiate_in_parts(self.adam, differentiate)
        self.adam.update(number / self.steps, decay=True)
        return loss

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        network, data = self.network, self.held_out
        if not len(data.codes):
            return {}
        found: dict[str, Tensor] = {}
        with self.adam.averages_in_place():
            if network.classes is not None:
                found["classes"] = -network.classes(data.codes, network.classes.order(None), None).sum()
            if network.flow is not None:
                # The same draws at every evaluation, so that they can be compared.
                generator = torch.Generator(data.codes.device).manual_seed(0)
                losses = [network.flow.loss(data.scalars, data.codes, generator, learning=False) for _ in range(JUDGED)]
                found["flow"] = torch.stack(losses).mean()
        # All processes decide by the same figures, whatever their processors make of the last digit.
        judged: dict[str, float] = self.processes.broadcast_json({part: float(loss) for part, loss in found.items()})
        return judged
