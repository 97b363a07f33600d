"""The grammar of rules: from text such as ``total = price * quantity`` to its tree (:mod:`.syntax`).

======================================  ============================================================
``start <= end``                        comparisons ``= != < <= > >=``, also in a chain
``0 <= end - start <= 72 h``            numbers, spans (s, min, h, d, weeks), ``+ - * /``, parentheses
``birth_year = year(born)``             functions: year quarter month week yearday day weekday hour minute second
                                        date (also hour_start week_start month_start quarter_start year_start)
                                        years round floor abs
``if status = 'open' then end is missing``  a value in single quotes; ``is missing``, ``is not missing``; ``and``
``end is missing exactly if status = 'open'``  both or neither
``city -> country``                     rows of one city have one country; ``a, b -> c``
``month(sent) -> month_name``           rows of one month have one name of it
``combinations of device, os``          only those that are listed
``at most one of a, b, c``              flags; ``exactly one of``
``increasing(at)``                      from row to row of the file; ``decreasing(at)``
======================================  ============================================================

A name that is no plain word stands in double quotes; of two columns the longer name is read. Nothing is evaluated as
code.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from ...errors import RuleError
from .syntax import (
    All,
    Always,
    Call,
    Chain,
    Condition,
    Constant,
    Decides,
    Exactly,
    Expression,
    Form,
    If,
    Increasing,
    Listed,
    Maps,
    Missing,
    OneOf,
    Operation,
    Reference,
    columns_of,
)

__all__ = ["DATE", "FUNCTIONS", "parse_form"]

#: Functions and how many arguments they take.
FUNCTIONS = {
    **dict.fromkeys(("year", "quarter", "month", "week", "yearday", "day", "weekday", "hour", "minute", "second"), 1),
    **dict.fromkeys(("date", "hour_start", "week_start", "month_start", "quarter_start", "year_start"), 1),
    "years": 2,
    "round": 1,
    "floor": 1,
    "abs": 1,
}

EXAMPLES = "start <= end, total = price * quantity, city -> country, if status = 'open' then end is missing"
#: Deeper nesting is no rule that a person wrote.
MAX_DEPTH, MAX_TEXT = 40, 10_000

_SPANS = {
    **dict.fromkeys(("s", "sec", "seconds", "second"), 1.0),
    **dict.fromkeys(("min", "minutes", "minute"), 60.0),
    **dict.fromkeys(("h", "hours", "hour"), 3600.0),
    **dict.fromkeys(("d", "days", "day"), 86400.0),
    **dict.fromkeys(("weeks", "week"), 604800.0),
}
DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2})?)?(?!\d)")
_NUMBER = re.compile(r"\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?")
_SPAN = re.compile(r"\s*(" + "|".join(sorted(_SPANS, key=len, reverse=True)) + r")\b")
_WORD = re.compile(r"[^\W\d]\w*")
_SIGN = re.compile(r"<=|>=|==|!=|<>|=|<|>|≤|≥|≠")
_ORDER = re.compile(r"\s*(?:in|de)creasing\s*\(", re.IGNORECASE)
_SIGNS = {"==": "=", "<>": "!=", "≤": "<=", "≥": ">=", "≠": "!="}
_QUOTES = re.compile(r"\"((?:[^\"]|\"\")*)\"|`([^`]*)`")
_VALUE = re.compile(r"'((?:[^']|'')*)'")


def parse_form(text: str, names: Sequence[str]) -> Form:
    """The tree of a rule on the columns ``names``.

    Raises:
        RuleError: if a column is unknown, or the text keeps to no form of rule.
    """
    if len(text) > MAX_TEXT:
        raise RuleError(f"A rule may have {MAX_TEXT:,} characters, and {text[:40]!r}... has {len(text):,}.")
    return _Reader(text, names).form()


class _Reader:
    """Reads a rule from left to right."""

    def __init__(self, text: str, names: Sequence[str]) -> None:
        self.text, self.place, self.depth = text, 0, 0
        self.in_order = list(names)
        self.names = sorted((name for name in names if name), key=len, reverse=True)
        self.known = set(names)

    # -- forms ------------------------------------------------------------------------------------------------
    def form(self) -> Form:
        found = self._form()
        if not self._ended():
            raise self._unclear(self.text[self.place :])
        if not columns_of(found):
            has = ", ".join(map(repr, self.in_order[:20]))
            raise RuleError(f"The rule {self.text!r} names no column of the table, which has {has}.")
        return found

    def _form(self) -> Form:
        if self._take("combinations of"):
            return Listed(self._columns(2))
        if self._take("at most one of"):
            return OneOf(self._columns(2), exactly=False)
        if self._take("exactly one of"):
            return OneOf(self._columns(2), exactly=True)
        if self._take("if"):
            given = self._condition()
            if not self._take("then"):
                raise RuleError(f"The rule {self.text!r} has an 'if' without its 'then'; write such as {EXAMPLES}.")
            return If(given, self._condition())
        for word, down in (("increasing", False), ("decreasing", True)):
            if _ORDER.match(self.text, self.place) and self._take(word):
                (name,) = self._columns(1, most=1)
                return Increasing((name,), down)
        if (decides := self._decides()) is not None:
            return decides
        first = self._condition()
        if self._take("exactly if"):
            return Exactly(first, self._condition())
        return Always(first)

    def _decides(self) -> Decides | Maps | None:
        if "->" not in self.text:
            return None
        before = self.place
        self._blanks()
        word = _WORD.match(self.text, self.place)
        called = self._call(word) if word and self._is_call(word) else None
        columns = self._columns(1) if called is None else columns_of(called)
        self._blanks()
        if not self.text.startswith("->", self.place):
            self.place = before
            return None
        self.place += 2
        (decided,) = self._columns(1, most=1)
        if not columns:
            raise self._unclear(self.text)
        if decided in columns:
            raise RuleError(f"The rule {self.text!r} has {decided!r} on both sides of the arrow; name another column.")
        return Decides(columns, decided) if called is None else Maps(called, decided)

    def _columns(self, least: int, most: int | None = None) -> tuple[str, ...]:
        closing = self._take_sign("(")
        found = [self._column()]
        while len(found) != most and self._take_sign(","):
            found.append(self._column())
        if closing and not self._take_sign(")"):
            raise self._unclear(self.text[self.place :])
        if len(found) < least or len(set(found)) < len(found):
            raise RuleError(f"The rule {self.text!r} must name {least} or more columns, each once.")
        return tuple(found)

    def _column(self) -> str:
        name = self._name()
        if name is None:
            raise self._no_column()
        return name

    # -- conditions -------------------------------------------------------------------------------------------
    def _condition(self) -> Condition:
        found = [self._single()]
        while self._take("and"):
            found.append(self._single())
        return found[0] if len(found) == 1 else All(tuple(found))

    def _single(self) -> Condition:
        start = self.place
        name = self._name()
        if name is not None and self._take("is"):
            negated = self._take("not")
            if not self._take("missing"):
                raise self._unclear(self.text[start:])
            return Missing(name, negated)
        self.place = start
        terms, signs = [self._sum()], []
        while True:
            self._blanks()
            sign = _SIGN.match(self.text, self.place)
            if not sign:
                break
            self.place = sign.end()
            signs.append(_SIGNS.get(sign[0], sign[0]))
            terms.append(self._sum())
        if not signs:
            raise self._unclear(self.text[start:])
        return Chain(tuple(terms), tuple(signs))

    # -- expressions ------------------------------------------------------------------------------------------
    def _sum(self) -> Expression:
        found = self._product()
        while True:
            if self._take_sign("+"):
                found = Operation("+", found, self._product())
            elif not self.text.startswith("->", self.place) and self._take_sign("-"):
                found = Operation("-", found, self._product())
            else:
                return found

    def _product(self) -> Expression:
        found = self._factor()
        while True:
            if self._take_sign("*"):
                found = Operation("*", found, self._factor())
            elif self._take_sign("/"):
                found = Operation("/", found, self._factor())
            else:
                return found

    def _factor(self) -> Expression:
        self.depth += 1
        try:
            if self.depth > MAX_DEPTH:
                raise RuleError(f"The rule {self.text[:60]!r} is nested more than {MAX_DEPTH} deep; write it plainly.")
            return self._operand()
        finally:
            self.depth -= 1

    def _operand(self) -> Expression:
        self._blanks()
        word = _WORD.match(self.text, self.place)
        if word and self._is_call(word):
            return self._call(word)  # before names: a column may be called "date"
        name = self._name()
        if name is not None:
            return Reference(name)
        if self._take_sign("-"):
            inner = self._factor()
            if isinstance(inner, Constant) and not isinstance(inner.value, str):
                return Constant(-inner.value)
            return Operation("-", Constant(0.0), inner)
        if self._take_sign("("):
            inner = self._sum()
            if not self._take_sign(")"):
                raise RuleError(f"A parenthesis in the rule {self.text!r} is not closed; add ')'.")
            return inner
        if value := _VALUE.match(self.text, self.place):
            self.place = value.end()
            return Constant(value[1].replace("''", "'"))
        if date := DATE.match(self.text, self.place):
            self.place = date.end()
            return Constant(date[0])
        if number := _NUMBER.match(self.text, self.place):
            self.place = number.end()
            if span := _SPAN.match(self.text, self.place):
                self.place = span.end()
            return Constant(float(number[0]) * (_SPANS[span[1]] if span else 1.0))
        if word and not self._is_keyword(word[0]):
            self.place = word.end()
            return Constant(word[0])
        raise self._no_column() if not self._ended() else self._unclear(self.text)

    def _is_call(self, word: re.Match[str]) -> bool:
        return word[0] in FUNCTIONS and self.text[word.end() :].lstrip().startswith("(")

    def _call(self, word: re.Match[str]) -> Call:
        self.place = word.end()
        self._take_sign("(")
        arguments = [self._sum()]
        while self._take_sign(","):
            arguments.append(self._sum())
        if not self._take_sign(")"):
            raise RuleError(f"A parenthesis in the rule {self.text!r} is not closed; add ')'.")
        if len(arguments) != FUNCTIONS[word[0]]:
            raise RuleError(
                f"The function {word[0]!r} in the rule {self.text!r} takes {FUNCTIONS[word[0]]} argument(s), not "
                f"{len(arguments)}."
            )
        return Call(word[0], tuple(arguments))

    # -- the smallest parts -----------------------------------------------------------------------------------
    def _name(self) -> str | None:
        """The longest known column at this place, or one in quotes."""
        self._blanks()
        quotes = _QUOTES.match(self.text, self.place)
        if quotes:
            name = (quotes[2] if quotes[1] is None else quotes[1]).replace('""', '"')
            if name not in self.known:
                raise self._unknown(name)
            self.place = quotes.end()
            return name
        for name in self.names:
            end = self.place + len(name)
            if self.text.startswith(name, self.place) and not _joins(self.text[end - 1 : end + 1]):
                self.place = end
                return name
        return None

    def _take(self, words: str) -> bool:
        """Whether these words stand here; they are passed."""
        pattern = r"\s*" + r"\s+".join(words.split()) + r"(?!\w)"
        found = re.compile(pattern, re.IGNORECASE).match(self.text, self.place)
        if found is None:
            return False
        if words in ("if", "exactly if") and self._begins_with_name(words, found.end()):
            return False
        self.place = found.end()
        return True

    def _begins_with_name(self, word: str, end: int) -> bool:
        """Whether what reads as ``word`` is a column of that name, as a sign behind it shows."""
        return word in self.known and _SIGN.match(self.text[end:].lstrip()) is not None

    def _take_sign(self, sign: str) -> bool:
        self._blanks()
        if not self.text.startswith(sign, self.place):
            return False
        self.place += len(sign)
        return True

    def _is_keyword(self, word: str) -> bool:
        return word.lower() in ("and", "then", "exactly", "is")

    def _blanks(self) -> None:
        while self.place < len(self.text) and self.text[self.place].isspace():
            self.place += 1

    def _ended(self) -> bool:
        return not self.text[self.place :].strip()

    # -- errors -----------------------------------------------------------------------------------------------
    def _no_column(self) -> RuleError:
        self._blanks()
        word = _WORD.match(self.text, self.place)
        return self._unknown(word[0]) if word else self._unclear(self.text[self.place :] or self.text)

    def _unknown(self, name: str) -> RuleError:
        close = difflib.get_close_matches(name, self.in_order, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"it has {', '.join(map(repr, self.in_order[:20]))}."
        return RuleError(f"The rule {self.text!r} names {name!r}, which is no column of the table; {hint}")

    def _unclear(self, part: str) -> RuleError:
        where = f" from {part.strip()[:60]!r} on" if part.strip() and part.strip() != self.text.strip() else ""
        return RuleError(f"The rule {self.text!r} cannot be understood{where}; write such as {EXAMPLES}.")


def _joins(pair: str) -> bool:
    """Whether a name goes on behind its last character."""
    return len(pair) == 2 and all(character.isalnum() or character == "_" for character in pair)
