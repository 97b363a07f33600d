"""A learner of the training loop (:mod:`tabular.training`) that computes with torch and :class:`.optimizer.Adam`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from ...errors import UsageError
from ...machine.memory import release_cached_memory
from ...training.learner import Learner, State
from ...training.processes import current_processes
from ..batch_parts import BatchGenerator, Part
from .optimizer import Adam

__all__ = ["AdamLearner"]


class AdamLearner(Learner):
    """One or several networks with an optimizer each; a subclass adds its step.

    Args:
        adam: of the network that makes rows.
        device: where draws are made.
        others: what the names of a network's tensors begin with -> its optimizer; of networks that training needs
            besides.
        batch: rows of an update.
        pac: rows of it that are counted as one, and stay together.

    Attributes:
        generator: of all draws; seeded at each interval.
        pieces: micro-batches that go through the model one after the other.
        processes: that the fit is spread over; a batch is cut into ``pieces`` times as many parts.
        in_parts: whether a batch can go through the model in parts.

    Raises:
        UsageError: for more processes than a batch has rows, or than one where it cannot go in parts.
    """

    #: A generator's state is not kept: a fit that goes on makes the draws of its interval again.
    resumes_anywhere: ClassVar[bool] = False
    #: Draws were made, and networks before the last one updated.
    redoes_updates: ClassVar[bool] = False
    #: Rows of a micro-batch at least.
    least_rows: ClassVar[int] = 1

    def __init__(
        self,
        adam: Adam,
        device: torch.device,
        others: Mapping[str, Adam] | None = None,
        *,
        batch: int = 1,
        pac: int = 1,
        in_parts: bool = True,
    ) -> None:
        super().__init__()
        self.adam, self.generator = adam, BatchGenerator(device)
        self.optimizers = {"": adam, **(others or {})}
        self.batch, self.pac, self.pieces, self.in_parts = batch, pac, 1, in_parts
        self.processes = current_processes()
        if self.processes.size > 1 and not in_parts:
            raise UsageError(
                f"On the device {device} this generator is fitted by one process: take another --device, or start one "
                "process."
            )
        if self.processes.size > max(batch // pac, 1):
            raise UsageError(
                f"A batch of {batch:,} rows cannot be cut into {self.processes.size} parts: start fewer processes, or "
                "take a larger --batch-size."
            )

    def differentiate_in_parts(self, adam: Adam, differentiate: Callable[[Part], Tensor | None]) -> Tensor | None:
        """Leave the gradient of a batch in the buffers of ``adam``: that of its parts, summed over micro-batches and
        processes.

        Args:
            differentiate: leaves there the gradient of a part of the batch, and gives its part of the loss, or
                ``None``. Whatever it draws comes from the generator of this learner.
        """
        rank, count = self.processes.rank, self.processes.size * self.pieces
        if count == 1:
            return differentiate(Part(self.batch, 0, 1, self.pac))
        total, losses, state = torch.zeros_like(adam.gradient), [], self.generator.get_state()
        for index in range(rank, count, self.processes.size):
            part = Part(self.batch, index, count, self.pac)
            self.generator.set_state(state)
            with self.generator.draws_for(part):
                loss = differentiate(part)
            total += adam.gradient
            if loss is not None:
                losses.append(loss.detach())
        found, *sums = self.processes.sum_arrays([total, *([torch.stack(losses).sum()] if losses else [])])
        adam.gradient.copy_(found)
        return sums[0] if sums else None

    def begin_interval(self, seed: int) -> None:
        self.generator.manual_seed(seed)

    def halve_batch(self) -> int | None:
        """Half the rows; not in a fit of several processes, of which the others know nothing of it."""
        most = self.batch // max(self.pac, self.least_rows)
        if not self.in_parts or self.processes.size > 1 or self.pieces >= most:
            return None
        self.pieces = min(2 * self.pieces, most)
        release_cached_memory(self.generator.device)
        return Part(self.batch, 0, self.pieces, self.pac).size

    def mean(self, losses: Sequence[Tensor]) -> float:
        return float(torch.stack(list(losses)).mean())

    def slow_down(self) -> None:
        for adam in self.optimizers.values():
            adam.slow_down()

    def is_finite(self) -> bool:
        checks = [value.isfinite().all() for value in self._tensors().values() if value.is_floating_point()]
        return bool(torch.stack(checks).all()) if checks else True

    def _tensors(self) -> dict[str, Tensor]:
        return {prefix + name: at for prefix, adam in self.optimizers.items() for name, at in adam.state().items()}

    def state(self) -> State:
        return _copy(self._tensors())

    def restore(self, state: Mapping[str, Any]) -> None:
        for prefix, adam in self.optimizers.items():
            adam.restore({n.removeprefix(prefix): value for n, value in state.items() if n.startswith(prefix)})

    def on_host(self, state: Mapping[str, Any]) -> dict[str, np.ndarray]:
        return {name: np.asarray(value.cpu() if isinstance(value, Tensor) else value) for name, value in state.items()}

    def kept(self) -> State:
        return _copy(self.adam.kept())

    def finish(self, best: State) -> State:
        weights = {**self.kept(), **best}
        self.adam.load(weights)
        return weights


def _copy(state: Mapping[str, Tensor]) -> State:
    return {name: value.detach().clone() for name, value in state.items()}
