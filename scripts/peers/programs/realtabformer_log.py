"""REaLTabFormer on histories, with its defaults: a model of users, and one of all events of a user given the user."""

from pathlib import Path
from typing import Any

import pandas as pd
from _log_task import timed, users_of
from _realtabformer import REPAIRS
from _task import run
from realtabformer import REaLTabFormer

FIRST = "first event"


def fit(table: pd.DataFrame, task: dict[str, Any]) -> Any:
    table, key, own = timed(table, task), task["by"], task["user_columns"]
    users = users_of(table, task)
    if not own:  # the model of users wants a column, and of instants alone it finds nothing to judge itself by
        first = users[key].map(table.groupby(key)[task["time"]].min())
        users[FIRST] = first.astype("int64") // 10**9 if task["instants"] else first
    parents = REaLTabFormer(model_type="tabular", random_state=task["seed"])
    parents.fit(users.drop(columns=key), device="cpu", **REPAIRS)
    parents.save("parents")
    path = next(path for path in Path("parents").iterdir() if path.is_dir())
    children = REaLTabFormer(
        model_type="relational", parent_realtabformer_path=path, random_state=task["seed"], output_max_length=None
    )
    children.fit(df=table.drop(columns=own), in_df=users, join_on=key, device="cpu")
    return parents, children, key, own, len(users)


def sample(model: Any, rows: int) -> pd.DataFrame:
    parents, children, key, own, users = model
    made = parents.sample(n_samples=users, device="cpu").reset_index(drop=True)
    made.index.name = key
    drawn = children.sample(input_unique_ids=made.index, input_df=made, device="cpu", gen_batch=64)
    drawn.index.name = key
    drawn = drawn.drop(columns=[key], errors="ignore").reset_index()
    return drawn.merge(made[own].reset_index(), on=key, how="left") if own else drawn


run(fit, sample)
