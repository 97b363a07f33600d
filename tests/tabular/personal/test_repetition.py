"""Surrogates of every form come back as the real values did: as many, the most frequent as often, as many once."""

from __future__ import annotations

import re
import uuid

import numpy as np
import pandas as pd
import pytest

from tabular import infer_schema
from tabular.codes.checksums import find_check, with_check
from tabular.codes.given_names import GIVEN_NAMES
from tabular.encoding.arrays import from_arrays, to_arrays
from tabular.encoding.unmodelled import Unmodelled

GIVEN = sorted(GIVEN_NAMES)
FAMILY = ["Meyer", "Smith", "Garcia", "Rossi", "Novak", "Keller", "Dubois", "Silva", "Jensen", "Berg", "Lund"]
TAILS = ["", "a", "o", "ette", "lyn", "ine", "is", "ar", "on", "ul", "em"]
#: Column -> the value of person i; 10,000 persons have different ones.
FORMS = {
    "email": lambda i: f"{GIVEN[i % len(GIVEN)]}.{FAMILY[i % 11].lower()}{i}@gmail.com",
    "phone": lambda i: f"+49 170 {i * 7919 % 1_000_000:06d}1",
    "full_name": lambda i: (
        f"{GIVEN[i % len(GIVEN)].title()} {FAMILY[i // len(GIVEN) % 11]}{'bdf'[i % 3]}{'lnr'[i // 7 % 3]}a"
    ),
    "first_name": lambda i: f"{GIVEN[i % len(GIVEN)].title()}{TAILS[i // len(GIVEN) % 11]}",
    "iban": lambda i: f"DE0050010517{i * 991 % 10**9:010d}",
    "card_number": lambda i: f"4539{i * 99991 % 10**9:011d}0",
    "ip": lambda i: f"{11 + i % 80}.{i // 80 % 256}.{i % 256}.{1 + i % 254}",
    "mac": lambda i: f"00:1b:{i % 256:02x}:{i // 256:02x}:{i // 7 % 256:02x}:{i * 13 % 256:02x}",
    "user_id": lambda i: 1_000_000 + i * 7919 % 1_000_003,
    "device_id": lambda i: str(uuid.UUID(int=i * (1 << 90) + i, version=4)),
    "address": lambda i: f"{1 + i % 300} {GIVEN[i // 300].title()} Street",
    "ssn": lambda i: f"{100 + i % 565:03d}-{10 + i % 89:02d}-{1000 + i * 7 % 8999:04d}",
    "username": lambda i: f"{GIVEN[i % len(GIVEN)]}_{i}",
}
CHECKED = {"iban": "mod97", "card_number": "luhn"}


def persons(pattern: str, rows: int, rng: np.random.Generator) -> np.ndarray:
    """int[rows]: whose each row is."""
    draw = {
        "each once": lambda: np.arange(rows),
        "each three times": lambda: np.arange(rows) // 3,
        "few": lambda: rng.choice(7, rows, p=[0.4, 0.2, 0.15, 0.1, 0.08, 0.05, 0.02]),
        "long tail": lambda: rng.zipf(1.7, rows).clip(max=rows),
        "one for many": lambda: np.where(rng.random(rows) < 0.9, np.arange(rows), 0),
        "several": lambda: rng.integers(0, rows // 2, rows),
    }[pattern]
    return rng.permutation(pd.factorize(draw())[0])


def table_of(pattern: str, rows: int, missing: float) -> pd.DataFrame:
    rng = np.random.default_rng(rows)
    columns: dict[str, object] = {"x": rng.normal(size=rows).round(3)}
    for name, form in FORMS.items():
        who = persons(pattern, rows, rng)
        values = np.array([form(i) for i in range(who.max() + 1)], dtype=object)
        values = with_check(values, CHECKED[name]) if name in CHECKED else values
        columns[name] = pd.Series(values[who]).where(rng.random(rows) >= missing)
    return pd.DataFrame(columns)


def repetition(values: pd.Series) -> tuple[int, float, float]:
    """Distinct values, the share of the most frequent one, and the share of rows whose value comes once."""
    counts = values.value_counts().to_numpy()
    return len(counts), counts[0] / counts.sum(), (counts == 1).sum() / counts.sum()


@pytest.mark.parametrize(
    ("pattern", "rows", "missing"),
    [
        ("each once", 1_500, 0),
        ("each three times", 500, 0.1),
        ("few", 1_500, 0.1),
        ("long tail", 5_000, 0.2),
        ("one for many", 500, 0),
        ("several", 1_500, 0.1),
    ],
)
def test_surrogates_repeat_as_the_real_values(pattern, rows, missing):
    real = table_of(pattern, rows, missing)
    schema = infer_schema(real)
    assert [name for name in FORMS if schema[name].personal is None or schema[name].kind != "identifier"] == []
    arrays = {name: values for name, values in to_arrays(real, schema).items() if name == "x"}
    Unmodelled(schema, {}).fill(arrays, rows, np.random.default_rng(3), start=0, seed=0)
    made = from_arrays(arrays, schema)
    wrong = {}
    for name in FORMS:
        wanted, found = repetition(real[name]), repetition(made[name])
        if found != pytest.approx(wanted, rel=0.05) or set(made[name].dropna()) & set(real[name].dropna()):
            wrong[name] = (wanted, found)
        assert made[name].isna().sum() == pytest.approx(real[name].isna().sum(), abs=1)
        if name in CHECKED and real[name].nunique() >= 8:
            assert find_check(made[name].dropna().unique()) == CHECKED[name]
    assert wrong == {}


@pytest.mark.parametrize("seed", [2_000, 5_000])
def test_what_goes_with_another_identifier_repeats_as_it_did(seed):
    rng = np.random.default_rng(seed)
    user = rng.permutation(pd.factorize(rng.integers(0, seed // 2, seed))[0])
    household = rng.integers(0, user.max() + 1, user.max() + 1)[user]
    real = pd.DataFrame(
        {"user_id": [FORMS["user_id"](i) for i in user], "email": [FORMS["email"](i) for i in household]}
    )
    schema = infer_schema(real.assign(x=rng.normal(size=seed)))
    assert schema["email"].goes_with == "user_id"
    made = from_arrays(Unmodelled(schema, {}).fill({"x": np.zeros(seed)}, seed, rng, start=0, seed=0), schema)
    assert made.groupby("user_id")["email"].nunique().max() == 1
    for name in real:
        assert repetition(made[name]) == pytest.approx(repetition(real[name]), rel=0.05)


def test_many_single_names_stay_words():
    real = pd.DataFrame({"first_name": [FORMS["first_name"](i) for i in range(3_000)], "x": 0.5})
    schema = infer_schema(real)
    made = Unmodelled(schema, {}).fill({}, 3_000, np.random.default_rng(0), start=0, seed=0)["first_name"]
    assert all(re.fullmatch("[A-Z][a-z]+(-[A-Z][a-z]+)?", name) for name in made)
    assert len(set(made)) == real["first_name"].nunique()
    assert not set(made) & set(real["first_name"])
