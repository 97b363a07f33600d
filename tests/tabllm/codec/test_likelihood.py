"""A cell's probability after a token is how often that token is decoded to it."""

from __future__ import annotations

import numpy as np
import pytest

from tabllm.codec.category import CategoryCodec
from tabllm.codec.likelihood import candidates
from tabllm.codec.number import NumberCodec
from tabllm.codec.table import TableCodec
from tabular.encoding.arrays import on_grid
from tabular.likelihood.spans import span_of
from tabular.schema import Column

DRAWN = 50_000


def given_by(codec: NumberCodec | CategoryCodec, values: np.ndarray, column: Column | None = None) -> list[np.ndarray]:
    """Per field float64[values, tokens]: the share of each token's draws that is each value."""
    spans = {} if column is None else {"x": span_of(values, column)}
    found = []
    for each, size in zip(candidates(TableCodec({"x": codec}), "x", values, spans), codec.sizes, strict=True):
        shares = np.zeros((len(values), size))
        np.add.at(shares, (np.arange(len(values))[:, None], each.tokens), each.shares)
        found.append(shares)
    return found


@pytest.mark.parametrize(
    ("column", "scale"),
    [
        (Column("x", "integer", "int64", minimum=0, maximum=3000), 200.0),
        (Column("x", "continuous", "float64", minimum=0, maximum=3000, decimals=1, missing_rate=0.1), 20.0),
        (Column("x", "integer", "int64", minimum=0, maximum=3000, grain="step 5"), 800.0),
    ],
)
def test_numbers(column, scale):
    rng = np.random.default_rng(0)
    learned = on_grid(rng.gamma(1.5, scale, 3000), column)
    learned[:200] = 50.0
    if column.missing_rate:
        learned[200:400] = np.nan
    codec = NumberCodec.fit(learned, bins=20)
    assert len(codec.knots)
    for token in (0, len(codec.atoms), len(codec.atoms) + 7, codec.size - 1):
        made = on_grid(codec.decode(np.full((DRAWN, 1), token), rng), column)
        values, counts = np.unique(made, return_counts=True)
        shares = given_by(codec, values, column)[0][:, token]
        assert shares == pytest.approx(counts / DRAWN, abs=5e-3)
        assert shares.sum() == pytest.approx(1, abs=2e-2)  # values that are rare may not have been drawn


def test_a_number_that_no_token_gives_has_none():
    codec = NumberCodec.fit(np.arange(0.0, 20.0), bins=10)
    column = Column("x", "integer", "int64", minimum=0, maximum=30)
    assert given_by(codec, np.array([7.0, 25.0, np.nan]), column)[0].sum(axis=1).tolist() == [1, 0, 0]


def test_places_beyond_the_last_block_are_the_last_category():
    codec = CategoryCodec.fit(np.arange(1030), categories=1030)
    blocks, places = given_by(codec, np.arange(1030))
    rows = np.stack(np.meshgrid(range(blocks.shape[1]), range(places.shape[1]), indexing="ij"), -1).reshape(-1, 2)
    code = codec.decode(rows.astype(np.int32))
    assert (blocks[code, rows[:, 0]] * places[code, rows[:, 1]] == 1).all()
    assert (blocks.sum(axis=1) * places.sum(axis=1)).sum() == len(rows)
