"""A learner of the training loop (:mod:`tabular.training`) that computes with torch and :class:`.optimizer.Adam`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from ...training.learner import Learner, State
from .optimizer import Adam

__all__ = ["AdamLearner"]


class AdamLearner(Learner):
    """One or several networks with an optimizer each; a subclass adds its step.

    Args:
        adam: of the network that makes rows.
        device: where draws are made.
        others: what the names of a network's tensors begin with -> its optimizer; of networks that training needs
            besides.

    Attributes:
        generator: of all draws; seeded at each interval.
    """

    #: A generator's state is not kept: a fit that goes on makes the draws of its interval again.
    resumes_anywhere: ClassVar[bool] = False

    def __init__(self, adam: Adam, device: torch.device, others: Mapping[str, Adam] | None = None) -> None:
        super().__init__()
        self.adam, self.generator = adam, torch.Generator(device)
        self.optimizers = {"": adam, **(others or {})}

    def begin_interval(self, seed: int) -> None:
        self.generator.manual_seed(seed)

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
