"""Numbers of any size that float64 and 64-bit integers have: fitted, sampled, and of the size that they had."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tabular.encoding.arrays import from_arrays, to_arrays
from tabular.neural.encoding.fields import NumberField, field_from_dict
from tabular.numbers.magnitude import between, unit_of
from tabular.preparing.inference import infer_schema
from tabular.registry import create

ROWS = 400
RNG = np.random.default_rng(0)
NORMAL, UNIFORM = RNG.normal(size=ROWS), RNG.uniform(-1, 1, ROWS)
MAGNITUDES = {
    "1e155": NORMAL * 1e155,
    "both ends": UNIFORM * 1.7e308,
    "the largest": np.where(UNIFORM > 0, np.finfo(float).max, UNIFORM * 1e308),
    "every size": np.exp(NORMAL * 150),
    "small and large": np.where(UNIFORM > 0, NORMAL, NORMAL * 1e307),
    "one outlier": np.append(NORMAL[1:], 1.7e308),
    "two decimals and 1e307": np.append(NORMAL[5:].round(2), UNIFORM[:5] * 1e307),
    "1e-300": NORMAL * 1e-300,
    "denormal": np.rint(NORMAL * 100) * 5e-324,
}


@pytest.mark.parametrize("name", ["ctgan", "tvae", "tabcascade"])
@pytest.mark.parametrize("size", MAGNITUDES)
def test_every_generator_fits_and_samples_them(name, size):
    table = pd.DataFrame({"x": MAGNITUDES[size], "c": np.where(NORMAL > 0, "a", "b")})
    made = create(name, seed=0, device="cpu", epochs=1).fit(table).sample(50, seed=1)["x"]
    assert np.isfinite(made).all()
    assert made.between(table["x"].min(), table["x"].max()).all()
    assert made.nunique() > 1


@pytest.mark.parametrize("numbers", ["modes", "quantiles", "bins"])
@pytest.mark.parametrize("size", MAGNITUDES)
def test_a_number_comes_back_in_its_size(numbers, size):
    values = MAGNITUDES[size]
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        fitted = NumberField.fit(values, numbers)
        read = field_from_dict(fitted.to_dict())
        found = read.decode(*read.encode(values, np.random.default_rng(0)))
    assert np.isfinite(found).all()
    if numbers != "modes" or size not in ("every size", "one outlier", "two decimals and 1e307"):
        # A normal distribution that reaches so far shows no small number. (Ranks, since differences may overflow.)
        assert np.corrcoef(pd.Series(found).rank(), pd.Series(values).rank())[0, 1] > 0.9


def test_usual_numbers_are_fitted_bit_for_bit_as_before():
    assert unit_of(NORMAL) == unit_of(NORMAL * 1e100) == unit_of(np.zeros(3)) == unit_of(np.empty(0)) == 1.0
    left, right = NORMAL, NORMAL + UNIFORM
    assert (between(left, right, np.abs(UNIFORM)) == left + (right - left) * np.abs(UNIFORM)).all()


@pytest.mark.parametrize("dtype", ["int64", "Int64", "uint64", "UInt64", "int64[pyarrow]", "uint64[pyarrow]"])
@pytest.mark.parametrize("missing", [False, True])
def test_the_ends_of_integers_are_kept(dtype, missing):
    unsigned = dtype.lower().startswith("u")
    ends = np.iinfo(np.uint64 if unsigned else np.int64)
    values = [ends.min, ends.max, 0, 7, *(ends.max // k for k in range(2, 60))]
    held = np.array(values, np.uint64 if unsigned else np.int64)
    table = pd.DataFrame({"x": pd.Series(held).astype(dtype), "c": "a"})
    if missing:
        table["x"] = table["x"].convert_dtypes() if dtype in ("int64", "uint64") else table["x"]
        table.loc[2, "x"] = pd.NA
    schema = infer_schema(table, overrides={"x": "integer"})
    found = from_arrays(to_arrays(table, schema), schema)["x"]
    assert found.dtype == table["x"].dtype
    assert (int(found[0]), int(found[1]), int(found[3])) == (ends.min, ends.max, 7)
    assert bool(found.isna()[2]) == missing
    assert all(abs(int(a) - int(b)) <= 2048 for a, b in zip(found.drop(2), table["x"].drop(2), strict=True))
