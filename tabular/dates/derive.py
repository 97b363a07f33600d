"""The formats that a column of texts may be written in, derived from its tokens."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise, product

from .forms import PIVOT
from .names import ORDINALS, ZONES, named
from .tokens import Digits, Offset, Token, Word, tokens_of

__all__ = ["candidates", "named_like_a_date"]

#: Years that a date of four digits without separators can be in: other numbers have other ones.
FIRST_YEAR, LAST_YEAR = 1900, 2099
#: A name of a column that holds dates.
_DATED = re.compile(
    r"(?:^|[^a-z])(?:date|dates|day|days|dt|time|times|timestamp|ts|month|period|dob|birth\w*|created|updated|modified|"
    r"when|at|on|since|until|epoch|unix\w*|datum|zeit\w*|fecha|hora|jour|heure|hour|hours|week|quarter|yyyymm\w*)"
    r"(?:$|[^a-z])|date$|time$|stamp$|(?<=[a-z])(?:At|On|Day|Month|Hour)$"
)
_BIRTH = re.compile(r"birth|born|(?:^|[^a-z])dob(?:$|[^a-z])|geb(?:urt|oren|\b)|naissance|nacim", re.I)
_AHEAD = re.compile(r"expir|matur|due|until|valid|end|deadline|renew", re.I)
#: The least and the greatest value that a field can have, and the numbers of digits that it is written with.
_FIELDS = {
    "Y": (1, 9999, {4}),
    "y": (0, 99, {2}),
    "m": (1, 12, {1, 2}),
    "d": (1, 31, {1, 2}),
    "H": (0, 24, {1, 2}),
    "I": (1, 12, {1, 2}),
    "M": (0, 59, {1, 2}),
    "S": (0, 59, {1, 2}),
    "q": (1, 4, {1}),
    "G": (1, 9999, {4}),
    "V": (1, 53, {2}),
    "u": (1, 7, {1}),
    "j": (1, 366, {3}),
    "f": (0, 10**18, set(range(1, 10))),
}
_WIDE = {"Y": 4, "j": 3}
#: Years, months and days in the order to try; a string of several letters is one run of digits.
_DATES = {
    3: (("Y", "m", "d"), ("m", "d", "Y"), ("d", "m", "Y"), ("m", "d", "y"), ("d", "m", "y"), ("y", "m", "d")),
    2: (("Y", "m"), ("m", "Y"), ("Y", "j")),
    1: (("Ymd",), ("dmY",), ("mdY",), ("Ym",), ("ymd",), ("dmy",), ("Yj",)),
    0: ((),),
}
_WHOLE = (("YmdHMS",), ("YmdHM",), ("YmdH",), ("ymdHMS",), ("ymdHM",), ("ymdH",))
_TIMES = ((), ("H", "M"), ("H", "M", "S"), ("H", "M", "S", "f"), ("H",), ("HM",), ("HMS",), ("HMS", "f"))
#: What stands between a date and its time, or before and behind either.
_BETWEEN_CLOCK = frozenset({":", "h", "H", ".", "m", "時", "时", "點", "点", "시", "分", "분"})


def named_like_a_date(name: str) -> bool:
    """Whether the name of a column says that it holds dates or times."""
    return _DATED.search(name) is not None or _DATED.search(name.lower()) is not None


def candidates(texts: Sequence[str], name: str) -> list[str]:
    """Formats that ``texts``, a sample, may be written in; the likeliest first. The caller holds them to all texts."""
    found = tokens_of(texts)
    if found is None or len(found[1]) < len(texts) / 2:
        return []
    tokens, _ = found
    made: dict[str, None] = {}
    for words in _readings_of_words(tokens):
        for fields in _readings_of_digits(tokens, words, name):
            if (form := _written(tokens, words, fields, name)) is not None:
                made[form] = None
    return list(made)


def _readings_of_words(tokens: Sequence[Token]) -> Iterator[dict[int, tuple[str, str]]]:
    """What each word may be: index of the token -> (letter, directive), or ``("", literal)``."""
    choices: list[list[tuple[int, str, str]]] = []
    for index, token in enumerate(tokens):
        if not isinstance(token, Word):
            continue
        options: list[tuple[int, str, str]] = []
        before = tokens[index - 1] if index else None
        if isinstance(before, Digits) and token.words <= set(ORDINALS):
            options.append((index, "th", ""))
        for letter in ("b", "B", "a", "A", "p"):
            # One word alone may be short or full (May): the first that fits serves.
            for option, flag, stop in named(letter, token.words)[:2]:
                brace = f"{{{option}}}" if option else ""
                options.append((index, letter, f"%{flag}{brace}{letter}" + "." * stop))
        if token.constant is None and token.words <= ZONES:
            options.append((index, "z", _zones(sorted(token.words))))
        if token.constant is not None:
            options.append((index, "", token.constant.replace("%", "%%")))
        if not options:
            return
        choices.append(options)
    for chosen in product(*choices):
        letters = [letter for _, letter, _ in chosen if letter]
        kinds = ["b" if letter in "bB" else "a" if letter in "aA" else letter for letter in letters]
        if len(set(kinds)) == len(kinds):
            yield {position: (letter, text) for position, letter, text in chosen}


def _readings_of_digits(
    tokens: Sequence[Token], words: dict[int, tuple[str, str]], name: str
) -> Iterator[dict[int, str]]:
    """What each run of digits may be: index of the token -> letters."""
    runs = [index for index, token in enumerate(tokens) if isinstance(token, Digits)]
    letters = {letter for letter, _ in words.values()}
    month = bool(letters & {"b", "B"})
    dates: list[tuple[str, ...]] = []
    if month:
        dates += [("d", "Y"), ("Y", "d"), ("d", "y"), ("y", "d"), ("Y",), ("y",)]
    else:
        for count in (3, 2, 1, 0):
            dates += _DATES[count]
        if "/" not in tokens:  # with slashes the month first, as pandas does; the caller notes it
            dates.sort(key=lambda date: "".join(date).lower() == "mdy")
    dates = [("Y", "q"), ("q", "Y"), ("G", "V"), ("G", "V", "u"), *dates]
    seen = set()
    for date, time in [(whole, ()) for whole in _WHOLE] + list(product(dates, _TIMES)):
        clock = tuple(part.replace("H", "I") for part in time) if "p" in letters else time
        if len(date) + len(clock) != len(runs) or (bool(letters & {"a", "A"}) and not date):
            continue
        orders = [date + clock, clock + date]
        if month and len(date) == 2 and clock:
            orders.append((date[0], *clock, date[1]))  # Mar 04 12:00:00 2024
        for order in orders:
            fields = dict(zip(runs, order, strict=True))
            key = tuple(order)
            long = not date and clock[:3] == ("H", "M", "S")
            if key in seen or not all(_fits(tokens[position], part, long) for position, part in fields.items()):
                continue
            seen.add(key)
            if any(isinstance(t, Digits) and t.optional and fields[i] != "f" for i, t in enumerate(tokens)):
                continue
            if _plausible(tokens, words, fields, name) and ("p" in letters) == bool("I" in "".join(clock)):
                yield fields


def _fits(token: Token, part: str, long: bool) -> bool:
    """Whether a run of digits can be ``part``; ``long``: hours may be those of a duration."""
    assert isinstance(token, Digits)
    if long and part == "H" and token.high > 24:
        return max(token.lengths) <= 4
    if len(part) == 1:
        low, high, lengths = _FIELDS[part]
        if not token.lengths <= lengths or not low <= token.low <= token.high <= high:
            return False
        return part not in "MS" or token.length == 2
    return token.length == sum(_WIDE.get(letter, 2) for letter in part)


def _plausible(tokens: Sequence[Token], words: dict[int, tuple[str, str]], fields: dict[int, str], name: str) -> bool:
    """Whether the separators are such as stand between these fields."""
    order = list(fields.items())
    letters = "".join(fields.values())
    if set(letters) & set("YyG") and set(letters) & set("HI") and not set(letters) & set("dju"):
        return False  # a time of no day
    dated = any(letter in "YyG" for letter in letters)
    month_word = any(letter in ("b", "B") for letter, _ in words.values())
    if not dated and not ({"H", "I"} & set(letters)):
        return False
    for (left, before), (right, after) in pairwise(order):
        between = _between(tokens, words, left, right)
        clock = before[-1] in "HIM" and after[0] in "MS"
        if clock and (between.strip() not in _BETWEEN_CLOCK or (between == "." and not dated)):
            return False
        if after[0] == "H" and before[-1] not in "HIM" and between in (".", "/", ". ", "-W"):
            return False
        if after == "f" and between not in (".", ","):
            return False
        if not clock and ":" in between and not (before[-1] in "Yyd" and after[0] in "HI"):
            return False
        if (
            before[-1] in "Yymdq"
            and after[0] in "Yymdq"
            and not month_word
            and between not in ("-", "/", ".", " ", ". ", ", ", "_", "年", "月", " - ")
            and "q" not in (before, after)
        ):
            return False
        if after == "q" and not between.upper().endswith(("Q", "T")):
            return False
        if before == "q" and "Q" not in _before(tokens, words, left).upper():
            return False
        if after == "V" and not between.upper().endswith(("W", "KW")):
            return False
        if before == "Y" and after == "j" and between not in ("-", ".", "/"):
            return False
    alone = len(order) == 1 and not month_word
    if alone and letters in ("H", "I") and not any(letter == "p" for letter, _ in words.values()):
        return False
    if alone and letters in ("HM", "HMS", "Yj", "ymd", "dmy") and not named_like_a_date(name):
        return False
    for position, part in order:
        token = tokens[position]
        if part.startswith("Y") and len(part) > 1 and isinstance(token, Digits):
            scale = 10 ** (token.length - 4)
            if not FIRST_YEAR <= token.low // scale <= token.high // scale <= LAST_YEAR:
                return False
        pair = part == "Y" and len(order) == 2 and not month_word
        if pair and isinstance(token, Digits) and not 1500 <= token.low <= token.high <= 2500:
            return False
    return True


def _between(tokens: Sequence[Token], words: dict[int, tuple[str, str]], left: int, right: int) -> str:
    return "".join(
        token if isinstance(token, str) else words[left + 1 + index][1]
        for index, token in enumerate(tokens[left + 1 : right])
    )


def _before(tokens: Sequence[Token], words: dict[int, tuple[str, str]], position: int) -> str:
    return "".join(
        token if isinstance(token, str) else words[i][1]
        for i, token in enumerate(tokens[:position])
        if isinstance(token, str) or i in words
    )


def _written(
    tokens: Sequence[Token], words: dict[int, tuple[str, str]], fields: dict[int, str], name: str
) -> str | None:
    """The format in which the tokens are those words and fields."""
    written = ""
    for index, token in enumerate(tokens):
        if isinstance(token, str):
            following = tokens[index + 1] if index + 1 < len(tokens) else None
            if not (isinstance(following, Digits) and following.optional):  # its point comes and goes with it
                written += token.replace("%", "%%")
        elif isinstance(token, Offset):
            written += _zones(text for text, _ in token.texts.most_common())
        elif isinstance(token, Word):
            letter, text = words[index]
            if letter == "th":
                if not written.endswith("d") or fields.get(index - 1) != "d":
                    return None
                written = written[:-1] + "{th}d"
            else:
                written += text
        else:
            written += "".join(_directive(letter, token, len(fields[index]) == 1, name) for letter in fields[index])
    return written


def _zones(texts: Iterable[str]) -> str:
    """Offsets or zones, the most frequent first, as a literal or a field."""
    counted = list(texts)
    if len(counted) == 1:
        return counted[0]
    blank = " " if all(text.startswith(" ") for text in counted) else ""
    return f"{blank}%{{{'|'.join(text.removeprefix(blank) for text in counted)}}}z"


def _directive(letter: str, token: Digits, alone: bool, name: str) -> str:
    if letter == "y":
        first = _first_year(token, alone, name)
        return "%y" if first == PIVOT else f"%{{{first}}}y"
    if letter == "f" and token.optional:
        return f"%{token.length}{{.}}f" if token.length else "%{.}f"
    if letter == "f":
        return f"%{token.length}f" if token.length else "%-f"
    if letter == "H" and alone and token.high > 24:
        return "%{+}H" if 2 in token.lengths and 1 not in token.lengths else "%-{+}H"
    if letter == "H" and alone and token.high == 24:
        return f"%{_padding(token)}{{24}}H"
    if not alone or letter in "YGVjqu":
        return f"%{letter}"
    return f"%{_padding(token)}{letter}"


def _padding(token: Digits) -> str:
    if token.blank:
        return "_"
    return "" if token.length == 2 or token.zero else "-"


def _first_year(token: Digits, alone: bool, name: str) -> int:
    """The first year of the hundred that two digits stand for: people are not born in the future, and few things
    that are written down are more than ten years ahead."""
    now = datetime.date.today().year
    latest = max((PIVOT + (value - PIVOT) % 100 for value in token.pairs), default=0) if alone else 0
    if alone and _BIRTH.search(name):
        return now - 99
    return now - 99 if latest > now + 10 and not _AHEAD.search(name) else PIVOT
