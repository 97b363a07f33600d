"""Which rows an update is given."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tabular.neural.encoding.spans import Spans
from tabular.neural.network import Data
from tabular.neural.updates.rows import ConditionalRows, shuffled_rows

CPU = torch.device("cpu")


def test_conditions_come_by_log_frequency_and_with_a_row_that_has_them():
    codes = torch.zeros(1000, 3, dtype=torch.int64)
    codes[:100, 0], codes[:10, 2] = 1, 2
    codes[10:20, 2] = 1
    spans = Spans([2, 5, 3], CPU)
    sampler = ConditionalRows(Data(codes, torch.empty(1000, 0)), spans, (0, 2))
    flat, rows = sampler.draw(50_000, torch.Generator().manual_seed(0))
    assert (spans.one_hot(codes[rows]).gather(1, flat[:, None]) == 1).all()
    shares = torch.bincount(flat, minlength=spans.width) / len(flat)
    first, last = np.log1p([900, 100]), np.log1p([980, 10, 10])
    expected = np.concatenate([first / first.sum() / 2, np.zeros(5), last / last.sum() / 2])
    np.testing.assert_allclose(shares, expected, atol=0.01)
    rare = rows[flat == spans.offsets[2] + 2]
    assert set(rare.tolist()) == set(range(10))
    np.testing.assert_allclose(sampler.shares[:2], [0.9, 0.1])


@pytest.mark.parametrize("rows", [40, 100_000])
def test_updates_see_rows_of_the_table(rows):
    found = shuffled_rows(rows, 32, torch.Generator().manual_seed(0), CPU)
    assert len(found.unique()) > 30
    assert found.min() >= 0
    assert found.max() < rows
