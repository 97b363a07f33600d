"""The section on rules between columns: how many rows of each table break each of them."""

from __future__ import annotations

from ...facts.report import Report, RuleCount, RuleFacts
from ...judging.wording import number
from ..elements.markup import Markup, element
from ..elements.parts import section, sentence, table
from ..front import GLYPHS

__all__ = ["rules_section"]

#: Rules that the page lists; those that are broken come first.
MAX_RULES = 500


def rules_section(report: Report, anchor: str, level: int) -> Markup | None:
    """``None`` where no rule was checked."""
    if not report.rules:
        return None
    rows = [
        [
            rule.text,
            _verdict(rule),
            f"{rule.real.rows:,}",
            _broken(rule.real),
            _broken(rule.holdout),
            _broken(rule.synthetic),
            rule.synthetic.example or "-",
        ]
        for rule in sorted(report.rules, key=lambda rule: rule.is_kept)[:MAX_RULES]
    ]
    headers = [
        "rule",
        "verdict",
        ">real rows",
        ">broken, real",
        ">broken, holdout",
        ">broken, synthetic",
        "a synthetic row that breaks it",
    ]
    kept = sum(rule.is_kept for rule in report.rules)
    return section(
        "Rules between columns",
        anchor,
        level,
        sentence(
            "What holds between the columns of the real rows. A fraction is of the rows that the rule says something "
            "of: a missing cell that is compared breaks nothing.",
            "quiet",
        ),
        table(f"{kept:,} of {len(report.rules):,} rules are kept by the synthetic rows", headers, rows),
    )


def _broken(count: RuleCount | None) -> str:
    if count is None or not count.broken:
        return "-" if count is None else "0"
    return f"{count.broken:,} ({number(count.percent)} %)"


def _verdict(rule: RuleFacts) -> Markup:
    level, word = ("good", "kept") if rule.is_kept else ("poor", "broken")
    wish = ", a wish" if rule.forced else ""
    glyph = element("span", GLYPHS[level], class_=f"mark {level}", aria_hidden="true")
    return element("td", glyph, f" {word}{wish}")
