"""A run's pretrained model, found again, and the engine with what was trained in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from tabular.errors import RunError

from ..hub.facts import read_facts
from ..hub.folder import ModelFolder
from .bases import find_base
from .engines.base import LmEngine
from .engines.loading import make_lm
from .engines.tuning import tuning_of
from .run_files import LmRun
from .serialization.table import TokenCodec

__all__ = ["engine_of", "folder_of"]


def folder_of(run: LmRun, directory: Path) -> ModelFolder:
    """The model that a run's weights go into: after full tuning its own, else the one that its adapter belongs to.

    Raises:
        RunError, ModelError: as :func:`.bases.find_base`.
    """
    if run.fit["tuning"] == "full":
        return ModelFolder(run.model, run.base["name"], run.base["repo"], run.base["revision"])
    return find_base(run.base, directory)


def engine_of(run: LmRun, folder: Callable[[], ModelFolder], engine: str, device: str, *, precision: str) -> LmEngine:
    """The model in the folder that ``folder`` finds, with what was trained in the run.

    Raises:
        RunError: if the trained weights do not fit the model.
    """
    full, random, position = run.fit["tuning"] == "full", run.base.get("random"), folder().path
    read_facts(position)  # refuses a config that declares more than the weights hold
    lm = make_lm(
        engine,
        device,
        position,
        precision=precision,
        random=int(random) if random is not None and not full else None,
    )
    if isinstance(run.codec, TokenCodec):
        words = run.codec.vocabulary - 1
        lm.use_vocabulary([[0]] * words, [[0]] * len(run.codec.sizes), np.zeros(words, np.float32))
    if run.trained:
        lm.start_training(tuning_of(run.fit), np.zeros(1, np.int64), np.ones((1, 1), bool), weight_decay=0.0)
        try:
            lm.load_trained(run.trained)
            lm.finish_training()
        except (KeyError, RuntimeError, ValueError) as error:
            raise RunError(
                f"The run's trained.safetensors does not fit the model in {position} ({error}); put back the "
                "model that it was fitted on, or fit again."
            ) from None
    return lm
