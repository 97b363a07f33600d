"""What a notebook shows: small tables of HTML, and progress bars."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from html import escape
from typing import Any

from .progress import Reporter, RichReporter, Task

__all__ = ["NotebookReporter", "default_reporter", "html_table"]


def html_table(title: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table for ``_repr_html_``; everything in it is escaped."""

    def line(cells: Sequence[Any], tag: str) -> str:
        begin, end = f"<{tag} style='text-align:left'>", f"</{tag}>"
        return f"<tr>{''.join(f'{begin}{escape(str(cell))}{end}' for cell in cells)}</tr>"

    head = f"<thead>{line(header, 'th')}</thead>" if header else ""
    body = "".join(line(row, "td") for row in rows)
    return f"<p><b>{escape(title)}</b></p><table>{head}<tbody>{body}</tbody></table>"


def default_reporter(progress: Reporter | None = None, *, verbose: bool = False) -> Reporter:
    """``progress``; if absent bars in a notebook, where a person waits, or where ``verbose``, and silence elsewhere."""
    if progress is not None:
        return progress
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if type(shell).__name__ == "ZMQInteractiveShell":
        return NotebookReporter()
    return RichReporter() if verbose else Reporter()


class NotebookReporter(Reporter):
    """Bars by tqdm: widgets where there is ipywidgets, else lines of text. They vanish when the work is done."""

    @contextmanager
    def task(self, label: str, total: float, unit: str) -> Iterator[Task]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that ipywidgets is missing
            from tqdm.auto import tqdm

            bar = tqdm(total=total, desc=label, unit=f" {unit}", unit_scale=True, leave=False)
        with bar:
            yield _Bar(bar)

    def note(self, message: str) -> None:
        print(message)


class _Bar(Task):
    def __init__(self, bar: Any) -> None:
        self.bar = bar

    def advance(self, amount: float = 1, text: str = "") -> None:
        if text:
            self.bar.set_postfix_str(text, refresh=False)
        self.bar.update(amount)

    def extend(self, amount: float) -> None:
        self.bar.total += amount

    def finish(self, text: str = "") -> None:
        self.bar.total = self.bar.n
