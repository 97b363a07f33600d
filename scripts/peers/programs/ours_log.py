"""Histories of users, learned by this package."""

from _task import run

from tabllm import SequenceLM
from tabular import read_table

run(
    lambda table, task: SequenceLM(by=task["by"], time=task["time"], seed=task["seed"], epochs=task.get("epochs")).fit(
        read_table("train.csv")
    ),
    lambda model, rows: model.sample(),
)
