"""A fit that will take long says so after its first updates, and no other does."""

from __future__ import annotations

import pytest

from tabular.pacing import long_fits, tell_long_fits
from tabular.progress import Reporter


class Notes(Reporter):
    def __init__(self):
        self.notes = []

    def note(self, message):
        self.notes.append(message)


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass when a test says so."""
    now = [1.0]
    monkeypatch.setattr(long_fits.time, "perf_counter", lambda: now[0])
    return now


def notes_of(clock, seconds, total=600, resumed=0, unit="steps"):
    notes = Notes()
    with tell_long_fits(notes).task("Learning", total, unit) as task:
        task.advance(resumed)
        for number in range(20):
            clock[0] += 100 if number == 0 else seconds  # the first update compiles
            task.advance(1)
            task.advance(0, "loss 1.0")
    return notes.notes


def test_a_long_fit_says_what_it_takes_and_what_makes_it_shorter(clock):
    [note] = notes_of(clock, 4.0)
    assert note.startswith("596 updates of 4.0 s each will take about 40 minutes, fewer if")
    assert "--steps" in note
    assert "--drop" in note


def test_a_short_fit_a_nearly_finished_one_and_other_work_say_nothing(clock):
    assert notes_of(clock, 0.5) == []
    assert notes_of(clock, 4.0, resumed=500) == []
    assert notes_of(clock, 4.0, unit="rows") == []


def test_what_else_is_reported_comes_through():
    notes = Notes()
    told = tell_long_fits(notes)
    told.note("a line")
    with pytest.warns(UserWarning, match="a warning"):
        told.warn("a warning")
    assert notes.notes == ["a line"]
