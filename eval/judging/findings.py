"""What follows from the figures of a report: one sentence, where to look first, and what to do next.

Only what was measured is spoken of; the options that are named are those of ``tabllm``.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from typing import TypeVar

from ..facts.report import ColumnFidelity, PairTrend, Report
from .verdicts import Verdict, verdicts, worst_rule
from .wording import number

__all__ = [
    "BLIND_BELOW_HALF",
    "advice",
    "by_excess",
    "excess",
    "headline",
    "is_guarded",
    "judged",
    "lost_relations",
]

Item = TypeVar("Item", ColumnFidelity, PairTrend)

#: Verdicts on values that are compared with values.
_OF_VALUES = frozenset({"Trends", "Detection", "Utility"})
#: Below so many training rows, more of them help more than any option.
FEW_ROWS = 1000
#: A relation is lost if it had this strength, and has kept less than this part of it.
REAL_STRENGTH, KEPT_PART = 0.1, 0.5
#: An AUC of the detector below this is not chance: near copies mislead it.
MISLED_AUC = 0.45
BLIND_BELOW_HALF = (
    "An AUC below 0.5 is no better than 0.5: the detector guesses wrong by chance, or because a synthetic row has a "
    "near twin among the real rows."
)


def excess(item: ColumnFidelity | PairTrend) -> float:
    """How far an error lies above its noise floor, in per cent; the error itself without a floor."""
    return (item.error_percent or 0.0) - (item.floor_percent or 0.0)


def by_excess(items: Iterable[Item]) -> list[Item]:
    """The items that were measured, the one farthest above its noise floor first."""
    return sorted((item for item in items if item.error_percent is not None), key=lambda item: -excess(item))


def lost_relations(report: Report) -> list[PairTrend]:
    """Pairs that go together in the real table and no longer do in the synthetic one, those with the target first."""
    lost = [
        pair
        for pair in by_excess(report.trends.pairs)
        if pair.real_strength is not None
        and abs(pair.real_strength) >= REAL_STRENGTH
        and excess(pair) > 0
        # A sign that turned is a relation lost, too; Cramér's V has none.
        and (pair.synthetic_strength or 0.0) * (1 if pair.real_strength > 0 else -1)
        < KEPT_PART * abs(pair.real_strength)
    ]
    return sorted(lost, key=lambda pair: report.target not in (pair.first, pair.second))


def is_guarded(report: Report) -> bool:
    """Whether no check for copying, and no attack, failed: a table that fails one is not the best at anything."""
    return all(verdict.level != "poor" for verdict in verdicts(report) if verdict.subject in ("Privacy", "Attack"))


def judged(report: Report) -> str:
    """How many columns the figures speak of, and which ones they do not."""
    alone = report.by_form_alone
    compared = report.columns - len(alone)
    words = f"{compared} of {report.columns + len(report.left_out)} columns compared by their values"
    if alone:
        words += f"; by form alone, not judged otherwise: {_few(alone)}"
    if report.left_out:
        words += f"; left out: {_few(report.left_out)}"
    return f"{words}."


def _few(names: Sequence[str]) -> str:
    return ", ".join([*names[:5], *([f"and {len(names) - 5} more"] if len(names) > 5 else [])])


def headline(report: Report) -> str:
    """The verdicts in one sentence."""
    found = verdicts(report)
    named = {
        level: _listed([verdict.subject for verdict in found if verdict.level == level])
        for level in ("poor", "fair", "open")
    }
    passed = sum(verdict.level == "good" for verdict in found)
    open_ = f"; {named['open']} could not be measured" if named["open"] else ""
    if named["poor"]:
        also = f", {named['fair']} only fair" if named["fair"] else ""
        return f"Not good enough yet: {named['poor']} failed{also}{open_}."
    if named["fair"]:
        return f"Usable with care: {named['fair']} only fair, {passed} of {len(found)} checks passed{open_}."
    if named["open"]:
        return f"Good as far as it was measured: {passed} of {len(found)} checks passed{open_}."
    return f"Good: all {passed} checks passed."


def advice(report: Report, verdict: Verdict) -> str | None:
    """What to do about a verdict that is not good, from what was measured; ``None`` of a good one."""
    if verdict.level == "good":
        return None
    if verdict.level == "open" and verdict.subject in _OF_VALUES and not report.fidelity.columns:
        return "Nothing to measure: every column is judged by its form alone."
    say = {
        "Columns": _columns,
        "Trends": _trends,
        "Detection": _detection,
        "Utility": _utility,
        "Privacy": _privacy,
        "Attack": _privacy,
        "Rules": _rules,
        "Bias": _bias,
    }.get(verdict.subject)
    return say(report) if say else None


def _columns(report: Report) -> str:
    faults = [each for each in report.forms if each.fault]
    if faults:
        others = f", and {len(faults) - 1} more" if len(faults) > 1 else ""
        what = f"{faults[0].name} {faults[0].fault}{others}"
        return f"{what}; check its kind ({faults[0].kind}), or leave it out with --drop."
    worst = by_excess(report.fidelity.columns)
    if not worst:
        return "No column can be compared; look at their kinds with 'tabllm schema'."
    column = worst[0]
    gap = column.missing_synthetic_percent - column.missing_real_percent
    if abs(gap) > 0.5 * (column.error_percent or 0.0):
        what = f"{column.name} is missing in {gap:+.1f} points of the rows"
    elif column.unseen_percent > 1:
        what = f"{column.unseen_percent:.1f} % of {column.name} are values that the real column never has"
    else:
        what = f"{column.name} is {_off(column)}"
    return f"{what}; {_more(report, f'check its kind ({column.kind}) with --kind, or fit longer')}."


def _trends(report: Report) -> str:
    lost = lost_relations(report)
    if lost:
        return f"{_lost(lost[0])}; {_more(report, 'fit longer (more --epochs), or try another --model')}."
    pairs = by_excess(report.trends.pairs)
    if not pairs:
        return "One column has no pair; a table of two or more is needed."
    both = f"{pairs[0].first} with {pairs[0].second}"
    return f"{both} is {_off(pairs[0])}; {_more(report, 'fit longer (more --epochs), or try another --model')}."


def _detection(report: Report) -> str:
    detection = report.detection
    if detection is None or detection.auc is None:
        return "Too few rows or columns for a classifier; compare more of them."
    if detection.auc < MISLED_AUC:
        return (
            f"The detector is misled (AUC {detection.auc:.3f}, below 0.5), as it is by near copies of real rows; read "
            "Privacy."
        )
    if not detection.top_features:
        return f"{_more(report, 'Fit longer (more --epochs), or try another --model')}."
    first = detection.top_features[0]
    what = f"{first.name} gives most away ({first.gain_percent:.0f} % of the detector's gain)"
    return f"{what}; {_more(report, 'check its kind with --kind, fit longer, or try --model tabcascade')}."


def _utility(report: Report) -> str:
    utility = report.utility
    if utility is None:
        return "Name the column to predict with --target."
    if report.rows.holdout is None and utility.test_rows < FEW_ROWS // 5:
        return f"Only {utility.test_rows} rows to test on; fit with --holdout 20% and compare more rows."
    with_target = [pair for pair in lost_relations(report) if utility.target in (pair.first, pair.second)]
    if with_target:
        return f"{_lost(with_target[0])}; {_more(report, 'fit longer (more --epochs), or try another --model')}."
    spread = utility.differences.get(utility.headline)
    if spread is not None and spread.low is not None and spread.high is not None and spread.low < 0 < spread.high:
        return (
            f"The difference may be chance ({spread.low:+.3f} to {spread.high:+.3f} on {utility.test_rows:,} rows); "
            "hold more rows back, or judge another --seed."
        )
    used = max(utility.features, key=lambda feature: feature.real_percent - feature.synthetic_percent, default=None)
    if used is not None and used.real_percent > 1.5 * used.synthetic_percent:
        what = f"What {used.name} says of {utility.target} got weaker"
    else:
        what = f"What the columns say of {utility.target} got weaker"
    return f"{what}; {_more(report, 'fit longer, or look for settings with tabllm tune --target ' + utility.target)}."


def _privacy(report: Report) -> str:
    if report.privacy is None or report.privacy.membership is None or report.privacy.distance is None:
        if report.rows.holdout is None:
            return "Fit with --holdout 20% and judge with 'tabllm eval RUN', or name real rows with --holdout FILE."
        return "The holdout is too small; hold more rows back."
    return (
        f"{_more(report, 'Fit for fewer --epochs')}, fold rare values with --rare-below 10, or fit with --dp-epsilon 3 "
        "for a guarantee."
    )


def _rules(report: Report) -> str:
    worst = worst_rule(report.rules)
    if worst is None:
        return ""
    such = "" if worst.synthetic.example is None else f" (such as {worst.synthetic.example})"
    rows = f"{worst.synthetic.broken:,} row{'s break' if worst.synthetic.broken != 1 else ' breaks'}"
    return f"{rows} '{worst.text}'{such}; fit with --rule {shlex.quote(worst.text)}, which no generated row breaks."


def _bias(report: Report) -> str:
    if report.bias is None:
        return ""
    column = max(report.bias.columns, key=lambda each: max((gap.widened.value or 0.0 for gap in each.gaps), default=0))
    label = report.bias.label
    if label is None or label == column.name:
        return f"Sample with --balance {column.name}."
    return f"Sample with --fair '{label}|{column.name}', which gives every group the same probabilities."


def _more(report: Report, otherwise: str) -> str:
    """The cure for too few rows, which no option makes up for, or ``otherwise``."""
    rows = report.rows.real
    if rows >= FEW_ROWS:
        return otherwise
    begin = "Learn" if otherwise[0].isupper() else "learn"
    return f"{begin} from more rows than {rows:,} if there are any"


def _off(item: ColumnFidelity | PairTrend) -> str:
    beside = "" if item.floor_percent is None else f", noise floor {item.floor_percent:.1f} %"
    return f"farthest off (error {number(item.error_percent, 1)} %{beside})"


def _lost(pair: PairTrend) -> str:
    return (
        f"{pair.first} no longer goes with {pair.second} ({number(pair.real_strength)} in real rows, "
        f"{number(pair.synthetic_strength or 0.0)} in synthetic)"
    )


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)
