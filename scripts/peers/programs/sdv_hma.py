"""The hierarchical model HMA of `sdv`, with its defaults. Kinds of columns are those that it finds, keys are given."""

from typing import Any

import pandas as pd
from _task import run_tables
from sdv.metadata import Metadata
from sdv.multi_table import HMASynthesizer


def fit(tables: dict[str, pd.DataFrame], task: dict[str, Any]) -> Any:
    """The fitted model."""
    metadata = Metadata.detect_from_dataframes(tables, infer_keys=None)
    for parent, column, child, named_by in task["keys"]:
        for table, name in ((parent, column), (child, named_by)):
            metadata.update_column(table_name=table, column_name=name, sdtype="id")
        metadata.set_primary_key(table_name=parent, column_name=column)
        metadata.add_relationship(parent, child, column, named_by)
    model = HMASynthesizer(metadata, verbose=False)
    model.fit(tables)
    return model


run_tables(fit, lambda model: model.sample(scale=1.0))
