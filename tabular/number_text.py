"""Numbers that are stored as text: ``"1,234"``, ``"$5.00"``, ``"12 %"``; how to read them and write them back.

How a column writes its numbers is kept as a Python format template, such as ``"${:,.2f}"``, with one
addition of ours for decimal commas (``"{:,.2f|,}"``).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

__all__ = ["MAX_DIGITS", "NumberText", "detect_number_text", "format_numbers", "parse_numbers"]

_DIGITS = r"(?:\d+|\d{1,3}(?:,\d{3})+)?(?:\.\d*)?(?:[eE][+-]?\d+)?"
#: Marks that may stand before or after a number. Any other letters make it a code ("S12"), not a number.
_CURRENCY = r"[$€£¥₹₽₺₩]|USD|EUR|GBP|CHF|JPY|US\$"
_UNIT = rf"%|‰|{_CURRENCY}|kg|mg|g|km|cm|mm|m|ms|s|sec|min|h|hrs|px|pt|KB|MB|GB|kB|°C|°F|°"
_SHAPE = re.compile(
    rf"(?P<sign>[+-]?)(?P<prefix>(?:(?:{_CURRENCY})\s?)?)(?P<inner>[+-]?)(?P<number>{_DIGITS})(?P<suffix>(?:\s?(?:{_UNIT}))?)"
)
_GROUPED = r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d*)?"
#: Ends a template whose decimal mark is a comma: ``"{:,.2f|,}"`` writes 1.234,56. Ours, not Python's.
_COMMA = "|,"
_SWAP = str.maketrans(",.", ".,")
#: Texts looked at to find the template; a column keeps to one way of writing, so a few hundred tell it.
_SAMPLE = 500
#: Digits after the point that are kept; the smallest number of float64 has 308 before its first.
MAX_DIGITS = 300


@dataclass(frozen=True)
class NumberText:
    """How a column of texts writes its numbers.

    Attributes:
        template: writes a number as the column does.
        values: ``float64[texts]``, NaN where a text is not a number.
        decimals: most digits after the point of any text; ``None`` where an exponent is used.
    """

    template: str
    values: np.ndarray
    decimals: int | None

    @property
    def is_plain(self) -> bool:
        """Whether nothing stands about the digits: neither a unit nor a currency, nor marks between thousands."""
        return self.template.startswith("{:") and self.template.endswith("}") and "," not in self.template


def detect_number_text(texts: pd.Series, counts: np.ndarray, *, bad_share: float) -> NumberText | None:
    """How ``texts`` (distinct, each occurring ``counts`` times) write numbers, or ``None`` if they do not.

    Codes with leading zeros (``"00123"``) are not numbers. At most ``bad_share`` of the cells may be none.
    """
    found = _detect(texts, counts, bad_share)
    if found is None:  # 1.234,56 as on the European mainland
        found = _detect(_swapped(texts), counts, bad_share)
        if found is not None:
            return NumberText(found.template.replace("}", _COMMA + "}"), found.values, found.decimals)
    return found


def _swapped(texts: pd.Series) -> pd.Series:
    """``texts`` with points for commas and commas for points."""
    return texts.astype(object).str.translate(_SWAP)


def _detect(texts: pd.Series, counts: np.ndarray, bad_share: float) -> NumberText | None:
    texts = texts.reset_index(drop=True)
    sample = texts.iloc[:: max(1, len(texts) // _SAMPLE)].iloc[:_SAMPLE]
    marks: dict[tuple[str, str], int] = {}
    for text in sample:
        shape = _SHAPE.fullmatch(text.strip())
        if shape and re.search(r"\d", shape["number"]):
            key = (shape["prefix"], shape["suffix"])
            marks[key] = marks.get(key, 0) + 1
    if not marks:
        return None
    prefix, suffix = max(marks, key=lambda key: marks[key])
    # A small column may hold a few stray texts among few distinct ones, so the sample alone does not decide.
    if marks[prefix, suffix] < len(sample) / 2:
        return None
    values = parse_numbers(texts, prefix + "{}" + suffix)
    good = np.isfinite(values)
    if counts[~good].sum() > bad_share * counts.sum() or not good.any():
        return None
    kept = texts[good].astype(object)
    if not prefix and not suffix and kept.str.fullmatch(r"[+-]?0\d+").any():
        return None
    exponent = kept.str.contains("[eE]").any()
    digits = kept.str.extract(r"\.(\d*)", expand=False).str.len().to_numpy(dtype=np.float64, na_value=np.nan)
    most = min(int(np.nan_to_num(digits).max(initial=0)), MAX_DIGITS)
    comma = "," if kept.str.contains(",", regex=False).any() else ""
    specs = [f"{{:{comma}.{most}f}}", f"{{:{comma}.15g}}", "{:}"]
    if exponent:
        specs = [f"{{:.{most}e}}", *specs, f"{{:.{most}E}}", "{:.15G}"]
    if comma:  # "1234" beside "1,234" happens; the majority decides
        specs += [f"{{:.{most}f}}", "{:.15g}"]
    few = kept.iloc[:_SAMPLE].to_numpy()
    few_values = values[good][:_SAMPLE]
    score = [sum(format_numbers(few_values, prefix + spec + suffix) == few) for spec in specs]
    template = prefix + specs[int(np.argmax(score))] + suffix
    return NumberText(template, values, None if exponent else most)


def parse_numbers(texts: pd.Series, template: str | None) -> np.ndarray:
    """``texts`` as ``float64``, read as ``template`` writes them; NaN for what is not a (finite) number.

    Missing texts give NaN. The thousands separator may be there or not; marks may be missing too.
    """
    prefix, spec, suffix = _split(template)
    plain = _swapped(texts) if spec.endswith(_COMMA) else texts.astype(object)
    if prefix or suffix:
        before = rf"^\s*([+-]?)\s*(?:{re.escape(prefix.strip())})?\s*" if prefix.strip() else r"^\s*([+-]?)\s*"
        # No pattern for the end: it would be tried from each of a million blanks on.
        plain = plain.str.replace(before, r"\1", regex=True).str.strip().str.removesuffix(suffix.strip()).str.strip()
    grouped = plain.str.contains(",", regex=False).eq(True).to_numpy(dtype=bool)
    if grouped.any():
        part = plain[grouped]
        valid = part.str.strip().str.fullmatch(_GROUPED).eq(True).to_numpy(dtype=bool)
        # Written so, "3,14" stays text: a comma that does not group thousands must not become 314.
        plain = plain.copy()
        plain[grouped] = np.where(valid, part.str.replace(",", "", regex=False), "")
    values = pd.to_numeric(plain, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    return np.where(np.isfinite(values), values, np.nan)


def format_numbers(values: np.ndarray, template: str) -> np.ndarray:
    """``values`` as an object array of text; a minus sign goes before a prefix (``-$5.00``); NaN gives None."""
    prefix, spec, suffix = _split(template)
    write = ("{:" + spec.removesuffix(_COMMA) + "}").format
    parts = [None if math.isnan(value) else write(value + 0.0) for value in values.tolist()]
    if spec.endswith(_COMMA):
        parts = [None if part is None else part.translate(_SWAP) for part in parts]
    if prefix:
        parts = [
            None if part is None else "-" + prefix + part[1:] + suffix if part[0] == "-" else prefix + part + suffix
            for part in parts
        ]
    elif suffix:
        parts = [None if part is None else part + suffix for part in parts]
    found = np.empty(len(parts), dtype=object)
    found[:] = parts
    return found


def _split(template: str | None) -> tuple[str, str, str]:
    if not template:
        return "", "", ""
    prefix, _, rest = template.partition("{")
    spec, _, suffix = rest.partition("}")
    return prefix, spec.removeprefix(":"), suffix
