"""AdamW (Loshchilov and Hutter 2019) in torch's fused kernel, whose whole state can be taken out and put back.

``torch.optim.AdamW`` is the same kernel; to make one loads torch's compiler, which took 1.5 to 2.5 s of every fit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.optim.adamw import adamw

__all__ = ["AdamW"]

#: As torch names what is kept of the gradients of a weight.
_MOMENTS = ("exp_avg", "exp_avg_sq")
_EPSILON = 1e-8


class AdamW:
    """Updates weights down the gradients that they have.

    Args:
        weights: by name; all have a gradient whenever :meth:`update` is called.
        betas: decay of the means of the gradients and of their squares.
        weight_decay: of the weights whose name ``decays``.
    """

    def __init__(
        self,
        weights: Mapping[str, Tensor],
        *,
        betas: tuple[float, float],
        weight_decay: float,
        decays: Callable[[str], bool],
    ) -> None:
        self._weights, self._betas = dict(weights), betas
        self._groups = [
            (decay, chosen)
            for decay, decayed in ((weight_decay, True), (0.0, False))
            if (chosen := [name for name in weights if decays(name) == decayed])
        ]
        self._moments = {
            moment: {name: torch.zeros_like(weight) for name, weight in weights.items()} for moment in _MOMENTS
        }
        self._steps = {name: torch.zeros((), device=weight.device) for name, weight in weights.items()}

    @torch.no_grad()
    def update(self, learning_rate: float) -> None:
        """One step."""
        for weight_decay, names in self._groups:
            weights = [self._weights[name] for name in names]
            gradients = [weight.grad for weight in weights if weight.grad is not None]
            mean, square = ([moments[name] for name in names] for moments in self._moments.values())
            adamw(
                weights,
                gradients,
                mean,
                square,
                [],
                [self._steps[name] for name in names],
                fused=True,
                amsgrad=False,
                beta1=self._betas[0],
                beta2=self._betas[1],
                lr=learning_rate,
                weight_decay=weight_decay,
                eps=_EPSILON,
                maximize=False,
            )

    def state(self) -> dict[str, Tensor]:
        """The moments as ``exp_avg/NAME`` and ``exp_avg_sq/NAME``, and ``step``: int64, how many were made."""
        found = {
            f"{moment}/{name}": value for moment, values in self._moments.items() for name, value in values.items()
        }
        return {**found, "step": next(iter(self._steps.values())).to(torch.int64)}

    @torch.no_grad()
    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from what :meth:`state` gave."""
        for moment, values in self._moments.items():
            for name, value in values.items():
                value.copy_(state[f"{moment}/{name}"])
        for step in self._steps.values():
            step.copy_(state["step"].reshape(()))
