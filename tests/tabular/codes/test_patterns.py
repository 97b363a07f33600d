"""What identifiers are made of is found, so that new ones are possible, distinct, and none of the real ones."""

from __future__ import annotations

import re
import uuid
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tabular import infer_schema
from tabular.codes.checksums import find_check
from tabular.codes.forms import as_set, parse_form, regex_of
from tabular.codes.identifiers import make_identifiers, pattern_room
from tabular.codes.patterns import find_pattern, number_range, without_real
from tabular.encoding.arrays import from_arrays
from tabular.encoding.unmodelled import unmodelled
from tabular.schema import Schema

ROWS = 300


def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def digits(count: int, *, first: str = "") -> list[str]:
    return [first + "".join(map(str, row)) for row in rng().integers(0, 10, (ROWS, count))]


def drawn(alphabet: str, length: int) -> list[str]:
    return ["".join(row) for row in rng().choice(list(alphabet), (ROWS, length))]


def checked(form: str, name: str) -> list[str]:
    return make_identifiers(f"{name}:{form}", ROWS, name="real").tolist()


#: Real identifiers -> what each new one must be.
FORMS = {
    "hexadecimal": (drawn("0123456789abcdef", 32), r"[0-9a-f]{32}"),
    "capital hexadecimal": (drawn("0123456789ABCDEF", 16), r"[0-9A-F]{16}"),
    "wallet": (["0x" + text for text in drawn("0123456789abcdef", 40)], r"0x[0-9a-f]{40}"),
    "uuid 4": (
        [str(uuid.UUID(int=int(n) << 60, version=4)) for n in rng().integers(1, 2**60, ROWS)],
        r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
    ),
    "capital uuid 7": (
        [f"{n:08X}-89AB-7{n % 4096:03X}-8{n % 4096:03X}-{n:012X}" for n in rng().integers(2**28, 2**32, ROWS)],
        r"[0-9A-F]{8}-89AB-7[0-9A-F]{3}-8[0-9A-F]{3}-0000[0-9A-F]{8}",
    ),
    "phone": (digits(9, first="+491"), r"\+491\d{9}"),
    "no leading zero": ([str(n) for n in rng().integers(10**7, 10**8, ROWS)], r"[1-9]\d{7}"),
    "prefixes": ([f"{'INV' if n % 3 else 'CRN'}-{n:05d}" for n in rng().integers(0, 10**5, ROWS)], r"(INV|CRN)-\d{5}"),
    "lengths": ([f"u{n}" for n in rng().integers(100, 10**6, ROWS)], r"u[1-9]\d{2,5}"),
    "video": (drawn("abcdefgXYZ0123456789-_", 11), r"[\w-]{11}"),
    "ULID": (["01H" + text for text in drawn("0123456789ABCDEFGHJKMNPQRSTVWXYZ", 23)], r"01H[0-9A-HJKMNP-TV-Z]{23}"),
    "base 32": (drawn("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16), r"[A-Z2-7]{16}"),
    "base 58": (drawn("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz", 22), r"[1-9A-HJ-NP-Za-km-z]{22}"),
    "card": (checked("4[0-9]{15}", "luhn"), r"4\d{15}"),
    "IBAN": (checked("DE00[0-9]{18}", "mod97"), r"DE\d{20}"),
    "ISBN 13": (checked("978[0-9]{10}", "ean"), r"978\d{10}"),
    "ISBN 10": (checked("[0-9]{10}", "isbn"), r"\d{9}[\dX]"),
}


def column_of(values, name: str = "key"):
    return infer_schema(pd.DataFrame({name: values, "x": np.arange(len(values)) % 7}))[name]


@pytest.mark.parametrize("sort", FORMS)
def test_new_identifiers_are_possible_distinct_and_none_is_real(sort):
    real, form = FORMS[sort]
    column = column_of(list(dict.fromkeys(real)))
    assert column.kind == "identifier"
    made = make_identifiers(column.pattern, 2 * ROWS, name="key", seed=3).tolist()
    assert all(re.fullmatch(form, text) for text in made), [t for t in made if not re.fullmatch(form, t)][:3]
    assert len(set(made)) == 2 * ROWS
    assert not set(made) & set(real)
    assert find_check(np.array(made)) == find_check(np.array(sorted(set(real))))


COUNTS = {
    "from 500100": (np.arange(500100, 500100 + ROWS), ["500400", "500401"]),
    "in steps": (np.arange(0, 10 * ROWS, 10), ["3000", "3010"]),
    "down": (np.arange(9000, 9000 - ROWS, -1), ["8700", "8699"]),
    "down to the end": (np.arange(ROWS, 0, -1), [str(ROWS + 1), str(ROWS + 2)]),
    "padded": ([f"user_{i:04d}" for i in range(1, ROWS + 1)], ["user_0301", "user_0302"]),
    "not padded": ([f"user_{i}" for i in range(1, ROWS + 1)], ["user_301", "user_302"]),
    "with an end": ([f"2024/{i:05d}-X" for i in range(1, ROWS + 1)], ["2024/00301-X", "2024/00302-X"]),
    "in no order": (rng().permutation(ROWS) + 7001, ["7301", "7302"]),
}


@pytest.mark.parametrize("sort", COUNTS)
def test_keys_that_count_go_on_whatever_their_name(sort):
    values, following = COUNTS[sort]
    column = column_of(values, name="q")
    assert column.kind == "identifier"
    assert make_identifiers(column.pattern, 2, name="q").tolist() == following


def test_growing_keys_grow_on_with_gaps_like_theirs():
    real = np.cumsum(rng().integers(1, 4, ROWS)) + 100_000
    made = make_identifiers(column_of(real, name="q").pattern, ROWS, name="q").astype(int)
    assert made.min() > real.max()
    assert set(np.diff(made)) == {1, 2, 3}


@pytest.mark.parametrize(
    "values",
    [
        np.sort(rng().choice(10**6, ROWS, replace=False)),  # sorted, but far apart
        rng().permutation(900_000)[:ROWS],
        np.arange(ROWS) + 0.5,
        np.arange(ROWS, dtype=float),
    ],
)
def test_measurements_that_happen_to_be_distinct_are_no_keys(values):
    assert column_of(values, name="reading").kind in ("integer", "continuous")


@pytest.mark.parametrize(
    ("low", "high", "dtype"),
    [(7 * 10**18, 73 * 10**17, "int64"), (2**63, 2**64 - 1, "uint64"), (2**62, 2**63 - 1, "int64"), (0, 255, "uint8")],
)
def test_numbers_stay_in_their_range_and_their_dtype(low, high, dtype):
    step = max(1, (high - low) // 200)
    real = np.array([low + i * step for i in range(200)], dtype=dtype)
    pattern = number_range(real, dtype)
    made = make_identifiers(pattern, 200)
    assert len(set(made)) == 200
    values = np.array([int(text) for text in made], dtype=dtype)  # raises beyond the dtype
    assert {len(str(value)) for value in values.tolist()} <= {len(str(value)) for value in real.tolist()}


@pytest.mark.parametrize("sort", ["phone", "card", "ISBN 13"])
def test_long_numbers_are_codes_by_what_stands_in_front_or_by_their_check_digit(sort):
    texts = FORMS[sort][0]
    assert column_of(texts if sort == "phone" else np.array(texts, np.int64), name="q").kind == "identifier"


def test_two_columns_of_one_form_hold_different_values():
    table = pd.DataFrame({"a": drawn("0123456789abcdef", 24), "b": FORMS["hexadecimal"][0][:ROWS]})
    schema = infer_schema(table)
    made = {c.name: unmodelled(c, ROWS, rng(), start=0, seed=0, present=True) for c in schema}
    assert from_arrays(made, schema).isin(table).sum().sum() == 0
    same = Schema((schema["b"], replace(schema["b"], name="c")))
    one, two = (unmodelled(c, ROWS, rng(), start=0, seed=0, present=True) for c in same)
    assert not set(one) & set(two)


def test_a_small_form__until_it_makes_no_real_one():
    real = np.array([f"A{i:03d}" for i in range(0, 1000, 100)], dtype=object)
    pattern = without_real("form:A[0-9]{3}", real, "c")
    assert pattern is None or not set(make_identifiers(pattern, len(real), name="c")) & set(real)
    assert without_real("form:A[0-9]", np.array([f"A{i}" for i in range(10)], dtype=object), "c") is None


def test_a_small_form_keeps_apart_from_the_real_ones_by_a_step__all_digits_at_all_positions():
    real = np.array([f"2024-{k:05d}" for k in np.random.default_rng(0).permutation(100_000)[:300]], dtype=object)
    pattern = without_real("form:2024-[0-9]{5}", real, "c")
    assert "%" in pattern
    made = make_identifiers(pattern, 600, name="c")
    assert len(set(made)) == 600
    assert not set(made) & set(real)
    assert all(len({text[place] for text in made}) == 10 for place in range(5, 10))
    assert all(regex_of(pattern.removeprefix("form:")).fullmatch(text) for text in made)


def test_a_step_takes_those_texts_alone_and_a_percent_sign_stands_for_itself():
    assert sorted(make_identifiers("form:[0-9]{2}%7+3", 14)) == [f"{k:02d}" for k in range(3, 100, 7)]
    assert make_identifiers(r"form:5\%7+3", 1).tolist() == ["5%7+3"]
    assert as_set({"%"}) == r"\%"


def test_thousands_of_counted_texts_in_order_are_not_read_by_even_steps():
    assert find_pattern(pd.Series([f"A{k:05d}" for k in range(20_000)])) == "form:A[01][0-9]{4}"


def test_a_form_without_room_stays_distinct():
    assert pattern_room("form:[ab][01]") == 4
    assert len(set(make_identifiers("form:[ab][01]", 50))) == 50


@pytest.mark.parametrize("form", ["", "[0-9]%9+12", "a||b", "[9-0]", "{4}", "[]", "0*a", "{nobody}", "a{0}"])
def test_forms_that_cannot_be_read_say_why(form):
    with pytest.raises(ValueError, match=r"form|set|list"):
        parse_form(form)


@pytest.mark.parametrize(
    "form", [r"3*a\|{Given}|x[\]\-[0-9]{3}\*", "{octet}.{host}|[^a-j]{2}+", r"2*{street}a\{e [1-9]"]
)
def test_a_form_makes_what_its_regular_expression_matches(form):
    made = make_identifiers(f"form:{form}", 30).tolist()
    assert all(regex_of(form).fullmatch(text) for text in made)
    assert not regex_of(form).fullmatch("a b c")


def test_lists_that_come_with_a_form_keep_their_capitals_and_stand_in_for_ours():
    words = (("given", "McAnn Straub Strau\u00df"), ("pet", "Rex"))
    assert set(make_identifiers("form:{Given}", 3, words=words)) == {"McAnn", "Straub", "Strau\u00df"}
    assert set(make_identifiers("form:{given}-{PET}", 3, words=words)) == {"mcann-REX", "straub-REX", "strau\u00df-REX"}
    assert make_identifiers("form:{given}", 3, words=words[1:]).tolist() == make_identifiers("form:{given}", 3).tolist()
