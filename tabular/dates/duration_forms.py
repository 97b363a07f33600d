"""The template that a column of durations is written in, derived from its texts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from .durations import UNITS

__all__ = ["duration_form"]

_ISO = re.compile(r"-?P(?:[0-9]+W|(?:[0-9]+D)?(?:T(?:[0-9]+H)?(?:[0-9]+M)?(?:[0-9]+(?:\.[0-9]{1,9})?S)?)?)")
_NUMBER = re.compile(r"([0-9]+(?:\.[0-9]{1,9}(?![0-9]*:))?)")
_WORD = re.compile(r"(\s?[^\W\d_]+\.?)(\D*)")
_WORDS = {
    word: unit
    for unit, words in {
        "W": "w wk wks week weeks woche wochen semaine semaines semana semanas",
        "D": "d day days tag tage tagen jour jours dia dias día días giorno giorni dag dagen",
        "H": "h hr hrs hour hours std stunde stunden heure heures hora horas ora ore uur uren",
        "M": "m min mins minute minutes minuten minuto minutos minuti",
        "S": "s sec secs second seconds sek sekunde sekunden seconde secondes segundo segundos secondi",
    }.items()
    for word in words.split()
}
#: What parts days from a clock behind them, without a word.
_DAY_SEPARATORS = (".", "-", " ", ":")
#: Minutes and seconds alone are distinguished from times of day and from scores by so many different texts.
_LEAST_CLOCKS = 8


@dataclass(frozen=True)
class _Part:
    unit: str
    number: str
    suffix: str
    separator: str = ""  # between this and the next

    @property
    def is_zero(self) -> bool:
        return not self.number.strip("0.")


def duration_form(texts: Sequence[str]) -> str | None:
    """The format (``%{...}D``, see :mod:`.durations`) that most of ``texts`` may be written in, ``None`` without one.

    Texts of one unit that is always spelled alike (``90 min``) are numbers with a unit, and a clock alone
    (``01:30:00``) is a time: neither is looked for here.
    """
    if sum(_ISO.fullmatch(text) is not None and text[-1] not in "PT" for text in texts) > len(texts) / 2:
        parts = [_iso_parts(text) for text in texts if _ISO.fullmatch(text) and text[-1] not in "PT"]
        return _iso_form(parts, texts)
    read = [(text, found) for text in texts if (found := _parts(text)) is not None]
    if len(read) <= len(texts) / 2:
        return None
    return _form(read)


def _iso_parts(text: str) -> list[_Part]:
    days, _, clock = text.partition("T")
    numbers = re.findall(r"([0-9.]+)([WD])", days) + re.findall(r"([0-9.]+)([HMS])", clock)
    return [_Part(unit, number, unit) for number, unit in numbers]


def _iso_form(read: Sequence[list[_Part]], texts: Sequence[str]) -> str:
    zeros = [all(part.is_zero for part in parts) for parts in read]
    counted = [parts for parts, zero in zip(read, zeros, strict=True) if not zero] or list(read)
    always = {unit for unit in UNITS if all(unit in {part.unit for part in parts} for parts in counted)}
    written = {unit: _unit([part for parts in counted for part in parts if part.unit == unit], set()) for unit in UNITS}
    pieces = {unit: f"{text}{unit}" if unit in always else f"[{text}{unit}]" for unit, text in written.items() if text}
    days = "".join(pieces[unit] for unit in "WD" if unit in pieces)
    clock = "".join(pieces[unit] for unit in "HMS" if unit in pieces)
    if clock:
        clock = f"T{clock}" if always & set("HMS") else f"[T{clock}]"
    nought = Counter(text for text in texts if re.fullmatch(r"P(?:T?0+(?:\.0+)?[WDHMS])+", text))
    default = "PT0S" if clock else "P0D"
    return f"%{{P{days}{clock}{'' if always else '=' + (nought.most_common(1)[0][0] if nought else default)}}}D"


def _parts(text: str) -> list[_Part] | None:
    """The units of one text, ``None`` if it is no duration."""
    pieces = _NUMBER.split(text)
    if len(pieces) < 3 or pieces[0] not in ("", "-") or len(pieces) > 13:
        return None
    numbers, between = pieces[1::2], pieces[2::2]
    clock = 0  # numbers with colons between them, at the end
    if between[-1] == "":
        while clock < len(numbers) - 1 and between[-2 - clock] == ":":
            clock += 1
        clock += clock > 0
    worded = numbers[: len(numbers) - clock]
    found: list[_Part] = []
    for number, after in zip(worded, between, strict=False):
        word = _WORD.fullmatch(after)
        if word is not None and (unit := _WORDS.get(word[1].strip(" .\u00a0").lower())) is not None:
            found.append(_Part(unit, number, word[1], word[2]))
        elif after in _DAY_SEPARATORS and clock > 1 and len(worded) == 1:
            found.append(_Part("D", number, "", after))
        else:
            return None
    if found and clock == 2 and found[-1].unit != "D":
        return None
    units = "MS" if clock == 2 and not found else "HM" if clock == 2 else "DHMS"[-clock:] if clock else ""
    if clock > 4 or (clock and any(len(number.partition(".")[0]) != 2 for number in numbers[-clock + 1 :])):
        return None
    for unit, number, after in zip(units, numbers[-clock:], between[-clock:], strict=False):
        found.append(_Part(unit, number, "", after))
    sizes = [UNITS[part.unit] for part in found]
    return found if sizes == sorted(set(sizes), reverse=True) else None


def _form(read: Sequence[tuple[str, list[_Part]]]) -> str | None:
    counted = [parts for _, parts in read if not all(part.is_zero for part in parts)]
    used = [unit for unit in UNITS if any(part.unit == unit for parts in counted for part in parts)]
    always = [unit for unit in used if all(unit in {part.unit for part in parts} for parts in counted)]
    written: dict[str, str] = {}
    for unit in used:
        parts = [part for found in counted for part in found if part.unit == unit]
        suffix = _suffix({part.suffix for part in parts})
        first = {id(found[0]) for found in counted if found[0].unit == unit}
        if suffix is None:
            return None
        written[unit] = _unit(parts, first) + suffix
    clocks = all(not part.suffix for parts in counted for part in parts)
    if clocks and not _tells_time(used, always, counted):
        return None
    if len(used) < 2 and "(" not in "".join(written.values()):
        return None
    before = {unit: _separator(unit, counted) for unit in used}
    plus = any(" +" in part.separator for parts in counted for part in parts)
    before = {unit: text.replace("+", "(+)") for unit, text in before.items()}
    middle = used.index(always[0]) if always else len(used)
    text = ""
    for index, unit in enumerate(used):
        piece, lead = written[unit], before[unit] if index else ""
        if plus and index == 1 and "(+)" not in lead:
            lead += "(+)"
        if unit in always:
            text += (lead if index > middle else "") + piece
        elif index < middle:
            text += f"[{piece}{before[used[index + 1]]}]" if always else f"{lead}[{piece}]"
        else:
            text += f"[{lead}{piece}]"
    if not always:
        noughts = Counter(text for text, parts in read if all(part.is_zero for part in parts))
        text += "=" + (noughts.most_common(1)[0][0] if noughts else "0" + re.sub(r"<.*>|[()]", "", written[used[-1]]))
    return f"%{{{text}}}D"


def _tells_time(used: Sequence[str], always: Sequence[str], counted: Sequence[list[_Part]]) -> bool:
    """Whether numbers with colons between them are durations: those that no clock shows, but no scores either."""
    if used == ["H", "M", "S"] and "H" in always:
        return False  # a clock, which the formats of times read
    if used == ["M", "S"] and max(int(parts[0].number) for parts in counted) <= 24:
        return False
    ends = {parts[-1].number.partition(".")[0] for parts in counted}
    return len(counted) >= _LEAST_CLOCKS and any(end[0] == "0" for end in ends) and all(int(end) < 60 for end in ends)


def _suffix(suffixes: set[str]) -> str | None:
    """One suffix, or a word and its plural; ``None`` where there are more."""
    short, *longer = sorted(suffixes, key=len)
    if not longer:
        return short
    if len(longer) > 1 or not longer[0].startswith(short) or not longer[0][len(short) :].isalpha():
        return None
    return f"{short}({longer[0][len(short) :]})"


def _separator(unit: str, counted: Sequence[list[_Part]]) -> str:
    """What stands before ``unit`` where another one does."""
    texts = Counter(
        parts[index - 1].separator for parts in counted for index in range(1, len(parts)) if parts[index].unit == unit
    )
    # pandas writes a plus behind negative days alone
    return max(texts, key=lambda text: ("+" in text, texts[text])) if texts else ""


def _unit(parts: Sequence[_Part], first: set[int]) -> str:
    """``<H>`` or the like for the numbers of one unit; ``first``: those parts (by identity) with which texts begin."""
    if not parts:
        return ""
    unit = parts[0].unit
    whole = {id(part): part.number.partition(".")[0] for part in parts}
    padded = ""
    if any(len(number) > 1 and number[0] == "0" for number in whole.values()):
        single = {key for key, number in whole.items() if len(number) == 1}
        padded = unit if not single else f"{unit}?" if single <= first else ""
    fractions = [part.number.partition(".")[2] for part in parts]
    lengths = {len(digits) for digits in fractions}
    if lengths == {0}:
        return f"<{unit}{padded}>"
    some = lengths - {0}
    if len(some) == 1 and (0 not in lengths or any(digits.endswith("0") for digits in fractions)):
        return f"<{unit}{padded}.{'?' * (0 in lengths)}{max(some)}>"
    return f"<{unit}{padded}.->"
