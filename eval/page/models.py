"""The sections on what models make of the rows: telling them apart, and learning from them."""

from __future__ import annotations

from ..report import Detection, Report, Utility
from ..wording import METRICS, number, score
from .charts import bar, line_chart
from .markup import Markup, element
from .parts import Measure, beside, legend, measures, plot, plots, section, sentence, table

__all__ = ["detection_section", "utility_section"]

#: Points of a curve in its table.
LISTED = 21


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
        "Told from real rows", anchor, level,
        sentence(f"XGBoost sees {detection.rows_each:,} rows of each table and is asked which is which, over "
                 f"{detection.folds} folds.", "quiet"),
        beside(
            measures(_detection_measures(detection)),
            table("What gives synthetic rows away", ["column", "", ">share of gain, %"], rows) if rows else None,
        ),
    )  # fmt: skip


def _detection_measures(detection: Detection) -> list[Measure]:
    made = [
        Measure(
            "Detection score", number(detection.score, 3), "1: cannot be told, 0: always told",
            "1 less |2 AUC - 1|. The hardest test here, for the detector sees whole rows.",
            (detection.score or 0.0, 1.0),
        ),
        Measure(
            "AUC of the detector", f"{number(detection.auc, 3)} ± {number(detection.auc_spread, 3)}", "0.5 is blind",
            "How often a synthetic row looks more synthetic than a real one; ± its spread over the folds.",
        ),
    ]  # fmt: skip
    if detection.logistic_score is not None:
        made.append(Measure(
            "Score against a logistic regression", number(detection.logistic_score, 3), "easily fooled",
            "It sees single columns alone; many papers print it.",
        ))  # fmt: skip
    return made


def utility_section(report: Report, anchor: str, level: int) -> Markup | None:
    """``None`` where there was nothing to predict."""
    utility = report.utility
    if utility is None:
        return None
    what = "" if utility.positive is None else f" = {utility.positive}"
    where = "the holdout" if utility.tested_on == "holdout" else "a fifth of the real table"
    about = (
        f"XGBoost learns {utility.target}{what} twice, from {utility.real.rows:,} real and from "
        f"{utility.synthetic.rows:,} synthetic rows; both are tested on the same {utility.test_rows:,} rows of {where}."
    )
    drawn = _curves(utility)
    return section(
        "Worth learning from", anchor, level,
        sentence(about, "quiet"),
        _scores(utility),
        legend("real_line", "synthetic_line") if drawn else None,
        plots(drawn) if drawn else None,
    )  # fmt: skip


def _scores(utility: Utility) -> Markup:
    rows = []
    for name, real in utility.real.metrics.items():
        synthetic, metric = utility.synthetic.metrics.get(name), METRICS.get(name)
        gap = "-" if real is None or synthetic is None else f"{synthetic - real:+.4g}"
        if real is not None and synthetic is not None and max(abs(real), abs(synthetic)) < 10:
            gap = f"{synthetic - real:+.4f}"
        label, better = (name, "") if metric is None else (metric.label, f"{metric.better} is better")
        rows.append([label, score(real), score(synthetic), gap, better])
    headers = ["score when trained on", ">real", ">synthetic", ">difference", ""]
    return table("Scores on the test rows", headers, rows)


def _curves(utility: Utility) -> list[Markup]:
    real, synthetic = utility.real.curves, utility.synthetic.curves
    if real is None or synthetic is None:
        return []
    both = {"real": real, "synthetic": synthetic}
    mean = "" if utility.positive is not None else " Mean over the classes, one against the rest."
    share = real.positive_share

    def values(key: str) -> str:
        a, b = utility.real.metrics.get(key), utility.synthetic.metrics.get(key)
        return f"{number(b, 4)} trained on synthetic, {number(a, 4)} on real rows"

    roc = line_chart(
        {role: (curve.false_positive_rate, curve.true_positive_rate) for role, curve in both.items()},
        ("false positive rate", "true positive rate"), ((0, 0), (1, 1)),
        f"ROC curve: AUC {values('auc')}", "The nearer both curves, the more useful the synthetic rows." + mean,
    )  # fmt: skip
    recalls = line_chart(
        {role: (curve.recall, curve.precision) for role, curve in both.items()},
        ("recall", "precision"), ((0, share), (1, share)),
        f"Precision-recall curve: PR-AUC {values('pr_auc')}",
        f"Guessing gives a precision of {share:.3f} at every recall." + mean,
    )  # fmt: skip
    rates = [[f"{x:.3f}", f"{a:.3f}", f"{b:.3f}"] for x, a, b in zip(
        real.false_positive_rate, real.true_positive_rate, synthetic.true_positive_rate, strict=True)]  # fmt: skip
    precisions = [[f"{x:.2f}", f"{a:.3f}", f"{b:.3f}"] for x, a, b in zip(
        real.recall, real.precision, synthetic.precision, strict=True)]  # fmt: skip
    return [
        plot([element("strong", "ROC"), f" · AUC {values('auc')}.{mean} Dotted: guessing."], roc,
             table("True positive rate", ["false positive rate", ">real", ">synthetic"], _thinned(rates))),
        plot([element("strong", "Precision and recall"), f" · PR-AUC {values('pr_auc')}.{mean} Dotted: guessing."],
             recalls, table("Precision", ["recall", ">real", ">synthetic"], _thinned(precisions))),
    ]  # fmt: skip


def _thinned(rows: list[list[str]]) -> list[list[str]]:
    step = max(1, (len(rows) - 1) // (LISTED - 1))
    return rows[::step]
