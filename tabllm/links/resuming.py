"""A fit of linked tables that was interrupted: tables that are learned are read, the one in work goes on."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import pandas as pd

from tabular.errors import RunError
from tabular.progress import Reporter
from tabular.schema import Schema
from tabular.synthesizer import Synthesizer
from tabular.training.plan import fingerprint_of

from ..studies.workspace import has_fingerprint, learn_run, save_with

__all__ = ["fitted"]

Model = TypeVar("Model", bound=Synthesizer)


def fitted(
    model: Model, table: pd.DataFrame, schema: Schema, folder: Path | None, *, progress: Reporter, device: str
) -> Model:
    """``model`` fitted to ``table``.

    Args:
        folder: where the run of this one table lies once it is learned, and its checkpoint before, beside it; ``None``
            keeps nothing. A run of another table or of other settings is replaced.
    """
    if folder is None:
        return model.fit(table, schema=schema, progress=progress)
    cells = pd.util.hash_pandas_object(table, index=False).to_numpy()
    wanted = fingerprint_of({"model": model.name, "settings": model.settings(), "schema": schema.to_dict()}, cells)
    if has_fingerprint(folder, wanted):
        try:
            found = type(model).load(folder, device=device)
            progress.note("An earlier call learned it.")
            return found
        except RunError as error:
            progress.note(f"{error} That is done now.")
    learn_run(
        model,
        table,
        schema,
        folder,
        progress=progress,
        save=lambda run: save_with(model, run, {"fingerprint": wanted}),
    )
    return model
