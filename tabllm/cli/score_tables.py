"""How the scores of rows look: on a terminal, and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from eval.screen.tables import print_table
from tabular.terminal import escape

from .tables import draw_facts

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from tabular.likelihood.facts import Duplicates, RowScores

__all__ = ["draw_scores", "prediction_facts", "scores_as_json"]

_QUANTILES = {"p1": 0.01, "p5": 0.05, "p25": 0.25, "median": 0.5, "p75": 0.75, "p95": 0.95, "p99": 0.99}
#: Columns of which is reported how many bits they take in a row.
_NAMED = 3


def draw_scores(console: Console, scores: RowScores, duplicates: Duplicates | None, *, limit: int) -> None:
    """Bits per row, the most unlikely rows with what is to blame, rows that stand twice."""
    here, there = _summary(scores.possible), _summary(scores.reference[np.isfinite(scores.reference)])
    rows = [
        [label, *(f"{found[name]:.1f}" if found else "-" for name in ("mean", "p5", "median", "p95", "p99"))]
        for label, found in (("this table", here), (scores.compared_with, there))
    ]
    console.print("\n[bold]Bits per row[/]  [dim]one more bit is half as probable[/]\n")
    print_table(console, ["", ">mean", ">5 %", ">median", ">95 %", ">99 %"], [[escape(r[0]), *r[1:]] for r in rows])
    facts = {}
    if impossible := scores.impossible():
        named = ", ".join(f"{name} {count:,}" for name, count in impossible.items())
        facts["impossible rows"] = f"{int(np.isposinf(scores.bits).sum()):,}, by column: {named}"
    if undefined := int(np.isnan(scores.bits).sum()):
        facts["no score"] = f"{undefined:,} rows, in which a given cell is impossible"
    if duplicates is not None:
        facts["equal rows"] = f"{duplicates.rows:,}; {duplicates.expected:,.0f} are expected by their probability"
    if facts:
        console.print()
        draw_facts(console, facts)
    console.print("\n[bold]Least likely rows[/]  [dim]bits above what is typical of a column[/]\n")
    print_table(
        console,
        [">row", ">bits", ">percentile", "by column"],
        [
            [f"{row + 1:,}", _bits(scores.bits[row]), f"{scores.percentile[row]:.1f}", escape(_blame(scores, row))]
            for row in scores.unlikeliest(limit)
        ],
    )
    if duplicates is not None and duplicates.groups:
        console.print("\n[bold]Equal rows[/]  [dim]the most surprising first[/]\n")
        print_table(
            console,
            [">row", ">copies", ">expected"],
            [[f"{row + 1:,}", f"{copies:,}", f"{probability:.2g}"] for row, copies, probability in duplicates.groups],
        )
    console.print()


def scores_as_json(scores: RowScores, duplicates: Duplicates | None, *, limit: int) -> dict[str, Any]:
    """The same as plain JSON data; bits that are infinite are ``null``."""
    return {
        "rows": len(scores.bits),
        "columns": list(scores.columns),
        "bits": _summary(scores.possible),
        "compared_with": {
            "name": scores.compared_with,
            "bits": _summary(scores.reference[np.isfinite(scores.reference)]),
        },
        "impossible_rows": int(np.isposinf(scores.bits).sum()),
        "impossible": scores.impossible(),
        "undefined_rows": int(np.isnan(scores.bits).sum()),
        "equal_rows": None
        if duplicates is None
        else {
            "rows": duplicates.rows,
            "expected": duplicates.expected,
            "groups": [
                {"row": row + 1, "copies": copies, "expected": probability}
                for row, copies, probability in duplicates.groups
            ],
        },
        "least_likely": [
            {
                "row": int(row) + 1,
                "bits": _finite(scores.bits[row]),
                "percentile": float(scores.percentile[row]),
                "column": scores.columns[scores.least_likely[row]],
                "bits_of_columns": dict(zip(scores.columns, map(_finite, scores.cells[row]), strict=True)),
            }
            for row in scores.unlikeliest(limit)
        ]
        if scores.columns
        else [],
    }


def prediction_facts(probs: pd.DataFrame, truth: pd.Series | None) -> dict[str, Any]:
    """Rows, classes and, where ``truth`` is there, how often and how well it is predicted."""
    facts: dict[str, Any] = {"rows": len(probs), "classes": probs.shape[1], "accuracy": None, "log_loss": None}
    if truth is None:
        return facts
    position = {str(name): number for number, name in enumerate(probs.columns)}
    code = truth.astype(str).map(position).fillna(-1).to_numpy(dtype=np.int64)
    known = np.flatnonzero(code >= 0)
    if len(known):
        values = probs.to_numpy()[known]
        of_truth = values[np.arange(len(known)), code[known]]
        facts["accuracy"] = float((values.argmax(axis=1) == code[known]).mean())
        facts["log_loss"] = float(-np.log(np.maximum(of_truth, 1e-15)).mean())
    return facts


def _summary(bits: np.ndarray) -> dict[str, float] | None:
    if not len(bits):
        return None
    return {"mean": float(bits.mean()), **{name: float(np.quantile(bits, q)) for name, q in _QUANTILES.items()}}


def _blame(scores: RowScores, row: int) -> str:
    """The columns that take more bits than is typical, most first."""
    excess = scores.cells[row] - scores.typical
    order = [int(position) for position in np.argsort(-excess, kind="stable")[:_NAMED] if excess[position] > 0]
    if any(np.isposinf(excess[position]) for position in order):
        return ", ".join(
            f"{scores.columns[position]} impossible" for position in order if np.isposinf(excess[position])
        )
    return ", ".join(f"{scores.columns[position]} +{excess[position]:.1f}" for position in order)


def _bits(value: float) -> str:
    return "impossible" if np.isposinf(value) else f"{value:.1f}"


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
