"""What may stand before or after the digits of a number: currencies, units, and letters such as K for thousands."""

from __future__ import annotations

import re

__all__ = ["SCALES", "is_prefix", "is_suffix", "split_scale"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: The signs of the Unicode category Sc.
_SIGN = (
    r"[$\u00a2-\u00a5\u058f\u060b\u07fe\u07ff\u09f2\u09f3\u09fb\u0af1\u0bf9\u0e3f\u17db\u20a0-\u20c0\ua838\ufdfc\ufe69"
    r"\uff04\uffe0\uffe1\uffe5\uffe6]"
)
#: The codes of ISO 4217, and of coins that are traded like them.
_CODES = _words(
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTC BTN BWP BYN BZD CAD CDF "
    "CHF CLF CLP CNH CNY COP CRC CUP CVE CZK DEM DJF DKK DOGE DOP DZD EGP ERN ESP ETB ETH EUR FJD FKP FRF GBP GEL GHS "
    "GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK ITL JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD "
    "KZT LAK LBP LKR LRD LSL LTC LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NLG NOK NPR "
    "NTD NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RMB RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOL SOS SRD SSP "
    "STN SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD USDC USDT UYU UZS VES VND VUV WST XAF XCD XOF XPF XRP "
    "YER ZAR ZMW ZWL"
)
_WORDS = _words(
    "kr kr. zł zl kč kc ft lei leu lv lv. лв лв. грн грн. ден din din. дин дин. km fr fr. sfr sfr. rs rs. re. rp rp. "
    "rm tl bs bs. b/. s/ s/. q r ksh tsh ush dh dhs dhs. sr qr bd kd jd le le. nt hk euro euros eur. dollar dollars "
    "pound pounds yen yuan usd. cent cents ct ct. cts p руб руб. р."  # noqa: RUF001 - Cyrillic is meant
)
#: What says that a number is not exact.
_ABOUT = _words("~ ≈ ≃ ± ca ca. c. approx approx. about circa etwa env.")
_CURRENCY = re.compile(rf"(?:[A-Za-z]{{0,3}}\.?\s?)?{_SIGN}(?:\s?[A-Za-z]{{2,3}})?")
_UNITS = _words(
    "% ‰ pp pct bps kg mg g t lb lbs oz km cm mm m mi ft in yd nm µm ha l ml cl dl gal ms s sec secs min mins h hr hrs "
    "d day days wk mo yr yrs px pt em rem kb mb gb tb pb b kib mib gib kbps mbps gbps hz khz mhz ghz w kw mw kwh mwh "
    "wh v mv kv a ma ah mah j kj cal kcal n pa kpa hpa bar psi db k °c °f ° °k m² m2 km² m³ m3 mph kmh km/h m/s ppm "
    "ppb iu x th cc hp bhp rpm kmpl"
)
#: A word after a blank (``36 months``) is a unit; without one (``12b``) it may be a part of a code.
_WORD_UNIT = re.compile(r"\s[^\W\d_][^\W\d_]{0,14}\.?(?:(?: |/)[^\W\d_]{1,14}\.?){0,2}")
_LETTERS = re.compile(r"[^\W\d_]{1,4}")
_OUT_OF = re.compile(r"\s?/\s?(?:5|10|20|100)")

#: Letters after the digits -> what the number is multiplied with.
SCALES = {
    **dict.fromkeys(("K", "k", "KB", "kB", "Tsd", "Tsd."), 1e3),
    **dict.fromkeys(("L", "lakh", "Lakh", "Lac", "lac"), 1e5),
    **dict.fromkeys(("M", "m", "MM", "mn", "Mn", "mln", "mio", "Mio", "Mio.", "million", "Million", "MB"), 1e6),
    **dict.fromkeys(("Cr", "cr", "crore", "Crore"), 1e7),
    **dict.fromkeys(("B", "b", "bn", "Bn", "BN", "mrd", "Mrd", "Mrd.", "mld", "G", "billion", "Billion", "GB"), 1e9),
    **dict.fromkeys(("T", "t", "tn", "Tn", "trillion", "Trillion", "TB"), 1e12),
}
_SCALE = re.compile(
    rf"(\s?(?:{'|'.join(map(re.escape, sorted(SCALES, key=len, reverse=True)))}))((?:\s?[^\w\s]|\s).*)?", re.DOTALL
)


def split_scale(tail: str) -> tuple[str, str]:
    """What follows the digits as the letters that scale them, with the blank before, and the rest: ``"M €"``."""
    found = _SCALE.fullmatch(tail)
    return (found[1], found[2] or "") if found else ("", tail)


def is_prefix(text: str) -> bool:
    """Whether ``text`` may stand before a number; any other letters make it a code (``S12``)."""
    return not text.strip() or text.strip().lower() in _ABOUT or _is_currency(text.strip())


def is_suffix(text: str, *, fractions: bool) -> bool:
    """Whether ``text`` may stand after a number.

    Args:
        fractions: whether most of the numbers have a decimal mark, which codes do not.
    """
    plain = text.strip()
    if len(text) == 1 and text.isupper() and not fractions:  # 12A may be a seat as well as amperes
        return False
    if not plain or plain.lower() in _UNITS or _is_currency(plain):
        return True
    if fractions and _LETTERS.fullmatch(plain):
        return True
    return bool(_WORD_UNIT.fullmatch(text.rstrip()) or _OUT_OF.fullmatch(text))


def _is_currency(text: str) -> bool:
    return text in _CODES or text.lower() in _WORDS or bool(_CURRENCY.fullmatch(text))
