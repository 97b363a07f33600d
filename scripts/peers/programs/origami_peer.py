"""ORiGAMi, with its defaults and numbers in bins: without bins a number is one of its texts."""

from typing import Any

import pandas as pd
import torch
from _task import run
from origami import OrigamiConfig, OrigamiPipeline
from origami.config import DataConfig


def fit(table: pd.DataFrame, task: dict[str, Any]) -> Any:
    torch.manual_seed(task["seed"])
    pipeline = OrigamiPipeline(OrigamiConfig(data=DataConfig(numeric_mode="discretize")))
    return pipeline.fit(table.to_dict("records"))


run(
    fit,
    lambda model, rows: pd.DataFrame(model.generate(num_samples=rows, allow_complex_values=False, seed=0)),
)
