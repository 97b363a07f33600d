"""The columns' own distributions: what a row can change, how noisy they are, and the table made of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tabular import infer_schema, to_arrays
from tabular.dp.marginals import cells_of, noisy_histograms, public_part, stand_in
from tabular.rules import Rule


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = 4000
    return pd.DataFrame(
        {
            "device": rng.choice(["ios", "android", "web"], rows, p=[0.6, 0.3, 0.1]),
            "age": rng.integers(18, 90, rows),
            "spent": np.where(rng.random(rows) < 0.5, 0.0, rng.gamma(2, 20, rows).round(2)),
            "score": np.where(rng.random(rows) < 0.25, np.nan, rng.normal(0, 1, rows)),
            "always": "yes",
            "user": [f"u{place:05d}" for place in range(rows)],
        }
    )


@pytest.fixture(scope="module")
def known(table):
    schema = infer_schema(table)
    return to_arrays(table, schema), schema


def histograms(known, noise, seed=0, rows=slice(None)):
    arrays, schema = known
    return noisy_histograms({n: v[rows] for n, v in arrays.items()}, schema, noise, np.random.default_rng(seed))


def test_a_row_is_in_one_cell_of_every_learned_column(known):
    arrays, schema = known
    cells = cells_of(schema, 32)
    assert set(cells) == {"device", "age", "spent", "score"}
    squares = 0.0
    for name, found in cells.items():
        change = found.count(arrays[name]) - found.count(np.delete(arrays[name], 7))
        assert sorted(change)[-1] == 1
        assert change.sum() == 1
        squares += float((change**2).sum())
    assert squares == len(cells)  # what the noise is scaled by


def test_the_noise_has_the_deviation_that_is_accounted_for(known):
    device = {"device": known[0]["device"]}
    schema = known[1].__class__((known[1]["device"],), 4000)
    exact = np.bincount(device["device"], minlength=3)
    off = [
        noisy_histograms(device, schema, 20.0, np.random.default_rng(seed))["device"].counts - exact
        for seed in range(400)
    ]
    # The total is known, so the mean of the three deviations is taken away: 2 of 3 parts of the variance are left.
    assert np.std(off) == pytest.approx(20.0 * np.sqrt(2 / 3), rel=0.05)


def test_more_columns_mean_more_noise_for_each(known):
    def spread(found):
        return np.std([histograms(found, 20.0, seed)["device"].counts[0] for seed in range(200)])

    alone = {"device": known[0]["device"]}, known[1].__class__((known[1]["device"],), 4000)
    assert spread(known) == pytest.approx(2 * spread(alone), rel=0.2)  # four columns: the root of four


def test_the_stand_in_is_distributed_as_the_columns_and_joins_nothing(known, table):
    arrays, schema = known
    made = stand_in(histograms(known, 0.5), schema, len(table))
    shares = np.bincount(made["device"], minlength=3) / len(made["device"])
    np.testing.assert_allclose(shares, np.bincount(arrays["device"], minlength=3) / 4000, atol=0.01)
    assert np.mean(made["spent"] == 0) == pytest.approx(0.5, abs=0.03)
    assert np.isnan(made["score"]).mean() == pytest.approx(0.25, abs=0.02)
    assert np.quantile(made["age"], 0.5) == pytest.approx(np.quantile(arrays["age"], 0.5), abs=2)
    assert set(made["always"]) == {0}
    assert all(value is None for value in made["user"])
    both = pd.DataFrame({"age": made["age"], "spent": made["spent"]})
    assert abs(both.corr().iloc[0, 1]) < 0.05


def test_nothing_public_is_impossible_however_noisy_it_is(known, table):
    made = stand_in(histograms(known, 1e6), known[1], len(table))
    assert set(made["device"]) == {0, 1, 2}
    assert np.isnan(made["score"]).any()
    assert not np.isnan(made["spent"]).any()
    assert made["age"].min() >= 18


def test_without_a_share_no_row_is_looked_at(known, table):
    some, others = (
        stand_in(histograms(known, None, rows=part), known[1], 2000) for part in (slice(2000), slice(2000, None))
    )
    for name, values in some.items():
        np.testing.assert_array_equal(values, others[name])
    assert np.bincount(some["device"]).std() <= 1


def test_the_public_part_of_a_schema_has_no_rates_of_the_table(known, table):
    schema = known[1].replace_column("score", notes=("3 of 4,000 cells are not numbers.",))
    made = stand_in(histograms(known, None), schema, len(table))
    public = public_part(schema, made, len(table))
    assert not any(column.notes for column in public)
    assert 0 < public["score"].missing_rate < 0.1
    assert public["age"].missing_rate == 0
    assert public.rows == 4000


def test_a_stand_in_keeps_dates_in_order_by_what_is_public():
    rng = np.random.default_rng(0)
    start = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300 * 1440, 3000), unit="min")
    stay = pd.to_timedelta(rng.integers(1, 5000, 3000), unit="min")
    table = pd.DataFrame({"start": start, "end": start + stay, "paid": start + 3 * stay})
    rules = (Rule("0 <= end - start <= 100 h"), Rule("end <= paid"))
    schema = replace(infer_schema(table), rules=rules)
    for noise in (None, 1.0):  # without a look at the rows, and with one
        made = stand_in(histograms((to_arrays(table, schema), schema), noise), schema, 3000)
        assert all(rule.kept(made, schema).mean() > 0.97 for rule in rules)
        hours = (made["end"] - made["start"]) / 3600
        assert 40 < np.median(hours) < 60
        later = (made["paid"] - made["end"]) / 3600
        assert np.quantile(later, 0.2) < 24 < np.quantile(later, 0.95)
