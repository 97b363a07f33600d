"""What a run gives away, told from log-probabilities alone."""

from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console

from eval import compare
from eval.attacks.white_box import attack_run, drawn_targets
from eval.facts.report import Report
from eval.page.html import write_html
from eval.screen.report import render
from tabular.errors import UsageError


def test_rows_learned_by_heart_are_told():
    rng = np.random.default_rng(0)
    found = attack_run(rng.normal(-5, 1, 200), rng.normal(-20, 1, 200))
    assert found.attack.auc.value == pytest.approx(1)
    assert found.words.startswith("Who holds the run can tell")
    assert found.learned_bits == pytest.approx(5 / np.log(2), abs=0.2)


def test_rows_of_one_population_are_not_told():
    rng = np.random.default_rng(0)
    found = attack_run(rng.normal(-20, 3, 1000), rng.normal(-20, 3, 800))
    assert found.attack.auc.low < 0.5 < found.attack.auc.high
    assert "chance alone explains" in found.words


def test_a_row_that_the_run_cannot_draw_is_no_training_row():
    held_out = np.full(100, -10.0)
    held_out[:30] = -np.inf
    found = attack_run(np.full(100, -10.0), held_out)
    assert found.attack.auc.value == pytest.approx(0.65)
    assert found.held_out_impossible_percent == 30
    assert found.held_out_bits == pytest.approx(10 / np.log(2))


def test_too_few_rows_are_refused():
    with pytest.raises(UsageError, match="20 learned"):
        attack_run(np.zeros(30), np.zeros(5))
    assert len(drawn_targets(10, 0, 4)) == 4


def test_the_report_says_it_on_every_face(people, monkeypatch, tmp_path):
    monkeypatch.setattr("eval.preparing.features.TREES", 2)
    rng = np.random.default_rng(0)
    logs = rng.normal(-5, 1, 60), rng.normal(-9, 1, 60)
    report = compare(people(120, 0), people(120, 1), holdout=people(120, 2), run_log_probs=logs, threads=1)
    assert Report.from_dict(report.to_dict()).privacy.run == report.privacy.run
    for details, count in ((False, 1), (True, 2)):
        text = io.StringIO()
        render(report, Console(file=text, width=120), details=details)
        assert " ".join(text.getvalue().split()).count("Who holds the run can tell training rows") == count
    write_html({"rows": report}, tmp_path / "page.html")
    assert "What does a shared run give away?" in (tmp_path / "page.html").read_text(encoding="utf-8")
