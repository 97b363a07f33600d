"""Numbers as text: a template says how a column writes them, and none is made of what is no number."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabular import infer_schema
from tabular.numbers.detection import detect_number_text
from tabular.numbers.template import is_template, number_template
from tabular.numbers.text import format_numbers, parse_numbers
from tabular.numbers.units import is_prefix, is_suffix, split_scale

ROWS = 200
rng = np.random.default_rng(0)
amounts = np.round(rng.gamma(1.5, 900, ROWS), 2)


def found(texts, **options):
    distinct = pd.Series(pd.unique(pd.Series(texts, dtype=object)), dtype=object)
    return detect_number_text(distinct, np.ones(len(distinct), np.int64), bad_share=0.02, **options)


TEMPLATES = {
    "${:,.2f}": (-1234.5, "-$1,234.50"),
    "{:,.2f|,} €": (-1234.5, "-1.234,50 €"),
    "CHF {:,.2f|group='}": (1234567.5, "CHF 1'234'567.50"),
    "{:,.2f|, group=nnbsp}\u00a0€": (1431.51, "1\u202f431,51\u00a0€"),
    "₹{:,.0f|lakh}": (1234567, "₹12,34,567"),
    "${:,.2f|minus=parentheses}": (-5, "($5.00)"),
    "$ {:.2f|minus=both}": (-5, "$ (5.00)"),
    "$ {:.2f|minus=inside}": (-5, "$ -5.00"),
    "{:.2f|minus=after} EUR": (-5, "5.00- EUR"),
    "{:.1f|sign=\u2212}": (-5, "\u22125.0"),
    "{:+.1f}": (5, "+5.0"),
    "{:.3f|trim=0}": (5, "5"),
    "{:.3f|trim=2}": (5, "5.00"),
    "{:.3f|bare}": (-0.5, "-.500"),
    "{:|short}": (0.1, "0.1"),
    "{:.9f|trim=0 exponent=2E00 below=-4}": (7.5e-5, "7.50E-05"),
    "{:|exponent=E+0}": (1.5e7, "1.5E+7"),
    "{:.1f|trim=0 scale=K/M}": (1_200_000, "1.2M"),
    "${:.1f|scale=K/~Mio.}": (3_500_000, "$3.5 Mio."),
    "{:.1f|scale=K/M alone=0}": (950, "950"),
    "{:.1f|scale=k/M alone=0}": (950_000, "950.0k"),
    "~{:,.0f}": (1950, "~1,950"),
    "{:8.2f}": (5, "    5.00"),
    "{:<8.2f}": (5, "5.00    "),
    "{:08.2f}": (5, "00005.00"),
}


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_writes_and_reads_and_is_written_itself(template):
    value, text = TEMPLATES[template]
    assert number_template(template).text == template
    assert format_numbers(np.array([value, np.nan]), template).tolist() == [text, None]
    assert parse_numbers(pd.Series([text, None], dtype=object), template)[0] == pytest.approx(value)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "{}{}",
        "{:d}",
        "{:.2f|foo}",
        "{:.2f|group=ab}",
        "{:.2f|group=5}",
        "{:.2f|scale=Q}",
        "{:.2f|minus=no}",
        "{:.2f|exponent=x}",
        "{:999.2f}",
    ],
)
def test_what_is_no_template_is_told(text):
    assert not is_template(text)


@given(
    st.lists(st.floats(-1e9, 1e9).map(lambda value: round(value, 2)), min_size=1), st.sampled_from(sorted(TEMPLATES))
)
def test_what_a_template_writes_it_reads(values, template):
    again = parse_numbers(pd.Series(format_numbers(np.array(values), template), dtype=object), template) + 0.0
    texts = format_numbers(again, template)
    again = parse_numbers(pd.Series(texts, dtype=object), template)
    assert format_numbers(again, template).tolist() == texts.tolist()


@pytest.mark.parametrize(
    "text", ["nan", "inf", "0x1f", "1_0", "3,14", "--5", "", "1,23,4", "5 6", "1e", "five", "1.2.3"]
)
def test_what_is_no_number_is_missing(text):
    assert np.isnan(parse_numbers(pd.Series([text], dtype=object), None)).all()


@pytest.mark.parametrize(
    "texts",
    [
        [f"{int(value):05d}" for value in amounts],
        [f"+1{int(value * 1e6):010d}" for value in amounts],
        [f"S{int(value)}" for value in amounts],
        [f"{int(value)}A" for value in amounts],
        [f"192.168.{int(value) % 200}.{int(value) % 255}" for value in amounts],
        [f"1.{int(value) % 20}.{int(value) % 30}" for value in amounts],
        [f"{int(value)}-{int(value) + 10}" for value in amounts],
        [f"{int(value)} {int(value)}" for value in amounts],
        [f"#{int(value)}" for value in amounts],
        [f"{int(value) % 24}:{int(value) % 60:02d}" for value in amounts],
        ["a", "b", "5"],
    ],
)
def test_codes_are_no_numbers(texts):
    assert found(texts) is None


def test_the_decimal_mark_is_that_of_the_table_where_a_column_leaves_it_open():
    impressions = [f"{value:,.0f}".replace(",", ".") for value in rng.integers(1000, 90_000, ROWS)]
    costs = [f"{value:.2f}".replace(".", ",") for value in amounts]
    together = infer_schema(pd.DataFrame({"impressions": impressions, "cost": costs}))
    assert (together["impressions"].kind, together["impressions"].format) == ("integer", "{:,.0f|,}")
    alone = infer_schema(pd.DataFrame({"impressions": impressions, "x": np.arange(ROWS) % 7 + 0.5}))
    assert alone["impressions"].kind == "continuous"
    assert found(["1,234", "5,678"]).values.tolist() == [1234, 5678]
    assert found(["1,234", "5,678"], point=",").values.tolist() == [1.234, 5.678]


def test_letters_scale_numbers_only_where_they_change():
    assert found(["1.2K", "3M", "15"]).values.tolist() == [1200, 3e6, 15]
    assert found(["4.1M", "3.5K"]).values.tolist() == [4_100_000, 3500]
    assert found(["12 m", "3 m", "5 m"]).values.tolist() == [12, 3, 5]


def test_numbers_without_a_letter_keep_decimals_of_their_own():
    texts = [*(str(n) for n in range(100, 160)), *(f"{n / 10:.1f}K" for n in range(10, 90)), "1.2M", "3.0M"]
    written = found(texts)
    assert written.template == "{:.1f|scale=K/M alone=0}"
    assert format_numbers(written.values, written.template).tolist() == texts


def test_units_and_currencies():
    assert all(is_prefix(text) for text in ("~", "≈ ", "ca. ", "approx. "))
    assert all(is_prefix(text) for text in ("", " ", "$", "CA$", "R$ ", "US$", "CHF ", "kr ", "Rs.", "\u20ac", "BTC "))
    assert not any(is_prefix(text) for text in ("S", "#", "No.", "ABC ", "x"))
    assert all(
        is_suffix(text, fractions=False) for text in ("%", " %", "\u00a0€", " zł", "kg", " months", "/5", " km/h")
    )
    assert not any(is_suffix(text, fractions=False) for text in ("A", "abc", "-x", ":30"))
    assert is_suffix("mi", fractions=True)
    assert split_scale("M €") == ("M", " €")
    assert split_scale("Market") == ("", "Market")


def test_half_a_surrogate_pair_is_no_number():
    assert np.isnan(parse_numbers(pd.Series(["\ud8005", None, "5"], dtype=object), "{:.0f}")[:2]).all()
