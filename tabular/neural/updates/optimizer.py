"""Adam with a moving average of the weights, whose whole state can be taken out and put back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.adam import adam

__all__ = ["Adam", "LowPrecisionCopy"]

#: Numbers that the buffer of every weight is a multiple of: 64 bytes.
ROUND = 16
#: What keeps Adam from dividing by nothing.
EPSILON = 1e-8


class Adam:
    """Updates the parameters of ``module`` in fused kernels; no value comes to the host.

    The parameters become views of one tensor, so that an update costs a few kernels however many there are.

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
        self.rate, self.average, self.factor, self.count = rate, average, 1.0, 0
        self.betas, self.weight_decay = betas, weight_decay
        self.names, self.weights = map(list, zip(*module.named_parameters(), strict=True))
        self.buffers = {name: value for name, value in module.named_buffers() if value.is_floating_point()}
        # Each begins at a round place: products with weights that do not are a good deal slower.
        self.padded = [-(-weight.numel() // ROUND) * ROUND for weight in self.weights]
        self.flat = torch.zeros(sum(self.padded), device=self.weights[0].device)
        for weight, view in zip(self.weights, self._views(self.flat).values(), strict=True):
            view.copy_(weight.detach())
        for weight, view in zip(self.weights, self._views(self.flat).values(), strict=True):
            weight.data = view
        self.gradient = torch.zeros_like(self.flat)
        self._of = self._pairs(self.flat, self.gradient)
        self.gradients = [gradient for _, gradient in self._of.values()]
        self.mean, self.square = torch.zeros_like(self.flat), torch.zeros_like(self.flat)
        self.steps = torch.zeros((), device=self.flat.device)
        self.averaged = self.flat.clone() if average else None

    def _views(self, flat: Tensor) -> dict[str, Tensor]:
        """Name -> the part of ``flat`` (float32[parameters]) that a weight has, in its shape."""
        parts = zip(self.names, self.weights, flat.split(self.padded), strict=True)
        return {name: part[: weight.numel()].view(weight.shape) for name, weight, part in parts}

    def _pairs(self, flat: Tensor, gradient: Tensor) -> dict[int, tuple[Tensor, Tensor]]:
        """The id of each weight -> its parts of the two (float[parameters])."""
        parts = zip(self.weights, self._views(flat).values(), self._views(gradient).values(), strict=True)
        return {id(weight): (value, grad) for weight, value, grad in parts}

    def of(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """A weight of the module, without autograd, and its gradient buffer, to be written before :meth:`update`."""
        return self._of[id(weight)]

    def step(self, loss: Tensor, progress: float = 0.0, *, decay: bool = False) -> None:
        """One update down the gradient of ``loss``.

        Args:
            progress: share of the training that is done, 0 to 1.
            decay: let the step size fall with it, along a straight line to 0.
        """
        self.differentiate(loss)
        self.update(progress, decay=decay)

    def differentiate(self, loss: Tensor) -> None:
        """Write the gradient of ``loss`` to the buffers."""
        torch._foreach_copy_(self.gradients, list(torch.autograd.grad(loss, self.weights)))

    def apply(self, gradients: Sequence[Tensor], progress: float = 0.0, *, decay: bool = False) -> None:
        """As :meth:`step`, down ``gradients``, one for each weight."""
        for buffer, gradient in zip(self.gradients, gradients, strict=True):
            buffer.copy_(gradient)
        self.update(progress, decay=decay)

    @torch.no_grad()
    def update(self, progress: float = 0.0, *, decay: bool = False) -> None:
        """As :meth:`step`, down the gradients that were written to the buffers."""
        rate = self.rate * self.factor * ((1 - progress) if decay else 1.0)
        # The function beneath torch.optim.Adam, whose bookkeeping takes longer than the update of a small network.
        adam(
            [self.flat],
            [self.gradient],
            [self.mean],
            [self.square],
            [],
            [self.steps],
            fused=True,
            amsgrad=False,
            beta1=self.betas[0],
            beta2=self.betas[1],
            lr=rate,
            weight_decay=self.weight_decay,
            eps=EPSILON,
            maximize=False,
        )
        if self.averaged is not None:
            # The first weights are no good, so the average begins short.
            self.count += 1
            kept = min(self.average, (1 + self.count) / (10 + self.count))
            self.averaged.lerp_(self.flat, 1 - kept)

    def slow_down(self) -> None:
        """Halve the step size from here on."""
        self.factor *= 0.5

    def state(self) -> dict[str, Tensor]:
        """Weights, buffers, averages and moments by name."""
        found = {f"buffer/{name}": value for name, value in self.buffers.items()}
        found["count/average"] = torch.tensor(self.count)
        for kind, flat in self._wholes().items():
            found |= {f"{kind}/{name}": value for name, value in self._views(flat).items()}
        return found | {"count/steps": self.steps}

    def _wholes(self) -> dict[str, Tensor]:
        wholes = {"weight": self.flat, "exp_avg": self.mean, "exp_avg_sq": self.square}
        return wholes if self.averaged is None else {**wholes, "average": self.averaged}

    @torch.no_grad()
    def restore(self, state: Mapping[str, Any]) -> None:
        """Go back to what :meth:`state` gave, or to the same as numpy arrays."""
        for kind, flat in self._wholes().items():
            for name, view in self._views(flat).items():
                view.copy_(torch.as_tensor(state[f"{kind}/{name}"]))
        self.steps.copy_(torch.as_tensor(state["count/steps"]))
        self.count = int(state["count/average"])
        for name, value in self.buffers.items():
            value.copy_(torch.as_tensor(state[f"buffer/{name}"]))

    def kept(self) -> dict[str, Tensor]:
        """The averaged weights, where there are such, or the last ones, by name."""
        return self._views(self.flat if self.averaged is None else self.averaged)

    @contextmanager
    def averages_in_place(self) -> Iterator[None]:
        """Inside, the module has the averaged weights."""
        last = self.flat.clone()
        self.load(self.kept())
        try:
            yield
        finally:
            self.flat.copy_(last)

    @torch.no_grad()
    def load(self, weights: Mapping[str, Any]) -> None:
        """Put ``weights``, by name, in the place of the module's."""
        for name, weight in zip(self.names, self.weights, strict=True):
            weight.copy_(torch.as_tensor(weights[name]))


class LowPrecisionCopy:
    """The weights of an optimizer, and their gradient buffers, in the number type that products are made in.

    In float32 they are the optimizer's own; else each of the two is one cast, whatever the number of weights.

    Args:
        adam: has the weights.
        dtype: of the copy.
    """

    def __init__(self, adam: Adam, dtype: torch.dtype) -> None:
        self.adam, self.dtype = adam, dtype
        self.flat, self.gradient = adam.flat.to(dtype), adam.gradient.to(dtype)
        self._of = adam._pairs(self.flat, self.gradient)

    def of(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """The copy of a weight of the module, and its gradient buffer."""
        return self._of[id(weight)]

    @torch.no_grad()
    def sync_from_master(self) -> None:
        """Copy the weights that the optimizer has now."""
        if self.flat is not self.adam.flat:
            self.flat.copy_(self.adam.flat)

    @torch.no_grad()
    def copy_grads_to_master(self) -> None:
        """Overwrite all of the optimizer's gradient buffers with those of the copy."""
        if self.gradient is not self.adam.gradient:
            self.adam.gradient.copy_(self.gradient)
