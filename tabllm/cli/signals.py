"""SIGTERM and SIGHUP end a command as Ctrl-C does: what is done is kept, and nothing half-written is left."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

__all__ = ["Received", "signals_as_interrupts"]


class Received:
    """Which signal came; ``None`` or Ctrl-C if neither of the two."""

    number: int | None = None


@contextlib.contextmanager
def signals_as_interrupts() -> Iterator[Received]:
    """Inside, SIGTERM and SIGHUP do what Ctrl-C does at that moment; one that was ignored before stays so (nohup)."""
    received = Received()
    if threading.current_thread() is not threading.main_thread():
        yield received
        return

    def forward(number: int, frame: FrameType | None) -> None:
        received.number = number
        handler = signal.getsignal(signal.SIGINT)
        if not callable(handler):  # Ctrl-C is ignored in the background of a shell script; these two are not
            raise KeyboardInterrupt
        handler(signal.SIGINT, frame)

    before: dict[int, Any] = {}
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            before[number] = signal.signal(number, forward)
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
