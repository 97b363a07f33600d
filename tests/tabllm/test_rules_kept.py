"""Rules hold in every row that any generator makes: plainly, under conditions, and in rows that are completed."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest

from tabllm import create, load_run
from tabllm.lm.pretrained import PretrainedLM
from tabular import Schema, infer_schema
from tabular.errors import ConditionError, RuleError
from tabular.rules import Rule
from tabular.rules.reducing.held import check_held, held_rules
from tabular.rules.reducing.reduction import reduction_of
from tabular.where.conditions import parse_where

from .tiny_models import make_model

PLACES = {"Berlin": "DE", "Bonn": "DE", "Paris": "FR", "Lyon": "FR", "Rome": "IT"}
RULES = (
    Rule("ordered <= shipped"),
    Rule("total = price * quantity"),
    Rule("city -> country", tuple(PLACES.items())),
    Rule("clicks <= views"),
    Rule("refund is missing exactly if status = 'kept'"),
    Rule("age = 2026 - birth_year"),
    Rule("if status = 'kept' then quantity >= 1"),
    Rule("at most one of web, app"),
    Rule("month = month(ordered)"),
)


def orders(rows: int, seed: int = 0) -> pd.DataFrame:
    """Orders that keep :data:`RULES`."""
    rng = np.random.default_rng(seed)
    ordered = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, rows), unit="D")
    price, quantity = np.round(rng.lognormal(2, 0.7, rows), 2), rng.integers(1, 9, rows)
    city = rng.choice(list(PLACES), rows)
    views = rng.integers(1, 900, rows)
    kept, born, device = rng.random(rows) < 0.7, rng.integers(1950, 2006, rows), rng.integers(0, 3, rows)
    return pd.DataFrame(
        {
            "ordered": ordered.astype(str),
            "shipped": (ordered + pd.to_timedelta(rng.integers(0, 4, rows), unit="D")).astype(str),
            "price": price,
            "quantity": quantity,
            "total": np.round(price * quantity, 2),
            "city": city,
            "country": [PLACES[name] for name in city],
            "views": views,
            "clicks": rng.binomial(views, 0.2),
            "status": np.where(kept, "kept", "returned"),
            "refund": np.where(kept, np.nan, np.round(rng.random(rows) * 50, 2)),
            "birth_year": born,
            "age": 2026 - born,
            "web": (device == 0).astype(int),
            "app": (device == 1).astype(int),
            "month": ordered.month,
        }
    )


TABLE = orders(600)
SCHEMA: Schema = replace(infer_schema(TABLE), rules=RULES)


def assert_kept(rows: pd.DataFrame) -> None:
    broken = {rule.text: int((~rule.check(rows, SCHEMA)).sum()) for rule in RULES}
    assert not any(broken.values()), broken


@pytest.fixture(scope="module", params=["nano", "tvae", "ctgan", "tabddpm", "tabcascade"])
def model(request: pytest.FixtureRequest):
    """A generator that has learned next to nothing, so that what it draws breaks rules that only a model would keep."""
    if request.param == "nano":
        return nano(RULES)
    options = {} if request.param == "tabcascade" else {"calibrate": False}
    return create(request.param, steps=4, seed=0, **options).fit(TABLE, schema=SCHEMA)


@cache
def nano(rules: tuple[Rule, ...]):
    """The same of ``nano``, with some rules."""
    small = create("nano", steps=4, seed=0, layers=1, width=32, heads=2, bins=16)
    return small.fit(TABLE, schema=replace(SCHEMA, rules=rules))


def test_the_rules_hold_in_the_table_and_not_by_themselves() -> None:
    assert_kept(TABLE)
    made = nano(()).sample(100)
    broken = [rule.text for rule in RULES if not rule.check(made, SCHEMA).all()]
    assert len(broken) >= 6


def test_every_row_keeps_every_rule(model) -> None:
    made = model.sample(300)
    assert len(made) == 300
    assert_kept(made)
    pd.testing.assert_frame_equal(made, model.sample(300))


def test_rows_under_conditions_keep_them_too(model) -> None:
    made = model.sample(40, where=["country=FR", "total>20", "shipped>=2024-03-01"])
    assert_kept(made)
    assert set(made["country"]) == {"FR"}
    assert made["total"].min() > 20
    assert made["shipped"].min() >= "2024-03-01"


def test_a_loaded_run_keeps_them(model, tmp_path) -> None:
    model.save(tmp_path / "run")
    again = load_run(tmp_path / "run")
    assert again.schema.rules == RULES
    pd.testing.assert_frame_equal(again.sample(50), model.sample(50))


@pytest.mark.parametrize("serialization", ["compact", "table"])
def test_language_models_keep_them(serialization: str, tmp_path) -> None:
    names = ["ordered", "shipped", "quantity", "city", "country", "status", "birth_year", "age"]
    table = TABLE[names]
    rules = tuple(rule for rule in RULES if set(rule.columns(TABLE.columns)) <= set(names))
    schema = Schema(tuple(c for c in SCHEMA if c.name in names), len(table), rules=rules)
    base = str(make_model(tmp_path / "model"))
    fitted = PretrainedLM(base=base, engine="torch", device="cpu", steps=2, serialization=serialization)
    made = fitted.fit(table, schema=schema).sample(40)
    assert all(rule.check(made, schema).all() for rule in rules)
    holes = table.head(20).copy()
    holes.loc[:9, "shipped"] = None
    holes.loc[5:15, "country"] = None
    filled = fitted.impute(holes)
    assert not filled.isna().any().any()
    assert all(rule.check(filled, schema).all() for rule in rules)


def test_completed_rows_keep_what_their_given_cells_allow() -> None:
    fitted = nano(RULES)
    rng = np.random.default_rng(3)
    holes = TABLE.head(100).astype(object)
    for name in holes:
        holes.loc[rng.random(len(holes)) < 0.2, name] = None
    filled = fitted.impute(holes)
    assert_kept(filled)
    given = holes.notna().to_numpy()
    assert (filled.astype(str).to_numpy()[given] == holes.astype(str).to_numpy()[given]).all()
    assert filled.drop(columns="refund").notna().all().all()
    pd.testing.assert_series_equal(filled["refund"].isna(), filled["status"] == "kept", check_names=False)


def test_rows_whose_given_cells_break_a_rule_are_told_of(recwarn) -> None:
    fitted = nano(RULES)
    holes = TABLE.head(5).astype(object)
    holes.loc[2, ["price", "quantity", "total"]] = [33.33, None, 100.01]
    holes.loc[3, ["views", "clicks", "city"]] = [3, 500, None]
    filled = fitted.impute(holes)
    assert filled.loc[2, "total"] == 100.01
    assert PLACES[filled.loc[3, "city"]] == filled.loc[3, "country"]
    (told,) = [str(warning.message) for warning in recwarn if "leave nothing" in str(warning.message)]
    assert "In 1 row" in told
    assert "'total = price * quantity', such as row 3" in told


def test_what_follows_from_other_columns_is_not_learned() -> None:
    reduced = reduction_of(SCHEMA)
    assert [column.name for column in reduced.schema] == [
        "ordered",
        "shipped - ordered",
        "price",
        "quantity",
        "city",
        "views",
        "clicks",
        "status",
        "refund",
        "birth_year",
        "web",
        "app",
    ]
    plain = replace(SCHEMA, rules=())
    assert reduction_of(plain).schema == plain


def test_rules_that_cannot_be_kept_side_by_side() -> None:
    twice = replace(SCHEMA, rules=(*RULES, Rule("total = price + views")))
    with pytest.raises(RuleError, match=r"'total = price \+ views' cannot be kept beside 'total = price \* quantity'"):
        check_held(twice)
    assert held_rules(SCHEMA, twice.rules) == RULES
    named = SCHEMA.replace_column("city", kind="text", categories=())
    with pytest.raises(RuleError, match="'city' of the kind text"):
        check_held(named)


def test_rules_that_no_row_keeps_are_given_up(monkeypatch) -> None:
    monkeypatch.setattr("tabular.rules.reducing.keeping.PATIENT_ROWS", 2000)
    fitted = nano((Rule("clicks > views + 5000", forced=True),))
    with pytest.raises(RuleError, match=r"Only 0 of [\d,]+ rows .* 'clicks > views \+ 5000'"):
        fitted.sample(300)


def test_a_condition_on_what_is_looked_up_is_one_on_what_decides_it() -> None:
    codes = SCHEMA["city"].categories
    asked = reduction_of(SCHEMA).allowed(parse_where("country=FR and city != Lyon", SCHEMA))
    assert {name: [codes[code] for code in allowed.codes or ()] for name, allowed in asked.items()} == {
        "city": ["Paris"]
    }
    with pytest.raises(ConditionError, match="contradict"):
        nano(RULES).sample(5, where="country=FR and city=Rome")
