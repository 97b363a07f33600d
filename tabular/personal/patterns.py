"""What single values look like that name a person; each test takes all distinct values of a column at once."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable

import numpy as np
import pandas as pd

from ..codes.given_names import GIVEN_NAMES

__all__ = ["BY_NAME", "BY_VALUE", "name_share"]

_EMAIL = r"[^\s@,;:<>()\"]+@[^\s@,;:<>()\"]+\.[^\W\d_]{2,}"
_IPV4 = r"(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?::\d{1,5}|/\d\d?)?"
_MAC = r"(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}|(?:[0-9a-f]{4}\.){2}[0-9a-f]{4}"
_UUID = r"\{?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\}?"
_HEX = r"(?=.*[a-f])(?=.*\d)(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})"
_COOKIE = r"(?:GA\d\.\d\.|fb\.\d\.)\d+\.\d+"
#: With a country's code, or in the American forms with separators.
_PHONE = r"(?:\+|00)[1-9](?:[\s().\-/]*\d){6,14}|(?:\+?1[\s.-]?)?(?:\(\d{3}\)\s?|\d{3}[.-])\d{3}[.-]\d{4}(?:\s?x\d+)?"
_SSN = r"(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}"
_OTHER_IDS = (
    r"\d{3}\.\d{3}\.\d{3}-\d{2}"  # Brazil's CPF
    r"|[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]"  # Italy's codice fiscale
    r"|(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D]"  # the UK's NINO
    r"|[1278] ?\d{2} ?(?:0[1-9]|1[0-2]) ?(?:\d{2}|2[AB]) ?\d{3} ?\d{3} ?\d{2}"  # France's NIR
    r"|[A-Z]{4}\d{6}[HM][A-Z]{5}[0-9A-Z]\d"  # Mexico's CURP
)
_STREET_WORDS = (
    "street|st|avenue|ave|road|rd|boulevard|blvd|lane|ln|drive|dr|court|ct|place|pl|square|sq|terrace|way|parkway|"
    "pkwy|circle|cir|highway|hwy|close|crescent|gardens|grove|row|mews|trail|loop"
)
_STREET = (
    rf"\d{{1,6}}[a-z]?(?:[-/]\d+)?,? .*\b(?:{_STREET_WORDS})\b\.?.*"
    r"|.*\w(?:stra(?:ß|ss)e|str\.|weg|gasse|allee|platz|ring|damm|ufer|straat|laan|gracht|plein|gatan|vägen|gade|vej)"
    r",? ?\d{1,4} ?[a-z]?(?:[-/,].*| .*)?"
    r"|.*\b(?:stra(?:ß|ss)e|allee|platz|weg) \d{1,4}.*"
    r"|\d{1,4}(?: ?(?:bis|ter|[a-d]))?,? (?:rue|avenue|boulevard|bd|place|chemin|impasse|all[ée]e|quai|route|cours)\b.*"
    r"|(?:calle|c/|avenida|avda?\.?|plaza|paseo|camino|via|viale|corso|piazza|largo|vicolo|rua|travessa|ulica|ul\.)"
    r" ?\S.*\d.*"
)


def _matching(pattern: str, *, search: bool = False) -> Callable[[pd.Series], np.ndarray]:
    compiled = re.compile(pattern, re.IGNORECASE)

    def test(texts: pd.Series) -> np.ndarray:
        found = compiled.search if search else compiled.fullmatch
        return np.fromiter((found(text) is not None for text in texts), bool, len(texts))

    return test


def _digits(texts: pd.Series) -> pd.Series:
    return texts.str.replace(r"[\s-]", "", regex=True)


def _is_iban(texts: pd.Series) -> np.ndarray:
    """By the form and the checksum of ISO 13616: as a number modulo 97 it leaves 1."""
    plain = texts.str.replace(r"[\s-]", "", regex=True).str.upper()
    shaped = plain.str.fullmatch(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}").to_numpy(bool)
    return np.fromiter(
        (
            ok and int("".join(str(int(char, 36)) for char in text[4:] + text[:4])) % 97 == 1
            for text, ok in zip(plain, shaped, strict=True)
        ),
        bool,
        len(texts),
    )


def _luhn(texts: pd.Series, pattern: str) -> np.ndarray:
    """bool[n]: texts whose digits have the form ``pattern`` and the checksum of Luhn (ISO/IEC 7812-1)."""
    plain = _digits(texts)
    right = plain.str.fullmatch(pattern).to_numpy(bool, copy=True)
    for position in np.flatnonzero(right):
        digits = [int(digit) for digit in reversed(plain.iat[position])]
        doubled = [2 * digit - 9 * (digit > 4) for digit in digits[1::2]]
        right[position] = (sum(digits[::2]) + sum(doubled)) % 10 == 0
    return right


def _is_card(texts: pd.Series) -> np.ndarray:
    """Numbers of the large networks: 16 digits from 2 to 6, 15 of American Express, 14 of Diners, 13 of old Visa."""
    return _luhn(texts, r"(?:5[1-5]|2[2-7]|4\d|6[0245])\d{14}|3[47]\d{13}|3[0689]\d{12}|35\d{14}|4\d{12}|6\d{18}")


def _is_ip(texts: pd.Series) -> np.ndarray:
    right = _matching(_IPV4)(texts)
    for position in np.flatnonzero(texts.str.fullmatch(r"\[?[0-9a-fA-F:.]*:[0-9a-fA-F:.]*:[\w:.%/\]]*").to_numpy(bool)):
        try:
            ipaddress.IPv6Address(texts.iat[position].strip("[]").partition("/")[0])
            right[position] = True
        except ValueError:
            pass
    return right


def _is_device(texts: pd.Series) -> np.ndarray:
    return _matching(f"{_UUID}|{_HEX}|{_COOKIE}")(texts) | _luhn(texts, r"(?:35|86|01|99)\d{13}")


def _has_digits(least: int, most: int = 40) -> Callable[[pd.Series], np.ndarray]:
    """Numbers as people write them: so many digits (or signs that mask them), separators, hardly a letter."""

    def test(texts: pd.Series) -> np.ndarray:
        digits = texts.str.count(r"[\d*]")
        letters = texts.str.count(r"[^\W\d_]")
        whole = ~texts.str.fullmatch(r"-?\d+\.\d+(e[+-]?\d+)?").to_numpy(bool)
        return whole & ((digits >= least) & (digits <= most) & (letters <= digits)).to_numpy(bool)

    return test


def _is_words(texts: pd.Series) -> np.ndarray:
    """Texts of letters, as names are, and no numbers."""
    return texts.str.fullmatch(r"[^\W\d_][^\d_@]{0,59}").to_numpy(bool) & (texts.str.count(" ") <= 5).to_numpy(bool)


def _is_address(texts: pd.Series) -> np.ndarray:
    return (texts.str.contains(r"[^\W\d_]{2}") & texts.str.contains(r"\d") & texts.str.contains(r"\s")).to_numpy(bool)


def _is_id(texts: pd.Series) -> np.ndarray:
    """Whatever can be a key: no prose, no fraction."""
    return ~texts.str.fullmatch(r"-?\d*\.\d+(e[+-]?\d+)?|.*\s.*\s.*\s.*", flags=re.DOTALL).to_numpy(bool)


def name_share(texts: pd.Series, *, alone: bool) -> float:
    """Fraction of texts that are names of persons: a given name, and with it a family name unless ``alone`` will do.

    ``Braund, Mr. Owen Harris`` and ``DUPONT Marie`` are names too.
    """
    plain = texts.str.normalize("NFKD").str.replace(r"[\u0300-\u036f]", "", regex=True)
    shaped = plain.str.fullmatch(r"[^\W\d_][^\d_@/&+]{1,59}").to_numpy(bool)
    found = np.zeros(len(texts), bool)
    for position in np.flatnonzero(shaped):
        words = re.findall(r"[^\W\d_]+", plain.iat[position])
        enough = 1 if alone else 2
        capital = all(word[0].isupper() or len(word) <= 3 for word in words) or plain.iat[position].islower()
        found[position] = (
            enough <= len(words) <= 7 and capital and any(word.casefold() in GIVEN_NAMES for word in words)
        )
    return float(found.mean()) if len(found) else 0.0


#: What the values alone can say: sort -> (test, least fraction of the distinct values, least number of them).
BY_VALUE: dict[str, tuple[Callable[[pd.Series], np.ndarray], float, int]] = {
    "e-mail": (_matching(_EMAIL, search=True), 0.2, 1),
    "IBAN": (_is_iban, 0.5, 1),
    "payment card": (_is_card, 0.6, 5),
    "national id": (_matching(f"{_SSN}|{_OTHER_IDS}"), 0.8, 3),
    "MAC address": (_matching(_MAC), 0.8, 2),
    "IP address": (_is_ip, 0.8, 2),
    "device or user id": (_is_device, 0.8, 10),
    "phone": (_matching(_PHONE), 0.8, 3),
    "street address": (_matching(_STREET), 0.6, 5),
}
#: What the values must be where the name of the column says it: sort -> (test, least share).
BY_NAME: dict[str, tuple[Callable[[pd.Series], np.ndarray], float]] = {
    "e-mail": (_matching(rf"{_EMAIL}|{_HEX}|[^@\s]+@[^@\s]+", search=False), 0.2),
    "phone": (_has_digits(6, 20), 0.5),
    "IBAN": (_has_digits(6), 0.5),
    "payment card": (_has_digits(8, 19), 0.5),
    "national id": (_has_digits(5, 24), 0.5),
    "IP address": (
        _matching(rf"{_IPV4}|{_HEX}|(?:\d{{1,3}}\.){{2,3}}[\dx*]{{1,3}}|[0-9a-f:]*:[0-9a-f:]*:[0-9a-f:.]*"),
        0.3,
    ),
    "MAC address": (_matching(rf"{_MAC}|[0-9a-f]{{12}}|{_HEX}"), 0.3),
    "device or user id": (_is_id, 0.5),
    "person name": (_is_words, 0.5),
    "street address": (_is_address, 0.3),
}
