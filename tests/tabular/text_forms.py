"""Ways in which people write numbers, dates, truth and codes in text files; each a column of :data:`ROWS` cells."""

from __future__ import annotations

import numpy as np
import pandas as pd

ROWS = 120
rng = np.random.default_rng(20240607)
amounts = np.round(rng.gamma(1.5, 900, ROWS), 2)
signed = np.round(rng.normal(0, 900, ROWS), 2)
days = pd.Timestamp("2021-03-01") + pd.to_timedelta(rng.integers(0, 900, ROWS), unit="D")
moments = days + pd.to_timedelta(rng.integers(0, 86_400, ROWS), unit="s")


def comma(value: float, group: str = ".", decimals: int = 2) -> str:
    return f"{value:,.{decimals}f}".replace(",", "_").replace(".", ",").replace("_", group)


def gaps(texts: list[str], mark: str = "", every: int = 7) -> list[str]:
    return [mark if place % every == 3 else text for place, text in enumerate(texts)]


def lakh(value: float) -> str:
    digits = str(int(value))
    head, tail = digits[:-3], digits[-3:]
    pairs = [head[max(0, end - 2) : end] for end in range(len(head), 0, -2)][::-1]
    return ",".join([*pairs, tail])


FORMS: dict[str, list[str]] = {
    "whole": [str(int(value)) for value in signed],
    "whole with gaps": gaps([str(int(value)) for value in amounts]),
    "beyond 2**53 with gaps": gaps([str(178414003857243767 + int(value)) for value in amounts]),
    "beyond 2**64": [str(10**20 + int(value)) for value in amounts],
    "floats": [repr(float(value)) for value in rng.normal(size=ROWS)],
    "fixed decimals": [f"{value:.2f}" for value in signed],
    "fixed decimals with gaps": gaps([f"{value:.2f}" for value in signed]),
    "whole beside fractions": [repr(float(value)).removesuffix(".0") for value in np.round(amounts, 1)],
    "seventeen digits beside 0": ["0" if v < 0.2 else repr(float(v)) for v in rng.random(ROWS)],
    "plus signs": [f"{value:+.1f}" for value in signed],
    "whole with plus": [f"{int(value):+d}" for value in signed],
    "minus sign of typography": [f"{value:.2f}".replace("-", "\u2212") for value in signed],
    "minus after": [f"{abs(value):.2f}" + "-" * int(value < 0) for value in signed],
    "accounting": [f"(${-value:,.2f})" if value < 0 else f"${value:,.2f}" for value in signed],
    "exponents": [f"{value:.3e}" for value in amounts],
    "exponents of JavaScript": [f"{value:.3e}".replace("e+0", "e+") for value in amounts],
    "exponents of Excel beside decimals": [
        f"{v:.2E}" if v < 1e-4 else f"{v:.9f}".rstrip("0").rstrip(".") for v in rng.random(ROWS) ** 9
    ],
    "no zero before the point": [f"{value:.3f}"[1:] for value in rng.random(ROWS)],
    "padded with blanks": [f"{value:9.2f}" for value in amounts],
    "padded with zeros": [f"{value:09.2f}" for value in amounts],
    "a blank before": [f" {int(value)}" for value in amounts],
    "zip codes": [f"{int(value) % 100_000:05d}" for value in amounts * 37],
    "zip codes with and without zeros": [str(int(v)) if v % 2 < 1 else f"{int(v):05d}" for v in amounts],
    "telephone": [f"+49{int(value * 1e6):011d}" for value in amounts],
    "thousands": [f"{value:,.0f}" for value in amounts],
    "decimal comma": [comma(value) for value in signed],
    "decimal comma of three": [f"{value:.3f}".replace(".", ",") for value in signed / 900],
    "dollars": [f"${value:,.2f}" for value in signed],
    "Canadian dollars": [f"CA${value:,.2f}" for value in amounts],
    "minus inside": [f"US$ {value:,.2f}" for value in signed],
    "Swiss francs": [f"CHF {value:,.2f}".replace(",", "'") for value in amounts],
    "Swiss francs after": [f"{value:,.2f} Fr.".replace(",", "\u2019") for value in amounts],
    "French euros": [comma(value, "\u202f") + "\u00a0€" for value in amounts],
    "kroner": [comma(value, " ") + " kr" for value in signed],
    "zloty": [comma(value, "\u00a0") + " zł" for value in amounts],
    "reais": ["R$ " + comma(value) for value in amounts],
    "rupees": ["₹" + lakh(value * 1000) for value in amounts],
    "code after": [f"{value:.2f} EUR" for value in amounts],
    "percent": [f"{value / 10:.1f}%" for value in signed],
    "percent with a blank and a comma": [comma(value / 100) + " %" for value in signed],
    "permille": [f"{value / 10:.1f}‰" for value in amounts],
    "thousands as K": [f"{v / 1e6:.1f}M" if v >= 999_950 else f"{v / 1e3:.1f}K" for v in amounts * 1000 + 1000],
    "months": [f" {int(value)} months" for value in amounts],
    "out of five": [f"{value:.1f}/5" for value in rng.random(ROWS) * 5],
    "NA among numbers": gaps([f"{value:.2f}" for value in signed], "NA"),
    "dots among numbers": gaps([f"{value:.9f}" for value in signed / 900], "..", 2),
    "censored": gaps([f"{value:.1f}%" for value in amounts / 50], "< 10%", 5),
    "90+": gaps([str(int(value)) for value in amounts], "90+", 60),
    "\\N among dates": gaps(list(days.strftime("%d/%m/%Y")), "\\N"),
    "NA is a country": list(np.array(["NA", "ZA", "DE", "None", "null"])[rng.integers(0, 5, ROWS)]),
    "true and false": list(np.where(signed > 0, "true", "false")),
    "TRUE and FALSE with gaps": gaps(list(np.where(signed > 0, "TRUE", "FALSE"))),
    "True and False": list(np.where(signed > 0, "True", "False")),
    "Y and N": list(np.where(signed > 0, "Y", "N")),
    "constant": ["0.50"] * ROWS,
    "constant with gaps": gaps(["007"] * ROWS),
    "empty": [""] * ROWS,
    "days": list(days.strftime("%Y-%m-%d")),
    "moments": list(moments.strftime("%d.%m.%Y %H:%M:%S")),
    "quoted text": ['say "hi", ' + str(value) + "\nand more" for value in amounts],
}
