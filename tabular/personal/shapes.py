"""Forms (:mod:`tabular.codes.forms`) of texts that name persons: their shapes, with words and digits of nobody in them.

A shape is kept where several texts have it, so that it tells of no single one.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable

from ..codes.forms import as_set, escaped
from ..codes.given_names import GIVEN_NAMES

__all__ = [
    "STREET_ENDINGS",
    "address_form",
    "email_form",
    "handle_form",
    "ip_form",
    "joined",
    "name_form",
    "phone_form",
]

#: Texts of one shape at least, and shapes of one column at most.
MIN_TEXTS, MAX_SHAPES = 3, 24
#: Providers of mail for everybody: a domain of these names nobody.
PUBLIC_DOMAINS = frozenset(
    """gmail.com googlemail.com yahoo.com yahoo.co.uk yahoo.fr yahoo.de yahoo.co.in yahoo.es yahoo.it hotmail.com
    hotmail.co.uk hotmail.fr hotmail.de hotmail.it hotmail.es outlook.com outlook.de outlook.fr live.com live.co.uk
    msn.com aol.com icloud.com me.com mac.com gmx.de gmx.net gmx.at gmx.ch gmx.com web.de t-online.de freenet.de
    mail.com mail.ru yandex.ru yandex.com proton.me protonmail.com zoho.com orange.fr free.fr sfr.fr wanadoo.fr
    laposte.net libero.it virgilio.it tiscali.it qq.com 163.com 126.com naver.com rediffmail.com uol.com.br
    bol.com.br comcast.net verizon.net att.net sbcglobal.net btinternet.com posteo.de example.com example.org
    example.net""".split()  # noqa: SIM905
)
_TITLES = frozenset(
    """mr mrs ms miss mme mlle dr prof sir rev master lady lord don dona col capt major sr jr ii iii iv phd md dds dvm
    esq herr frau hr fr sra srta dott ing mag""".split()  # noqa: SIM905
)
_STREET_WORDS = frozenset(
    """street st avenue ave road rd boulevard blvd lane ln drive dr court ct place pl square sq terrace way parkway pkwy
    circle cir highway hwy close crescent gardens grove row mews trail loop apt suite ste unit flat floor po box north
    south east west n s e w ne nw se sw strasse straße str weg gasse allee platz ring am an der die das den im in zum
    zur auf rue avenue bd chemin impasse allée allee quai route cours de du des la le les l calle avenida avda av plaza
    paseo camino del los las via viale corso piazza largo vicolo di dei della rua travessa do da dos ulica ul straat
    laan gracht plein van het bis ter and of the""".split()  # noqa: SIM905
)
STREET_ENDINGS = re.compile(
    r"(stra(?:ß|ss)e|str|weg|gasse|allee|platz|ring|damm|ufer|straat|laan|gracht|plein|gatan|vägen|gade|vej)$"
)
_COUNTRY = re.compile(r"(?:\+|00)(?:1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|\d{3})")
_PRIVATE = {
    "10": "10.{octet}.{octet}.{host}",
    "192": "192.168.{octet}.{host}",
    "127": "127.{octet}.{octet}.{host}",
    "172": "172.1[6-9].{octet}.{host}",
}


def joined(forms: Iterable[str], *, least: int = MIN_TEXTS) -> str | None:
    """The most frequent of ``forms`` as alternatives with their shares; ``None`` if there is no form.

    Args:
        least: texts that a form must stand for, unless no form does.
    """
    counted = Counter(forms)
    if not counted:
        return None
    kept = [(form, count) for form, count in counted.most_common(MAX_SHAPES) if count >= least]
    kept = kept or counted.most_common(1)
    return kept[0][0] if len(kept) == 1 else "|".join(f"{count}*{form}" for form, count in kept)


def _digits(text: str, *, zero: bool = True) -> str:
    """Digits, as many; a zero in front where there is one."""
    if len(text) > 1 and text[0] == "0":
        return "0" + _times(len(text) - 1)
    first = "" if zero else "[1-9]"
    return first + (_times(len(text) - (not zero)) if len(text) > (not zero) else "")


def _times(count: int) -> str:
    return "[0-9]" if count == 1 else f"[0-9]{{{count}}}"


def _cased(name: str, word: str) -> str:
    """The list ``name``, written as ``word`` is."""
    cased = name.upper() if word.isupper() and len(word) > 1 else name.capitalize() if word[0].isupper() else name
    return f"{{{cased}}}"


def _walk(text: str, word: Callable[[str, int], str], *, zero: bool = False) -> str:
    """``text`` with each run of letters replaced by ``word(run, which)``, digits by digits, the rest as it is."""
    parts, which = [], 0
    for run in re.findall(r"[^\W\d_]+|\d+|.", text, re.DOTALL):
        if run[0].isdecimal() and run.isascii():
            parts.append(_digits(run, zero=zero))
        elif run[0].isalpha():
            parts.append(word(run, which))
            which += 1
        else:
            parts.append(escaped(run))
    return "".join(parts)


def handle_form(texts: list[str]) -> str | None:
    """Names of users such as ``anna.meyer_91`` and ``u1x204``: short runs of letters that all share stay."""
    skeletons = [re.sub(r"\d+", "0", re.sub(r"[^\W\d_]{3,}", "aaa", text)) for text in texts]
    often = {skeleton for skeleton, count in Counter(skeletons).items() if count >= MIN_TEXTS}

    def one(text: str, skeleton: str) -> str:
        def word(run: str, which: int) -> str:
            if len(run) <= 2:
                return escaped(run) if skeleton in often else as_set(set("abcdefghijklmnopqrstuvwxyz")) * len(run)
            return _cased("given" if which == 0 else "family", run)

        return _walk(text, word)

    return joined(one(text, skeleton) for text, skeleton in zip(texts, skeletons, strict=True))


def email_form(texts: list[str]) -> str | None:
    """Addresses of e-mail: local parts as :func:`handle_form`, public domains as they are, others made up."""
    split = [match for text in texts if (match := re.search(r"([^\s@<>,;:\"]+)@([^\s@<>,;:\"]+\.[^\W\d_]{2,})", text))]
    if not split:
        return None
    local = handle_form([match[1] for match in split])
    domains = joined(
        escaped(match[2]) if match[2].lower() in PUBLIC_DOMAINS else "{word}.example.com" for match in split
    )
    assert local is not None
    assert domains is not None
    return _product(local, domains)


def _product(local: str, domains: str) -> str:
    parts = []
    for left, often in _weighted(local)[:12]:
        for right, too in _weighted(domains)[:12]:
            parts.append((left + "@" + right, often * too))
    if len(parts) == 1:
        return parts[0][0]
    total = sum(weight for _, weight in parts)
    return "|".join(f"{max(1, round(1000 * weight / total))}*{form}" for form, weight in parts)


def _weighted(form: str) -> list[tuple[str, int]]:
    found = re.findall(r"(?:^|\|)(\d+)\*((?:\\.|[^|\\])*)", form)
    return [(part, int(weight)) for weight, part in found] or [(form, 1)]


def name_form(texts: list[str], *, only: str | None = None) -> str | None:
    """Names of persons, in their order and with their titles: ``Anna Meyer``, ``Braund, Mr. Owen``, ``MEYER Anna``.

    Args:
        only: ``"given"`` or ``"family"`` where the column holds one of them alone.
    """

    def one(text: str) -> str:
        comma = text.find(",")
        plain = "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
        words = re.findall(r"[^\W\d_]+", plain)
        real = [word for word in words if word.lower() not in _TITLES and len(word) > 1]
        last = len(real) - 1
        seen = 0

        def word(run: str, which: int) -> str:
            nonlocal seen
            if run.lower() in _TITLES:
                return escaped(run)
            if len(run) == 1:
                return as_set(set("ABCDEFGHJKLMNOPRSTW" if run.isupper() else "abcdefghjklmnoprstw"))
            position, seen = seen, seen + 1
            if only is not None:
                return _cased(only, run)
            if comma >= 0:
                before = len(
                    [
                        each
                        for each in re.findall(r"[^\W\d_]+", text[:comma])
                        if each.lower() not in _TITLES and len(each) > 1
                    ]
                )
                return _cased("family" if position < before else "given", run)
            if last == 1 and real[1].lower() in GIVEN_NAMES and real[0].lower() not in GIVEN_NAMES:
                return _cased("given" if position else "family", run)
            return _cased("family" if position == last and last > 0 else "given", run)

        return _walk(text, word)

    return joined(map(one, texts))


def address_form(texts: list[str]) -> str | None:
    """Addresses of streets: the words that say what is a street stay, and codes of states; names and numbers are made
    up."""

    def one(text: str) -> str:
        comma = text.find(",")
        passed = 0

        def word(run: str, which: int) -> str:
            nonlocal passed
            at = text.find(run, passed)
            passed = at + len(run)
            state = len(run) == 2 and run.isupper() and 0 <= comma < at
            if run.lower() in _STREET_WORDS or len(run) == 1 or state:
                return escaped(run)
            if (ending := STREET_ENDINGS.search(run.lower())) is not None:
                stem = run[: len(run) - len(ending[1])]
                return (_cased("street", stem) if stem else "") + escaped(run[len(stem) :])
            return _cased("town" if 0 <= comma < at else "street", run)

        return _walk(text, word)

    return joined(map(one, texts))


def phone_form(texts: list[str]) -> str | None:
    """Numbers of telephones: the code of the country and the separators stay."""

    def one(text: str) -> str:
        country = _COUNTRY.match(text)
        head = country[0] if country else ""
        rest = text[len(head) :]
        trunk = re.match(r"\D*0?\D*", rest)[0]  # type: ignore[index]
        body = re.sub(r"\d+", lambda run: f"\0{len(run[0])}\0", rest[len(trunk) :])
        parts = []
        for index, piece in enumerate(re.split(r"\0(\d+)\0", body)):
            if index % 2 == 0:
                parts.append(escaped(piece))
            elif index == 1:  # the first digit says what kind of number it is
                first = rest[len(trunk) : len(trunk) + 1]
                parts.append(escaped(first) + (_times(int(piece) - 1) if int(piece) > 1 else ""))
            else:
                parts.append(_times(int(piece)))
        return escaped(head + trunk) + "".join(parts)

    return joined(map(one, texts))


def ip_form(texts: list[str]) -> str | None:
    """Addresses of the Internet: private ones stay private; groups of version 6 are as long as they were."""

    def one(text: str) -> str:
        found = re.fullmatch(r"(\d{1,3})\.(\d{1,3})\.\d{1,3}\.\d{1,3}([:/]\d+)?", text)
        if found is None and ":" not in text:  # masked in part
            return "{octet}".join(map(escaped, re.split(r"(?<=\.)\d{1,3}", text)))
        if found is None:
            first = True

            def group(run: re.Match[str]) -> str:
                nonlocal first
                if first:  # what a network begins with
                    first = False
                    return escaped(run[0])
                return "[1-9a-f]" + "[0-9a-f]" * (len(run[0]) - 1)

            return re.sub(r"[0-9A-Fa-f]+", group, text)
        private = (
            found[1] in ("10", "127")
            or (found[1], found[2]) == ("192", "168")
            or (found[1] == "172" and 16 <= int(found[2]) <= 31)
        )
        form = _PRIVATE[found[1]] if private else "{public}.{octet}.{octet}.{host}"
        port = found[3] or ""
        return form + (port if port.startswith("/") else port[:1] + _digits(port[1:], zero=False) if port else "")

    return joined(map(one, texts))
