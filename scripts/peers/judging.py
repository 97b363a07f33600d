"""What `eval` measures of every generator's rows, in the same way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from eval import compare
from tabular import read_table

__all__ = ["measure", "spelled_alike"]


def spelled_alike(made: pd.DataFrame, real: pd.DataFrame) -> pd.DataFrame:
    """``made`` with texts as ``real`` spells them: pandas reads TRUE as a truth value, and writes it as True."""
    for name in made.columns.intersection(real.columns):
        if not any(table[name].dtype.kind in "iufM" for table in (real, made)):
            spellings = {str(value).casefold(): value for value in real[name].dropna().unique()}
            known = made[name].astype(str).str.casefold().map(spellings)
            made[name] = known.where(known.notna(), made[name])
    return made


def measure(train: Path, test: Path, made: Path, target: str) -> dict[str, Any]:
    """Utility, every column as target, mutual information, membership and distances of the rows in ``made``."""
    real = read_table(train)
    report = compare(
        real, spelled_alike(read_table(made), real), holdout=read_table(test), target=target, all_targets=True, seed=0
    )
    utility, privacy, every = report.utility, report.privacy, report.all_targets
    information = report.margins.information if report.margins else None
    membership = privacy.membership if privacy else None
    distance = privacy.distance if privacy else None
    return {
        "utility_metric": utility.headline if utility else None,
        "utility": utility.synthetic.metrics[utility.headline] if utility else None,
        "utility_real": utility.real.metrics[utility.headline] if utility else None,
        "all_targets_percent": every.kept_percent if every else None,
        "all_targets_floor_percent": every.floor_percent if every else None,
        "information_error": information.weighted_error if information else None,
        "information_floor": information.weighted_floor if information else None,
        "membership_auc": membership.best.auc.value if membership else None,
        "dcr_share": distance.share_closer_to_real if distance else None,
        "copies_percent": privacy.copies.synthetic_percent if privacy and privacy.copies else None,
    }
