"""The log-probabilities by which ``tabllm eval`` attacks a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tabular.errors import TabllmError, UsageError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from .session import Session

__all__ = ["run_log_probs"]

#: The models that are attacked without being asked to: probabilities of thousands of rows take them seconds.
FAST = {"nano"}
#: Rows of each kind that another model is asked about.
FEWER_ROWS = 500


def run_log_probs(
    session: Session, run: str, real: pd.DataFrame, holdout: pd.DataFrame | None, *, asked: bool, seed: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """Log-probabilities of some rows that ``run`` learned and of some that were held out.

    Args:
        asked: whether the attack was asked for; else there is none where it would take long or lacks something.

    Raises:
        UsageError: if it was asked for and there is no holdout, or the model has no probabilities.
    """
    from eval.attacks.membership import MAX_TARGETS, MIN_TARGETS
    from eval.attacks.white_box import drawn_targets
    from tabular.registry import load_run, read_config

    if holdout is None and asked:
        raise UsageError("--run compares training rows with held-out ones; name these with --holdout FILE.")
    fast = read_config(run)["model"] in FAST
    if holdout is None or not (asked or fast) or (not asked and min(len(real), len(holdout)) < MIN_TARGETS):
        return None
    most = MAX_TARGETS if fast else FEWER_ROWS
    try:
        synthesizer = load_run(run)
        learned, held = (
            synthesizer.log_prob(table.iloc[drawn_targets(len(table), seed, most)], progress=session.reporter())
            for table in (real, holdout)
        )
    except TabllmError:
        if asked:
            raise
        return None  # rows of other columns than the run's, say: the report is whole without it
    return learned, held
