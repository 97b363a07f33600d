"""The section on utility: scores of models trained on real and on synthetic rows, their curves, what they rest on."""

from __future__ import annotations

from collections.abc import Callable

from ...facts.figures import Curves
from ...facts.report import Report, Utility
from ...judging.wording import METRICS, interval, number, score
from ..elements.charts import line_chart, rows_chart
from ..elements.markup import Markup, element
from ..elements.parts import legend, plot, plots, section, sentence, table

__all__ = ["utility_section"]

#: Points of a curve in its table.
LISTED = 21
#: Columns whose gains are drawn.
MAX_FEATURES = 12

_BETTER = {"higher": "higher is better", "lower": "lower is better", "one": "1 is right"}


def utility_section(report: Report, anchor: str, level: int) -> Markup | None:
    """``None`` where there was nothing to predict."""
    utility = report.utility
    if utility is None:
        return None
    what = "" if utility.positive is None else f" = {utility.positive}"
    where = "the holdout" if utility.tested_on == "holdout" else "a fifth of the real table"
    about = (
        f"Gradient-boosted trees learn {utility.target}{what} twice, from {utility.real.rows:,} real and from "
        f"{utility.synthetic.rows:,} synthetic rows; both are tested on the same {utility.test_rows:,} rows of {where}."
    )
    drawn = [*_curves(utility), *_features(utility)]
    return section(
        "Worth learning from",
        anchor,
        level,
        sentence(about, "quiet"),
        _scores(utility),
        legend("real_line", "synthetic_line") if drawn else None,
        plots(drawn) if drawn else None,
    )


def _scores(utility: Utility) -> Markup:
    rows = []
    for name, real in utility.real.metrics.items():
        synthetic, metric = utility.synthetic.metrics.get(name), METRICS.get(name)
        gap = "-" if real is None or synthetic is None else f"{synthetic - real:+.4g}"
        if real is not None and synthetic is not None and max(abs(real), abs(synthetic)) < 10:
            gap = f"{synthetic - real:+.4f}"
        label, better = (name, "") if metric is None else (metric.label, _BETTER[metric.better])
        spread = utility.differences.get(name)
        rows.append([label, score(real), score(synthetic), gap, "-" if spread is None else interval(spread), better])
    headers = ["score when trained on", ">real", ">synthetic", ">difference", ">95 % interval of it", "which is better"]
    return table("Scores on the test rows; intervals by the bootstrap over them", headers, rows)


def _curves(utility: Utility) -> list[Markup]:
    real, synthetic = utility.real.curves, utility.synthetic.curves
    if real is None or synthetic is None:
        return []
    fraction = real.positive_share
    guessing = f"Guessing gives a precision of {fraction:.3f} at every recall."
    roc = _pair_of_curves(
        utility,
        "ROC",
        "auc",
        ("false positive rate", "true positive rate"),
        ((0, 0), (1, 1)),
        lambda curves: (curves.false_positive_rate, curves.true_positive_rate),
        "Dotted: guessing. The nearer both curves, the more useful the synthetic rows.",
    )
    recalls = _pair_of_curves(
        utility,
        "Precision and recall",
        "pr_auc",
        ("recall", "precision"),
        ((0, fraction), (1, fraction)),
        lambda curves: (curves.recall, curves.precision),
        f"Dotted: guessing. {guessing}",
    )
    if not real.predicted or not synthetic.predicted:
        return [roc, recalls]
    calibration = _pair_of_curves(
        utility,
        "Calibration",
        "calibration_error",
        ("predicted probability", "observed fraction"),
        ((0, 0), (1, 1)),
        lambda curves: (curves.predicted, curves.observed),
        "Dotted: right. Under it probabilities are too high, above it too low.",
    )
    return [roc, recalls, calibration]


def _pair_of_curves(
    utility: Utility,
    title: str,
    key: str,
    axes: tuple[str, str],
    guide: tuple[tuple[float, float], tuple[float, float]],
    points: Callable[[Curves], tuple[tuple[float, ...], tuple[float, ...]]],
    detail: str,
) -> Markup:
    """One plot of the curve of both models, summed up by the score ``key``."""
    models = {"real": utility.real, "synthetic": utility.synthetic}
    lines = {role: points(model.curves) for role, model in models.items() if model.curves is not None}
    label = METRICS[key].label
    figures = {role: number(model.metrics.get(key), 4) for role, model in models.items()}
    summary = f"{label} {figures['synthetic']} trained on synthetic, {figures['real']} on real rows"
    mean = "" if utility.positive is not None else " Mean over the classes, one against the rest."
    image = line_chart(lines, axes, guide, f"{title}: {summary}", detail + mean)
    tables = []
    for role, (x, y) in lines.items():
        step = max(1, (len(x) - 1) // (LISTED - 1))
        rows = [[f"{a:.3f}", f"{b:.3f}"] for a, b in zip(x[::step], y[::step], strict=True)]
        tables.append(table(f"Trained on {role} rows", [axes[0], f">{axes[1]}"], rows))
    return plot([element("strong", title), f" · {summary}. {detail}{mean}"], image, element("div", *tables))


def _features(utility: Utility) -> list[Markup]:
    """What both models rest on."""
    used = [feature for feature in utility.features if feature.real_percent or feature.synthetic_percent]
    if not used:
        return []
    agreement = utility.importance_agreement
    words = (
        "" if agreement is None else f" · rank correlation of the columns' gains {agreement:.2f}, 1 is the same order"
    )
    first = max(used, key=lambda feature: abs(feature.real_percent - feature.synthetic_percent))
    gap = (
        f"They differ most on {first.name}: {first.real_percent:.1f} % of the gain trained on real, "
        f"{first.synthetic_percent:.1f} % on synthetic rows."
    )
    shown = used[:MAX_FEATURES]
    image = rows_chart(
        [feature.name for feature in shown],
        {"real": [f.real_percent for f in shown], "synthetic": [f.synthetic_percent for f in shown]},
        f"What the models rest on{words}",
        gap,
    )
    rows = [[f.name, f"{f.real_percent:.1f}", f"{f.synthetic_percent:.1f}"] for f in used]
    numbers = table("Fraction of the gain, %", ["column", ">trained on real", ">trained on synthetic"], rows)
    return [plot([element("strong", "What the models rest on"), f"{words}. {gap}"], image, numbers)]
