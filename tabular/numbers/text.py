"""Numbers that are stored as text: ``"1,234"``, ``"$5.00"``, ``"12 %"``; read and written by a template.

The template (:mod:`tabular.numbers.template`) is found by :mod:`tabular.numbers.detection`. Reading works on Arrow's
strings, a column at a time.
"""

from __future__ import annotations

import math
import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from .template import GROUPS, NumberTemplate, number_template

__all__ = ["MAX_DIGITS", "as_arrow", "format_numbers", "parse_numbers", "plain_digits", "to_floats"]

#: Digits after the point that are kept; the smallest number of float64 has 308 before its first.
MAX_DIGITS = 300

#: Characters that are blanks to Unicode; the patterns of Arrow know those of ASCII alone.
_BLANK = "[\\s" + "".join(GROUPS.values()) + "]"
_PLAIN = r"^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$"
#: A minus and an en dash for a hyphen.
_MINUS_SIGNS = "^([(]?)[\u2212\u2013]"


def parse_numbers(texts: pd.Series, template: str | None) -> np.ndarray:
    """``texts`` as ``float64``, read as ``template`` writes them; NaN for what is not a (finite) number.

    Missing texts give NaN. The thousands separator may be there or not, and so may a prefix or suffix.
    """
    form = number_template(template) if template else NumberTemplate()
    return to_floats(*plain_digits(as_arrow(texts), form))


def to_floats(digits: pa.Array, signs: np.ndarray | None) -> np.ndarray:
    """What :func:`plain_digits` gives as ``float64[texts]``; NaN for what is no finite number."""
    filled = digits.is_valid().to_numpy(zero_copy_only=False)
    values = np.full(len(digits), np.nan)
    values[filled] = _floats(digits.drop_null())
    if signs is not None:
        values = values * signs
    return np.where(np.isfinite(values), values, np.nan)


def as_arrow(texts: pd.Series) -> pa.Array:
    """Texts (None or NaN missing) as one Arrow array; half a surrogate pair, which no UTF-8 holds, becomes ``?``."""
    try:
        made = pa.array(texts, pa.large_string(), from_pandas=True)
    except UnicodeEncodeError:
        whole = texts.map(lambda text: text.encode(errors="replace").decode(), na_action="ignore")
        made = pa.array(whole, pa.large_string(), from_pandas=True)
    return made.combine_chunks() if isinstance(made, pa.ChunkedArray) else made


def _floats(digits: pa.Array) -> np.ndarray:
    try:
        return np.asarray(digits.cast(pa.float64()))
    except pa.ArrowInvalid:  # a number beyond float64
        return np.array([float(text) for text in digits.to_pylist()])


def plain_digits(texts: pa.Array, form: NumberTemplate) -> tuple[pa.Array, np.ndarray | None]:
    """``texts`` as numbers that every program reads (``-1234.5``), null for what is none.

    Returns:
        ``string[texts]``, and ``float64[texts]`` the sign that each is multiplied with, or ``None`` for 1.
    """
    rest = pc.utf8_trim_whitespace(texts)
    rest = pc.replace_substring_regex(rest, _MINUS_SIGNS, r"\1-")
    negative = None
    if form.minus in ("parentheses", "both"):
        negative = pc.match_substring_regex(rest, r"^[^(\d]*\(.*\)[^)\d]*$")
        rest = pc.replace_substring_regex(rest, "[()]", "")
    prefix, suffix = _escaped(form.prefix), _escaped(form.suffix)
    if form.minus == "after":
        negative = pc.match_substring_regex(rest, f"-{_BLANK}*(?:{suffix})?$")
        rest = pc.replace_substring_regex(rest, f"-({_BLANK}*(?:{suffix})?)$", r"\1")
    if prefix or form.prefix or form.suffix or form.minus != "before":
        rest = pc.replace_substring_regex(rest, f"^([+-]?){_BLANK}*(?:{prefix})?{_BLANK}*", r"\1")
        rest = pc.replace_substring_regex(rest, "^([+-]?)[\u2212\u2013]", r"\1-")
    if suffix:
        rest = pc.replace_substring_regex(rest, f"{_BLANK}*{suffix}$", "")
    powers = None
    if form.scale:
        powers = np.full(len(rest), "", dtype=object)
        for letters, factor in sorted(form.scale, key=lambda entry: -len(entry[0])):
            ends = pc.fill_null(pc.ends_with(rest, letters), False).to_numpy(zero_copy_only=False) & (powers == "")
            powers[ends] = f"e{round(math.log10(factor))}"
            rest = pc.if_else(pa.array(ends), pc.utf8_slice_codeunits(rest, 0, -len(letters)), rest)
    rest = _without_groups(rest, form)
    rest = pc.if_else(pc.match_substring_regex(rest, _PLAIN), rest, pa.scalar(None, rest.type))
    if powers is not None:  # as text: 4.1 times a million is no whole number
        rest = pc.binary_join_element_wise(rest, pa.array(powers, rest.type), pa.scalar("", rest.type))
    if negative is None:
        return rest, None
    return rest, np.where(pc.fill_null(negative, False).to_numpy(zero_copy_only=False), -1.0, 1.0)


def _without_groups(rest: pa.Array, form: NumberTemplate) -> pa.Array:
    """``rest`` with a point for the decimal mark, and without what parts groups of digits.

    Groups must be groups: read otherwise, ``3,14`` would become 314.
    """
    point = re.escape(form.point)
    group = form.group or ("," if form.point == "." else ".")
    grouped = pc.fill_null(pc.match_substring(rest, group), False)
    if pc.any(grouped, min_count=0).as_py():
        each = re.escape(group)
        whole = rf"\d{{1,2}}(?:{each}\d{{2}})*{each}\d{{3}}|" if form.lakh else ""
        valid = pc.match_substring_regex(rest, rf"^[+-]?(?:{whole}\d{{1,3}}(?:{each}\d{{3}})+)(?:{point}\d*)?$")
        rest = pc.if_else(pc.or_(valid, pc.invert(grouped)), rest, pa.scalar(None, rest.type))
        rest = pc.replace_substring(rest, group, "")
    if form.point == ",":
        rest = pc.if_else(pc.match_substring(rest, "."), pa.scalar(None, rest.type), rest)
        rest = pc.replace_substring(rest, ",", ".")
    return rest


def _escaped(text: str) -> str:
    """``text`` as a pattern, with any blank for a blank."""
    return re.sub(r"(?:\\?\s)+", lambda _: _BLANK + "*", re.escape(text.strip()))


def format_numbers(values: np.ndarray, template: str) -> np.ndarray:
    """``values`` as an object array of text; NaN gives None."""
    parts = number_template(template).write(np.asarray(values, dtype=np.float64))
    found = np.empty(len(parts), dtype=object)
    found[:] = parts
    return found
