"""Names of months and weekdays in a few languages, as dates are written with them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

__all__ = ["HALVES", "ORDINALS", "VARIANTS", "ZONES", "named", "names_of"]

_FULL_MONTHS = {
    "": "January February March April May June July August September October November December",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "nl": "januari februari maart april mei juni juli augustus september oktober november december",
}
_SHORT_MONTHS = {
    "": "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec",
    "sept": "Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec",
    "ap": "Jan. Feb. March April May June July Aug. Sept. Oct. Nov. Dec.",
    "de": "Jan Feb Mär Apr Mai Jun Jul Aug Sep Okt Nov Dez",
    "de.": "Jan. Feb. März Apr. Mai Juni Juli Aug. Sept. Okt. Nov. Dez.",
    "fr": "janv févr mars avr mai juin juil août sept oct nov déc",
    "fr.": "janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc.",
    "es": "ene feb mar abr may jun jul ago sep oct nov dic",
    "es4": "ene feb mar abr may jun jul ago sept oct nov dic",
    "it": "gen feb mar apr mag giu lug ago set ott nov dic",
    "pt": "jan fev mar abr mai jun jul ago set out nov dez",
    "nl": "jan feb mrt apr mei jun jul aug sep okt nov dec",
}
_FULL_DAYS = {
    "": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
    "de": "Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag",
    "fr": "lundi mardi mercredi jeudi vendredi samedi dimanche",
    "es": "lunes martes miércoles jueves viernes sábado domingo",
    "it": "lunedì martedì mercoledì giovedì venerdì sabato domenica",
    "nl": "maandag dinsdag woensdag donderdag vrijdag zaterdag zondag",
}
_SHORT_DAYS = {
    "": "Mon Tue Wed Thu Fri Sat Sun",
    "2": "Mo Tu We Th Fr Sa Su",
    "de": "Mo Di Mi Do Fr Sa So",
    "fr": "lun mar mer jeu ven sam dim",
    "es": "lun mar mié jue vie sáb dom",
    "it": "lun mar mer gio ven sab dom",
    "nl": "ma di wo do vr za zo",
}
#: Directive -> what is written by option; an empty option is English.
VARIANTS = {"B": _FULL_MONTHS, "b": _SHORT_MONTHS, "A": _FULL_DAYS, "a": _SHORT_DAYS}
#: Before and after noon, by the option of ``%p``.
HALVES = {"": ("AM", "PM"), ".": ("A.M.", "P.M."), "1": ("A", "P")}
#: Zones that a clock may be in.
ZONES = frozenset(
    re.split(
        " ",
        "UTC GMT Z EST EDT CST CDT MST MDT PST PDT AKST AKDT HST AST ADT CET CEST BST WET WEST EET EEST MSK IST JST "
        "KST AEST AEDT ACST AWST NZST NZDT HKT SGT",
    )
)
#: What follows a day of the month in English: the suffix of 1 to 31 stands at that index.
ORDINALS = ("th", "st", "nd", "rd", *["th"] * 17, "st", "nd", "rd", *["th"] * 7, "st")


@lru_cache(maxsize=256)
def names_of(letter: str, option: str, flag: str) -> tuple[str, ...]:
    """What ``%b``, ``%B``, ``%a``, ``%A`` or ``%p`` write for 0, 1, ...; ``^`` is upper, ``#`` lower, ``!`` title case.

    Raises:
        KeyError: if there is no such option.
    """
    names = HALVES[option] if letter == "p" else tuple(VARIANTS[letter][option].split())
    if flag == "^":
        return tuple(name.upper() for name in names)
    if flag == "#":
        return tuple(name.lower() for name in names)
    return tuple(name.title() for name in names) if flag == "!" else names


def named(letter: str, words: Iterable[str]) -> list[tuple[str, str, bool]]:
    """The (option, flag, whether a full stop follows) of ``letter`` that write all of ``words``, the plainest first."""
    words = set(words)
    found = []
    stop = all(word.endswith(".") for word in words)
    for stopped in (False, True) if stop else (False,):
        bare = {word.removesuffix(".") for word in words} if stopped else words
        for option in HALVES if letter == "p" else VARIANTS[letter]:
            for flag in ("", "^", "#", "!"):
                if bare <= set(names_of(letter, option, flag)):
                    found.append((option, flag, stopped))
                    break
    return found
