"""Rows of tokens and networks with instants in parts: on the grain, with conditions kept, read again from a run."""

import json

import numpy as np
import pandas as pd
import pytest

from tabllm.codec.rows import RowCodec
from tabllm.lm.serialization.table import TokenCodec
from tabllm.nano.table_lm import TableLM
from tabular import infer_schema, to_arrays
from tabular.registry import create, load_run
from tabular.where.conditions import parse_where, satisfied

RNG = np.random.default_rng(3)
N = 500


def visits() -> pd.DataFrame:
    days = pd.bdate_range("2021-01-04", "2023-12-29")[RNG.integers(0, 780, N)]
    at = days + pd.to_timedelta((np.clip(RNG.normal(13, 2, N), 9, 17.7) * 4).astype(int) * 15, unit="min")
    return pd.DataFrame(
        {
            "at": at.strftime("%d.%m.%Y %H:%M"),
            "day": pd.Series(days.strftime("%Y-%m-%d")).where(RNG.random(N) > 0.1),
            "price": RNG.integers(1, 60, N) + 0.99,
            "kind": np.where(days.day_of_week < 2, "early", "late"),
        }
    )


TABLE = visits()
SCHEMA = infer_schema(TABLE)
ARRAYS = to_arrays(TABLE, SCHEMA)


def held(table: pd.DataFrame) -> None:
    at = pd.to_datetime(table["at"], format="%d.%m.%Y %H:%M")
    days = pd.to_datetime(table["day"].dropna())
    assert (at.dt.day_of_week < 5).all()
    assert (days.dt.day_of_week < 5).all()
    assert at.dt.hour.between(9, 17).all()
    assert (at.dt.minute % 15 == 0).all()
    assert (np.rint(table["price"] * 100) % 100 == 99).all()


def test_the_table_has_the_grain_that_these_tests_are_about():
    assert SCHEMA["at"].grain == "step 15 min; weekdays Mon-Fri; hours 09:00-17:30; by weekday, hour"
    assert SCHEMA["day"].grain == "step 1 day; weekdays Mon-Fri; by weekday"


def test_tokens_of_parts_give_the_instants_back():
    codec = RowCodec.fit(ARRAYS, SCHEMA, bins=400)
    again = RowCodec.from_dict(json.loads(json.dumps(codec.to_dict())), SCHEMA)
    tokens = again.encode(ARRAYS)
    rows = codec.decode(tokens, np.random.default_rng(0), start=0, seed=0, allowed={})
    assert set(rows) == set(SCHEMA.names)
    np.testing.assert_array_equal(np.isnan(rows["day"]), np.isnan(ARRAYS["day"]))
    clock, weekday = ARRAYS["at"] % 86400, ARRAYS["at"] // 86400 % 7
    np.testing.assert_array_equal(rows["at"] % 86400, clock)  # few times of day: each is a token
    np.testing.assert_array_equal(rows["at"] // 86400 % 7, weekday)


@pytest.mark.parametrize(
    "where",
    [
        "at>=2022-03-05 and at<2022-03-20",
        "at between '2022-03-07 10:00' and '2022-03-07 11:00'",
        "day=2022-03-08",
        "day in [2022-03-08, 2023-05-05]",
        "day is missing",
        "day is not missing and at<2021-02-01",
    ],
)
def test_any_tokens_that_keep_the_weights_of_a_condition_keep_it(where):
    for codec in (TokenCodec.fit(ARRAYS, SCHEMA, bins=60), RowCodec.fit(ARRAYS, SCHEMA, bins=60)):
        rows = codec.rows if isinstance(codec, TokenCodec) else codec
        allowed = parse_where(where, SCHEMA)
        weights = rows.token_weights(allowed)
        rng = np.random.default_rng(1)
        tokens = np.stack(
            [
                rng.choice(size, 200, p=weights[field] / weights[field].sum() if field in weights else None)
                for field, size in enumerate(rows.table.sizes)
            ],
            axis=1,
        )
        made = codec.decode(tokens, rng, start=0, seed=0, allowed=allowed)
        assert satisfied(made, allowed).all()


@pytest.mark.parametrize("name", ["nano", "ctgan", "tabcascade"])
def test_every_generator_keeps_the_grain(name, tmp_path):
    model = create(name, steps=3, seed=0).fit(TABLE)
    held(model.sample(120, seed=1))
    some = model.sample(20, where="at>=2022-01-08 and at<2023-06-01", seed=2)
    held(some)
    assert pd.to_datetime(some["at"], format="%d.%m.%Y %H:%M").between("2022-01-10", "2023-05-31 23:59").all()
    model.save(tmp_path / "run")
    assert load_run(tmp_path / "run").sample(30, seed=3).equals(model.sample(30, seed=3))
    assert "at (week)" in (tmp_path / "run" / "README.md").read_text()


def test_imputing_keeps_given_instants_and_draws_others_on_the_grain():
    model = TableLM(steps=3).fit(TABLE)
    holes = TABLE.head(90).copy()
    holes.loc[::3, "at"] = None
    holes.loc[1::3, "day"] = None
    filled = model.complete(holes)
    held(filled)
    assert filled.notna().all().all()
    assert (filled["at"][holes["at"].notna()] == holes["at"].dropna()).all()
