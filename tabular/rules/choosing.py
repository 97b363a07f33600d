"""The rules of a table: those that were found and the user's own, without those that were taken away."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..errors import RuleError
from ..progress import Reporter
from ..schema import Schema
from .choice import ALL, RuleChoice
from .language.evaluation import check_rules
from .language.syntax import Form
from .listing import lists_values, with_values
from .reducing.held import check_held, held_rules
from .rule import Rule
from .support import shown_cells

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FOUND_BY_DEFAULT", "chosen_rules", "ruled", "with_rules"]

#: Whether a fit searches rules by itself.
FOUND_BY_DEFAULT = True


def with_rules(
    table: pd.DataFrame,
    schema: Schema | None = None,
    *,
    add: Sequence[str] = (),
    forced: Sequence[str] = (),
    drop: Sequence[str] = (),
    seed: int = 0,
    progress: Reporter | None = None,
) -> Schema:
    """``schema`` with the rules between its columns that hold in ``table``, besides those that it lists.

    Args:
        schema: inferred if absent.
        add, forced, drop: as in :class:`RuleChoice`.

    Raises:
        RuleError: as :func:`chosen_rules`.

    Example:
        >>> import pandas as pd
        >>> from tabular.rules import with_rules
        >>> table = pd.DataFrame({"low": range(100), "high": range(3, 103)})
        >>> [rule.text for rule in with_rules(table, add=["low < high"], drop=["*"]).rules]
        ['low < high']
    """
    from ..encoding.arrays import to_arrays
    from ..encoding.frames import as_pandas
    from ..preparing.inference import infer_schema

    table = as_pandas(table)
    schema = infer_schema(table) if schema is None else schema
    arrays = to_arrays(table, schema, unseen="missing")
    choice = RuleChoice(tuple(add), tuple(forced), tuple(drop))
    return replace(schema, rules=chosen_rules(arrays, schema, choice, find=True, seed=seed, progress=progress))


def ruled(
    table: pd.DataFrame,
    schema: Schema,
    choice: RuleChoice,
    *,
    find: bool,
    private: bool = False,
    seed: int = 0,
    row_numbers: Callable[[], np.ndarray] | None = None,
    progress: Reporter | None = None,
) -> Schema:
    """``schema`` with the rules of ``choice``, and with those that are found if any are searched.

    Args:
        table: the rows that are learned.
        find, seed, row_numbers, progress: as in :func:`chosen_rules`.
        private: nothing of the rows may come out: none is read for a rule.

    Raises:
        RuleError: as :func:`chosen_rules`.
    """
    from ..encoding.arrays import to_arrays

    if private:
        return replace(schema, rules=chosen_rules(None, schema, choice, find=False))
    if not (find or choice or schema.rules):
        return schema
    arrays = to_arrays(table, schema)
    rules = chosen_rules(arrays, schema, choice, find=find, seed=seed, row_numbers=row_numbers, progress=progress)
    return replace(schema, rules=rules)


def chosen_rules(
    arrays: Mapping[str, np.ndarray] | None,
    schema: Schema,
    choice: RuleChoice,
    *,
    find: bool,
    seed: int = 0,
    row_numbers: Callable[[], np.ndarray] | None = None,
    progress: Reporter | None = None,
) -> tuple[Rule, ...]:
    """The rules of a table: those of ``schema``, those that are found, and the user's.

    Args:
        arrays: canonical arrays of the rows that are learned; ``None`` where rules may not depend on them: none is
            searched then and none is checked.
        find: whether rules are searched in the rows.
        row_numbers: gives int64[rows], where the rows stand in their file, from 0; as they come if absent.

    Raises:
        RuleError: for a rule that cannot be understood; that rows break, unless it is forced; that no generator can
            hold rows to; or that is to be taken away and is not there.
    """
    found: list[Rule] = []
    if ALL not in choice.drop:
        found += schema.rules
        if find and arrays is not None:
            from .discovery import find_rules

            searched = held_rules(schema, find_rules(arrays, schema, seed=seed, progress=progress))
            found += _new(searched, found, schema)
    found = _without(found, [text for text in choice.drop if text != ALL], schema)
    found += _new([_listed(Rule(text), arrays, schema) for text in choice.add], found, schema)
    wishes = [replace(_listed(Rule(text), arrays, schema), forced=True) for text in choice.forced]
    found = [rule for rule in found if rule not in _same(found, wishes, schema)]
    found += _new(wishes, [], schema)
    whole = replace(schema, rules=tuple(found))
    check_rules(whole)
    check_held(whole)
    if arrays is not None:
        given = set(choice.add).union(rule.text for rule in schema.rules)
        for rule in found:
            if rule.text in given and not rule.forced:
                _check(rule, arrays, schema, row_numbers)
    return tuple(found)


def _listed(rule: Rule, arrays: Mapping[str, np.ndarray] | None, schema: Schema) -> Rule:
    if arrays is not None:
        return with_values(rule, arrays, schema)
    if lists_values(rule, schema):
        raise RuleError(
            f"The rule {rule.text!r} lists values that stand in the rows, and nothing may be read from them here; "
            "write the rule with its 'values' into the schema file."
        )
    return rule


def _check(
    rule: Rule, arrays: Mapping[str, np.ndarray], schema: Schema, row_numbers: Callable[[], np.ndarray] | None
) -> None:
    broken = ~rule.kept(arrays, schema)
    count = int(broken.sum())
    if not count:
        return
    row = int(np.argmax(broken))
    number = row if row_numbers is None else int(row_numbers()[row])
    rows = f"{count:,} of {len(broken):,} rows"
    raise RuleError(
        f"The rule {rule.text!r} is broken by {rows}, first by row {number + 1:,} of the table "
        f"({shown_cells(rule, arrays, schema, row, sign=' = ')}); correct the rule or these rows, or make it a wish "
        f"for the synthetic rows with --force-rule {shlex.quote(rule.text)}."
    )


def _without(rules: Sequence[Rule], texts: Iterable[str], schema: Schema) -> list[Rule]:
    """``rules`` without those of ``texts``, which may be spaced and quoted in another way."""
    left = list(rules)
    for text in texts:
        dropped = [rule for rule in rules if rule.text == text or _form(rule.text, schema) == _form(text, schema)]
        if not dropped:
            raise RuleError(_not_there(text, [rule.text for rule in rules]))
        left = [rule for rule in left if rule not in dropped]
    return left


def _not_there(text: str, known: Sequence[str]) -> str:
    if not known:
        return f"There is no rule {text!r} to take away; the table has none."
    if text.isdigit() and 0 < int(text) <= len(known):
        close = [known[int(text) - 1]]
    else:
        close = difflib.get_close_matches(text, known, n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(map(repr, close))}?" if close else f"it has {', '.join(map(repr, known[:5]))}."
    return f"There is no rule {text!r} to take away, named by its text; {hint}"


def _new(rules: Iterable[Rule], known: Sequence[Rule], schema: Schema) -> list[Rule]:
    """The ``rules`` that say what neither ``known`` ones nor earlier ones say."""
    said = {_form(rule.text, schema) for rule in known}
    found = []
    for rule in rules:
        form = _form(rule.text, schema)
        if form not in said:
            said.add(form)
            found.append(rule)
    return found


def _same(rules: Sequence[Rule], others: Sequence[Rule], schema: Schema) -> list[Rule]:
    """Those of ``rules`` that say the same as one of ``others``."""
    said = {_form(rule.text, schema) for rule in others}
    return [rule for rule in rules if _form(rule.text, schema) in said]


def _form(text: str, schema: Schema) -> Form | str:
    """The tree of a rule, or its text where it has none."""
    try:
        return Rule(text).form(schema.names)
    except RuleError:
        return text
