"""The grammar of conditions: from text such as ``age>=30 and device in [ios, android]`` to column, operator, values.

What a condition means for its column is found by :mod:`tabular.where.conditions`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import ConditionError

__all__ = ["Condition", "Where", "operator_at", "read_conditions", "unknown_column"]

#: What ``where`` accepts: ``"age>=30"``, ``["age>=30", "device in [ios, android]"]`` or
#: ``{"clicked": 1, "device": ["ios", "android"]}``, or a list of both kinds.
Where = str | Sequence[str | Mapping[str, Any]] | Mapping[str, Any] | None

EXAMPLES = (
    "age>=30, clicked=1, device in [ios, android], country not in [US], age between 30 and 40, "
    "email is missing; join several with ' and '"
)

_SYMBOLS = {
    "==": "==",
    "=": "==",
    "!=": "!=",
    "<>": "!=",
    "<=": "<=",
    ">=": ">=",
    "<": "<",
    ">": ">",
    "≤": "<=",
    "≥": ">=",
    "≠": "!=",
}
_SYMBOL = re.compile(r"\s*(==|!=|<>|<=|>=|=|<|>|≤|≥|≠)")
_WORD = re.compile(r"\s+(not\s+in|in|between|is\s+not\s+missing|is\s+missing)(?![^\s\[({\"'`])", re.IGNORECASE)
_JOINT = re.compile(r"\s+and(?:\s+|$)|\s*;\s*|\s*&&?\s*", re.IGNORECASE)
_QUOTED = re.compile(r"\s*(\"(?:[^\"]|\"\")*\"|'(?:[^']|'')*'|`[^`]*`)")
_CLOSING = {"[": "]", "(": ")", "{": "}"}
_SIGN = re.compile("[<>=!≤≥]")
_COMPARISON = re.compile(r"(<=|>=|<|>|≤|≥|==?)\s*")
_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "=="}


@dataclass(frozen=True)
class Condition:
    """One condition.

    Attributes:
        operator: ``== != < <= > >=``, ``in``, ``not in``, ``between``, ``missing``, ``not missing``.
        values: text as written, without its quotes, or Python values; one for the comparisons, two for
            ``between``, none for the missing.
    """

    column: str
    operator: str
    values: tuple[Any, ...]


def read_conditions(text: str, names: Sequence[str]) -> list[Condition]:
    """The conditions in ``text`` on the columns ``names``.

    Raises:
        ConditionError: if a column is unknown or the text keeps to no form of condition.
    """
    return _Reader(text, names).read()


def unknown_column(name: str, names: Sequence[str]) -> ConditionError:
    """The error for a column that the table does not have."""
    lower = {known.lower(): known for known in names}
    close = [lower[found] for found in difflib.get_close_matches(name.lower(), list(lower), n=1)]
    hint = f"did you mean {close[0]!r}?" if close else f"it has {', '.join(map(repr, names))}."
    return ConditionError(f"The table has no column {name!r}; {hint}")


def operator_at(text: str, start: int, *, needs_blank: bool = True) -> tuple[str, int] | None:
    """The operator at ``start`` and where it ends. A word must stand apart from an unquoted name before it."""
    if symbol := _SYMBOL.match(text, start):
        return _SYMBOLS[symbol[1]], symbol.end()
    word = _WORD.match(text, start) if needs_blank else _WORD.match(" " + text[start:])
    if not word:
        return None
    name = " ".join(word[1].lower().split()).removeprefix("is ")
    return name, word.end() if needs_blank else start + word.end() - 1


class _Reader:
    """Reads conditions from left to right."""

    def __init__(self, text: str, names: Sequence[str]) -> None:
        self.text, self.place = text, 0
        self.searched = self.sign = -1
        self.in_order = list(names)
        self.names = sorted(names, key=len, reverse=True)

    def read(self) -> list[Condition]:
        found: list[Condition] = []
        self._skip_blanks()
        while self.place < len(self.text):
            found += self._condition()
            joint = _JOINT.match(self.text, self.place)
            if joint:
                self.place = joint.end()
            self._skip_blanks()
            if self.place < len(self.text) and not joint:
                raise self._unclear(self.text[self.place :])
            if self.place == len(self.text) and joint and ";" not in joint[0]:
                raise self._unclear(joint[0].strip())
        return found

    def _skip_blanks(self) -> None:
        while self.place < len(self.text) and self.text[self.place].isspace():
            self.place += 1

    def _condition(self) -> list[Condition]:
        start = self.place
        head = self._column_and_operator(start)
        if head is None:
            chain = self._chain(start)
            if chain is None:
                raise self._no_condition(start)
            return chain
        column, operator, self.place = head
        return [Condition(column, operator, self._values(operator))]

    def _column_and_operator(self, start: int) -> tuple[str, str, int] | None:
        """The longest known name at ``start`` that an operator follows; a name may look like a condition itself."""
        while start < len(self.text) and self.text[start].isspace():
            start += 1
        quoted = _QUOTED.match(self.text, start)
        if quoted and (name := quoted[1][1:-1]) in self.names:
            found = operator_at(self.text, quoted.end(), needs_blank=False)
            if found:
                return name, *found
        for name in self.names:
            if name and self.text.startswith(name, start):
                found = operator_at(self.text, start + len(name))
                if found:
                    return name, *found
        return None

    def _chain(self, start: int) -> list[Condition] | None:
        """``30 <= age <= 40`` or ``30 <= age``: a value before the column."""
        first = _COMPARISON.match(self.text, self._next_sign(start))
        value = self.text[start : first.start()].strip() if first else ""
        if not first or not value:
            return None
        operator = _FLIPPED[_SYMBOLS[first[1]]]
        head = self._column_and_operator(first.end())
        if head is None or head[1] not in _FLIPPED:
            for name in self.names:  # nothing but a joint or the end may follow "30 <= age"
                end = first.end() + len(name)
                if name and self.text.startswith(name, first.end()) and self._at_end(end):
                    self.place = end
                    return [Condition(name, operator, (_unquoted(value),))]
            return None
        column, second, self.place = head
        return [Condition(column, operator, (_unquoted(value),)), Condition(column, second, self._values(second))]

    def _next_sign(self, start: int) -> int:
        """Where the first sign of a comparison stands from ``start`` on; it is not searched for again before that."""
        if not self.searched <= start <= self.sign:
            found = _SIGN.search(self.text, start)
            self.searched, self.sign = start, found.start() if found else len(self.text)
        return self.sign

    def _at_end(self, position: int) -> bool:
        return not self.text[position:].strip() or _JOINT.match(self.text, position) is not None

    def _values(self, operator: str) -> tuple[str, ...]:
        if operator in ("missing", "not missing"):
            return ()
        self._skip_blanks()
        if operator in ("in", "not in"):
            return self._list()
        if operator == "between":
            low = self._scalar(between=True)
            joint = re.compile(r"\s+and\s+|\s*,\s*", re.IGNORECASE).match(self.text, self.place)
            if not joint:
                raise self._unclear(self.text)
            self.place = joint.end()
            return low, self._scalar()
        return (self._scalar(),)

    def _list(self) -> tuple[str, ...]:
        opening = self.text[self.place : self.place + 1]
        closing = _CLOSING.get(opening)
        if closing is None:
            return tuple(_split_list(self._scalar(raw=True)))
        position = self.place + 1
        while position < len(self.text) and self.text[position] != closing:
            # A quotation mark opens a quoted value only where a value may begin; elsewhere it is an apostrophe.
            quoted = _QUOTED.match(self.text, position)
            before = self.text[self.place + 1 : position].rstrip()
            position = quoted.end() if quoted and (not before or before.endswith(",")) else position + 1
        if position >= len(self.text):
            raise ConditionError(f"The list in {self.text!r} is not closed; add {closing!r}.")
        inner = self.text[self.place + 1 : position]
        self.place = position + 1
        values = tuple(_split_list(inner))
        if not values:
            raise ConditionError(f"The list in {self.text!r} is empty; name at least one value.")
        return values

    def _scalar(self, *, between: bool = False, raw: bool = False) -> str:
        """A value: quoted, or all text up to the next condition or the end (so it may hold blanks and ``and``)."""
        quoted = None if raw else _QUOTED.match(self.text, self.place)
        if quoted and (between or self._at_end(quoted.end())):
            self.place = quoted.end()
            return _unquoted(quoted[1])
        end = len(self.text)
        for joint in _JOINT.finditer(self.text, self.place):
            if between or not self.text[joint.end() :].strip() or self._begins_condition(joint.end()):
                end = joint.start()
                break
        value = self.text[self.place : end].strip()
        if not value:
            raise self._unclear(self.text)
        self.place = end
        return value

    def _begins_condition(self, position: int) -> bool:
        if self._column_and_operator(position) is not None:
            return True
        kept = self.place
        chain = self._chain(position)
        self.place = kept
        if chain is not None:
            return True
        # A misspelt column after " and " should be reported as such, not be taken for the end of a value.
        return re.compile(r"\s*[\w.\-]+\s*(==|=|!=|<>|<=|>=|<|>)").match(self.text, position) is not None

    def _no_condition(self, start: int) -> ConditionError:
        rest = self.text[start:]
        quoted = _QUOTED.match(rest)
        if quoted and operator_at(rest, quoted.end(), needs_blank=False):
            return unknown_column(quoted[1][1:-1], self.in_order)
        for index in range(1, len(rest)):
            if operator_at(rest, index):
                return unknown_column(rest[:index].strip(), self.in_order)
        return self._unclear(rest)

    def _unclear(self, part: str) -> ConditionError:
        return ConditionError(f"The condition {part.strip()!r} cannot be understood; write such as {EXAMPLES}.")


def _unquoted(text: str) -> str:
    text = text.strip()
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'`":
        return text[1:-1].replace(text[0] * 2, text[0])
    return text


def _split_list(text: str) -> list[str]:
    """The values between the commas of ``text``; quoted ones may hold commas."""
    values, position = [], 0
    while position < len(text):
        quoted = _QUOTED.match(text, position)
        if quoted and re.compile(r"\s*(,|$)").match(text, quoted.end()):
            values.append(_unquoted(quoted[1]))
            comma = text.find(",", quoted.end())
        else:
            comma = text.find(",", position)
            value = text[position : comma if comma >= 0 else len(text)].strip()
            if value:
                values.append(value)
        if comma < 0:
            break
        position = comma + 1
    return values
