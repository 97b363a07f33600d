r"""Text cut into words, numbers, codes and what stands between them, for columns that have a structure.

A number is one by itself (``48.137``, ``-11``, ``1,051.20`` and, behind a currency, ``1,051``), digits of a longer
chain are each their own (``1.12.3``), letters with digits behind them are a word and a number (``v2``), capitals before
a code are a word, and other mixtures are codes (``a3f9``). A long value behind ``=`` or ``/`` of capitals, small
letters and digits is one code, whatever signs are in it.
"""

from __future__ import annotations

import datetime
import re

import pandas as pd

__all__ = ["CODE", "DATE", "LITERAL", "NUMBER", "TIME", "WORD", "Token", "has_structure", "tokens_of"]

LITERAL, WORD, NUMBER, CODE, DATE, TIME = "literal", "word", "number", "code", "date", "time"
Token = tuple[str, str]

_PIECES = re.compile(
    r"(?P<escape>\\u[0-9a-fA-F]{4}|\\.)"
    r"|(?P<date>(?<![\w.-])(?:19|20)\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])(?![\w-]))"
    r"|(?P<grouped>(?<![\w.,])\d{1,3}(?:,\d{3})+\.\d{1,30}(?![\w]|[.,]\d)"
    r"|(?:(?<=[$€£¥₹])|(?<=[$€£¥₹][ \xa0]))\d{1,3}(?:,\d{3})+(?![\w]|[.,]\d))"
    r"|(?P<opaque>(?<=[=/])(?=[\w-]*[A-Z])(?=[\w-]*[a-z])(?=[\w-]*\d)[A-Za-z0-9_-]{16,}(?![\w-]))"
    r"|(?P<measure>(?<![\w.])-?\d{1,30}\.\d{1,30})(?=[^\W\d_])"
    r"|(?P<time>(?<![\w:.])(?:[01]\d|2[0-3]):[0-5]\d(?![\w:.]))"
    r"|(?P<sizes>(?<![^\W_])[1-9]\d{0,14}(?:x[1-9]\d{0,14}){1,3}(?![^\W_]))"
    r"|(?P<decimal>(?<![\w.])-?\d{1,30}(?:\.\d{1,30})?(?:[eE][+-]?\d{1,3})?(?![\w]|\.\d))"
    r"|(?P<head>[^\W\d_]+)(?P<tail>\d+)(?![^\W_])"
    r"|(?P<capitals>[A-Z]{2,})(?P<code>\d[\da-z]*[a-z][\da-z]*)(?![^\W_])"
    r"|(?P<run>[^\W_]+)"
    r"|(?P<other>[\W_])",
    re.DOTALL,
)
#: In JSON what stands for itself besides: the name of a field, and words that no quotes hold.
_KEYS = re.compile(r'"(?:\\.|[^"\\])*"(?=\s*:)|\b(?:true|false|null)\b')


#: Addresses of pages, JSON, queries and lists, paths of files, two dates, versions, pairs of decimals.
_STRUCTURED = re.compile(
    r"\w+://\S+|\s*[{\[].*[}\]]\s*|[^\s=&]+=[^\s=&]*(?:[&;,]\s?[^\s=&]+=[^\s=&]*)*|[^|;,]+(?:[|;,][^|;,]*)+"
    r"|(?:[A-Za-z]:|\.{0,2})?(?:[/\\][^/\\:*?\"<>|]+)+[/\\]?|[\w.-]+(?:/[\w.-]+){2,}"
    r"|\d{4}-\d\d-\d\d\W+(?:\w{1,5} )?\d{4}-\d\d-\d\d|\d\d:\d\d\W+(?:\w{1,5} )?\d\d:\d\d"
    r"|v?\d+(?:\.\d+){2,3}(?:[-+.]\w+)*|[(]?-?\d+\.\d+[,; ]+-?\d+\.\d+[)]?",
    re.DOTALL,
)
#: Two to four numbers with a sign or a word between them: ranges, sizes, ratios, blood pressures.
_NUMBERS = re.compile(r"(\d+)(\s?(?:[-\u2013\u2014/:x\u00d7*]|to|of|bis|by|\.\.)\s?)(\d+)(?:\2\d+){0,2}", re.IGNORECASE)
_DASHES = "-\u2013\u2014"
#: Distinct texts at least, their fraction of the cells, and the fraction of them that must have a structure.
_LEAST, _DISTINCT, _MOST = 20, 0.5, 0.9


def has_structure(texts: pd.Series, distinct_share: float) -> bool:
    """Whether distinct ``texts`` that hardly repeat are made of parts: addresses, JSON, lists, paths, versions."""
    if len(texts) < _LEAST or distinct_share <= _DISTINCT:
        return False
    first = texts.iloc[:1000]
    return bool(first.str.fullmatch(_STRUCTURED.pattern, flags=_STRUCTURED.flags).mean() >= _MOST) or _measures(first)


def _measures(texts: pd.Series) -> bool:
    """Whether ``texts`` are of numbers that measure something, and no codes.

    Codes have zeros in front or digits of one length. Numbers in order that reach into each other are a range.
    """
    found = texts.str.extract(_NUMBERS).dropna()
    whole = texts.str.fullmatch(_NUMBERS).mean()
    if whole < _MOST or len(found) < _LEAST or found.iloc[:, 1].nunique() > 1:
        return False
    numbers = found.iloc[:, [0, 2]]
    if numbers.apply(lambda column: column.str.match(r"0\d")).any(axis=None):
        return False
    values = numbers.astype(float)
    low, high = values.iloc[:, 0], values.iloc[:, 1]
    reach = high.min() < low.max()
    ranges = bool(reach and (low <= high).all())
    lengths = numbers.apply(lambda column: column.str.len().nunique())
    return ranges or (found.iloc[0, 1].strip() not in _DASHES and bool((lengths > 1).any() or reach))


def tokens_of(text: str, *, json: bool = False) -> list[Token]:
    """(kind, text) of each piece of ``text``; joined they are the text. Literals side by side are one."""
    found: list[Token] = []
    position = 0
    for key in _KEYS.finditer(text) if json else ():
        if key.start() >= position:
            _cut(text[position : key.start()], found)
            _literal(key[0], found)
            position = key.end()
    _cut(text[position:], found)
    return found


def _cut(text: str, found: list[Token]) -> None:
    for piece in _PIECES.finditer(text):
        if (number := piece["grouped"] or piece["decimal"] or piece["measure"]) is not None:
            found.append((NUMBER, number))
        elif piece["sizes"] is not None:
            for index, number in enumerate(piece["sizes"].split("x")):
                found += [(LITERAL, "x")] * (index > 0) + [(NUMBER, number)]
        elif piece["time"] is not None:
            found.append((TIME, piece["time"]))
        elif piece["date"] is not None:
            found.append((DATE if _is_day(piece["date"]) else CODE, piece["date"]))
        elif piece["opaque"] is not None:
            found.append((CODE, piece["opaque"]))
        elif piece["head"] is not None:
            found += [(WORD, piece["head"]), (NUMBER, piece["tail"])]
        elif piece["capitals"] is not None:
            found += [(WORD, piece["capitals"]), (CODE, piece["code"])]
        elif piece["run"] is not None:
            run = piece["run"]
            found.append((NUMBER if run.isdecimal() else WORD if run.isalpha() else CODE, run))
        else:
            _literal(piece[0], found)


def _is_day(text: str) -> bool:
    try:
        datetime.date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _literal(text: str, found: list[Token]) -> None:
    if found and found[-1][0] == LITERAL:
        found[-1] = (LITERAL, found[-1][1] + text)
    else:
        found.append((LITERAL, text))
