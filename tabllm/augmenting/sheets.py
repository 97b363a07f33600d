"""The tables of the study, as plain data, on a terminal, in Markdown and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from eval.facts.estimates import Estimate
from eval.facts.plain_data import plain
from eval.judging.wording import interval, number, score
from tabular.terminal import escape

from .findings import SCORE_WORDS, findings, verdict
from .study import RecipeOutcome, Study

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["NOTE", "Cell", "Sheet", "draw", "sheets", "to_json", "to_markdown", "what_was_used"]

#: Title, and the scores that stand in it: three at most, or a terminal of 80 columns would not hold them.
_SHEETS = (
    ("Rows called at a probability of 0.5", ("recall", "precision", "f1")),
    ("Rows called at the threshold that is best on validation rows", ("best_recall", "best_precision", "best_f1")),
    ("Ranking", ("pr_auc", "auc")),
    ("Probabilities as they come", ("log_loss", "normalised_entropy", "calibration_error")),
    ("Probabilities corrected", ("corrected_log_loss", "corrected_normalised_entropy", "corrected_calibration_error")),
)
#: Differences from real rows alone that are shown.
_DIFFERENCES = (("best_f1", "pr_auc", "auc"), ("log_loss", "corrected_log_loss"))
#: What a reader must know of the figures.
NOTE = (
    "Intervals of 95 % from resampled holdout rows, the same for every training set; another split or fit would "
    "differ by more. * = significantly different from real rows alone, for all training sets together. Corrected: "
    "probabilities brought back to the real fraction of the class (Elkan 2001), which every training set but the first "
    "has changed."
)


@dataclass(frozen=True)
class Cell:
    """A figure in words and its interval.

    Attributes:
        mark: ``"better"`` or ``"worse"`` than real rows alone for certain; else empty.
    """

    text: str
    interval: str = ""
    mark: str = ""

    @property
    def written(self) -> str:
        """All of it in one line, a ``*`` for the mark."""
        text = f"{self.text}*" if self.mark else self.text
        return f"{text} ({self.interval})" if self.interval else text


@dataclass(frozen=True)
class Sheet:
    """One table; ``>`` before a header sets its column to the right."""

    title: str
    headers: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def sheets(study: Study) -> list[Sheet]:
    """The tables that there is something to say in."""
    outcomes = [outcome for outcome in study.outcomes if outcome.scores is not None]
    if not outcomes:
        return []
    made = [_learned(outcomes)]
    for title, names in _SHEETS:
        rows = [
            (Cell(outcome.recipe.label), *(_cell(outcome.scores.values[name]) for name in names))
            for outcome in outcomes
            if outcome.scores is not None
        ]
        headers = (f">{_header(name.removeprefix('corrected_'))}" for name in names)  # the title says it
        made.append(Sheet(title, ("", *headers), tuple(rows)))
    for names in _DIFFERENCES:
        rows = [
            (
                Cell(outcome.recipe.label),
                *(_cell(outcome.scores.differences[name], outcome.scores.certain.get(name, "")) for name in names),
            )
            for outcome in outcomes
            if outcome.scores is not None and outcome.scores.differences
        ]
        made.append(
            Sheet("Difference from real rows alone", ("", *(f">{_header(name)}" for name in names)), tuple(rows))
        )
    return made


def draw(study: Study, console: Console) -> None:
    """The tables, what failed, and the findings."""
    from eval.screen.tables import print_table

    console.print(f"\n[bold]{escape(study.named)}[/]  [dim]{escape(what_was_used(study))}[/]")
    for sheet in sheets(study):
        console.print(f"\n[bold]{escape(sheet.title)}[/]")
        rows = [[escape(first.text), *(_drawn(cell) for cell in cells)] for first, *cells in sheet.rows]
        print_table(console, sheet.headers, rows)
    console.print()
    for outcome in study.outcomes:
        if outcome.error:
            console.print(f"[red]{escape(outcome.recipe.label)} failed:[/] {escape(outcome.error)}")
    console.print(f"[bold]{escape(verdict(study))}[/]")
    for sentence in findings(study):
        console.print(f"- {escape(sentence)}")
    console.print(f"[dim]{NOTE}[/]")


def to_markdown(study: Study) -> str:
    """Everything that is drawn, in Markdown."""
    lines = [f"## {study.named}", "", f"{what_was_used(study)}.", ""]
    for sheet in sheets(study):
        header = [name.removeprefix(">") for name in sheet.headers]
        ruler = ["---:" if name.startswith(">") else "---" for name in sheet.headers]
        body = [[cell.written for cell in row] for row in sheet.rows]
        lines += [f"### {sheet.title}", "", *("| " + " | ".join(row) + " |" for row in [header, ruler, *body]), ""]
    failed = [f"{outcome.recipe.label} failed: {outcome.error}" for outcome in study.outcomes if outcome.error]
    lines += [f"**{verdict(study)}**", "", *(f"- {line}" for line in [*failed, *findings(study)]), "", NOTE]
    return "\n".join(lines) + "\n"


def to_json(study: Study) -> dict[str, Any]:
    """Everything as plain JSON data."""
    facts: dict[str, Any] = plain(study)
    for outcome, recipe in zip(facts["outcomes"], study.outcomes, strict=True):
        outcome["recipe"] = {**outcome["recipe"], "label": recipe.recipe.label}
    return {**facts, "verdict": verdict(study), "findings": findings(study)}


def _learned(outcomes: Sequence[RecipeOutcome]) -> Sheet:
    headers = ("", ">rows", ">of them made", ">training, s", ">best threshold")
    rows = [
        (
            Cell(outcome.recipe.label),
            Cell(number(outcome.rows, 0)),
            Cell(number(outcome.added, 0)),
            Cell(number(outcome.seconds, 1)),
            Cell(score(outcome.scores.threshold)),
        )
        for outcome in outcomes
        if outcome.scores is not None
    ]
    return Sheet("What each training set learned from", headers, tuple(rows))


def _header(name: str) -> str:
    return SCORE_WORDS[name].replace("F1 at the best threshold", "best F1")


def _cell(estimate: Estimate, mark: str = "") -> Cell:
    return Cell(score(estimate.value), interval(estimate), mark)


def what_was_used(study: Study) -> str:
    """The rows of each part, the generator and the seed, in words."""
    words = {"learn": "to learn", "validation": "to choose thresholds", "holdout": "held out"}
    parts = [
        f"{study.rows[name]:,} rows {word} ({study.positives[name]:,} of the class)" for name, word in words.items()
    ]
    return f"{', '.join(parts)}; {study.model}, seed {study.seed}"


def _drawn(cell: Cell) -> str:
    colour = {"better": "green", "worse": "red"}.get(cell.mark)
    text = f"[{colour}]{escape(cell.text)}*[/]" if colour else escape(cell.text)
    return f"{text}\n[dim]{cell.interval}[/]" if cell.interval else text
