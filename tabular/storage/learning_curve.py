"""The learning curve of a fit while it grows: a file that a killed fit leaves, and a line to whoever watches."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..progress import Reporter
from .rundir import HISTORY, make_folder, mark_folder, write_text

__all__ = ["LearningCurve", "curve_text"]


class LearningCurve:
    """Writes a fit's history at every evaluation.

    Args:
        folder: of the checkpoint, where ``history.jsonl`` is written; ``None`` writes no file.
        progress: notified of each evaluation.
    """

    def __init__(self, folder: str | Path | None, progress: Reporter) -> None:
        self.folder = None if folder is None else Path(folder)
        self.progress = progress

    def evaluated(self, history: Sequence[Mapping[str, float]]) -> None:
        """An evaluation was added to ``history``. The file is written whole, since a fit may have gone back.

        Raises:
            OutputError: if it cannot be written.
        """
        if self.folder is not None:
            make_folder(self.folder)
            mark_folder(self.folder)
            write_text(self.folder / HISTORY, curve_text(history))
        self.progress.evaluated(history[-1])


def curve_text(history: Sequence[Mapping[str, float]]) -> str:
    """One line of JSON per evaluation."""
    return "".join(json.dumps(dict(entry)) + "\n" for entry in history)
