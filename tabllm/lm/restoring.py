"""A run's pretrained model, found again, and the engine with what was trained in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tabular.errors import RunError

from ..hub.folder import ModelFolder, resolve
from .engine import LmEngine, Tuning
from .loading import make_lm
from .run_files import LmRun
from .table_codec import TokenCodec

__all__ = ["engine_of", "folder_of"]


def folder_of(run: LmRun, directory: Path) -> ModelFolder:
    """The model that a run's weights go into: after full tuning its own, else the one that its adapter belongs to.

    Raises:
        RunError: if that was a local folder, which is not there any more.
    """
    if run.fit["tuning"] == "full":
        return ModelFolder(run.model, run.base["name"], run.base["repo"], run.base["revision"])
    path = Path(run.base["path"])
    if (path / "config.json").exists():
        found = resolve(str(path)).path
        return ModelFolder(found, run.base["name"], run.base["repo"], run.base["revision"])
    if run.base["repo"] is None:
        raise RunError(
            f"The adapter in {directory} belongs to the model in {path}, which is not there any more; put it back, or "
            "fit again."
        )
    return resolve(run.base["repo"], revision=run.base["revision"])


def engine_of(run: LmRun, folder: Path, engine: str, device: str, *, precision: str) -> LmEngine:
    """The model in a folder, with what was trained in the run.

    Raises:
        RunError: if the trained weights do not fit the model.
    """
    full, random = run.fit["tuning"] == "full", run.base.get("random")
    lm = make_lm(
        engine,
        device,
        folder,
        precision=precision,
        random=int(random) if random is not None and not full else None,
    )
    if isinstance(run.codec, TokenCodec):
        words = run.codec.vocabulary - 1
        lm.use_vocabulary([[0]] * words, [[0]] * len(run.codec.sizes), np.zeros(words, np.float32))
    if run.trained:
        tuning = Tuning("none" if full else run.fit["tuning"], rank=int(run.fit["rank"]))
        lm.start_training(tuning, np.zeros(1, np.int64), np.ones((1, 1), bool), weight_decay=0.0)
        try:
            lm.load_trained(run.trained)
            lm.finish_training()
        except (KeyError, RuntimeError, ValueError) as error:
            raise RunError(
                f"The run's trained.safetensors does not fit the model in {folder} ({error}); put back the "
                "model that it was fitted on, or fit again."
            ) from None
    return lm
