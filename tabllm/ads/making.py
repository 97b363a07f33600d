"""A synthetic past from a generator; what an earlier call with the same rows and settings made is taken from there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from tabular.progress import Reporter
from tabular.schema import Schema

from ..comparing.study import Settings, made_rows
from ..studies.workspace import Synthetic, Workspace, folder_of

__all__ = ["make_past"]


def make_past(
    model: str,
    past: pd.DataFrame,
    schema: Schema,
    settings: Settings,
    folder: Path,
    progress: Reporter,
    log: tuple[str, str] | None = None,
) -> Synthetic:
    """Fit ``model`` to ``past`` and sample as many rows, or ``settings.rows``; run and rows lie in ``folder``.

    An interrupted fit goes on from its checkpoint there.

    Args:
        log: the columns of the user and of the time; then ``nano`` learns whole histories.

    Raises:
        TabllmError: what the generator raises.
        OutputError: if ``folder`` cannot be written.
    """
    work, learner = Workspace(folder_of(folder, model), progress), model
    if log is not None and model == "nano":
        learner = "sequences"
        settings = replace(settings, options={**settings.options, "by": log[0], "time": log[1]})
    made = made_rows(work, learner, past, schema, settings, progress)
    if made.resumed:
        progress.note(f"{model}: made by an earlier call.")
    return made
