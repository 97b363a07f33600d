"""Made-up persons of a country: Faker's words, the column's form, and no real value among them."""

from __future__ import annotations

import re
import sys

import numpy as np
import pandas as pd
import pytest

from tabular import Schema, infer_schema, make_identifiers
from tabular.codes.identifiers import pattern_room
from tabular.errors import SchemaError, UsageError
from tabular.personal.faker_words import LISTS, check_locale, faker_words
from tabular.personal.realistic import realistic_pattern
from tabular.schema import Column

pytest.importorskip("faker", reason="faker is not installed here")


def people(rows: int, *, locale: str = "de_DE", seed: int = 0) -> pd.DataFrame:
    """Persons whose names are Faker's own, so that words of real values are in its lists."""
    rng = np.random.default_rng(seed)
    given, family, town = (rng.choice(faker_words(locale, name), rows) for name in ("given", "family", "town"))
    mail = rng.choice(faker_words("en_US", "given", ascii_only=True), rows)
    return pd.DataFrame(
        {
            "full_name": [f"{a} {b}" for a, b in zip(given, family, strict=True)],
            "first_name": given,
            "last_name": family,
            "email": [f"{a.lower()}.{b}@firma.de" for a, b in zip(mail, rng.integers(10, 99, rows), strict=True)],
            "address": [f"{a}straße {b}, {c}" for a, b, c in zip(family, rng.integers(1, 99, rows), town, strict=True)],
            "amount": rng.gamma(2, 30, rows).round(2),
        }
    )


def made(column: Column, n: int, seed: int = 0) -> list[str]:
    return make_identifiers(column.pattern, n, seed=seed, name=column.name, words=column.words).tolist()


def words_of(texts: list[str]) -> set[str]:
    return {word for text in texts for word in re.findall(r"[^\W\d_]+", text)}


@pytest.mark.parametrize(("rows", "locale"), [(40, "de_DE"), (400, "ru_RU"), (3_000, "fr_FR")])
def test_names_are_of_the_locale_and_none_is_real(rows, locale):
    table = people(rows, locale="de_DE")
    schema = infer_schema(table, faker=locale)
    for name in ("full_name", "first_name", "last_name"):
        column, real = schema[name], set(table[name])
        known = {word for each in LISTS for word in faker_words(locale, each)}
        for seed in range(3):
            texts = made(column, len(real), seed)
            assert len(set(texts)) == len(real)
            assert not set(texts) & real
            assert words_of(texts) <= known


def test_where_all_names_of_the_list_are_real_they_are_joined():
    names = pd.DataFrame({"last_name": faker_words("de_DE", "family"), "x": 1.5})
    column = infer_schema(names, faker="de_DE")["last_name"]
    texts = made(column, len(names))
    assert all(re.fullmatch(r"[^\W\d_]+-[^\W\d_]+", text) for text in texts)
    assert len(set(texts)) == len(names)
    assert not set(texts) & set(names["last_name"])


def test_words_that_are_kept_apart_do_not_tell_which_others_are_real():
    names = pd.DataFrame({"first_name": faker_words("de_DE", "given")[::10], "x": 1.5})
    column = infer_schema(names, faker="de_DE")["first_name"]
    kept, real = set(dict(column.words)["given"].split()), set(names["first_name"])
    assert not kept & real
    lacking = set(faker_words("de_DE", "given")) - kept
    assert len(lacking) > 2 * len(real)


def test_streets_and_towns_keep_the_form_of_the_address():
    table = people(300)
    column = infer_schema(table, faker="nl_NL")["address"]
    texts = made(column, 300)
    assert all(re.fullmatch(r"[^\W\d_]+straße \d{1,2}, [^\W\d_]+", text) for text in texts)
    assert words_of([text.rpartition(" ")[2] for text in texts]) <= set(faker_words("nl_NL", "town"))
    assert not set(texts) & set(table["address"])


@pytest.mark.parametrize("locale", ["de_DE", "pl_PL", "ja_JP"])
def test_mail_is_ascii_and_real_nowhere(locale):
    table = people(200)
    texts = made(infer_schema(table, faker=locale)["email"], 200)
    assert all(re.fullmatch(r"[a-z]+\.\d+@[a-z.]+", text) for text in texts)
    assert not set(texts) & set(table["email"])


def test_a_word_is_real_however_it_is_written():
    real = np.array(["MÜLLER-WEG 7", "Schulzstraße 9", "Mu\u0308llerweg 3"], dtype=object)
    found = realistic_pattern(["form:{Street}weg [1-9]"], real, "street", locale="de_DE")
    assert found is not None
    pattern, words = found
    assert not {text.lower() for text in make_identifiers(pattern, 60, words=words)} & {"müllerweg 3", "schulzweg 3"}


def test_the_words_are_the_same_in_every_process_and_for_every_table():
    first = faker_words("de_DE", "given")
    faker_words.cache_clear()
    assert faker_words("de_DE", "given") == first
    assert list(first) == sorted(set(first))
    small, large = (infer_schema(people(30, seed=seed), faker="de_DE")["full_name"] for seed in (1, 2))
    assert small.words == large.words  # Faker's lists as they are tell nothing of a table


def test_a_schema_with_words_needs_no_faker(monkeypatch, tmp_path):
    table = people(100)
    schema = infer_schema(table, faker="de_DE")
    assert infer_schema(table, faker="de_DE") == schema
    schema.to_json(tmp_path / "schema.json")
    monkeypatch.setitem(sys.modules, "faker", None)
    again = Schema.from_json(tmp_path / "schema.json")
    assert again == schema
    for column in again:
        assert column.pattern is None or made(column, 50) == made(schema[column.name], 50)
        assert not column.words or pattern_room(column.pattern, column.words) >= 200
    assert not set(table["full_name"]) & set((tmp_path / "schema.json").read_text().split('"'))


def test_without_the_package_the_way_out_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "faker", None)
    monkeypatch.setitem(sys.modules, "faker.config", None)
    with pytest.raises(UsageError, match="pip install faker"):
        infer_schema(pd.DataFrame({"x": [1.5, 2.5]}), faker="de_DE")


@pytest.mark.parametrize(
    ("locale", "meant"), [("de-DE", "mean de_DE?"), ("de_XX", "de_AT"), ("deutsch", "de"), ("os.path", "no locale 'os")]
)
def test_an_unknown_locale_is_refused_before_anything_is_imported(locale, meant, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("an unchecked name was imported")

    monkeypatch.setattr("faker.Factory.create", refuse)
    with pytest.raises(UsageError, match=re.escape(meant)):
        check_locale(locale)
    with pytest.raises(UsageError, match="no locale"):
        faker_words(locale, "given")


def test_tables_without_such_words_say_so_and_are_as_they_were():
    table = pd.DataFrame({"ip": [f"10.0.{i}.7" for i in range(200)], "x": np.arange(200) / 7})
    plain, asked = infer_schema(table), infer_schema(table, faker="en_US")
    assert asked.columns == plain.columns
    assert "stand nowhere" in asked.notes[-1]
    assert not plain.notes


def test_names_of_another_language_than_asked_are_said():
    assert infer_schema(people(40), faker="sq_AL").notes == (
        "Faker has no names of sq_AL, and takes those of en_US in their place.",
    )
    assert infer_schema(people(40), faker="en_AU").notes == ()


def test_without_faker_nothing_is_added():
    assert not any("words" in column for column in infer_schema(people(60)).to_dict()["columns"])


@pytest.mark.parametrize("words", [[["given"]], [["Given", "Anna"]], [["given", " "]], [["given", 1]], ["given"]])
def test_words_of_a_schema_file_are_checked(words):
    column = {"name": "n", "kind": "identifier", "dtype": "object", "pattern": "form:{Given}", "words": words}
    with pytest.raises(SchemaError, match="words"):
        Schema.from_dict({"columns": [column]})
