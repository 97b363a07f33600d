"""New identifiers keep to the pattern of the old, and none comes twice."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from tabular import make_identifiers
from tabular.codes.patterns import find_pattern


@pytest.mark.parametrize(
    ("texts", "pattern"),
    [
        (["AB-1234", "XY-9876"], "AA-9999"),
        (["A1", "A2"], r"\A9"),
        (["CUST-00123", "CUST-99999"], "CUST-99999"),
        (["3f2a", "00bc", "a1b2"], "xxxx"),
        (["00000000-0000-4000-8000-000000000000"], "uuid"),
        (["Berlin", "London"], None),
        (["anna@x.org", "bo@y.com"], None),
    ],
)
def test_the_pattern_of_regular_texts_is_found(texts, pattern):
    assert find_pattern(pd.Series(texts)) == pattern


@pytest.mark.parametrize(
    ("pattern", "form"),
    [
        ("AA-9999", r"[A-Z]{2}-\d{4}"),
        (r"\A9\\9", r"A\d\\\d"),
        ("xxxxXX", r"[0-9a-z]{4}[0-9A-Z]{2}"),
        ("user_#", r"user_\d+"),
        ("uuid", r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
        ("sequence", r"\d+"),
        (None, r"\d+"),
    ],
)
def test_new_identifiers_keep_to_the_pattern_and_differ(pattern, form):
    parts = [make_identifiers(pattern, 30, start=start, seed=7) for start in (0, 30)]
    texts = [text for part in parts for text in part]
    assert all(re.fullmatch(form, text) for text in texts)
    assert len(set(texts)) == 60
    assert make_identifiers(pattern, 30, seed=7).tolist() == parts[0].tolist()


def test_numbers_do_not_begin_with_zero_and_use_the_whole_room():
    made = make_identifiers("99", 90, number=True)
    assert sorted(map(int, made)) == list(range(10, 100))
