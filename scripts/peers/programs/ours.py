"""A generator of this package."""

from _task import run

import tabllm  # noqa: F401 (registers the generators)
from tabular import read_table
from tabular.registry import create

run(
    lambda table, task: create(task["model"], seed=task["seed"]).fit(read_table("train.csv")),
    lambda model, rows: model.sample(rows),
)
