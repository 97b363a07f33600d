"""Linked tables of this package, with the settings that the task names."""

from _task import run_tables

from tabllm import LinkedTables

run_tables(
    lambda tables, task: LinkedTables(seed=task["seed"], epochs=task["epochs"]).fit(
        tables, [f"{parent}.{column}={child}.{named_by}" for parent, column, child, named_by in task["keys"]]
    ),
    lambda model: model.sample(),
)
