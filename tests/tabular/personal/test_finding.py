"""Columns that name persons are found, others are left in peace, and what is made anew is nobody's."""

from __future__ import annotations

import uuid

import numpy as np
import pandas as pd
import pytest

from tabular import infer_schema
from tabular.codes.identifiers import make_identifiers
from tabular.personal import find_personal
from tabular.personal.shapes import address_form
from tabular.personal.telling import persons_given_away, persons_made_up, warn_of_persons
from tabular.progress import Reporter

ROWS = 120
GIVEN, FAMILY = ["Anna", "Ben", "Chloé", "Dario", "Eve"], ["Meyer", "Li", "Rossi", "Dupont", "Kowalski", "Ray"]


def numbers(low: int, high: int, *, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(low, high, ROWS)


def pick(values: list[str], *, seed: int = 0) -> list[str]:
    return [values[i] for i in np.random.default_rng(seed).integers(0, len(values), ROWS)]


def people(form: str = "{} {}") -> list[str]:
    return [form.format(a, b) for a, b in zip(pick(GIVEN), pick(FAMILY, seed=1), strict=True)]


def hexadecimal(length: int) -> list[str]:
    rng = np.random.default_rng(0)
    return [rng.bytes(length // 2).hex() for _ in range(ROWS)]


def iban(country: str, account: str) -> str:
    number = int("".join(str(int(char, 36)) for char in f"{account}{country}00"))
    return f"{country}{98 - number % 97:02d}{account}"


def card(number: int) -> str:
    """16 digits with the checksum of Luhn."""
    digits = f"4{number:014d}"
    total = sum(2 * d - 9 * (d > 4) if i % 2 == 0 else d for i, d in enumerate(map(int, reversed(digits))))
    return f"{digits}{-total % 10}"


BY_VALUES = {
    "e-mail": [f"{a.lower()}.x{i % 40}@mail.example.org" for i, a in enumerate(pick(FAMILY))],
    "e-mail ": [f"Anna <a{i}@example.com>" for i in range(ROWS)],
    "phone": [f"+49 171 {n}" for n in numbers(10**6, 10**7)],
    "phone ": [f"({n % 800 + 200}) {n % 700 + 200}-{n % 10**4:04d}" for n in numbers(0, 10**9)],
    "person name": people(),
    "person name ": people("{1}, Mr. {0}"),
    "person name  ": [name.upper() for name in people("{1} {0}")],
    "street address": [f"{n} {w} Road" for n, w in zip(numbers(1, 999), pick(FAMILY), strict=True)],
    "street address ": [f"{w}straße {n}" for n, w in zip(numbers(1, 99), pick(["Haupt", "Linden"]), strict=True)],
    "street address  ": [f"{n} rue de {w}" for n, w in zip(numbers(1, 99), pick(FAMILY), strict=True)],
    "IBAN": [iban("DE", f"{n:018d}") for n in numbers(0, 10**17)],
    "IBAN ": [" ".join(iban("GB", f"NWBK{n:014d}")[i : i + 4] for i in range(0, 22, 4)) for n in numbers(0, 10**13)],
    "payment card": [card(n) for n in numbers(0, 10**14)],
    "payment card ": ["-".join(card(n)[i : i + 4] for i in range(0, 16, 4)) for n in numbers(0, 10**14)],
    "payment card  ": np.array([int(card(n)) for n in numbers(0, 10**14)]),
    "national id": [f"{n % 600 + 1:03d}-{n % 98 + 1:02d}-{n % 9998 + 1:04d}" for n in numbers(0, 10**9)],
    "IP address": [".".join(map(str, row)) for row in np.random.default_rng(0).integers(0, 256, (ROWS, 4))],
    "IP address ": [f"2001:db8::{n:x}" for n in numbers(0, 9999)],
    "MAC address": [":".join(f"{n:02x}" for n in row) for row in np.random.default_rng(0).integers(0, 256, (ROWS, 6))],
    "device or user id": [str(uuid.UUID(int=int(n) << 60)).upper() for n in numbers(1, 2**60)],
    "device or user id ": hexadecimal(32),
    "device or user id  ": hexadecimal(64),
}


@pytest.mark.parametrize("sort", BY_VALUES)
def test_values_say_it_whatever_the_column_is_called(sort):
    found = find_personal(pd.Series(BY_VALUES[sort], name="q7"))
    assert [each.sort for each in found.values()] == [sort.strip()]


BY_NAME = {
    "e_mail_hash": ("device or user id", hexadecimal(64)),
    "homePhone": ("phone", [f"030 {n}" for n in numbers(10**6, 10**7)]),
    "Telefonnummer": ("phone", [f"0171/{n}" for n in numbers(10**6, 10**7)]),
    "tel": ("phone", numbers(10**8, 10**9)),
    "first_name": ("person name", pick(["Xaver", "Zenzi", "Korbinian"])),
    "Nachname": ("person name", pick(FAMILY)),
    "prénom": ("person name", pick(["Élodie", "Zénobie", "Théo"])),
    "apellidos": ("person name", pick(["García López", "Ruiz"])),
    "name": ("person name", pick(GIVEN)),
    "customer_name": ("person name", pick(["Xi Wu", "Bo Ng", "Qi Xu"])),
    "Straße": ("street address", [f"Am Bach {n}" for n in numbers(1, 99)]),
    "address_line_1": ("street address", [f"Flat {n}, Rosewood" for n in numbers(1, 99)]),
    "social_security_number": ("national id", numbers(10**8, 7 * 10**8)),
    "passport_no": ("national id", [f"C{n}" for n in numbers(10**7, 10**8)]),
    "cpf": ("national id", numbers(10**10, 10**11)),
    "ip": ("IP address", [f"10.0.{n}.x" for n in numbers(0, 256)]),
    "mac": ("MAC address", hexadecimal(12)),
    "user_id": ("device or user id", numbers(0, 40)),
    "visitorId": ("device or user id", [f"v{n}" for n in numbers(0, 40)]),
    "cookie": ("device or user id", [f"GA1.2.{n}.1" for n in numbers(10**6, 10**7)]),
    "Kundennummer": ("device or user id", numbers(0, 40)),
    "credit_card": ("payment card", [f"**** **** **** {n}" for n in numbers(1000, 9999)]),
}


@pytest.mark.parametrize("name", BY_NAME)
def test_the_name_says_it_where_the_values_can_be_that(name):
    sort, values = BY_NAME[name]
    assert [each.sort for each in find_personal(pd.DataFrame({name: values})).values()] == [sort]


NOBODYS = {
    "name": pick(["Wireless Mouse", "Blue Shirt", "Desk Lamp", "Coffee Mug", "Running Shoes", "Tea Pot"]),
    "product_name": pick(["Anna Chair", "Billy Shelf", "Emma Lamp", "Paul Table", "Max Sofa"]),
    "education": pick(["HS-grad", "Bachelors", "11th"]),
    "zip": [f"{n:05d}" for n in numbers(501, 99_999)],
    "mobile": numbers(0, 2),
    "phone_service": pick(["Yes", "No"]),
    "card": pick(["visa", "amex"]),
    "contact": pick(["cellular", "telephone"]),
    "email": pick(["yes", "no"]),
    "channel": pick(["Mens E-Mail", "No E-Mail"]),
    "address": pick(["north", "south"]),
    "ip_country": pick(["DE", "US"]),
    "user_agent": pick(["Mozilla/5.0 (X11)", "Opera/9.80"]),
    "user_type": pick(["new", "returning"]),
    "phone_model": pick(["iPhone 12", "Pixel 7"]),
    "browser_version": [f"{n % 30}.0.{n % 50}.{n % 90}" for n in numbers(0, 10**6)],
    "campaign_id": [str(uuid.UUID(int=int(n))) for n in numbers(0, 90)],
    "commit": hexadecimal(40),
    "order_number": np.arange(ROWS) + 100_000,
    "city": pick(["Paris", "Charlotte", "Austin", "Sydney", "Florence"]),
    "street": pick(["A1", "B2"]),
    "time": [f"{n % 24:02d}:{n % 60:02d}:{n % 59:02d}" for n in numbers(0, 10**6)],
    "timestamp": numbers(16 * 10**11, 17 * 10**11),
    "amount": numbers(1, 10**16),
    "brand": pick(["Hugo Boss", "Tommy Hilfiger", "Calvin Klein", "Paul Smith", "Michael Kors"]),
    "nir": np.random.default_rng(0).random(ROWS),
    "flag": np.arange(ROWS) % 2 == 0,
    "empty": [None] * ROWS,
    "lists": [[1, 2]] * ROWS,
}


def test_what_names_nobody_is_left_in_peace():
    assert find_personal(pd.DataFrame(NOBODYS)) == {}


def test_a_name_beside_as_many_addresses_is_the_name_of_their_owners():
    emails = pd.Series([f"u{i % 60}@example.org" for i in range(ROWS)])
    owners = [f"Xq {chr(65 + i % 26)}zw{chr(97 + i % 20)}" for i in range(ROWS)]
    assert find_personal(pd.DataFrame({"email": emails, "name": owners}))["name"].sort == "person name"
    assert "name" not in find_personal(pd.DataFrame({"email": emails, "name": NOBODYS["name"]}))


@pytest.mark.parametrize(
    "folder", ["bank_marketing_full", "california_housing", "hillstrom_email_64k", "magic_gamma", "online_shoppers"]
)
def test_no_false_alarm_on_real_tables(shared_data, folder):
    for path in shared_data(folder).glob("*.csv.gz"):
        assert find_personal(pd.read_csv(path)) == {}


KINDS = {name: pd.Series(values) for name, (_, values) in BY_NAME.items()} | {
    f"by {name.strip()} {len(name)}": pd.Series(values) for name, values in BY_VALUES.items()
}


@pytest.mark.parametrize("name", KINDS)
def test_as_an_identifier_a_column_of_persons_holds_and_makes_no_real_value(name):
    real = KINDS[name].sample(3 * ROWS, replace=True, random_state=0).reset_index(drop=True)
    column = infer_schema(pd.DataFrame({name: real, "x": range(len(real))}), overrides={name: "identifier"})[name]
    assert column.personal
    assert not column.gives_persons_away
    assert not column.categories
    number = column.dtype.startswith("int")
    made = make_identifiers(column.pattern, 2_000, number=number, name=name)
    assert not set(made) & set(real.astype(str))
    assert len(set(made)) == 2_000


def test_identifiers_that_number_the_rows_go_on_numbering_them():
    column = infer_schema(pd.DataFrame({"user_id": range(1, 101), "x": numbers(0, 9)[:100]}))["user_id"]
    assert (column.kind, column.pattern) == ("identifier", "count:{101}+1")


def test_the_line_names_the_columns_and_the_way_out_and_the_schema_can_deny_it():
    table = pd.DataFrame({"e mail": BY_VALUES["e-mail"], "ip": BY_VALUES["IP address"], "x": numbers(0, 9)})
    schema = infer_schema(table)
    assert persons_given_away(schema) is None
    assert "the values of e mail (e-mail) and ip (IP address) are made up" in persons_made_up(schema)
    assert "--kind 'e mail=categorical'" in persons_made_up(schema)
    asked = infer_schema(table, overrides={"e mail": "categorical", "ip": "categorical"})
    line = persons_given_away(asked)
    assert "e mail and ip hold real values of persons (e-mail, IP address)" in line
    assert "--kind 'e mail=identifier' --kind ip=identifier" in line
    assert persons_made_up(asked) is None
    assert persons_given_away(asked.replace_column("ip", personal=None)).startswith("WARNING: e mail holds")
    assert persons_given_away(type(asked).from_dict(asked.to_dict())) == line


def test_where_no_reporter_listens_python_warns_of_real_values():
    table = pd.DataFrame({"email": BY_VALUES["e-mail"], "x": numbers(0, 9)})
    with pytest.warns(UserWarning, match="email holds real values of persons"):
        warn_of_persons(infer_schema(table, overrides={"email": "categorical"}), Reporter())


def test_an_address_keeps_its_state_and_gets_another_street_and_town():
    real = [f"{n} {w} St, Springfield, IL {60000 + n}" for n, w in zip(numbers(100, 999), pick(FAMILY), strict=True)]
    assert address_form(real) == "[1-9][0-9]{2} {Street} St, {Town}, IL [1-9][0-9]{4}"
