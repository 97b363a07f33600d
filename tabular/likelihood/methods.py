"""How probable rows are, as methods of every generator; those that cannot tell say which can."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from ..errors import UsageError
from ..progress import Reporter

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from ..schema import Schema
    from .scorer import RowScorer

__all__ = ["Likelihood"]


class Likelihood:
    """Log-probabilities of rows and cells, and class probabilities; a base of :class:`tabular.Synthesizer`.

    A probability is that of the row as it is written: a category of its token, a number of its bin, times the fraction
    of the bin that is written as this number. (A column of floats without a fixed number of digits counts as written
    in millionths of its range.) So every figure is a probability, never a density, and rows compare with each other.

    Whole rows are scored in the order in which they are drawn. With ``given``, the given columns come first. Orders
    give slightly different probabilities, since the model learned all of them and none exactly; log-probabilities add
    up within one order: ``log_prob(t, ["a"]) + log_prob(t, ["b"], given=["a"])`` is ``log_prob(t, ["a", "b"])`` where
    ``a`` is drawn before ``b``.

    What counts how:

    - Categories that were folded as rare count as the folded class. A missing cell counts as missing.
    - A cell that cannot be drawn is impossible, -inf: a value outside the schema (and beyond bounds that folding rare
      values drew in), a number that no bin holds, a missing cell where none was missing, a row that breaks a rule.
      (Where rows that break rules are drawn again, the others become likelier by one common factor, which is not
      counted.)
    - The order of rows is no part of a row: rules on it are not counted.
    - A column that follows from others by a rule is certain, 0, where it agrees with them.
    - Identifiers and made-up values have no probability and are left out, as is free text where it is not learned.
    - Sampling's temperature, filters and refinement are not counted: it is the model's distribution that is.
    """

    if TYPE_CHECKING:
        name: ClassVar[str]

        @property
        def schema(self) -> Schema: ...

        def _reporter(self, progress: Reporter | None) -> Reporter: ...

    def _scorer(self) -> RowScorer:
        raise UsageError(
            f"The model {self.name!r} has no probability of a row; fit one that has: '-m nano', or a language model "
            "such as '-m gpt2'."
        )

    def log_prob(
        self,
        table: pd.DataFrame,
        columns: Sequence[str] | None = None,
        given: Sequence[str] | None = None,
        *,
        progress: Reporter | None = None,
    ) -> np.ndarray:
        """Natural log of each row's probability, float64[rows].

        Args:
            columns: of these columns alone; of all but ``given`` if absent.
            given: columns that are known; NaN for rows in which they are impossible.
            progress: notified how many rows are done.

        Raises:
            SchemaError: if the table lacks a column.
            UsageError: for a column without a probability; if this generator has none.
        """
        cells = self.cell_log_probs(table, columns, given, progress=progress)
        total: np.ndarray = cells.to_numpy().sum(axis=1)
        return total

    def cell_log_probs(
        self,
        table: pd.DataFrame,
        columns: Sequence[str] | None = None,
        given: Sequence[str] | None = None,
        *,
        progress: Reporter | None = None,
    ) -> pd.DataFrame:
        """Natural log of each cell's probability after those before it, float64[rows, columns]; see :meth:`log_prob`.

        The sum of a row is its log-probability; a column of -inf says what makes the row impossible.
        """
        import pandas as pd

        from .cells import cell_log_probs, request

        scorer = self._scorer()
        checked, index = self._checked_rows(table)
        requested = request(self.schema, scorer, columns, given)
        with self._reporter(progress).task("Scoring", len(checked), "rows") as task:
            found = cell_log_probs(checked, scorer, requested, task.advance)
        return pd.DataFrame(found, index=index, columns=requested.columns)

    def predict_proba(
        self,
        table: pd.DataFrame,
        target: str,
        given: Sequence[str] | None = None,
        *,
        progress: Reporter | None = None,
    ) -> pd.DataFrame:
        """The probability of each class of ``target`` given the rest of the row, float64[rows, classes].

        The classes are the columns; a row sums to 1, which takes the target as not missing. With up to 32 classes it
        is Bayes' rule over whole rows, each scored as :meth:`log_prob` scores it; with more, the target is what is
        drawn after the given columns. A given number that the run cannot draw says nothing of the class.

        Args:
            table: need not have the target; what it holds there is not used.
            target: a categorical or boolean column.
            given: what is known; all columns of ``table`` that the run learned if absent. A cell that is missing in a
                column that never was missing counts as not known.

        Raises:
            SchemaError: for a filled cell that cannot be read.
            UsageError: if the target has no classes; if this generator has no probabilities.
        """
        import pandas as pd

        from .classes import class_probs

        scorer, schema = self._scorer(), self.schema
        checked, index = self._checked_rows(table)
        found = class_probs(checked, schema, scorer, target, given, self._reporter(progress))
        return pd.DataFrame(found, index=index, columns=list(schema[target].categories))

    def _checked_rows(self, table: pd.DataFrame) -> tuple[pd.DataFrame, pd.Index | None]:
        import pandas as pd

        from ..io.reading import check_table

        index = table.index if isinstance(table, pd.DataFrame) else None
        return check_table(table, minimum_rows=1), index
