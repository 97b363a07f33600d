"""What was found of CTR models as tables of text, which the terminal and Markdown draw alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from eval.facts.estimates import Estimate
from eval.judging.wording import METRICS, score

from .facts import CtrReport, Ranking, ScoredModel
from .scores import METRIC_NAMES, MIN_AD_ROWS

__all__ = ["TextTable", "ctr_tables", "headline", "to_markdown", "verdict"]

#: The scores whose difference to the real training set is reported with its interval.
DIFFERENCES = ("auc", "normalised_entropy")
#: A loss of AUC that is none, as in :mod:`eval.judging.verdicts`.
AS_GOOD = 0.02


@dataclass(frozen=True)
class TextTable:
    """Rows of text; ``>`` before a header sets its column to the right."""

    title: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


def headline(report: CtrReport) -> str:
    """What was learned from and what was tested on."""
    when = f"from {report.test_from} on" if report.time else "drawn at random"
    return (
        f"{report.past_rows:,} past rows with {report.past_clicks:,} clicks; tested on {report.test_rows:,} rows "
        f"with {report.test_clicks:,} clicks, {when}"
    )


def verdict(model: ScoredModel) -> str:
    """Whether ``model`` ranks clicks as well as that of the real past, in a sentence."""
    gap = model.differences.get("auc")
    if gap is None or gap.value is None or gap.low is None or gap.high is None:
        return f"{model.name}: its AUC could not be compared."
    how = _told(gap.low, gap.high)
    return f"{model.name}: a model that learned from it {how}; AUC {_signed(gap)}."


def _told(low: float, high: float) -> str:
    """What the interval of a difference in AUC lets one say; one that is wide and holds 0 says that nothing is sure."""
    if high < 0:
        return "ranks clicks worse than one of the real past"
    if low > 0:
        return "ranks clicks better than one of the real past"
    if low >= -AS_GOOD:
        return f"ranks clicks as well as one of the real past, to within {AS_GOOD:g}"
    return "may rank clicks as well as one of the real past or not: the test has too few clicks to be sure"


def ctr_tables(report: CtrReport) -> list[TextTable]:
    """Scores, their differences to the real past, and the order of the ads."""
    tables = [_scores(report), _differences(report)]
    if any(model.ranking or model.true_ranking for model in report.models):
        tables.append(_rankings(report))
    return tables


def to_markdown(report: CtrReport) -> str:
    """The report in Markdown."""
    parts = [f"### CTR models of {report.click}\n\n{headline(report)}.\n"]
    for table in ctr_tables(report):
        header = [name.removeprefix(">") for name in table.headers]
        ruler = ["---:" if name.startswith(">") else "---" for name in table.headers]
        lines = "\n".join("| " + " | ".join(cells) + " |" for cells in (header, ruler, *table.rows))
        parts.append(f"#### {table.title}\n\n{lines}\n" + (f"\n{table.note}\n" if table.note else ""))
    reported = [*(verdict(model) for model in report.synthetic), *report.notes]
    return "\n".join([*parts, "".join(f"- {line}\n" for line in reported)])


def _scores(report: CtrReport) -> TextTable:
    rows = tuple(
        (METRICS[name].label, *(score(model.metrics[name].value) for model in report.models)) for name in METRIC_NAMES
    )
    note = (
        "real: the past; redrawn: as many of its rows with replacement, so 63 % of them: what chance may do. "
        "Normalised entropy (He et al. 2014): 1 is a model that knows the fraction of clicks and no more."
    )
    if report.ceiling_auc is not None:
        note += f" ceiling: the true probabilities, whose AUC over all draws of clicks is {report.ceiling_auc:.4f}."
    return TextTable("Scores on the later rows", ("", *(f">{model.name}" for model in report.models)), rows, note)


def _differences(report: CtrReport) -> TextTable:
    headers = ("", *(f">{METRICS[name].label}" for name in DIFFERENCES))
    rows = tuple(
        (model.name, *(_signed(model.differences.get(name)) for name in DIFFERENCES))
        for model in report.models
        if model.role != "real"
    )
    note = "With 95 % intervals over the test rows, the same resamples for both; not over other fits or seeds."
    return TextTable("Differences to the real past", headers, rows, note)


def _rankings(report: CtrReport) -> TextTable:
    any_ranking = next(r for model in report.models for r in (model.ranking, model.true_ranking) if r is not None)
    columns: list[tuple[str, Callable[[ScoredModel], str]]] = [
        (">as the real model", lambda model: _rank(model.ranking)),
        (f">of its {any_ranking.top}", lambda model: str(model.ranking.shared) if model.ranking else "-"),
    ]
    if any(model.true_ranking for model in report.models):
        columns += [
            (">as the true probabilities", lambda model: _rank(model.true_ranking)),
            (f">of the {any_ranking.top}", lambda model: str(model.true_ranking.shared) if model.true_ranking else "-"),
        ]
    rows = tuple((model.name, *(cell(model) for _, cell in columns)) for model in report.models)
    note = (
        f"{any_ranking.ads:,} values of {report.ad} with {MIN_AD_ROWS} test rows or more, by their mean probability: "
        f"Spearman's rank correlation, and how many of the {any_ranking.top} best are the same."
    )
    return TextTable("The ads in the same order?", ("", *(name for name, _ in columns)), rows, note)


def _signed(estimate: Estimate | None) -> str:
    if estimate is None or estimate.value is None:
        return "-"
    return f"{estimate.value:+.4f} ({_range(estimate, 4)})"


def _rank(ranking: Ranking | None) -> str:
    if ranking is None or ranking.correlation.value is None:
        return "-"
    return f"{ranking.correlation.value:.2f} ({_range(ranking.correlation, 2)})"


def _range(estimate: Estimate, decimals: int) -> str:
    if estimate.low is None or estimate.high is None:
        return "-"
    return f"{estimate.low:.{decimals}f} to {estimate.high:.{decimals}f}"
