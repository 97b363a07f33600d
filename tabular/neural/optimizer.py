"""Adam with a moving average of the weights, whose whole state can be taken out and put back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

__all__ = ["Adam", "AdamLearner"]


class Adam:
    """Updates the parameters of ``module`` in fused kernels; no value comes to the host.

    Args:
        module: what is trained.
        rate: the step size.
        betas, weight_decay: as in Adam (decay is added to the gradient).
        average: share of the old weights in the moving average at each step; 0 keeps none.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        rate: float,
        betas: tuple[float, float] = (0.9, 0.999),
        weight_decay: float = 0.0,
        average: float = 0.0,
    ) -> None:
        self.module, self.rate, self.average, self.factor, self.count = module, rate, average, 1.0, 0
        self.names, self.weights = map(list, zip(*module.named_parameters(), strict=True))
        self.buffers = {name: value for name, value in module.named_buffers() if value.is_floating_point()}
        self.adam = torch.optim.Adam(self.weights, lr=rate, betas=betas, weight_decay=weight_decay, fused=True)
        self.averaged = [value.detach().clone() for value in self.weights] if average else []

    def step(self, loss: Tensor, progress: float = 0.0, *, decay: bool = False) -> None:
        """One update down the gradient of ``loss``.

        Args:
            progress: share of the training that is done, 0 to 1.
            decay: let the step size fall with it, along a straight line to 0.
        """
        self.apply(torch.autograd.grad(loss, self.weights), progress, decay=decay)

    def apply(self, gradients: Sequence[Tensor], progress: float = 0.0, *, decay: bool = False) -> None:
        """As :meth:`step`, down ``gradients``, one for each weight."""
        for weight, gradient in zip(self.weights, gradients, strict=True):
            weight.grad = gradient
        self.adam.param_groups[0]["lr"] = self.rate * self.factor * ((1 - progress) if decay else 1.0)
        self.adam.step()
        if self.averaged:
            # The first weights are no good, so the average begins short.
            self.count += 1
            kept = min(self.average, (1 + self.count) / (10 + self.count))
            torch._foreach_lerp_(self.averaged, [w.detach() for w in self.weights], 1 - kept)

    def slow_down(self) -> None:
        """Halve the step size from here on."""
        self.factor *= 0.5

    def state(self) -> dict[str, Tensor]:
        """Weights, buffers, averages and moments by name."""
        found = {f"weight/{name}": weight.detach() for name, weight in zip(self.names, self.weights, strict=True)}
        found |= {f"buffer/{name}": value for name, value in self.buffers.items()}
        found["count/average"] = torch.tensor(self.count)
        found |= {f"average/{name}": value for name, value in zip(self.names, self.averaged, strict=bool(self.average))}
        for name, weight in zip(self.names, self.weights, strict=True):
            for key, value in self.adam.state.get(weight, {}).items():
                found[f"{key}/{name}"] = value
        return found

    @torch.no_grad()
    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go back to what :meth:`state` gave."""
        for number, (name, weight) in enumerate(zip(self.names, self.weights, strict=True)):
            weight.copy_(state[f"weight/{name}"])
            if self.averaged:
                self.averaged[number].copy_(state[f"average/{name}"])
            moments = {key: state.get(f"{key}/{name}") for key in ("step", "exp_avg", "exp_avg_sq")}
            if moments["step"] is None:
                self.adam.state.pop(weight, None)
            else:
                self.adam.state[weight] = {
                    key: value.detach().clone().to(weight.device) for key, value in moments.items() if value is not None
                }
        self.count = int(state["count/average"])
        for name, value in self.buffers.items():
            value.copy_(state[f"buffer/{name}"])

    def kept(self) -> dict[str, Tensor]:
        """The averaged weights, where there are such, or the last ones, by name."""
        values = self.averaged or [weight.detach() for weight in self.weights]
        return dict(zip(self.names, values, strict=True))

    @contextmanager
    def averages_in_place(self) -> Iterator[None]:
        """Inside, the module has the averaged weights."""
        last = [weight.detach().clone() for weight in self.weights]
        self.load(self.kept())
        try:
            yield
        finally:
            self.load(dict(zip(self.names, last, strict=True)))

    @torch.no_grad()
    def load(self, weights: Mapping[str, Tensor]) -> None:
        """Put ``weights``, by name, in the place of the module's."""
        for name, weight in zip(self.names, self.weights, strict=True):
            weight.copy_(weights[name])


class AdamLearner:
    """A learner (:class:`.training.Learner`) with one optimizer; a subclass adds its step."""

    def __init__(self, adam: Adam, device: torch.device) -> None:
        self.adam, self.generator = adam, torch.Generator(device)

    def begin_interval(self, seed: int) -> None:
        self.generator.manual_seed(seed)

    def slow_down(self) -> None:
        self.adam.slow_down()

    def state(self) -> dict[str, Tensor]:
        return self.adam.state()

    def restore(self, state: Mapping[str, Tensor]) -> None:
        self.adam.restore(state)

    def judge(self) -> dict[str, Tensor]:
        return {}

    def kept(self) -> dict[str, Tensor]:
        return self.adam.kept()

    def finish(self, weights: Mapping[str, Tensor]) -> None:
        self.adam.load(weights)
