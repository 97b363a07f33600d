"""A trial under a clock: where it stands is told, and it ends when the time is up."""

from __future__ import annotations

import pytest

from tabllm.tuning.deadline import Clock, OutOfTime, TrialReporter
from tabllm.tuning.study import run_search
from tabllm.tuning.trials import Search
from tabular.progress import Task


class Bar(Task):
    def __init__(self):
        self.texts = []

    def advance(self, amount=1, text=""):
        self.texts.append((amount, text))


def test_the_bar_of_the_search_says_where_its_trial_stands():
    bar = Bar()
    with TrialReporter(Clock(None), bar, "trial 7").task("Learning", 1000, "steps") as task:
        for _ in range(1000):
            task.advance(1, "loss 0.1")
    assert bar.texts[0] == (0, "trial 7, learning 0 %")
    assert bar.texts[-1] == (0, "trial 7, learning 100 %")
    assert len(bar.texts) == 101


def test_work_ends_when_the_time_is_up():
    clock = Clock(1e-9)
    with TrialReporter(clock, Bar(), "trial 0").task("Learning", 10, "steps") as task, pytest.raises(OutOfTime):
        task.advance(1)
    assert clock.is_over
    assert clock.left() == "0 min left"
    assert not Clock(None).is_over
    assert Clock(None).left() == ""
    assert Clock(12.2).left() == "12 min left"


def test_a_trial_that_the_time_ran_out_on_is_begun_anew(dial, visits_table, tmp_path):
    pytest.importorskip("optuna")
    whole = run_search(visits_table, Search("dial"), tmp_path / "whole", trials=4)
    run_search(visits_table, Search("dial"), tmp_path / "parts", trials=2)
    dial.trouble["fit"] = OutOfTime()
    found = run_search(visits_table, Search("dial"), tmp_path / "parts", trials=4, minutes=60)
    assert len(found.trials) == 2
    dial.trouble.clear()
    found = run_search(visits_table, Search("dial"), tmp_path / "parts", trials=4)
    assert [trial.settings for trial in found.trials] == [trial.settings for trial in whole.trials]
