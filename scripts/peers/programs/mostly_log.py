"""TabularARGN of `mostlyai-engine` on histories, with its defaults: users are the context of events."""

from typing import Any

import pandas as pd
from _log_task import timed, users_of
from _task import run
from mostlyai.engine import TabularARGN


def fit(table: pd.DataFrame, task: dict[str, Any]) -> Any:
    table, key = timed(table, task), task["by"]
    users = users_of(table, task)
    own, of_users = task["user_columns"], None
    if own:
        of_users = TabularARGN(random_state=task["seed"], device="cpu").fit(users[own])
    events = TabularARGN(
        tgt_context_key=key, ctx_data=users, ctx_primary_key=key, random_state=task["seed"], device="cpu"
    ).fit(table.drop(columns=own))
    return of_users, events, users, key


def sample(model: Any, rows: int) -> pd.DataFrame:
    of_users, events, users, key = model
    keys = pd.DataFrame({key: [f"user {number}" for number in range(len(users))]})
    made = keys if of_users is None else keys.join(of_users.sample(n_samples=len(keys)).reset_index(drop=True))
    drawn = events.sample(ctx_data=made)
    return drawn.merge(made, on=key, how="left")


run(fit, sample)
