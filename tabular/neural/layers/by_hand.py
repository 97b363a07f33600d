"""Layers with their derivatives written out: for small layers autograd's bookkeeping takes as long as the arithmetic.

A layer is bound to the weights of a module and to their gradient buffers. It remembers of its last ``forward`` what its
derivatives need, and may overwrite what it is given. Bound with :func:`tracked`, layers are differentiated by autograd.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...machine.row_sums import sum_and_one_hot
from ..batch_parts import drawn
from ..updates.optimizer import Adam

__all__ = ["BatchNorm", "Concat", "LeakyDropout", "Linear", "OneHotLinear", "Relu", "Sequential", "works_on"]

#: A weight of a module -> what is multiplied with in its place, and its gradient buffer.
WeightsOf = Callable[[Tensor], tuple[Tensor, Tensor]]


def _kernel(name: str) -> Any:
    """One that torch has no documentation of; where it is absent, :func:`works_on` says no."""
    return getattr(torch.ops.aten, name, None)


relu_backward: Callable[..., Tensor] = _kernel("threshold_backward")
tanh_backward: Callable[..., Tensor] = _kernel("tanh_backward")
leaky_relu_backward: Callable[..., Tensor] = _kernel("leaky_relu_backward")
batch_norm_backward: Callable[..., tuple[Tensor, Tensor, Tensor]] = _kernel("native_batch_norm_backward")

#: Slope of LeakyReLU below 0, and the share of numbers that dropout keeps: a half, which is one bit.
SLOPE, KEEP = 0.2, 0.5


class Sequential:
    """Layers one after the other; each has these three methods."""

    def __init__(self, *layers: Linear | LeakyDropout | Relu) -> None:
        self.layers = layers

    def forward(self, x: Tensor) -> Tensor:
        """float[n, in] -> float[n, out]."""
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, grad: Tensor, add: bool | None = False) -> Tensor:
        """The gradient with respect to the output, float[n, out] -> with respect to the input, float[n, in]. The
        gradients of weights are written to their buffers.

        Args:
            add: to what :meth:`second` wrote there (for biases it writes nothing); None leaves the buffers alone.
        """
        for layer in reversed(self.layers):
            grad = layer.backward(grad, add)
        return grad

    def second(self, grad: Tensor) -> Tensor:
        """The derivative of :meth:`backward`: from the gradient with respect to what that gave last, float[n, in], to
        the gradient with respect to what it was given. The gradients of weights are written to their buffers."""
        for layer in self.layers:
            grad = layer.second(grad)
        return grad


class Linear:
    """A linear layer; ``classes`` (float32[width, out]) has a row for each class that a row may be conditioned on.

    Attributes:
        condition: int64[n], the classes of the rows; set before :meth:`forward`.
    """

    condition: Tensor | None = None

    def __init__(self, layer: nn.Linear, of: WeightsOf, classes: Tensor | None = None) -> None:
        (self.weight, self.grad_weight), (self.bias, self.grad_bias) = of(layer.weight), of(layer.bias)
        self.classes = None if classes is None else of(classes)

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        if self.classes is None or self.condition is None:
            return torch.addmm(self.bias, x, self.weight.T)
        return (self.classes[0] + self.bias).index_select(0, self.condition).addmm_(x, self.weight.T)

    def backward(self, grad: Tensor, add: bool | None = False) -> Tensor:
        self.grad = grad
        if add is not None:
            self.grad_weights(grad, add)
        return grad @ self.weight

    def grad_weights(self, grad: Tensor, add: bool = False) -> None:
        self.grad_weight.addmm_(grad.T, self.x, beta=float(add))
        torch.sum(grad, dim=0, out=self.grad_bias)
        if self.classes is not None and self.condition is not None:
            self.classes[1].zero_().index_add_(0, self.condition, grad)

    def second(self, grad: Tensor) -> Tensor:
        torch.mm(self.grad.T, grad, out=self.grad_weight)
        return grad @ self.weight.T


class RoundedLinear(Linear):
    """A linear layer of as many outputs as a table asks for, multiplied as one of :func:`round_width` of them.

    For number types whose products oneDNN compiles a kernel for: it never frees the code of one, and a process that
    fits table after table meets a few sizes then in place of as many as there are tables.
    """

    def __init__(self, layer: nn.Linear, of: WeightsOf) -> None:
        super().__init__(layer, of)
        self.own = self.weight, self.bias
        self.grads = self.grad_weight, self.grad_bias
        self.added = round_width(len(self.bias)) - len(self.bias)
        of_weight, of_bias = (0, 0, 0, self.added), (0, self.added)
        self.weight, self.bias = functional.pad(self.weight, of_weight), functional.pad(self.bias, of_bias)
        self.grad_weight, self.grad_bias = torch.zeros_like(self.weight), torch.zeros_like(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        width = len(self.own[1])
        self.weight[:width], self.bias[:width] = self.own
        return super().forward(x)[:, :width]

    def backward(self, grad: Tensor, add: bool | None = False) -> Tensor:
        return super().backward(functional.pad(grad, (0, self.added)), add)

    def grad_weights(self, grad: Tensor, add: bool = False) -> None:
        super().grad_weights(grad, add)
        self._copy_grads()

    def second(self, grad: Tensor) -> Tensor:
        out = super().second(grad)[:, : len(self.own[1])]
        self._copy_grads()
        return out

    def _copy_grads(self) -> None:
        for buffer, padded in zip(self.grads, (self.grad_weight, self.grad_bias), strict=True):
            buffer.copy_(padded[: len(buffer)])


class OneHotLinear:
    """The layer that rows enter a network by; rows of its weights are summed in place of a product with one-hot ones.

    Args:
        scalars, classes, bias: its weights, float32[scalars, h], float32[width, h] and float32[h].
        conditions: float32[width, h], for the classes that rows are conditioned on.
    """

    def __init__(
        self, of: WeightsOf, scalars: Tensor, classes: Tensor, bias: Tensor, conditions: Tensor | None = None
    ) -> None:
        (self.scalars, self.grad_scalars), (self.classes, self.grad_classes) = of(scalars), of(classes)
        self.bias, self.grad_bias = of(bias)
        self.conditions = None if conditions is None else of(conditions)

    def forward(self, *parts: tuple[Tensor, Tensor], condition: Tensor | None = None) -> Tensor:
        """float32[parts * n, h].

        Args:
            parts: float32[n, scalars] and the classes of each, int64[n, k] (indices) or float32[n, width].
            condition: int64[n, pac], the classes that the rows of each part are conditioned on.
        """
        rows, self.parts, self.condition = len(parts[0][0]), [], condition
        y = self.bias.repeat(len(parts) * rows, 1)
        for place, (scalars, classes) in enumerate(parts):
            out = y[place * rows : (place + 1) * rows].addmm_(scalars, self.scalars)
            if classes.is_floating_point():
                out.addmm_(classes, self.classes)
            elif len(self.classes):
                sums, classes = sum_and_one_hot(self.classes, classes)
                out += sums
            self.parts.append((scalars, classes))
        if self.conditions is not None and condition is not None:
            y.view(len(parts), rows, -1).add_(functional.embedding(condition, self.conditions[0]).sum(dim=1))
        return y

    def backward(self, grad: Tensor, add: bool = False) -> None:
        """As that of :class:`Sequential`, without a gradient for the rows."""
        torch.sum(grad, dim=0, out=self.grad_bias)
        by_part = grad.split(len(self.parts[0][0]))
        for place, ((scalars, classes), part) in enumerate(zip(self.parts, by_part, strict=True)):
            self.grad_scalars.addmm_(scalars.T, part, beta=float(add or place > 0))
            if len(self.classes):
                self.grad_classes.addmm_(classes.T, part, beta=float(add or place > 0))
        if self.conditions is not None and self.condition is not None:
            of_all = sum(by_part[1:], start=by_part[0])[:, None].expand(-1, self.condition.shape[1], -1)
            self.conditions[1].zero_().index_add_(0, self.condition.reshape(-1), of_all.reshape(-1, len(self.bias)))

    def grad_rows(self, grad: Tensor) -> Tensor:
        """The gradient with respect to the rows, continuous values first: float32[n, h] -> float32[n, scalars + width].
        It may be followed by :meth:`second`."""
        self.grad, self.rows = grad, torch.cat([self.scalars, self.classes])
        return grad @ self.rows.T

    def second(self, grad: Tensor) -> Tensor:
        """As that of :class:`Sequential`, of :meth:`grad_rows`."""
        scalars, classes = grad.split([len(self.scalars), len(self.classes)], dim=1)
        torch.mm(scalars.T, self.grad, out=self.grad_scalars)
        torch.mm(classes.T, self.grad, out=self.grad_classes)
        return grad @ self.rows


class Relu:
    """max(x, 0)."""

    def forward(self, x: Tensor) -> Tensor:
        self.out = x.relu_()
        return self.out

    def backward(self, grad: Tensor, add: bool | None = None) -> Tensor:
        return relu_backward(grad, self.out, 0)

    second = backward


class LeakyDropout:
    """LeakyReLU, and then dropout of a half, whose masks are drawn from ``generator``."""

    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator

    def forward(self, x: Tensor) -> Tensor:
        dropout = drawn(partial(fair_dropout, dtype=x.dtype), x.shape, self.generator, x.device)
        if x.requires_grad:
            return functional.leaky_relu(x, SLOPE) * dropout
        # The slopes of LeakyReLU times the dropout mask are what torch has as the gradient of LeakyReLU.
        self.mask: Tensor = leaky_relu_backward(dropout, x, SLOPE, False)
        return x.mul_(self.mask)

    def backward(self, grad: Tensor, add: bool | None = None) -> Tensor:
        return grad.mul_(self.mask)

    second = backward


class BatchNorm:
    """Batch normalisation in training."""

    def __init__(self, norm: nn.BatchNorm1d, of: WeightsOf) -> None:
        (self.weight, self.grad_weight), (self.bias, self.grad_bias) = of(norm.weight), of(norm.bias)
        self.running, self.momentum, self.eps = (norm.running_mean, norm.running_var), norm.momentum or 0.0, norm.eps

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        out, *self.kept = torch.native_batch_norm(
            x, self.weight, self.bias, *self.running, True, self.momentum, self.eps
        )
        return out

    def backward(self, grad: Tensor) -> Tensor:
        grad, of_weight, of_bias = batch_norm_backward(
            grad, self.x, self.weight, *self.running, *self.kept, True, self.eps, [True] * 3
        )
        self.grad_weight.copy_(of_weight)
        self.grad_bias.copy_(of_bias)
        return grad


class Concat:
    """Blocks of a linear layer, batch normalisation and a ReLU; each block's output is put before its input.

    All lies in one tensor from the start, so nothing is copied side by side.
    """

    def __init__(self, blocks: Sequence[tuple[Linear, BatchNorm]]) -> None:
        self.blocks = blocks
        self.width = sum(len(norm.bias) for _, norm in blocks)

    def forward(self, x: Tensor) -> Tensor:
        """float32[n, in] -> float32[n, width + in]."""
        begin = self.width
        self.out = x.new_empty(len(x), begin + x.shape[1])
        self.out[:, begin:] = x
        for layer, norm in self.blocks:
            y = norm.forward(layer.forward(self.out[:, begin:]))
            end, begin = begin, begin - y.shape[1]
            torch.clamp(y, min=0, out=self.out[:, begin:end])
        return self.out

    def backward(self, grad: Tensor) -> None:
        """From the gradient with respect to what the blocks added, float32[n, width]; the input is given none."""
        begin = 0
        for layer, norm in reversed(self.blocks):
            width = len(norm.bias)
            own, grad = grad[:, :width], grad[:, width:]
            own = norm.backward(relu_backward(own, self.out[:, begin : begin + width], 0))
            layer.grad_weights(own)
            grad.addmm_(own, layer.weight[:, : grad.shape[1]])
            begin += width


def layers_of(module: nn.Module, of: WeightsOf, *, last: type[Linear] = Linear) -> Sequential:
    """The linear layers and ReLUs of ``module``, in their order; the last one, a linear layer, as ``last``."""
    *parts, end = [part for part in module.modules() if isinstance(part, (nn.Linear, nn.ReLU))]
    assert isinstance(end, nn.Linear)
    return Sequential(*(Linear(part, of) if isinstance(part, nn.Linear) else Relu() for part in parts), last(end, of))


def round_width(width: int) -> int:
    """The next multiple of 64, or of a quarter of the power of two below where that is more: 4 widths to each power."""
    step = max(64, 1 << max(width.bit_length() - 3, 0))
    return -(-width // step) * step


def tracked(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Weights as autograd knows them; it has gradient buffers of its own."""
    return weight, weight


def fair_dropout(
    shape: Sequence[int], generator: torch.Generator, device: torch.device, dtype: torch.dtype = torch.float32
) -> Tensor:
    """A tensor of ``shape``: 0 or 2, by a fair coin each.

    Random bytes make eight of them each, in a good deal less time than a random number each; a processor, whose random
    numbers come one by one, makes four bytes of one.
    """
    count = math.prod(shape)
    octets = torch.empty(-(-count // 32), dtype=torch.int32, device=device)
    if octets.device.type == "cpu":
        octets = octets.random_(-(1 << 31), 1 << 31, generator=generator).view(torch.uint8).int()
    else:
        octets = octets.new_empty(4 * len(octets)).random_(256, generator=generator)
    return _octets(device, dtype).index_select(0, octets).view(-1)[:count].view(tuple(shape))


@cache
def _octets(device: torch.device, dtype: torch.dtype) -> Tensor:
    """[256, 8]: the dropout masks of each byte."""
    bits = (torch.arange(256)[:, None] >> torch.arange(8)) & 1
    return (bits / KEEP).to(device, dtype)


@cache
def works_on(device: torch.device) -> bool:
    """Whether the derivatives here are those of autograd on ``device``: found out once, in some milliseconds."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        first, norm = nn.Linear(3, 4), nn.BatchNorm1d(4)
        modules = nn.Sequential(first, norm).to(device)
        x, grad = torch.randn(8, 3).to(device).requires_grad_(), torch.randn(8, 4).to(device)
    adam, dropout = Adam(modules, rate=0.0), LeakyDropout(torch.Generator(device))
    out = torch.tanh(dropout.forward(modules(x)).relu())
    # Of a scalar: given a gradient of the output, autograd imports sympy, which takes a second.
    expected = [out, *torch.autograd.grad((out * grad).sum(), [x, *adam.weights])]
    dropout.generator.manual_seed(dropout.generator.initial_seed())
    try:
        linear, normed, last = Linear(first, adam.of), BatchNorm(norm, adam.of), Sequential(dropout, Relu())
        out = torch.tanh(last.forward(normed.forward(linear.forward(x.detach()))))
        found = [out, linear.backward(normed.backward(last.backward(tanh_backward(grad, out)))), *adam.gradients]
    except (AttributeError, RuntimeError, TypeError):
        return False
    return all(torch.allclose(a, b, rtol=1e-3, atol=1e-4) for a, b in zip(found, expected, strict=True))
