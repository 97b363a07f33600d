"""Which trial is best, which none beats, and how they look on paper."""

from __future__ import annotations

from tabllm.tuning.judging import Scores
from tabllm.tuning.length import Length
from tabllm.tuning.tables import front_table, to_json, to_markdown
from tabllm.tuning.trials import Found, Search, Trial, best_of, pareto_front


def trial(number, fidelity, utility, privacy, *, leak=-0.01, outcome="complete", rate=0.1):
    scores = Scores((fidelity + utility) / 2, fidelity, utility, privacy, leak)
    return Trial(number, outcome, {"rate": rate, "shape": (2, 2)}, scores, fit_seconds=1.25)


DEFAULT = trial(0, 0.5, 0.5, 0.9)
FAITHFUL = trial(1, 0.9, 0.6, 0.8, rate=0.01234)
USEFUL = trial(2, 0.6, 0.8, 0.8, rate=0.3)
BEATEN = trial(3, 0.55, 0.55, 0.7)
LEAKING = trial(4, 1.0, 1.0, 0.1, leak=0.3)
STOPPED = trial(5, 0.95, 0.95, 1.0, outcome="stopped")
FAILED = Trial(6, "failed", {"rate": 9.0, "shape": (1, 1)}, error="no")
ALL = [DEFAULT, FAITHFUL, USEFUL, BEATEN, LEAKING, STOPPED, FAILED]


def found(trials, confirmed=()):
    return Found(
        Search("ctgan", target="y"),
        0.1,
        Length("epochs", 30.0),
        {"rate": 0.1, "shape": (2, 2)},
        tuple(trials),
        best_of(confirmed) or best_of(trials),
        tuple(pareto_front(trials)),
        tuple(confirmed),
        {"rate": 0.01234},
    )


def test_the_front_is_what_nothing_beats():
    assert pareto_front(ALL) == [FAITHFUL, USEFUL, DEFAULT]


def test_the_best_is_the_best_past_the_guard():
    assert best_of(ALL) == FAITHFUL
    assert best_of([LEAKING, trial(7, 0.1, 0.1, 0.5, leak=0.1)]).number == 7  # none passes: the one that leaks least
    assert best_of([STOPPED, FAILED]) is None


def test_one_row_for_each_trial_the_chosen_one_known():
    table = front_table(found(ALL))
    assert [row[0] for row in table.rows] == ["1", "2", "0 (default)"]
    assert table.rows[0][1:] == ("0.7500", "0.9000", "0.6000", "0.8000", "1.2", "rate 0.0123")
    assert table.rows[2][-1] == "-"
    assert table.best == 0
    assert table.notes[0] == "7 trials: 5 complete, 1 stopped early, 1 failed; each learned for 30 epochs."
    assert any("own length" in note for note in table.notes)
    assert any("were not chosen" in note for note in table.notes)


def test_a_default_that_is_beaten_is_shown_all_the_same():
    table = front_table(found([BEATEN, FAITHFUL, trial(0, 0.1, 0.1, 0.1)]))
    assert [row[0] for row in table.rows] == ["1", "0 (default)"]


def test_confirmed_scores_stand_beside_those_of_the_search():
    table = front_table(found(ALL, [trial(0, 0.7, 0.7, 0.9), trial(1, 0.6, 0.6, 0.9)]))
    assert table.headers[:3] == ("trial", ">confirmed", ">score")
    assert [row[1] for row in table.rows] == ["0.6000", "-", "0.7000"]
    assert table.best == 2  # in full length the default was better
    assert any(note.startswith("Confirmed") for note in table.notes)


def test_where_nothing_passes_the_guard_the_table_says_so():
    table = front_table(found([LEAKING]))
    assert table.rows[0][4] == "0.1000 !"
    assert any("Every trial leans" in note for note in table.notes)


def test_markdown_and_json():
    text = to_markdown(found(ALL))
    assert "| **1** | 0.7500 | 0.9000 | 0.6000 | 0.8000 | 1.2 | rate 0.0123 |" in text
    facts = to_json(found(ALL))
    assert facts["best"] == 1
    assert facts["front"] == [1, 2, 0]
    assert [each["outcome"] for each in facts["trials"]].count("complete") == 5
    assert facts["trained_for"] == {"epochs": 30.0}
