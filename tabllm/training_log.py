"""``tabllm fit --log``: each evaluation of a fit as scalars that TensorBoard draws."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tabular.errors import EngineError, UsageError
from tabular.progress import Reporter, Task
from tabular.storage.placing import as_output_error

__all__ = ["logged", "tag_of"]

#: Entries of a history under names by which TensorBoard draws the two losses side by side.
_TAGS = {"train_loss": "loss/train", "held_out_loss": "loss/held_out"}


def tag_of(name: str) -> str:
    """The tag under which an entry of a history is drawn."""
    return _TAGS.get(name, name)


@contextmanager
def logged(log: str | None, reporter: Reporter, run: Path) -> Iterator[Reporter]:
    """``reporter``, which inside writes the evaluations to a log too if ``log`` (``KIND[:DIR]``) asks for one.

    Raises:
        UsageError: for a kind that there is not.
        EngineError: if the package that writes it is missing.
        OutputError: if the folder of the log cannot be written.
    """
    if log is None:
        yield reporter
        return
    kind, _, folder = log.partition(":")
    if kind != "tensorboard":
        raise UsageError(f"There is no log {kind!r}; write --log tensorboard, or --log tensorboard:DIR.")
    board = TensorBoard(reporter, Path(folder or Path("runs") / run.name))
    try:
        yield board
    finally:
        board.close()


class TensorBoard(Reporter):
    """Passes everything on to ``reporter``, and writes the evaluations as event files into ``folder``."""

    def __init__(self, reporter: Reporter, folder: Path) -> None:
        try:
            from tensorboardX import SummaryWriter
        except ImportError:
            raise EngineError("--log tensorboard needs tensorboardX: pip install tensorboardX.") from None
        self.reporter, self.folder = reporter, folder
        self._make_writer = SummaryWriter
        self._writer: Any = None
        with as_output_error(folder):
            folder.mkdir(parents=True, exist_ok=True)

    def evaluated(self, entry: Mapping[str, float]) -> None:
        self.reporter.evaluated(entry)
        step = int(entry["step"])
        with as_output_error(self.folder):
            if self._writer is None:
                # What an earlier fit, or the interrupted one that this goes on from, wrote from here on is hidden.
                self._writer = self._make_writer(str(self.folder), purge_step=step)
            for name, value in entry.items():
                if name != "step":
                    self._writer.add_scalar(tag_of(name), value, step)
            self._writer.flush()  # a killed fit leaves its curve

    def close(self) -> None:
        """End the thread that writes."""
        if self._writer is not None:
            self._writer.close()

    @contextmanager
    def task(self, label: str, total: float, unit: str) -> Iterator[Task]:
        with self.reporter.task(label, total, unit) as task:
            yield task

    def note(self, message: str) -> None:
        self.reporter.note(message)

    def warn(self, message: str) -> None:
        self.reporter.warn(message)
