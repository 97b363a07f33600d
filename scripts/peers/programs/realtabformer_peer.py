"""REaLTabFormer, with its defaults: a GPT-2 of its own, trained from scratch."""

from typing import Any

import pandas as pd
from _realtabformer import REPAIRS
from _task import run
from realtabformer import REaLTabFormer


def fit(table: pd.DataFrame, task: dict[str, Any]) -> Any:
    model = REaLTabFormer(model_type="tabular", random_state=task["seed"])
    model.fit(table, device="cpu", **REPAIRS)
    return model


run(fit, lambda model, rows: model.sample(n_samples=rows, device="cpu"))
