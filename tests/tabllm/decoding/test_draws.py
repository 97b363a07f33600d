"""Drawing a token a row by inversion: the same in torch and in MLX, also where a parallel sum falls."""

from __future__ import annotations

import numpy as np
import pytest

SHARES = np.array([[0.0, 0.25, 0.0, 0.75, 0.0], [1.0, 0, 0, 0, 0], [0, 0, 0, 0, 1e-30]], np.float32)


def both(function, *arrays):
    """Of each engine's module, the result on its own arrays."""
    import torch

    from tabllm.decoding import torch_draws

    yield getattr(torch_draws, function)(*map(torch.from_numpy, arrays)).numpy()
    mx = pytest.importorskip("mlx.core", reason="mlx is not installed here")
    from tabllm.decoding import mlx_draws

    yield np.array(getattr(mlx_draws, function)(*map(mx.array, arrays)))


@pytest.mark.parametrize(
    ("uniform", "expected"), [(0.0, [1, 0, 4]), (0.2, [1, 0, 4]), (0.3, [3, 0, 4]), (1 - 2**-24, [3, 0, 4])]
)
def test_a_token_of_share_zero_is_never_drawn(uniform, expected):
    for drawn in both("draw", SHARES, np.full(3, uniform, np.float32)):
        assert drawn.tolist() == expected


def test_a_cumulative_sum_that_falls_changes_nothing():
    shares = np.array([[0.5, 0.0, 0.0, 0.5]], np.float32)
    falling = np.array([[0.5, 0.5000001, 0.4999999, 1.0]], np.float32)
    for drawn in both("first_above", falling, shares, np.array([[0.5]], np.float32)):
        assert drawn.tolist() == [3]  # counting what is not above would give 2, which has no share
