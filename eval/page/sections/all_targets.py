"""The section on every column as target: scores of models trained on real and on synthetic rows."""

from __future__ import annotations

from ...facts.report import Report
from ...judging.wording import number, score
from ..elements.charts import bar
from ..elements.markup import Markup
from ..elements.parts import section, sentence, table

__all__ = ["all_targets_section"]

_METRICS = {"auc": "AUC", "r2": "R2"}


def all_targets_section(report: Report, anchor: str, level: int) -> Markup | None:
    """``None`` where it was not asked for."""
    every = report.all_targets
    if every is None:
        return None
    rows = [
        [
            each.name,
            _METRICS[each.metric],
            score(each.real),
            score(each.synthetic),
            score(each.refit),
            bar(each.kept, each.kept_floor, 1.0),
            number(None if each.kept is None else 100 * each.kept, 1),
        ]
        for each in every.columns
    ]
    headers = ["target", "score", ">trained on real", ">on synthetic", ">on real, again", "", ">kept %"]
    return section(
        "Every column as target",
        anchor,
        level,
        sentence(every.words, "headline"),
        sentence(
            f"Each column in turn is predicted from all others by small models of {every.rows:,} rows, tested on "
            f"{every.test_rows:,} real ones. Kept is how much better than guessing the synthetic rows make it, of what "
            "real rows do; a second draw of real rows is the noise floor.",
            "quiet",
        ),
        table("What loses most first; a dash where real rows teach next to nothing", headers, rows),
    )
