"""Metrics of one figure: measured, kept in JSON, and shown by every face."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from eval.comparison import compare
from eval.facts.report import Report
from eval.judging.side_by_side import fidelity_table
from eval.metrics.missing import missing_patterns
from eval.page.html import page
from eval.preparing.tables import load_tables
from eval.screen.report import render
from tabular import infer_schema


def table(together: bool, seed: int, rows: int = 200) -> pd.DataFrame:
    """Two columns, half of whose cells are missing: in the same rows, or each in rows of its own."""
    rng = np.random.default_rng(seed)
    first, second = rng.random((2, rows)) < 0.5
    made = pd.DataFrame({"a": rng.normal(size=rows), "b": rng.choice(["x", "y"], rows)})
    return made.assign(a=made["a"].mask(first), b=made["b"].mask(first if together else second))


def measured(real, synthetic, holdout=None):
    return missing_patterns(load_tables(real, synthetic, holdout, infer_schema(real)), 0)


def test_cells_that_are_no_longer_missing_together_are_seen():
    found = measured(table(True, 0), table(False, 1), table(True, 2))
    assert found.value == pytest.approx(50, abs=8)
    assert found.floor < 8
    assert measured(table(True, 0), table(True, 0)).value == 0
    assert measured(table(True, 0).fillna({"a": 0.0}), table(True, 1)) is None


def test_every_face_shows_it():
    report = compare(table(True, 0, 60), table(False, 1, 60), threads=1)
    label = "patterns of missing cells, error %"
    assert Report.from_dict(report.to_dict()).metrics == report.metrics
    assert report.metrics[0].label == label
    out = io.StringIO()
    render(report, Console(file=out, width=120), details=True)
    assert label in out.getvalue()
    assert label[1:] in page(report)
    assert label in [line.label for line in fidelity_table({"one": report, "two": report}).lines]
