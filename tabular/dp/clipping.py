"""The sum of every row's gradient, each clipped to a norm, at about the cost of a plain gradient.

The gradient of a linear layer's weights for one row is the product of what went into the layer and of the loss's
gradient with respect to what came out, so its norm is known without making it (Goodfellow 2015, "Efficient
per-example gradient computations"; Li et al. 2022, "Large language models can be strong differentially private
learners", section 4, for several steps a row), and once the rows' factors are known the clipped sum is one product
(Bu et al. 2023, "Differentially private optimization on large model at small cost": one backward pass). opacus'
GradSampleModule and torch.func.vmap make each row's gradient instead, rows times weights of numbers: for ``nano``
that is more memory traffic than all of its arithmetic.

A :class:`Watch` sees the linear layers, embeddings and normalisations of any code that computes with torch, and
needs to know nothing of the networks. Every other use of a weight gets one copy of it per row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from ..machine.row_sums import row_sum

__all__ = ["clipped_sum"]

#: What only reads off a weight, or gives a part of it that is looked for when it is used.
_HARMLESS = {"__get__", "__getitem__", "split", "size", "dim", "device", "dtype", "is_floating_point", "stride"}


@dataclass(frozen=True)
class _Use:
    """One use of a weight in a forward pass.

    Attributes:
        out: what the layer gave; its gradient is requested.
        squares: that gradient [rows, ...] -> float32[rows], the squared norms of the weight's gradients.
        add: (that gradient, float32[rows] factors) -> nothing; adds the rows' gradients, so weighed, to the sums.
    """

    out: Tensor
    squares: Callable[[Tensor], Tensor]
    add: Callable[[Tensor, Tensor], None]


class Watch(TorchFunctionMode):
    """Notes how each weight is used while a loss is computed; rows are the first dimension of everything.

    Args:
        weights: leaf tensors that require gradients.
        sums: where each weight's clipped sum goes.
        rows: in the batch.
    """

    def __init__(self, weights: Sequence[Tensor], sums: Sequence[Tensor], rows: int) -> None:
        super().__init__()
        self.rows = rows
        self.sums = {id(weight): total for weight, total in zip(weights, sums, strict=True)}
        self.weights = {id(weight): weight for weight in weights}
        self.copies: dict[int, Tensor] = {}
        self.taken: dict[int, list[tuple[int, int]]] = {}
        self.uses: list[_Use] = []

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is F.linear:
            return self._linear(*args, **kwargs)
        if func is torch.addmm:
            bias, x, weight = args
            return self._linear(x, weight.T, bias)
        if func is row_sum:
            return self._row_sum(*args)
        if func is F.embedding:
            return self._embedding(*args, **kwargs)
        if func is F.layer_norm:
            return self._layer_norm(*args, **kwargs)
        if getattr(func, "__name__", "") in _HARMLESS:
            return func(*args, **kwargs)
        return func(*[self._own(value) for value in args], **{name: self._own(v) for name, v in kwargs.items()})

    # -- layers -----------------------------------------------------------------------------------------------
    def _linear(self, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        out = F.linear(x, weight, bias)
        into = _by_step(x.detach())  # (rows, steps, in)
        to_weight = self._sum_of(weight)
        to_bias = None if bias is None else self._sum_of(bias)

        def squares(gradient: Tensor) -> Tensor:
            g = _by_step(gradient)
            return _product_squares(into, g) + (0.0 if bias is None else g.sum(dim=1).square().sum(dim=1))

        def add(gradient: Tensor, factors: Tensor) -> None:
            g = _by_step(gradient) * factors[:, None, None]
            flat = g.flatten(0, 1)
            to_weight.addmm_(flat.T, into.flatten(0, 1))
            if to_bias is not None:
                to_bias.add_(flat.sum(dim=0))

        self.uses.append(_Use(out, squares, add))
        return out

    def _embedding(self, ids: Tensor, weight: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        out = F.embedding(ids, weight, *args, **kwargs)
        total, index = self._sum_of(weight), ids.reshape(self.rows, -1)  # (rows, steps)

        def squares(gradient: Tensor) -> Tensor:
            g = gradient.reshape(*index.shape, -1)
            same = index[:, :, None] == index[:, None, :]
            return ((g @ g.transpose(1, 2)) * same).sum(dim=(1, 2))

        def add(gradient: Tensor, factors: Tensor) -> None:
            g = gradient.reshape(*index.shape, -1) * factors[:, None, None]
            total.index_add_(0, index.reshape(-1), g.reshape(-1, g.shape[-1]))

        self.uses.append(_Use(out, squares, add))
        return out

    def _row_sum(self, weight: Tensor, index: Tensor) -> Tensor:
        out = row_sum(weight, index)
        total = self._sum_of(weight)

        def squares(gradient: Tensor) -> Tensor:
            return index.shape[1] * gradient.square().sum(dim=1)

        def add(gradient: Tensor, factors: Tensor) -> None:
            one_hot = torch.zeros(len(index), len(total), device=index.device).scatter_(1, index, 1.0)
            total.addmm_(one_hot.T, gradient * factors[:, None])

        self.uses.append(_Use(out, squares, add))
        return out

    def _layer_norm(
        self,
        x: Tensor,
        shape: Sequence[int],
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        eps: float = 1e-5,
    ) -> Tensor:
        plain = F.layer_norm(x, shape, eps=eps)
        if weight is not None:
            plain = plain * self._per_row(weight, x.dim())
        return plain if bias is None else plain + self._per_row(bias, x.dim())

    # -- every other use --------------------------------------------------------------------------------------
    def _own(self, value: Any) -> Any:
        return self._per_row(value, value.dim() + 1) if id(value) in self.weights else value

    def _per_row(self, weight: Tensor, dimensions: int) -> Tensor:
        """A copy of a weight for each row, to be combined with something of so many dimensions."""
        if id(weight) not in self.copies:
            copies = weight.detach().expand(self.rows, *weight.shape).requires_grad_()
            total = self._sum_of(weight)

            def squares(gradient: Tensor) -> Tensor:
                return gradient.reshape(self.rows, -1).square().sum(dim=1)

            def add(gradient: Tensor, factors: Tensor) -> None:
                total.add_((factors @ gradient.reshape(self.rows, -1)).view_as(total))

            self.uses.append(_Use(copies, squares, add))
            self.copies[id(weight)] = copies
        found = self.copies[id(weight)]
        between = [1] * (dimensions - found.dim())
        return found.view(self.rows, *between, *weight.shape) if between else found

    def _sum_of(self, weight: Tensor) -> Tensor:
        """Where the sum for a weight, or for a part of one, belongs; each part may be used once."""
        whole = weight if id(weight) in self.sums else weight._base
        if whole is None or id(whole) not in self.sums:
            raise RuntimeError("A layer was given a weight that is not trained: its gradient cannot be clipped.")
        begin = int(weight.storage_offset()) - int(whole.storage_offset())
        part = begin, begin + weight.numel()
        taken = self.taken.setdefault(id(whole), [])
        if any(part[0] < other[1] and other[0] < part[1] for other in taken):
            # The norm of a sum of two uses is not known from their norms.
            raise RuntimeError("A weight is used twice in one forward pass: its gradient's norm would be wrong.")
        taken.append(part)
        return self.sums[id(whole)].as_strided(weight.shape, weight.stride(), begin)


def clipped_sum(
    loss: Callable[[], Tensor], weights: Sequence[Tensor], rows: int, clip: float
) -> tuple[list[Tensor], Tensor]:
    """(the sum over the rows of their gradients, each scaled down to a norm of ``clip``; float32[rows] norms before).

    The norm is that over all weights together. Without rows all is zero.

    Args:
        loss: computes the mean loss over the rows, in which each row's part must depend on that row alone.
        weights: the leaf tensors that are trained.
        rows: that ``loss`` is computed on.
        clip: may be infinite.
    """
    sums = [torch.zeros_like(weight) for weight in weights]
    if not rows:
        return sums, torch.zeros(0, device=weights[0].device)
    watch = Watch(weights, sums, rows)
    with watch:
        value = loss() * rows
    gradients = torch.autograd.grad(value, [use.out for use in watch.uses])
    with torch.no_grad():
        squares = [use.squares(gradient) for use, gradient in zip(watch.uses, gradients, strict=True)]
        norms = torch.stack(squares).sum(dim=0).clamp(min=0).sqrt()
        factors = (clip / norms.clamp(min=1e-12)).clamp(max=1.0)
        for use, gradient in zip(watch.uses, gradients, strict=True):
            use.add(gradient, factors)
    # The uses refer to the watch and the watch to them: let go, or every batch waits for the garbage collector.
    watch.uses.clear()
    watch.copies.clear()
    return sums, norms


def _by_step(x: Tensor) -> Tensor:
    """[rows, ..., width] -> [rows, steps, width]."""
    return x[:, None] if x.dim() == 2 else x.flatten(1, -2)


def _product_squares(a: Tensor, g: Tensor) -> Tensor:
    """float32[rows]: the squared norm of the sum over steps of g aᵀ, from a [rows, steps, in], g [rows, steps, out]."""
    if a.shape[1] == 1:
        return a.square().sum(dim=(1, 2)) * g.square().sum(dim=(1, 2))
    return ((a @ a.transpose(1, 2)) * (g @ g.transpose(1, 2))).sum(dim=(1, 2))
