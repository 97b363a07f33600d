"""What the programs for histories of users share: the table of users, and times as times."""

from __future__ import annotations

from typing import Any

import pandas as pd

__all__ = ["timed", "users_of"]


def timed(table: pd.DataFrame, task: dict[str, Any]) -> pd.DataFrame:
    """``table`` with instants in the column of time, where ``task`` says that it holds instants, in its order."""
    if task["instants"]:
        table = table.assign(**{task["time"]: pd.to_datetime(table[task["time"]])})
    return table.sort_values([task["by"], task["time"]], kind="stable").reset_index(drop=True)


def users_of(table: pd.DataFrame, task: dict[str, Any]) -> pd.DataFrame:
    """One row per user: the key, and the columns that never change within a user."""
    return table.drop_duplicates(task["by"])[[task["by"], *task["user_columns"]]].reset_index(drop=True)
