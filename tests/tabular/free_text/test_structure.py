"""Texts that are made of parts keep their structure; what few rows have is made up, and nothing is a constant."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest

from tabular import infer_schema
from tabular.free_text.templates import TemplateCodec
from tabular.free_text.tokens import has_structure, tokens_of
from tabular.free_text.words import WordCodec, fit_text, has_nothing_in_common
from tabular.plain_json import FieldError

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
        "id": int(random.integers(1, 10**6)),
        "ok": bool(random.random() < 0.5),
        "name": f'caf\u00e9 "{random.choice(WORDS)}"',
        "tags": [str(word) for word in random.choice(WORDS, random.integers(0, 3))],
        "x": float(random.normal()) * 1e-6,
        "none": None,
        "in": {"n": int(random.integers(0, 9))},
    }
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
            "id": int,
            "ok": bool,
            "name": str,
            "tags": list,
            "x": float,
            "none": type(None),
            "in": dict,
        }
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


PAIRS = {
    "a range": (lambda low, high: f"{low}-{high}", r"(\d+)-(\d+)"),
    "a range of three digits each": (lambda low, high: f"{low + 100}-{high + 100}", r"(\d{3})-(\d{3})"),
    "a size": (lambda low, high: f"{low + 600}x{high + 700}", r"(\d{3,4})x(\d{3,4})"),
    "a size of three": (lambda low, high: f"{low} x {high} x {high + low} cm", r"(\d+) x (\d+) x \d+ cm"),
    "a share": (lambda low, high: f"{low} of {high}", r"(\d+) of (\d+)"),
    "opening hours": (
        lambda low, high: f"{low // 30:02d}:{low % 4 * 15:02d}-{high // 30 + 3:02d}:{high % 4 * 15:02d}",
        r"([01]\d:(?:00|15|30|45))-(\d\d:(?:00|15|30|45))",
    ),
}


@pytest.mark.parametrize("sort", PAIRS)
def test_numbers_and_times_of_one_text_stay_in_order_and_depend_on_each_other(sort):
    write, form = PAIRS[sort]
    low = rng(1).integers(1, 300, ROWS)
    texts = [write(int(a), int(b)) for a, b in zip(low, low + rng(2).integers(5, 200, ROWS), strict=True)]
    column = infer_schema(pd.DataFrame({"x": texts, "y": range(ROWS)})).columns[0]
    assert column.kind == "text"
    learned = TemplateCodec.fit(np.array(texts, dtype=object))
    made = pd.Series(TemplateCodec.from_dict(learned.to_dict()).draw(500, rng()))
    assert made.str.fullmatch(form).all()
    real, drawn = (
        pd.Series(cells).str.extract(form).apply(lambda part: part.str.replace(":", "").astype(float))
        for cells in (texts, made)
    )
    assert (drawn[0] <= drawn[1]).all()
    assert drawn[0].corr(drawn[1]) == pytest.approx(real[0].corr(real[1]), abs=0.12)


def test_a_blood_pressure_is_no_range_and_its_numbers_depend_on_each_other():
    high = rng(1).integers(95, 180, ROWS)
    low = (high * 0.6 + rng(2).normal(0, 6, ROWS)).astype(int)
    texts = [f"{a}/{b}" for a, b in zip(high, low, strict=True)]
    made = pd.Series(TemplateCodec.fit(np.array(texts, dtype=object)).draw(500, rng())).str.split("/", expand=True)
    made = made.astype(float)
    assert made[0].corr(made[1]) > 0.8
    assert (made[0] > made[1]).all()


@pytest.mark.parametrize("text", ["{:03d}-{:04d}", "{:03d}-1{:03d}"])
def test_numbers_with_zeros_in_front_or_out_of_reach_are_codes(text):
    texts = [text.format(*pair) for pair in rng(5).integers(0, 1000, (ROWS, 2)).tolist()]
    assert infer_schema(pd.DataFrame({"x": texts, "y": range(ROWS)})).columns[0].kind == "identifier"


def test_times_with_an_offset_are_still_instants_and_an_impossible_offset_is_none():
    moment = [f"2024-01-{k % 28 + 1:02d}T{k % 24:02d}:15:00-0{k % 2 + 5}:00" for k in range(ROWS)]
    clock = [f"{k % 24:02d}:{k % 60:02d}:00-05:00" for k in range(ROWS)]
    late = [f"{k % 12:02d}:{k % 60:02d}-{k % 10 + 13}:{k % 60:02d}" for k in range(ROWS)]
    kinds = [column.kind for column in infer_schema(pd.DataFrame({"m": moment, "c": clock, "l": late})).columns]
    assert kinds[:2] == ["datetime", "datetime"]
    assert kinds[2] != "datetime"


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
