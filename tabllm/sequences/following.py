"""Columns of an event that go with its time or its user.

Instants are learned as the time since the event; what a rule makes of a time or a user is made when these are known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from tabular.dates.forms import compiled
from tabular.encoding.arrays import on_grid
from tabular.relations.log import EventLog
from tabular.rules import Rule
from tabular.rules.reducing.derivations import Gap
from tabular.rules.reducing.reduction import reduction_of
from tabular.schema import Column, Schema

__all__ = ["kept_rules", "not_before", "relative_columns", "relative_log", "rules_of", "with_what_follows"]

Arrays = dict[str, np.ndarray]


def relative_columns(log: EventLog) -> tuple[str, ...]:
    """The columns of events that are instants, where the time of the event is one too."""
    if log.schema[log.time].kind != "datetime":
        return ()
    return tuple(name for name in log.event_columns if _is_instant(log.schema[name]))


def _is_instant(column: Column) -> bool:
    if column.kind != "datetime":
        return False
    form = compiled(column.format) if column.format else None
    return form is None or not form.zones  # a zone stands in the fraction of an instant


def relative_log(log: EventLog, relative: tuple[str, ...]) -> EventLog:
    """``log`` with the columns ``relative`` as seconds since the time of their event."""
    arrays, columns = dict(log.arrays), []
    for column in log.schema:
        if column.name in relative:
            arrays[column.name] = arrays[column.name] - log.times
            known = arrays[column.name][~np.isnan(arrays[column.name])]
            low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)
            column = Column(column.name, "continuous", "Float64", column.missing_rate, low, high, column.decimals)
        columns.append(column)
    return replace(log, schema=replace(log.schema, columns=tuple(columns)), arrays=arrays)


def rules_of(schema: Schema, columns: tuple[str, ...], relative: tuple[str, ...] = ()) -> tuple[Rule, ...]:
    """The rules of a log that are about ``columns`` alone, within one row.

    Args:
        relative: columns that are learned as the time since the event: of the rules about them only those that order
            two of them say the same of such times.
    """
    found = []
    for rule in schema.rules:
        about = set(rule.columns(schema.names))
        same = not about & set(relative) or (about <= set(relative) and _gap(rule, schema) is not None)
        if about <= set(columns) and same:
            found.append(rule)
    return tuple(found)


def kept_rules(log: EventLog, relative: tuple[str, ...]) -> tuple[Rule, ...]:
    """The rules of ``log`` that histories keep: within events, within users, and where a column of events follows."""
    schema = log.schema
    within = {*rules_of(schema, log.event_columns, relative), *rules_of(schema, log.user_columns)}
    return tuple(rule for rule in schema.rules if rule in within or _follows(rule, log, relative))


def _follows(rule: Rule, log: EventLog, relative: tuple[str, ...]) -> bool:
    gap = _gap(rule, log.schema)
    if gap is not None:
        return gap.source == log.time and gap.target in relative
    made = reduction_of(replace(log.schema, rules=(rule,))).derivations
    return bool(made) and made[0].target in log.event_columns and not isinstance(made[0], Gap)


def not_before(schema: Schema, time: str, relative: tuple[str, ...]) -> list[str]:
    """Those of the columns ``relative`` that a rule keeps at or after the time of their event."""
    gaps = [_gap(rule, schema) for rule in schema.rules]
    return [gap.target for gap in gaps if gap is not None and gap.source == time and gap.target in relative]


def _gap(rule: Rule, schema: Schema) -> Gap | None:
    made = reduction_of(replace(schema, rules=(rule,))).derivations
    return made[0] if made and isinstance(made[0], Gap) else None


def with_what_follows(
    arrays: Mapping[str, np.ndarray], schema: Schema, time: str, events: tuple[str, ...], relative: tuple[str, ...]
) -> Arrays:
    """Canonical arrays of whole rows, instants and columns that follow from others as ``schema`` has them.

    Args:
        arrays: of rows in which ``relative`` columns are seconds since the time of the event.
        events: the columns of events, which alone are changed.
    """
    found = dict(arrays)
    for name in relative:
        found[name] = on_grid(found[name] + found[time], schema[name])
    for derivation in reduction_of(schema).derivations:
        known = all(source in found for source in derivation.sources)
        if derivation.target in events and known and not isinstance(derivation, Gap):
            found[derivation.target] = derivation.join(found)
    return found
