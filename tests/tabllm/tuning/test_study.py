"""The search: what it finds, what it keeps, and what it refuses."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace
from html import unescape

import pytest

from tabllm.cluster.studying import Workers
from tabllm.tuning.page import page
from tabllm.tuning.study import run_search
from tabllm.tuning.tables import front_table, written
from tabllm.tuning.trials import Search
from tabular.errors import TabllmError, UsageError

pytest.importorskip("optuna")


def test_the_first_trial_is_the_default_and_a_better_one_is_found(dial, visits_table, tmp_path):
    found = run_search(visits_table, Search("dial"), tmp_path, trials=24)
    assert len(found.trials) == 24
    first = found.trials[0]
    assert first.is_default
    assert first.settings == {"rate": 0.001, "depth": 1, "shape": (1, 1)}
    # Fidelity is the mean of two perfect parts and of 1 - 1/3 - 2/8 - 0.2.
    assert first.scores.score == pytest.approx((2 + 1 - 1 / 3 - 0.25 - 0.2) / 3)
    assert found.best.scores.score > 0.9
    assert found.best.scores.score == max(
        trial.scores.score for trial in found.trials if trial.outcome == "complete" and trial.scores.guarded
    )


def test_the_page_says_what_was_found_and_has_a_point_for_each_judged_trial(dial, visits_table, tmp_path):
    found = run_search(visits_table, Search("dial"), tmp_path, trials=6)
    text = unescape(page(found, {"real rows": "300 rows of visits.csv"}))
    assert text.startswith("<!DOCTYPE html>")
    assert written(found.settings) in text
    for trial in found.trials:
        assert trial.scores is None or f"trial {trial.number}: trial {trial.number}, score" in text
    rows = [row.count("<t") - 1 for row in text.split("<tbody>")[1].split("</tbody>")[0].split("</tr>")[:-1]]
    assert set(rows) == {len(front_table(found).headers)}  # the best one, too, has its name in the first column
    assert text.count(' best"') == len(front_table(found).headers) - 1
    assert "300 rows of visits.csv" in text


def test_a_default_that_cannot_be_bettered_stays(dial, visits_table, tmp_path, monkeypatch):
    monkeypatch.setattr(
        dial.__init__, "__kwdefaults__", {**dial.__init__.__kwdefaults__, "rate": 0.01, "depth": 3, "shape": (2, 2)}
    )
    found = run_search(visits_table, Search("dial"), tmp_path, trials=6)
    assert found.best.is_default
    assert found.settings == {}


def test_bad_trials_are_stopped_after_a_third(dial, visits_table, tmp_path):
    found = run_search(visits_table, Search("dial"), tmp_path, trials=24)
    stopped = [trial for trial in found.trials if trial.outcome == "stopped"]
    assert stopped
    assert len(dial.made) == 2 * 24 - len(stopped)
    # The generator plans 100 passes; a trial gets half of them, and is looked at after a third of those.
    assert sorted({fit["epochs"] for fit in dial.made}) == pytest.approx([50 / 3, 50])
    lower = [trial.scores.score for trial in stopped]
    assert max(lower) < found.best.scores.score


def test_what_a_look_can_do_without_is_left_out_of_it_alone(dial, visits_table, tmp_path, monkeypatch):
    space = dial.search_space()
    ranges = {name: at for name, at in space.ranges.items() if name != "depth"}
    monkeypatch.setattr(dial, "search_space", lambda: replace(space, ranges=ranges, screen={"depth": 2}))
    run_search(visits_table, Search("dial"), tmp_path / "0", trials=1)
    assert [fit["depth"] for fit in dial.made] == [2, 1]
    dial.made.clear()
    run_search(visits_table, Search("dial", fixed={"depth": 4}), tmp_path / "1", trials=1)
    assert [fit["depth"] for fit in dial.made] == [4, 4]


def test_trials_that_lean_on_learned_rows_are_not_taken(dial, visits_table, tmp_path):
    found = run_search(visits_table, Search("dial"), tmp_path, trials=24)
    leaking = [trial for trial in found.trials if trial.settings["depth"] == 5]
    assert leaking
    assert all(not trial.scores.guarded for trial in leaking)
    assert all(trial.settings["depth"] != 5 for trial in (*found.front, found.best))


def test_a_second_call_goes_on_and_comes_to_the_same(dial, visits_table, tmp_path):
    whole = run_search(visits_table, Search("dial"), tmp_path / "whole", trials=11)
    run_search(visits_table, Search("dial"), tmp_path / "parts", trials=5)
    parts = run_search(visits_table, Search("dial"), tmp_path / "parts", trials=11)
    assert [trial.settings for trial in parts.trials] == [trial.settings for trial in whole.trials]
    assert [trial.outcome for trial in parts.trials] == [trial.outcome for trial in whole.trials]
    dial.made.clear()
    assert run_search(visits_table, Search("dial"), tmp_path / "parts", trials=11).best == parts.best
    assert dial.made == []


def test_another_seed_makes_another_search(dial, visits_table, tmp_path):
    first = run_search(visits_table, Search("dial"), tmp_path / "0", trials=4)
    other = run_search(visits_table, Search("dial", seed=1), tmp_path / "1", trials=4)
    assert [trial.settings for trial in first.trials[1:]] != [trial.settings for trial in other.trials[1:]]


def test_an_interruption_loses_only_the_trial_it_meets(dial, visits_table, tmp_path):
    whole = run_search(visits_table, Search("dial"), tmp_path / "whole", trials=6)
    run_search(visits_table, Search("dial"), tmp_path / "parts", trials=3)
    dial.trouble["fit"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        run_search(visits_table, Search("dial"), tmp_path / "parts", trials=6)
    dial.trouble.clear()
    found = run_search(visits_table, Search("dial"), tmp_path / "parts", trials=6)
    assert [trial.settings for trial in found.trials] == [trial.settings for trial in whole.trials]


@pytest.mark.parametrize("moment", [1, 4, 5, 6])
def test_a_kill_while_a_trial_is_written_loses_only_that_trial(dial, visits_table, tmp_path, monkeypatch, moment):
    """Of each moment between two writes to the study's file; what raises here leaves the file as a kill would."""
    import optuna

    whole = run_search(visits_table, Search("dial"), tmp_path / "whole", trials=4)
    run_search(visits_table, Search("dial"), tmp_path / "parts", trials=2)
    writes = []

    def killed_at(write):
        def instead(*arguments, **options):
            writes.append(write)
            if len(writes) > moment:
                raise KeyboardInterrupt
            return write(*arguments, **options)

        return instead

    with monkeypatch.context() as patch:
        for owner, name in ((optuna.Trial, "set_user_attr"), (optuna.Trial, "set_constraint"), (optuna.Study, "tell")):
            patch.setattr(owner, name, killed_at(getattr(owner, name)))
        with pytest.raises(KeyboardInterrupt):
            run_search(visits_table, Search("dial"), tmp_path / "parts", trials=4)
    parts = run_search(visits_table, Search("dial"), tmp_path / "parts", trials=4)
    assert [(trial.settings, trial.outcome) for trial in parts.trials] == [
        (trial.settings, trial.outcome) for trial in whole.trials
    ]
    assert [trial.scores for trial in parts.trials] == [trial.scores for trial in whole.trials]


def test_a_trial_that_fails_is_told_of_and_ends_nothing(dial, visits_table, tmp_path, monkeypatch):
    monkeypatch.setattr(
        dial, "broken", staticmethod(lambda options: None if options["depth"] == 1 else RuntimeError("too deep"))
    )
    found = run_search(visits_table, Search("dial"), tmp_path, trials=10)
    failed = [trial for trial in found.trials if trial.outcome == "failed"]
    assert failed
    assert {trial.error for trial in failed} == {"RuntimeError: too deep"}
    assert found.best.settings["depth"] == 1


def test_where_every_trial_fails_the_first_one_says_why(dial, visits_table, tmp_path, monkeypatch):
    monkeypatch.setattr(dial, "broken", staticmethod(lambda options: TabllmError("The rows are too wide.")))
    with pytest.raises(TabllmError, match=r"None of the 3 trials could be judged.*The rows are too wide"):
        run_search(visits_table, Search("dial"), tmp_path, trials=3)


def test_a_search_ends_when_its_minutes_are_over(dial, visits_table, tmp_path, monkeypatch):
    with pytest.raises(TabllmError, match="not one trial came to its end"):
        run_search(visits_table, Search("dial"), tmp_path, minutes=1e-9)
    found = run_search(visits_table, Search("dial"), tmp_path, trials=2, minutes=60)
    assert len(found.trials) == 2


@pytest.mark.parametrize(
    ("search", "words"),
    [
        (Search("dial", seed=1), "seed was 0 and is 1"),
        (Search("dial", repeats=2), "repeats was 1 and is 2"),
        (Search("dial", share=0.25), "share was 0.5 and is 0.25"),
        (Search("ctgan"), "of the model 'dial', not of 'ctgan'"),
    ],
)
def test_a_folder_of_another_search_is_refused(dial, visits_table, tmp_path, search, words):
    run_search(visits_table, Search("dial"), tmp_path, trials=1)
    with pytest.raises(UsageError, match=words):
        run_search(visits_table, search, tmp_path, trials=2)


def test_a_folder_of_another_table_is_refused(dial, visits_table, tmp_path):
    run_search(visits_table, Search("dial"), tmp_path, trials=1)
    with pytest.raises(UsageError, match="of another table"):
        run_search(visits_table[:200], Search("dial"), tmp_path, trials=2)


def test_a_file_that_is_no_study_is_refused(dial, visits_table, tmp_path):
    (tmp_path / "study.db").write_text("not a database" * 100)
    with pytest.raises(TabllmError, match=r"study\.db cannot be used"):
        run_search(visits_table, Search("dial"), tmp_path, trials=1)


def test_each_repeat_has_a_seed_of_its_own(dial, visits_table, tmp_path):
    found = run_search(visits_table, Search("dial", seed=4, repeats=3, epochs=6), tmp_path, trials=1)
    assert [(fit["seed"], fit["epochs"]) for fit in dial.made] == [(4, 2.0), (4, 6), (5, 6), (6, 6)]
    assert len(found.trials[0].facts) == 3


def test_what_is_fixed_is_given_and_not_searched(dial, visits_table, tmp_path):
    found = run_search(visits_table, Search("dial", steps=9, fixed={"depth": 3}), tmp_path, trials=3)
    assert {fit["depth"] for fit in dial.made} == {3}
    assert {fit["steps"] for fit in dial.made} == {3, 9}
    assert "depth" not in found.best.settings
    assert found.settings["depth"] == 3
    assert found.settings["steps"] == 9
    best = json.loads((tmp_path / "best.json").read_text())
    assert best["model"] == "dial"
    assert best["settings"] == json.loads(json.dumps(found.settings))
    with pytest.raises(UsageError, match="Every setting of 'dial'"):
        run_search(visits_table, Search("dial", fixed=dict(found.best.settings) | {"depth": 3}), tmp_path, trials=1)


def test_a_generator_without_settings_is_refused(toy, visits_table, tmp_path):
    with pytest.raises(UsageError, match="'toy' has no settings to search"):
        run_search(visits_table, Search("toy"), tmp_path, trials=1)
    with pytest.raises(UsageError, match="needs an end"):
        run_search(visits_table, Search("toy"), tmp_path)


def test_the_best_trials_are_confirmed_in_full_length_with_a_new_seed(dial, visits_table, tmp_path, monkeypatch):
    run_search(visits_table, Search("dial"), tmp_path, trials=8)
    dial.made.clear()
    found = run_search(visits_table, Search("dial"), tmp_path, trials=8, confirm=2)
    assert found.confirmed[0].number == 0
    assert len(found.confirmed) == 3
    # The dial's own 100 passes are its fit's business: nothing is said of them.
    assert [(fit["seed"], fit["epochs"]) for fit in dial.made] == [(1, None)] * 3
    assert found.best.number == max(found.confirmed, key=lambda trial: trial.scores.score).number
    # What is confirmed is not confirmed again, and one that fails is not taken.
    dial.made.clear()
    best = found.trials[found.best.number].settings
    monkeypatch.setattr(dial, "broken", staticmethod(lambda options: RuntimeError("no")))
    again = run_search(visits_table, Search("dial"), tmp_path, trials=8, confirm=2)
    assert again.best == found.best
    more = run_search(visits_table, Search("dial"), tmp_path, trials=8, confirm=3)
    assert sorted(trial.error or "" for trial in more.confirmed) == [""] * 3 + ["RuntimeError: no"]
    assert more.best.settings == best


class Backwards(Workers):
    """Does what comes last first, and ends after some tasks as Ctrl-C does."""

    def __init__(self, most=10**6):
        self.most = most

    @contextmanager
    def ready(self, begin, sent, *, device, noun, check=None):
        worker = begin(sent)

        def run(tasks):
            for number, given in reversed(tasks.items()):
                if not self.most:
                    raise KeyboardInterrupt
                self.most -= 1
                check()
                yield number, worker.make(*given)

        yield run


def outcomes(found):
    return [(trial.number, trial.settings, trial.outcome, trial.scores) for trial in found.trials]


def test_trials_of_a_batch_come_to_the_same_whoever_makes_them_and_wherever_they_were_interrupted(
    dial, visits_table, tmp_path
):
    search = Search("dial", parallel=4)
    whole = run_search(visits_table, search, tmp_path / "whole", trials=10, confirm=1)
    assert len(whole.trials) == 10
    assert len({trial.settings["rate"] for trial in whole.trials[:4]}) == 4, "four proposals, not one four times"
    made = len(dial.made)
    dial.made.clear()
    for most in (1, 2, 3):
        with pytest.raises(KeyboardInterrupt):
            run_search(visits_table, search, tmp_path / "parts", trials=7, workers=Backwards(most))
    run_search(visits_table, search, tmp_path / "parts", trials=7)
    parts = run_search(visits_table, search, tmp_path / "parts", trials=10, confirm=1, workers=Backwards())
    assert outcomes(parts) == outcomes(whole)
    assert [(trial.number, trial.scores) for trial in parts.confirmed] == [
        (trial.number, trial.scores) for trial in whole.confirmed
    ]
    assert len(dial.made) == made, "nothing is done twice"
    with pytest.raises(UsageError, match="parallel was 4 and is 1"):
        run_search(visits_table, replace(search, parallel=1), tmp_path / "parts", trials=11)


@pytest.mark.parametrize("moment", [1, 2, 3, 5])
def test_a_kill_between_the_records_of_a_batch_changes_nothing(dial, visits_table, tmp_path, monkeypatch, moment):
    import optuna

    search = Search("dial", parallel=3)
    whole = run_search(visits_table, search, tmp_path / "whole", trials=6)
    tell, calls = optuna.Study.tell, []

    def killed(self, trial, *values, **options):
        calls.append(1)
        if len(calls) >= moment:
            raise KeyboardInterrupt
        return tell(self, trial, *values, **options)

    with monkeypatch.context() as patch:
        patch.setattr(optuna.Study, "tell", killed)
        with pytest.raises(KeyboardInterrupt):
            run_search(visits_table, search, tmp_path / "parts", trials=6)
    assert outcomes(run_search(visits_table, search, tmp_path / "parts", trials=6)) == outcomes(whole)
