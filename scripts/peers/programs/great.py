"""GReaT of `be-great`, with its defaults, on the folder of a language model."""

from typing import Any

import pandas as pd
from _task import run
from be_great import GReaT
from transformers import set_seed


def fit(table: pd.DataFrame, task: dict[str, Any]) -> Any:
    set_seed(task["seed"])
    model = GReaT(llm=task["language_model"])
    model.fit(table)
    return model


run(fit, lambda model, rows: model.sample(n_samples=rows, device="cpu"))
