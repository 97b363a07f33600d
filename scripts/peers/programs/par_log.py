"""PAR of SDV on histories, with its defaults: users' own columns as context."""

from typing import Any

import pandas as pd
from _log_task import timed
from _task import run
from sdv.metadata import Metadata
from sdv.sequential import PARSynthesizer


def fit(table: pd.DataFrame, task: dict[str, Any]) -> Any:
    table = timed(table, task)
    table[task["by"]] = table[task["by"]].astype(str)
    metadata = Metadata.detect_from_dataframes({"events": table}, infer_keys=None)
    metadata.update_column(table_name="events", column_name=task["by"], sdtype="id")
    metadata.set_sequence_key(table_name="events", column_name=task["by"])
    metadata.set_sequence_index(table_name="events", column_name=task["time"])
    model = PARSynthesizer(metadata, context_columns=task["user_columns"] or None, cuda=False)
    model.fit({"events": table})
    return model, table[task["by"]].nunique()


run(fit, lambda model, rows: model[0].sample_sequences(num_sequences=model[1])["events"])
