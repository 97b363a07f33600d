"""What an interrupted training leaves, and how Ctrl-C waits for the end of a step."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import OutputError, RunError
from ..plain_json import NUMBER, PLAIN, FieldError, check_fields, each_of, list_of, parse_json, real, whole
from .placing import place_file
from .rundir import mark_folder

__all__ = ["Checkpoint", "deferred_interrupt"]

Arrays = dict[str, np.ndarray]


#: What the facts of a checkpoint must be, where it has them; others are let through.
_FACTS = {
    "step": whole(0),
    "seconds": real(0),
    "restarts": whole(0, 1000),
    "evals_since_best": whole(0),
    "best": each_of(NUMBER),
    "best_step": whole(0),
    "history": list_of(each_of(NUMBER)),
    "learner": each_of(PLAIN),
}
#: What is written into a checkpoint; those of older releases have none.
_FORMAT = "2"


class Checkpoint:
    """One file in a folder, written whole or not at all.

    Args:
        folder: made when first written to.
        fingerprint: of the data and the settings; what was left by others is not gone on from.
    """

    def __init__(self, folder: str | Path, fingerprint: str) -> None:
        self.folder = Path(folder)
        self.path = self.folder / "checkpoint.safetensors"
        self.fingerprint = fingerprint

    def read(self) -> tuple[Arrays, Arrays, dict[str, Any]] | None:
        """(training state, best weights, facts), or ``None`` where there is nothing whole to go on from.

        Raises:
            RunError: for a checkpoint of an older release.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(self.path, framework="numpy") as file:
                metadata = file.metadata() or {}
                facts = parse_json(metadata.get("facts", ""), finite=False)  # a loss may be infinite
                check_fields(facts, _FACTS, "it", needed=("step", "seconds", "history"))
                foreign = metadata.get("format") != _FORMAT
                if metadata.get("fingerprint") != self.fingerprint and not foreign:
                    return None
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        except (OSError, SafetensorError, FieldError, TypeError, AttributeError, KeyError):
            return None  # cut short, or of dtypes that numpy has not
        if foreign:
            raise RunError(
                f"The checkpoint {self.path} was left by another release of tabllm, and this one cannot go on from it: "
                "remove it to begin anew."
            )
        best = {name.removeprefix("best/"): value for name, value in arrays.items() if name.startswith("best/")}
        state = {name: value for name, value in arrays.items() if not name.startswith("best/")}
        return state, best, facts

    @contextlib.contextmanager
    def taking_up(self) -> Iterator[None]:
        """What goes wrong inside, where a fit takes up what was read, is reported as the checkpoint's fault.

        Raises:
            RunError: naming the file.
        """
        try:
            yield
        except (KeyError, TypeError, ValueError, IndexError, AttributeError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:200]
            raise RunError(
                f"The checkpoint {self.path} does not fit ({type(error).__name__}: {reason}); remove it to begin anew."
            ) from None

    def write(self, state: Arrays, best: Arrays, facts: dict[str, Any]) -> None:
        """Replace what was written before. Raises :class:`OutputError` where that cannot be done."""
        from safetensors.numpy import save_file

        arrays = {**state, **{f"best/{name}": value for name, value in best.items()}}
        part = self.path.with_suffix(".part")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            mark_folder(self.folder)
            about = {"format": _FORMAT, "fingerprint": self.fingerprint, "facts": json.dumps(facts)}
            save_file(arrays, part, about)
            place_file(part, self.path)
        except Exception as error:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
            free = shutil.disk_usage(self.folder.parent).free if self.folder.parent.exists() else 0
            raise OutputError(
                f"The checkpoint in {self.folder} cannot be written ({error}; {free / 1e6:,.0f} MB free there): "
                "make room, or choose another place with '-o'."
            ) from None


@contextlib.contextmanager
def deferred_interrupt() -> Iterator[Callable[[], bool]]:
    """Inside, the first Ctrl-C is only noted, so that no step is cut in half; a second one acts at once.

    Yields a function that tells whether one was noted.
    """
    noted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield noted.is_set
        return

    def note(number: int, frame: Any) -> None:
        noted.set()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield noted.is_set
    finally:
        signal.signal(signal.SIGINT, before)
