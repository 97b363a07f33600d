"""Which rules generators can hold rows to, side by side."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ...errors import RuleError
from ...schema import Schema
from ..language.syntax import Increasing
from ..rule import Rule
from .file_order import counts, unordered
from .reduction import Reduction, equation_of, reduction_of

__all__ = ["check_held", "held_rules"]


def check_held(schema: Schema) -> None:
    """Raise :class:`RuleError` for a rule that no generator can hold rows to."""
    held = {found.rule for found in reduction_of(schema).derivations}
    for rule in unordered(schema):
        raise RuleError(
            f"The rule {rule.text!r} cannot be kept: the rows are sorted by another column, and other rules are about "
            "this one, too; take one of them away."
        )
    for rule in schema.rules:
        if (name := _made_up(rule, schema)) is not None:
            raise RuleError(
                f"The rule {rule.text!r} is about column {name!r} of the kind {schema[name].kind}, whose values are "
                "made up for each row, so no row can be held to it; take the rule away, or say what the column is with "
                "--kind."
            )
        if rule not in held and equation_of(rule.form(schema.names)) is not None:
            named = set(rule.columns(schema.names))
            others = [repr(other.text) for other in held if named & set(other.columns(schema.names))]
            raise RuleError(
                f"The rule {rule.text!r} cannot be kept beside {' and '.join(others) or 'the others'}, which compute "
                "the same columns otherwise; take one of them away."
            )


def held_rules(schema: Schema, rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """Those of ``rules``, which were found, that generators can hold rows of ``schema`` to side by side."""
    known = tuple(rule for rule in rules if _made_up(rule, schema) is None)
    held = {found.rule for found in Reduction(replace(schema, rules=known)).derivations}
    kept = tuple(rule for rule in known if rule in held or equation_of(rule.form(schema.names)) is None)
    refused = unordered(replace(schema, rules=kept))
    return tuple(rule for rule in kept if rule not in refused)


def _made_up(rule: Rule, schema: Schema) -> str | None:
    """The first column of a rule whose values are nothing that a model learns, and that no row can be held to."""
    if isinstance(rule.form(schema.names), Increasing) and counts(schema[rule.columns(schema.names)[0]]):
        return None
    return next((name for name in rule.columns(schema.names) if schema[name].kind in ("identifier", "text")), None)
