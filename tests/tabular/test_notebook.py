"""In a notebook work shows bars without being asked; elsewhere it is silent."""

from __future__ import annotations

import sys
from types import SimpleNamespace

from tabular.notebook import NotebookReporter, default_reporter, html_table
from tabular.progress import Reporter


class ZMQInteractiveShell:
    """As IPython calls the shell of a notebook."""


class TerminalInteractiveShell:
    """As IPython calls the one of a terminal."""


def test_bars_are_the_default_of_notebooks_alone(monkeypatch):
    given = Reporter()
    for shell, kind in ((ZMQInteractiveShell(), NotebookReporter), (TerminalInteractiveShell(), Reporter)):
        monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda shell=shell: shell))
        assert type(default_reporter()) is kind
        assert default_reporter(given) is given
    monkeypatch.delitem(sys.modules, "IPython")
    assert type(default_reporter()) is Reporter


def test_a_bar_shows_the_work_and_its_state(capsys):
    with NotebookReporter().task("Learning", 10, "steps") as task:
        task.advance(4, "loss 1.234")
        task.extend(5)
        task.advance(1)
        task.bar.refresh()
        assert (task.bar.n, task.bar.total) == (5, 15)
        task.finish()
    shown = capsys.readouterr().err
    assert "Learning" in shown
    assert "loss 1.234" in shown


def test_a_note_is_printed(capsys):
    NotebookReporter().note("computing with 1 thread")
    assert capsys.readouterr().out == "computing with 1 thread\n"


def test_what_a_table_holds_is_no_markup():
    assert "&lt;b&gt;" in html_table("<b>", ("<b>",), [("<b>",)])
    assert "<b><b>" not in html_table("<b>", ("<b>",), [("<b>",)])
