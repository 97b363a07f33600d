"""How one part is made: one small class for each task."""

from __future__ import annotations

from abc import ABC, abstractmethod
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from ..scoring import Scorer, class_columns, columns_without, score_columns, with_columns
from .job import Work
from .tables import read_rows

if TYPE_CHECKING:
    import pandas as pd

    from tabular.synthesizer import Synthesizer

__all__ = ["TASKS", "Task"]


class Task(ABC):
    """Makes the rows of parts.

    Args:
        synthesizer: the run, loaded.
    """

    def __init__(self, synthesizer: Synthesizer, work: Work) -> None:
        self.synthesizer, self.work = synthesizer, work

    @abstractmethod
    def make(self, part: int) -> pd.DataFrame:
        """The rows of one part, a function of the job and ``part`` alone."""


class Sampling(Task):
    """The rows that one call for all rows gives at the part's place, without those before it."""

    def make(self, part: int) -> pd.DataFrame:
        job = self.work.job
        refine = job.settings.get("refine")
        batches = self.synthesizer.sample_batches(
            job.rows,
            where=list(job.settings.get("where", ())) or None,
            seed=job.seed,
            done=job.span(part)[0],
            **({} if refine is None else {"refine": refine}),
        )
        return next(islice(batches, 1))


class OfTable(Task):
    """Work on the rows of a table, part by part."""

    def rows(self, part: int) -> pd.DataFrame:
        """The rows of the table at the part's place, without dropped columns."""
        from tabular.io.dropping import drop_columns

        job, table = self.work.job, self.work.table
        assert table is not None
        return drop_columns(read_rows(table, *job.span(part)), job.settings.get("dropped", ()))


class Imputing(OfTable):
    """The rows with their missing cells filled in; each part has a seed of its own."""

    def make(self, part: int) -> pd.DataFrame:
        seed = np.random.SeedSequence([self.work.job.seed, part]).generate_state(1)[0]
        return self.synthesizer.complete(self.rows(part), seed=int(seed))


class Scoring(OfTable):
    """The rows with how probable they are, beside rows that the model draws: the same ones for all parts."""

    def __init__(self, synthesizer: Synthesizer, work: Work) -> None:
        super().__init__(synthesizer, work)
        settings = work.job.settings
        columns, given = settings.get("columns", ()), settings.get("given", ())
        if not columns and settings.get("dropped"):
            columns = columns_without(synthesizer, settings["dropped"], given)
        self.scorer = Scorer(synthesizer, columns, given)

    def make(self, part: int) -> pd.DataFrame:
        rows = self.rows(part)
        return with_columns(rows, score_columns(self.scorer.score(rows)))


class Predicting(OfTable):
    """The rows with the probability of each class of a column."""

    def make(self, part: int) -> pd.DataFrame:
        settings, rows = self.work.job.settings, self.rows(part)
        probs = self.synthesizer.predict_proba(rows, settings["target"], settings.get("given"))
        return with_columns(rows, class_columns(probs, settings["target"]))


#: All tasks by their names.
TASKS: dict[str, type[Task]] = {"sample": Sampling, "impute": Imputing, "score": Scoring, "predict": Predicting}
