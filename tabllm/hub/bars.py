"""The hub client's progress bars, as one task of this project's reporters."""

from __future__ import annotations

import threading
from typing import Any

from tabular.progress import Task

__all__ = ["Stopped", "bar_class"]


class Stopped(Exception):
    """Ends the threads of a download that the user has interrupted."""


def bar_class(task: Task, stop: threading.Event) -> type:
    """A stand-in for tqdm's class: it draws nothing, tells ``task`` of megabytes, and raises once ``stop`` is set.

    The client has a bar for bytes from the network and one for bytes on the disk, and older clients have one of the
    two: whichever is ahead is reported.
    """
    from tqdm.auto import tqdm

    reported = 0.0
    lock = threading.Lock()

    class Bar(tqdm):
        def __init__(self, *args: Any, **options: Any) -> None:
            options.pop("name", None)  # only the client's own class has it
            self.counts_bytes = options.get("unit") == "B"
            super().__init__(*args, **{**options, "disable": True})

        def update(self, n: float | None = 1) -> None:
            nonlocal reported
            if self.counts_bytes and stop.is_set():  # others move in callbacks, where an error is printed
                raise Stopped
            with lock:
                self.n += n or 0
                if self.counts_bytes and self.n / 1e6 > reported:
                    task.advance(self.n / 1e6 - reported)
                    reported = self.n / 1e6

    return Bar
