"""A search's Pareto front as a table of words, as Markdown and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from eval.judging.wording import number

from .trials import Found, Trial

__all__ = ["FrontTable", "front_table", "to_json", "to_markdown", "written"]

HEADERS = ("trial", ">score", ">fidelity", ">utility", ">privacy", ">fit s", "what differs from the default")


@dataclass(frozen=True)
class FrontTable:
    """Rows in words, the best score first; the default stands among them even if it is beaten.

    Attributes:
        headers: ``>`` before one that is set to the right.
        best: the row of the trial that was chosen, ``None`` if it is not among them.
        notes: what a reader of the table must know.
    """

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    best: int | None
    notes: tuple[str, ...]


def front_table(found: Found) -> FrontTable:
    """The trials that no other beats in everything, and the default."""
    shown = list(found.front)
    known = {trial.number for trial in shown}
    wanted = {trial.number for trial in (*found.confirmed, found.best, found.default) if trial is not None}
    shown += [trial for trial in found.trials if trial.number in wanted - known]
    best = next((index for index, trial in enumerate(shown) if found.best and trial.number == found.best.number), None)
    rows = [_row(found, trial) for trial in shown]
    headers: tuple[str, ...] = HEADERS
    if found.confirmed:
        scores = {trial.number: trial.scores.score for trial in found.confirmed if trial.scores is not None}
        headers = (*HEADERS[:1], ">confirmed", *HEADERS[1:])
        rows = [(row[0], number(scores.get(t.number), 4), *row[1:]) for row, t in zip(rows, shown, strict=True)]
    return FrontTable(headers, tuple(rows), best, tuple(_notes(found)))


def written(settings: Mapping[str, Any]) -> str:
    """Settings as a person reads them: ``pac 1, generator_lr 0.00083``."""
    return ", ".join(f"{name} {_value(value)}" for name, value in settings.items())


def to_markdown(found: Found) -> str:
    """The table and its notes in Markdown."""
    table = front_table(found)
    header = [name.removeprefix(">") for name in table.headers]
    ruler = ["---:" if name.startswith(">") else "---" for name in table.headers]
    rows = [
        [f"**{cell}**" if index == table.best and column == 0 else cell for column, cell in enumerate(row)]
        for index, row in enumerate(table.rows)
    ]
    lines = ["| " + " | ".join(cells) + " |" for cells in [header, ruler, *rows]]
    notes = "\n".join(f"- {note}" for note in table.notes)
    return f"### Tuning {found.search.model}: the Pareto front\n\n" + "\n".join(lines) + f"\n\n{notes}\n"


def to_json(found: Found) -> dict[str, Any]:
    """Everything as plain JSON data."""
    return {
        "search": asdict(found.search),
        "trained_for": found.length.part(1.0),
        "defaults": dict(found.defaults),
        "best": found.best and found.best.number,
        "settings": dict(found.settings),
        "confirmed": [trial.to_dict() for trial in found.confirmed],
        "front": [trial.number for trial in found.front],
        "trials": [trial.to_dict() for trial in found.trials],
    }


def _row(found: Found, trial: Trial) -> tuple[str, ...]:
    scores = trial.scores
    assert scores is not None
    changed = {name: value for name, value in trial.settings.items() if value != found.defaults[name]}
    label = f"{trial.number} (default)" if trial.is_default else str(trial.number)
    return (
        label,
        number(scores.score, 4),
        number(scores.fidelity, 4),
        number(scores.utility, 4),
        number(scores.privacy, 4) + ("" if scores.guarded else " !"),
        number(trial.fit_seconds, 1),
        written(changed) or "-",
    )


def _notes(found: Found) -> list[str]:
    counts = {name: sum(trial.outcome == name for trial in found.trials) for name in ("complete", "stopped", "failed")}
    length = ", ".join(f"{value:,.4g} {name}" for name, value in found.length.part(1.0).items())
    weight = found.search.utility_weight
    notes = [
        f"{len(found.trials)} trials: {counts['complete']} complete, {counts['stopped']} stopped early, "
        f"{counts['failed']} failed" + (f"; each learned for {length}." if length else "."),
        "The score is on validation rows, which no trial learned"
        + (f": {1 - weight:g} of fidelity, {weight:g} of utility." if found.search.target else ": fidelity alone."),
    ]
    if found.confirmed:
        notes.append(
            "Confirmed: the score of one fit for as long as 'tabllm fit' would, with a seed that no trial had."
        )
    elif _is_short(found):
        notes.append(
            "A fit with the best settings trains for the model's own length, which no trial was given: see --confirm."
        )
    if found.default is None:
        notes.append("The default could not be judged.")
    if found.best is not None and found.best.scores is not None and not found.best.scores.guarded:
        notes.append("Every trial leans on training rows (!); the best is the one that does so least.")
    elif any(trial.scores and not trial.scores.guarded for trial in found.trials):
        notes.append("Trials that lean on training rows (!) were not chosen, whatever their score.")
    return notes


def _is_short(found: Found) -> bool:
    own_length = found.search.epochs is None and found.search.steps is None
    return own_length and found.length.option is not None and found.share < 1


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "x".join(map(str, value))
    return str(value)
