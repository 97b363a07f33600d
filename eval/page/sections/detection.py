"""The section on detection: can a classifier tell synthetic rows from real ones, and by what."""

from __future__ import annotations

from ...facts.report import Detection, Report
from ...judging.findings import BLIND_BELOW_HALF
from ...judging.wording import number
from ..elements.charts import bar
from ..elements.markup import Markup
from ..elements.parts import Measure, beside, measures, section, sentence, table

__all__ = ["detection_section"]


def detection_section(report: Report, anchor: str, level: int) -> Markup | None:
    """``None`` where it was not measured."""
    detection = report.detection
    if detection is None or detection.score is None:
        return None
    top = max((feature.gain_percent for feature in detection.top_features), default=1.0)
    rows = [
        [feature.name, bar(feature.gain_percent, None, top), f"{feature.gain_percent:.1f}"]
        for feature in detection.top_features
    ]
    return section(
        "Told from real rows",
        anchor,
        level,
        sentence(
            f"A tree classifier sees {detection.rows_each:,} rows of each table and is asked which is which, over "
            f"{detection.folds} folds.",
            "quiet",
        ),
        beside(
            measures(_detection_measures(detection)),
            table("What gives synthetic rows away", ["column", "", ">fraction of gain, %"], rows) if rows else None,
        ),
    )


def _floor_or(floor: float | None, otherwise: str) -> str:
    """The noise floor beside a score, or what its ends mean where there is none."""
    return otherwise if floor is None else f"noise floor {floor:.3f}"


def _detection_measures(detection: Detection) -> list[Measure]:
    made = [
        Measure(
            "Detection score",
            number(detection.score, 3),
            _floor_or(detection.floor_score, "1: cannot be distinguished, 0: always"),
            "1 less |2 AUC - 1|. The hardest test here, for the detector sees whole rows.",
            (detection.score or 0.0, 1.0 if detection.floor_score is None else detection.floor_score),
        ),
        Measure(
            "AUC of the detector",
            f"{number(detection.auc, 3)} ± {number(detection.auc_spread, 3)}",
            "0.5 is blind" if detection.floor_auc is None else f"held-out real rows {detection.floor_auc:.3f}",
            "How often a synthetic row looks more synthetic than a real one; ± its spread over the folds."
            + (f" {BLIND_BELOW_HALF}" if (detection.auc or 0.5) < 0.5 else ""),
        ),
    ]
    if detection.sdmetrics_score is not None:
        made.append(
            Measure(
                "As SDMetrics scores it",
                number(detection.sdmetrics_score, 3),
                _floor_or(detection.sdmetrics_floor, "1: cannot be distinguished"),
                f"1 less max(0, 2 AUC - 1) of XGBoost as it comes, over 3 folds of {detection.sdmetrics_rows:,} rows: "
                "for comparison with papers.",
            )
        )
    if detection.logistic_score is not None:
        made.append(
            Measure(
                "Score against a logistic regression",
                number(detection.logistic_score, 3),
                "easily fooled",
                "It sees single columns alone; many papers print it.",
            )
        )
    return made
