"""Surrogates of persons: as many, as often and together as the real ones were, and none of them real."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tabular import infer_schema
from tabular.encoding.arrays import from_arrays, to_arrays
from tabular.encoding.repeating import put_repeating, repeats
from tabular.encoding.unmodelled import Unmodelled
from tabular.errors import UsageError
from tabular.io.dropping import drop_columns
from tabular.schema import Schema

USERS, VISITS = 150, 4


def visits(*, per_user: int = VISITS, seed: int = 0) -> pd.DataFrame:
    """Rows of users: each has one country and age, one e-mail, and shares an address and a network with others."""
    rng = np.random.default_rng(seed)
    country, age = rng.choice(["DE", "FR", "US"], USERS), rng.integers(18, 90, USERS)
    who = rng.permutation(np.repeat(np.arange(USERS), per_user))
    return pd.DataFrame(
        {
            "user_id": who + 4_000,
            "email": [f"{'abc'[i % 3]}nna{i}@firm{i % 7}.de" for i in who],
            "address": [f"{i // 3 + 1} Main Street" for i in who],
            "ip": [f"10.0.{n}.7" for n in rng.zipf(1.6, len(who)).clip(max=250)],
            "country": country[who],
            "age": age[who],
            "clicked": rng.integers(0, 2, len(who)),
        }
    )


def sampled(table: pd.DataFrame, rows: int, *, seed: int = 0, schema: Schema | None = None) -> pd.DataFrame:
    """Rows as a generator would make them that learned every column by itself."""
    schema = schema or infer_schema(table)
    rng = np.random.default_rng(seed)
    arrays = {
        name: values[rng.integers(0, len(table), rows)]
        for name, values in to_arrays(table, schema).items()
        if schema[name].kind != "identifier"
    }
    Unmodelled(schema, {}).fill(arrays, rows, rng, start=0, seed=seed)
    return from_arrays(arrays, schema)


def often(values: pd.Series) -> np.ndarray:
    return np.sort(values.value_counts().to_numpy())


@pytest.mark.parametrize("per_user", [1, 2, 4, 25])
def test_as_many_values_come_back_as_often_and_none_is_real(per_user):
    real = visits(per_user=per_user)
    made = sampled(real, len(real))
    for name in ("user_id", "email", "address", "ip"):
        assert made[name].nunique() == pytest.approx(real[name].nunique(), rel=0.05)
        size = min(made[name].nunique(), real[name].nunique())
        assert np.abs(often(made[name])[-size:] - often(real[name])[-size:]).sum() <= 0.05 * len(real)
        assert not set(made[name]) & set(real[name])


def test_what_belongs_to_one_person_stays_together():
    made = sampled(visits(), USERS * VISITS)
    assert made.groupby("user_id")[["email", "address", "country", "age"]].nunique().max().max() == 1
    assert made.groupby("email")["user_id"].nunique().max() == 1
    assert made.groupby("address")["user_id"].nunique().mean() == pytest.approx(3, rel=0.05)


def test_what_rows_of_a_person_share_keeps_its_distribution():
    real, made = visits(), sampled(visits(), USERS * VISITS)
    for name in ("country", "clicked"):
        gap = real[name].value_counts(normalize=True) - made[name].value_counts(normalize=True)
        assert gap.abs().max() < 0.06
    assert made["age"].mean() == pytest.approx(real["age"].mean(), rel=0.05)


@pytest.mark.parametrize(("rows", "share"), [(300, 0.5), (1_800, 3)])
def test_tables_of_other_sizes_have_more_or_fewer_of_them_in_proportion(rows, share):
    made = sampled(visits(), rows)
    assert made["user_id"].nunique() == pytest.approx(share * USERS, rel=0.05)
    assert np.median(often(made["user_id"])) == VISITS


def test_parts_of_one_table_share_no_person():
    table = visits()
    schema = infer_schema(table)
    parts = []
    for start in (0, len(table)):
        arrays = to_arrays(table, schema)
        put_repeating(arrays, schema, len(table), start=start, seed=3)
        parts.append(from_arrays(arrays, schema))
    assert not set(parts[0]["user_id"]) & set(parts[1]["user_id"])
    assert not set(parts[0]["email"]) & set(parts[1]["email"])


def test_a_few_values_are_surrogates_too_and_keep_their_shares():
    rng = np.random.default_rng(0)
    real = pd.DataFrame(
        {
            "employee_name": rng.choice(["Ann Li", "Bob Ray", "Eve Meyer"], 300, p=[0.6, 0.3, 0.1]),
            "x": rng.integers(0, 9, 300),
        }
    )
    made = sampled(real, 900)
    assert not set(made["employee_name"]) & set(real["employee_name"])
    shares = made["employee_name"].value_counts(normalize=True).to_numpy()
    assert shares == pytest.approx(real["employee_name"].value_counts(normalize=True).to_numpy(), abs=0.02)


def test_missing_cells_stay_as_frequent():
    real = visits()
    real.loc[real.index % 5 == 0, "email"] = None
    made = sampled(real, len(real))
    assert made["email"].isna().mean() == pytest.approx(0.2, abs=0.05)
    assert made["user_id"].isna().sum() == 0


def test_a_column_that_repeats_another_one_goes_on_repeating_it():
    real = visits().assign(copy=lambda table: table["user_id"])
    made = sampled(real, len(real))
    assert (made["copy"] == made["user_id"]).all()
    keys = pd.DataFrame({"order_id": np.arange(90) + 500, "again": np.arange(90) + 500, "x": np.arange(90) % 4})
    schema = infer_schema(keys)
    assert (schema["again"].pattern, schema["again"].goes_with) == ("same", "order_id")


def test_the_schema_holds_no_real_value_and_comes_back_from_json():
    table = visits()
    schema = infer_schema(table)
    held = str(schema.to_dict())
    assert not [value for name in ("email", "address", "ip") for value in set(table[name]) if value in held]
    assert Schema.from_dict(schema.to_dict()) == schema
    assert [column.name for column in schema if repeats(column)] == ["user_id", "email", "address", "ip"]


def test_who_asks_for_another_kind_gets_it():
    schema = infer_schema(visits(), overrides={"ip": "categorical", "email": {"kind": "identifier", "pattern": "uuid"}})
    assert schema["ip"].gives_persons_away
    assert schema["email"].pattern == "uuid"


def test_dropped_columns_need_not_be_readable_but_must_be_there():
    table = pd.DataFrame({"a": [1, 2], "lists": [[1], [2]]})
    assert list(drop_columns(table, ["lists"])) == ["a"]
    with pytest.raises(UsageError, match="did you mean 'lists'"):
        drop_columns(table, ["list"])
    with pytest.raises(UsageError, match="No column would be left"):
        drop_columns(table, ["a", "lists"])
