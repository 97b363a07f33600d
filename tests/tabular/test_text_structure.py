"""Texts that are made of parts keep their structure; what few rows have is made up, and nothing is a constant."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest

from tabular import infer_schema
from tabular.plain_json import FieldError
from tabular.text_templates import TemplateCodec
from tabular.text_tokens import has_structure, tokens_of
from tabular.words import WordCodec, fit_text, has_nothing_in_common

ROWS = 250
WORDS = ["red", "blue", "green", "shoes", "hats", "bags", "sale", "new"]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def rows_of(make) -> list[str]:
    random = rng(3)
    return [make(random) for _ in range(ROWS)]


def letters(random, count: int) -> str:
    return "".join(random.choice(list("abcdefgh"), count))


def as_json(random) -> str:
    row = {
        "id": int(random.integers(1, 10**6)), "ok": bool(random.random() < 0.5),
        "name": f"caf\u00e9 \"{random.choice(WORDS)}\"",
        "tags": [str(word) for word in random.choice(WORDS, random.integers(0, 3))],
        "x": float(random.normal()) * 1e-6, "none": None, "in": {"n": int(random.integers(0, 9))},
    }  # fmt: skip
    return json.dumps(row)


#: Texts -> what each new one must match.
FORMS = {
    "URL": (
        lambda r: (
            f"https://{r.choice(['www', 'm'])}.shop.com/{r.choice(WORDS)}/{r.choice(WORDS)}-{r.integers(1, 9999)}"
            f"?utm_source={r.choice(['google', 'fb'])}&id={r.integers(1, 10**9)}"
        ),
        r"https://(www|m)\.shop\.com/[a-z]+/[a-z]+-\d+\?utm_source=(google|fb)&id=\d+",
    ),
    "money in several currencies": (
        lambda r: f"{r.choice(['$', '€', '£'])}{r.gamma(1.5, 900):,.2f}",
        r"[$€£]\d{1,3}(,\d{3})*\.\d\d",
    ),
    "a query with a click id": (
        lambda r: f"utm_source={r.choice(['google', 'fb'])}&gclid=Cj0{''.join(r.choice(list('abXY012_-'), 30))}wE",
        r"utm_source=(google|fb)&gclid=[\w-]{35}",
    ),
    "measures": (
        lambda r: f"{r.integers(10, 200)} x {r.integers(10, 200)} x {r.integers(10, 200)} cm",
        r"\d{2,3} x \d{2,3} x \d{2,3} cm",
    ),
    "degrees": (
        lambda r: f"{r.uniform(0, 80):.4f}N {r.uniform(0, 170):.4f}E",
        r"\d{1,2}\.\d{4}N \d{1,3}\.\d{4}E",
    ),
    "money with its code": (
        lambda r: f"{r.gamma(1.5, 900):,.2f} {r.choice(['USD', 'EUR', 'GBP'])}",
        r"\d{1,3}(,\d{3})*\.\d\d (USD|EUR|GBP)",
    ),
    "list with |": (
        lambda r: "|".join(r.choice(WORDS, r.integers(1, 5))),
        rf"({'|'.join(WORDS)})(\|({'|'.join(WORDS)}))*",
    ),
    "list with ; ": (
        lambda r: "; ".join(f"{w} {r.integers(1, 99)}" for w in r.choice(WORDS, r.integers(1, 4))),
        r"[a-z]+ \d+(; [a-z]+ \d+)*",
    ),
    "version": (lambda r: f"{r.integers(1, 9)}.{r.integers(1, 20)}.{r.integers(1, 99)}", r"\d\.\d{1,2}\.\d{1,2}"),
    "release": (
        lambda r: f"v{r.integers(1, 9)}.{r.integers(0, 20)}.{r.integers(0, 9999)}-rc{r.integers(1, 5)}",
        r"v\d\.\d{1,2}\.\d{1,4}-rc\d",
    ),
    "coordinates": (
        lambda r: f"{r.uniform(40, 50):.4f}, {r.uniform(-5, 15):.4f}",
        r"4\d\.\d{4}, -?\d{1,2}\.\d{4}",
    ),
    "point": (
        lambda r: f"POINT ({r.uniform(-5, 15):.6f} {r.uniform(40, 50):.6f})",
        r"POINT \(-?\d+\.\d{6} 4\d\.\d{6}\)",
    ),
    "path": (
        lambda r: (
            f"/home/u{r.integers(1, 99)}/{r.choice(WORDS)}/img_{r.integers(1, 9999):04d}.{r.choice(['jpg', 'png'])}"
        ),
        r"/home/u\d{1,2}/[a-z]+/img_\d{4}\.(jpg|png)",
    ),
    "Windows path": (
        lambda r: f"C:\\data\\{r.choice(WORDS)}\\f{r.integers(10000, 99999)}.csv",
        r"C:\\data\\[a-z]+\\f\d{5}\.csv",
    ),
    "query": (lambda r: f"a={r.integers(1, 99999)}&b={r.choice(WORDS)}", r"a=\d{1,5}&b=[a-z]+"),
    "agent": (
        lambda r: f"Mozilla/5.0 (X11) Chrome/{r.integers(80, 120)}.0.{r.integers(1000, 9999)}.{r.integers(10, 99)}",
        r"Mozilla/5\.0 \(X11\) Chrome/\d{2,3}\.0\.\d{4}\.\d{2}",
    ),
}


@pytest.mark.parametrize("sort", FORMS)
def test_structure_is_kept_and_no_whole_text_is_copied_on_purpose(sort):
    make, form = FORMS[sort]
    real = rows_of(make)
    codec = fit_text(np.array(real, dtype=object))
    assert isinstance(codec, TemplateCodec)
    made = codec.draw(ROWS, rng())
    assert all(re.fullmatch(form, text) for text in made), [t for t in made if not re.fullmatch(form, t)][:3]
    assert len(set(made)) > 0.5 * len(set(real))
    lone = {text for text in real if real.count(text) == 1}
    if sort not in ("list with |", "version", "list with ; "):  # of these there are few
        assert len(lone & set(made)) < 0.05 * ROWS


@pytest.mark.parametrize("sort", FORMS)
def test_structured_texts_that_hardly_repeat_are_text(sort):
    real = rows_of(FORMS[sort][0])
    if sort != "list with |":
        assert infer_schema(pd.DataFrame({"q": real, "x": np.arange(ROWS) % 5}))["q"].kind == "text"


def test_json_stays_valid_with_the_same_keys_and_types():
    real = rows_of(as_json)
    made = fit_text(np.array(real, dtype=object)).draw(ROWS, rng())
    for text in made:
        row = json.loads(text)
        assert {key: type(value) for key, value in row.items()} | {"x": float} == {
            "id": int, "ok": bool, "name": str, "tags": list, "x": float, "none": type(None), "in": dict,
        }  # fmt: skip
        assert 0 <= row["in"]["n"] <= 8
    assert len(set(made)) > 0.9 * ROWS


def test_numbers_keep_their_range_and_their_zeros():
    real = [f"{n:05d}/{v:.2f}" for n, v in zip(rng().integers(0, 9999, ROWS), rng(1).normal(50, 9, ROWS), strict=True)]
    made = fit_text(np.array(real, dtype=object)).draw(ROWS, rng())
    assert all(re.fullmatch(r"\d{5}/\d\d\.\d\d", text) for text in made)
    halves = np.array([float(text.split("/")[1]) for text in made])
    assert halves.mean() == pytest.approx(50, abs=3)


def test_dates_in_a_text_are_days_and_keep_their_order():
    start = np.datetime64("2015-01-03")

    def span(r) -> str:
        first = start + int(r.integers(0, 3000))
        return f"{first} to {first + int(r.integers(0, 30))}"

    real = rows_of(span)
    assert infer_schema(pd.DataFrame({"span": real, "y": 0}))["span"].kind == "text"
    codec = TemplateCodec.fit(np.array(real, object))
    made = TemplateCodec.from_dict(json.loads(json.dumps(codec.to_dict()))).draw(200, rng())
    for text in made:
        first, _, last = text.partition(" to ")
        assert start <= np.datetime64(first, "D") <= np.datetime64(last, "D") <= start + 3030
    assert not set(made) & set(real)
    assert ("date", "2024-02-30") not in tokens_of("2024-02-30 x")


def test_amounts_in_several_currencies_keep_their_range():
    real = rows_of(lambda r: f"{r.choice(['$', '€'])}{r.integers(500, 5000):,}")
    made = TemplateCodec.fit(np.array(real, object)).draw(300, rng())
    sizes = [int(re.sub(r"[$€,]", "", text)) for text in made]
    assert 500 <= min(sizes) < 1000 < max(sizes) <= 5000
    assert tokens_of("ids 101,202,303") == [*tokens_of("ids 101"), *tokens_of(",202"), *tokens_of(",303")]


def test_words_that_stand_in_few_rows_are_made_up_in_the_same_form():
    real = [f"Item-{letters(rng(i), 6).upper()}" for i in range(ROWS)]
    made = fit_text(np.array(real, dtype=object)).draw(ROWS, rng())
    assert all(re.fullmatch(r"Item-[A-Z]{6}", text) for text in made)
    assert not set(made) & set(real)


def test_prose_keeps_its_words_and_is_never_a_constant():
    random = rng()
    prose = [
        " ".join(random.choice(["the", "cat", "sat", "on", "a", "mat"], random.integers(8, 60))) for _ in range(ROWS)
    ]
    assert isinstance(fit_text(np.array(prose, dtype=object)), WordCodec)
    alone = np.array(
        [" ".join(letters(rng(i * 60 + j), 7) for j in range(i % 50 + 3)) for i in range(40)], dtype=object
    )
    assert has_nothing_in_common(alone)
    made = fit_text(alone).draw(40, rng())
    assert len(set(made)) == 40
    assert not set(" ".join(made).split()) & set(" ".join(alone).split())
    assert not has_nothing_in_common(np.array(prose, dtype=object))


def test_what_is_learned_comes_back_from_json_and_is_checked():
    codec = fit_text(np.array([*rows_of(FORMS["URL"][0]), None], dtype=object))
    data = json.loads(json.dumps(codec.to_dict()))
    again = TemplateCodec.from_dict(data)
    assert again == codec
    assert again.draw(20, rng()).tolist() == codec.draw(20, rng()).tolist()
    assert codec.missing_rate == pytest.approx(1 / (ROWS + 1))
    data["templates"][0]["parts"].append(10**6)
    with pytest.raises(FieldError, match="slot"):
        TemplateCodec.from_dict(data)


@pytest.mark.parametrize("text", ["", "a1b2-v2.10.3 (x_y) -4.50e-3", "ÄÖ|ß;12", r'{"a\"b": "\u00e9", "t": true}'])
def test_tokens_join_to_the_text_that_they_were_cut_from(text):
    for as_json_too in (False, True):
        assert "".join(piece for _, piece in tokens_of(text, json=as_json_too)) == text


@pytest.mark.parametrize(
    "texts", [[f"word{i}" for i in range(50)], [f"John Doe {i}" for i in range(50)], [f"12-{i}" for i in range(50)]]
)
def test_other_texts_have_no_structure(texts):
    assert not has_structure(pd.Series(texts, dtype=object), 1.0)
