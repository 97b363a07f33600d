"""Sums of rows of a matrix of weights, which stand for its product with one-hot rows."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import handle_torch_function, has_torch_function_variadic

__all__ = ["row_sum", "sum_and_one_hot"]


def row_sum(weights: Tensor, rows: Tensor) -> Tensor:
    """Weights float32[m, h] and int64[n, k] -> float32[n, h], the sum of k rows of them, no two the same.

    It can be watched as torch's own functions can, which private training needs (:mod:`tabular.dp.clipping`).
    """
    if has_torch_function_variadic(weights, rows):
        found: Tensor = handle_torch_function(row_sum, (weights, rows), weights, rows)
        return found
    found = _RowSum.apply(weights, rows)
    return found


def sum_and_one_hot(weights: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """:func:`row_sum` and the rows as one-hot float32[n, m], whose product with a gradient is the weights' own."""
    one_hot = weights.new_zeros(len(rows), len(weights)).scatter_(1, rows, 1.0)
    if rows.device.type == "cpu":
        return functional.embedding_bag(rows, weights, mode="sum"), one_hot
    return one_hot @ weights, one_hot


class _RowSum(torch.autograd.Function):
    """:func:`row_sum` with its gradient.

    The gradient is a product with the one-hot rows, which is faster than adding row to row. On a GPU so is the sum.
    """

    @staticmethod
    def forward(ctx: Any, weights: Tensor, rows: Tensor) -> Tensor:
        found, one_hot = sum_and_one_hot(weights, rows)
        ctx.save_for_backward(one_hot)
        return found

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return ctx.saved_tensors[0].T @ gradients[0], None
