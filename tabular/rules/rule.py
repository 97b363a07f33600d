"""One rule between columns: its text, what it lists, and which rows keep it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ..errors import RuleError
from .language.grammar import parse_form
from .language.syntax import Decides, Form, Listed, Maps, columns_of

if TYPE_CHECKING:
    # Not at run time: a schema holds rules, and reading one must not wait for pandas.
    import numpy as np
    import pandas as pd

    from ..schema import Schema

__all__ = ["Rule", "rule_from_data"]

Scalar = str | int | float | bool | None


@dataclass(frozen=True)
class Rule:
    """What holds between the cells of every row.

    Attributes:
        text: as :mod:`tabular.rules.language.grammar` reads it, such as ``"start <= end"``.
        values: for ``city -> country`` and ``combinations of``: the combinations of cells that occur, one each, in the
            order of the columns in the text; ``None`` for a missing cell. For ``month(sent) -> name`` the number, and
            the cell that goes with it. Empty for other rules.
        forced: the rows that were learned may break it: it is a wish for the rows that are made.

    Example:
        >>> import pandas as pd
        >>> Rule("low <= high").check(pd.DataFrame({"low": [1, 5], "high": [2, 3]})).tolist()
        [True, False]
    """

    text: str
    values: tuple[tuple[Scalar, ...], ...] = ()
    forced: bool = False

    def __str__(self) -> str:
        return self.text

    def form(self, names: Sequence[str]) -> Form:
        """The tree of the rule on a table with the columns ``names``. Raises :class:`RuleError` if it has none."""
        return _parsed(self.text, tuple(names))

    def columns(self, names: Sequence[str]) -> tuple[str, ...]:
        """The columns of ``names`` that the rule is about."""
        return columns_of(self.form(names))

    def kept(self, arrays: Mapping[str, np.ndarray], schema: Schema) -> np.ndarray:
        """bool[rows]: which rows keep the rule; a missing cell that it compares breaks nothing.

        Args:
            arrays: canonical arrays (:func:`tabular.to_arrays`) of the columns it is about.

        Raises:
            RuleError: if the rule cannot be read or asks of a column what its kind cannot answer.
        """
        from .language.evaluation import kept

        return kept(self, self.form(schema.names), arrays, schema)

    def check(self, table: pd.DataFrame, schema: Schema | None = None) -> np.ndarray:
        """bool[rows]: which rows of ``table`` keep the rule.

        Args:
            schema: how its columns are read; inferred if absent.

        Raises:
            RuleError: if the rule does not go with the table.
        """
        from ..encoding.arrays import to_arrays
        from ..encoding.frames import as_pandas
        from ..preparing.inference import infer_schema

        table = as_pandas(table)
        schema = infer_schema(table) if schema is None else schema
        return self.kept(to_arrays(table, schema, unseen="missing"), schema)

    def to_data(self) -> Any:
        """Plain JSON data: the text alone where there is nothing else."""
        if not self.values and not self.forced:
            return self.text
        data: dict[str, Any] = {"rule": self.text}
        if self.forced:
            data["forced"] = True
        if self.values:
            data["values"] = [list(row) for row in self.values]
        return data


def rule_from_data(data: Any, names: Sequence[str]) -> Rule:
    """Read what :meth:`Rule.to_data`, or a person, wrote.

    Raises:
        RuleError: if it cannot be a rule on a table with the columns ``names``.
    """
    if isinstance(data, str):
        data = {"rule": data}
    if not isinstance(data, Mapping) or not isinstance(data.get("rule"), str):
        raise RuleError(f"A rule must be a text, or an object with 'rule' and 'values', not {str(data)[:60]!r}.")
    if unknown := set(data) - {"rule", "values", "forced"}:
        raise RuleError(f"The rule {data['rule']!r} has the unknown field {min(map(str, unknown))!r}; remove it.")
    rule = Rule(data["rule"], _listed(data), data.get("forced") is True)
    form = rule.form(names)
    width = 2 if isinstance(form, Maps) else len(columns_of(form)) if isinstance(form, Decides | Listed) else 0
    if isinstance(form, Listed) and not rule.values:
        raise RuleError(f"The rule {rule.text!r} must list the combinations that occur as its 'values'.")
    for row in rule.values:
        if len(row) != width:
            raise RuleError(f"The rule {rule.text!r} lists {list(row)!r}, and must list {width} values in each.")
    return rule


def _listed(data: Mapping[str, Any]) -> tuple[tuple[Scalar, ...], ...]:
    rows = data.get("values", [])
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise RuleError(f"The 'values' of the rule {data['rule']!r} must be a list of lists.")
    for row in rows:
        for value in row:
            if value is not None and not isinstance(value, str | int | float | bool):
                raise RuleError(f"The rule {data['rule']!r} lists {value!r}, which is neither text nor number.")
    return tuple(map(tuple, rows))


@lru_cache(maxsize=4096)
def _parsed(text: str, names: tuple[str, ...]) -> Form:
    return parse_form(text, names)
