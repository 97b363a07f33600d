"""Columns without a distribution are judged by form, and what is wrong with them is said."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from eval.facts.fidelity import FormFacts
from eval.metrics.forms import form_of, judge_forms
from tabular.schema import Column, Schema

rng = np.random.default_rng(3)


def judged(real, synthetic, kind="identifier", **options) -> FormFacts:
    schema = Schema((Column("c", kind, "object"),))
    frames = [pd.DataFrame({"c": pd.Series(cells, dtype=object)}) for cells in (real, synthetic)]
    (facts,) = judge_forms(schema, *frames, None, options.pop("unread", {}))
    return facts


@pytest.mark.parametrize(
    ("text", "form"),
    [("ann.li@host1.org", "a.a@x.a"), ("ID-0042", "A-9"), ("2024-03-01", "9-9-9"), ("a8f3B", "x"), ("", "")],
)
def test_the_form_of_a_value_has_one_sign_for_each_run(text, form):
    assert form_of(text) == form


def test_values_of_the_same_make_are_valid_and_garbage_is_not():
    real = [f"ORD-{n:05d}" for n in range(100)]
    assert judged(real, [f"ORD-{n:05d}" for n in range(500, 600)]).fault is None
    facts = judged(real, [f"ORD-{n:05d}" for n in range(50)] + ["text"] * 50)
    assert facts.valid_percent == 50
    assert "50 % of its values in no form" in facts.fault


def test_one_value_in_most_cells_and_repeated_keys_are_faults():
    prose = [" ".join(rng.choice(["good", "bad", "fair", "red", "blue"], rng.integers(3, 9))) for _ in range(200)]
    assert judged(prose, prose[::-1], "text").fault is None
    assert "holds one value in 100 %" in judged(prose, ["good bad"] * 200, "text").fault
    assert "repeats values" in judged([f"k{n}" for n in range(99)], [f"k{n % 90}" for n in range(99)]).fault


def test_dates_are_judged_by_what_can_be_read():
    days = [f"2024-01-{n:02d}" for n in range(1, 29)]
    assert judged(days, days, "datetime").fault is None
    assert judged(days, days, "datetime", unread={"c": 40.0}).valid_percent == 60


@pytest.mark.parametrize(("domain", "valid"), [("firm.ch", 100), ("mail.firm.ch", 100), ("firm", 0)])
def test_an_address_made_anew_at_the_reserved_domain_has_the_form_of_one_at_its_own(domain, valid):
    real = [f"ann{n}@{domain}" for n in range(100, 200)]
    facts = judged(real, [f"bea{n}@moki.example.com" for n in range(100, 200)])
    assert facts.valid_percent == valid
