"""CTGAN and TVAE of the package `ctgan`, with its defaults."""

from typing import Any

import ctgan
import numpy as np
import pandas as pd
import torch
from _task import discrete_columns, run


def fit(table: pd.DataFrame, task: dict[str, Any]) -> Any:
    torch.manual_seed(task["seed"])
    np.random.seed(task["seed"])
    model = getattr(ctgan, task["model"])(enable_gpu=False)
    model.fit(table, discrete_columns(table))
    return model


run(fit, lambda model, rows: model.sample(rows))
