"""The figures of several synthetic tables beside each other, as plain data and as Markdown.

One line per figure, one column per table, a Baseline (what real rows reach) and the name of the best.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tabular.io.files import COMPRESSIONS, FORMATS
from tabular.io.origins import is_database, name_of

from ..facts.report import FORMAT_VERSION, PairwiseDistance, Report
from .findings import is_guarded
from .verdicts import Verdict, verdicts
from .wording import METRICS, number

__all__ = [
    "Line",
    "SideBySide",
    "barred",
    "fidelity_table",
    "headline_of_several",
    "line_of",
    "pairwise_tables",
    "reports_as_json",
    "side_by_side",
    "tables_as_json",
    "to_markdown",
    "unique_names",
    "utility_table",
    "verdict_rows",
]

Read = Callable[[Report], float | None]


@dataclass(frozen=True)
class Line:
    """One figure of every table.

    Attributes:
        better: ``"higher"``, ``"lower"``, or ``"half"`` and ``"one"`` (the nearer to 0.5, to 1 the better).
        baseline: the same figure of real rows, ``None`` where there is no such thing.
        values: one per table, ``None`` where it has none.
        best: the name of the table that is best at it, ``None`` if fewer than two have the figure.
    """

    label: str
    better: str
    decimals: int
    baseline: float | None
    values: tuple[float | None, ...]
    best: str | None


@dataclass(frozen=True)
class SideBySide:
    """Lines that belong together, what their baseline is if they have any, and the tables that cannot be best."""

    title: str
    names: tuple[str, ...]
    lines: tuple[Line, ...]
    baseline: str | None = None
    barred: tuple[str, ...] = ()

    @property
    def headers(self) -> list[str]:
        """Of the columns that :meth:`rows` fills; ``>`` before one that is set to the right."""
        baseline = [] if self.baseline is None else [">Baseline"]
        return ["", *baseline, *(f">{name}" for name in self.names), *(["Best"] if self._has_best else [])]

    @property
    def notes(self) -> list[str]:
        """What stands under the table, one sentence each."""
        notes = [f"Baseline: {self.baseline}."] if self.baseline else []
        if self.barred:
            leak = "leaks" if len(self.barred) == 1 else "leak"
            notes.append(f"{', '.join(self.barred)} {leak} training rows (Privacy, Attack) and cannot be the best.")
        return notes

    def rows(self, best: Callable[[str], str] = str, name: Callable[[str], str] = str) -> list[list[str]]:
        """The lines in words; ``best`` marks the best value of each, ``name`` writes whose it is."""
        written = []
        for line in self.lines:
            values = [number(value, line.decimals) for value in line.values]
            marked = [best(v) if each == line.best else v for each, v in zip(self.names, values, strict=True)]
            baseline = [] if self.baseline is None else [number(line.baseline, line.decimals)]
            written.append([line.label, *baseline, *marked, *([name(line.best or "-")] if self._has_best else [])])
        return written

    @property
    def _has_best(self) -> bool:
        return any(line.best is not None for line in self.lines)


def side_by_side(reports: Mapping[str, Report]) -> list[SideBySide]:
    """The tables that there is something to say in."""
    utility = utility_table(reports)
    return [fidelity_table(reports)] + ([] if utility is None else [utility])


def verdict_rows(reports: Mapping[str, Report]) -> dict[str, list[Verdict | None]]:
    """The verdicts of all reports by subject; ``None`` of a report that has none, such as an older one."""
    found = [{verdict.subject: verdict for verdict in verdicts(report)} for report in reports.values()]
    subjects = dict.fromkeys(subject for each in found for subject in each)
    return {subject: [each.get(subject) for each in found] for subject in subjects}


def headline_of_several(reports: Mapping[str, Report]) -> str:
    """Which tables pass most checks, in one sentence; those that leak training rows come last, whatever they pass."""
    out = barred(reports)
    passed: dict[int, list[str]] = {}
    for name, report in reports.items():
        if name not in out:
            passed.setdefault(sum(verdict.level == "good" for verdict in verdicts(report)), []).append(name)
    counts = sorted(passed, reverse=True)
    ranked = [f"{', '.join(passed[n])} {'passes' if len(passed[n]) == 1 else 'pass'} {n}" for n in counts]
    if ranked:
        ranked[0] += f" of {max(len(verdicts(report)) for report in reports.values())} checks"
    leaks = f"{', '.join(out)} {'leaks' if len(out) == 1 else 'leak'} training rows"
    return "; ".join([*ranked, *([leaks] if out else [])]) + "."


def fidelity_table(reports: Mapping[str, Report]) -> SideBySide:
    """How near the rows are to real ones; the baseline are real rows that were not learned."""
    measured: Sequence[tuple[str, str, int, tuple[Read, Read]]] = [
        ("overall fidelity, %", "higher", 2, _both("fidelity", "overall_percent", "overall_floor_percent")),
        ("KS or total variation, %", "lower", 2, _both("fidelity", "shape_error_percent", "shape_floor_percent")),
        ("Jensen-Shannon, %", "lower", 2, _both("fidelity", "js_percent", "js_floor_percent")),
        ("pair trends, error %", "lower", 2, _both("trends", "error_percent", "floor_percent")),
        (
            "mutual information of pairs, error",
            "lower",
            4,
            _both("margins.information", "weighted_error", "weighted_floor"),
        ),
        ("three columns at once, error %", "lower", 2, _both("margins.three_way", "error_percent", "floor_percent")),
        ("within subgroups, error %", "lower", 2, _both("margins.subgroups", "error_percent", "floor_percent")),
        ("rare categories covered, %", "higher", 1, _both("margins.rare", "covered_percent", "covered_floor_percent")),
        ("rules between columns that rows break", "lower", 0, (_rules_broken, lambda _: 0.0)),
        ("alpha-precision", "higher", 3, _both("support", "alpha_precision", "alpha_precision_floor")),
        ("beta-recall", "higher", 3, _both("support", "beta_recall", "beta_recall_floor")),
        ("detection (1 = cannot tell)", "higher", 3, (_at("detection.score"), _detection_floor)),
        ("detection as SDMetrics scores it", "higher", 3, _both("detection", "sdmetrics_score", "sdmetrics_floor")),
        (
            "every column as target, % of real training",
            "higher",
            1,
            _both("all_targets", "kept_percent", "floor_percent"),
        ),
        (
            "nearer to training rows (0.5 = no copying)",
            "half",
            3,
            (_at("privacy.distance.share_closer_to_real"), lambda _: 0.5),
        ),
        (
            "identifying cells that are real values, %",
            "lower",
            2,
            (_at("privacy.identifying.synthetic_percent"), lambda _: 0.0),
        ),
        (
            "combinations that only one row or person has, %",
            "lower",
            2,
            _both("privacy.combinations", "synthetic_percent", "holdout_percent"),
        ),
        ("membership attack, AUC (0.5 = blind)", "half", 3, (_at("privacy.membership.best.auc.value"), lambda _: 0.5)),
        (
            "the same on the most isolated rows",
            "half",
            3,
            (_at("privacy.membership.exposed.isolated.best.auc.value"), lambda _: 0.5),
        ),
        ("the same by shadow models", "half", 3, (_at("privacy.shadow.attack.auc.value"), lambda _: 0.5)),
        ("gap between groups that widens most, points", "lower", 1, (_widened, lambda _: 0.0)),
    ]
    listed = {each.name: each for report in reports.values() for each in report.metrics}
    more = [
        (each.label, each.better, each.decimals, (_listed(each.name, "value"), _listed(each.name, "floor")))
        for each in listed.values()
    ]
    lines = [_line(reports, label, better, decimals, *reads) for label, better, decimals, reads in [*measured, *more]]
    lines = [line for line in lines if any(value is not None for value in line.values)]
    baseline = "real rows that were not learned, against those that were"
    return SideBySide("Fidelity", tuple(reports), tuple(lines), baseline, barred(reports))


def utility_table(reports: Mapping[str, Report]) -> SideBySide | None:
    """XGBoost trained on each, tested on real rows; the baseline was trained on real rows. ``None`` without target."""
    judged = [report.utility for report in reports.values() if report.utility is not None]
    if not judged:
        return None
    lines = [
        _line(reports, metric.label, metric.better, 4, _metric(key, "synthetic"), _metric(key, "real"))
        for key, metric in METRICS.items()
        if key in judged[0].real.metrics
    ]
    return SideBySide(
        f"Utility: predicting {judged[0].target}",
        tuple(reports),
        tuple(lines),
        "trained on the real rows",
        barred(reports),
    )


def pairwise_tables(distances: Sequence[PairwiseDistance], names: tuple[str, ...]) -> list[SideBySide]:
    """How far the synthetic tables lie from each other: a square of each measure, with no baseline and no best."""
    made = []
    for title, key in (("KS or total variation", "ks_percent"), ("Jensen-Shannon", "js_percent")):
        known = {frozenset((each.first, each.second)): getattr(each, key) for each in distances}
        rows = {name: tuple(known.get(frozenset((name, other))) for other in names) for name in names}
        lines = tuple(Line(name, "lower", 2, None, values, None) for name, values in rows.items())
        made.append(SideBySide(f"From each other: {title}, %", names, lines))
    return made


def barred(reports: Mapping[str, Report]) -> tuple[str, ...]:
    """The tables that a check for copying or an attack found to leak: who copies is best at everything else."""
    return tuple(name for name, report in reports.items() if not is_guarded(report))


def line_of(
    label: str,
    better: str,
    decimals: int,
    values: Mapping[str, float | None],
    baseline: float | None = None,
    barred: Sequence[str] = (),
) -> Line:
    """A line of ``values`` by table, the best of them marked: none of ``barred``, none of two that read the same."""
    known = {name: value for name, value in values.items() if value is not None}
    cost: dict[str, Callable[[float], float]] = {
        "higher": lambda v: -v,
        "lower": lambda v: v,
        "half": lambda v: abs(v - 0.5),
        "one": lambda v: abs(v - 1),
    }
    allowed = sorted((name for name in known if name not in barred), key=lambda name: cost[better](known[name]))
    shown = [round(known[name], decimals) for name in allowed[:2]]
    best = allowed[0] if len(known) > 1 and allowed and shown[0] not in shown[1:] else None
    return Line(label, better, decimals, baseline, tuple(values.values()), best)


def to_markdown(table: SideBySide) -> str:
    """The table in Markdown, with what its baseline is under it."""
    header = [name.removeprefix(">") for name in table.headers]
    ruler = ["---:" if name.startswith(">") else "---" for name in table.headers]
    text = "\n".join("| " + " | ".join(cells) + " |" for cells in [header, ruler, *table.rows()])
    return f"### {table.title}\n\n{text}\n" + "".join(f"\n{note}\n" for note in table.notes)


def tables_as_json(tables: Sequence[SideBySide]) -> list[dict[str, Any]]:
    """The tables as plain JSON data."""
    return [
        {
            "title": table.title,
            "baseline": table.baseline,
            "barred": list(table.barred),
            "lines": [
                {
                    "label": line.label,
                    "better": line.better,
                    "baseline": line.baseline,
                    "values": dict(zip(table.names, line.values, strict=True)),
                    "best": line.best,
                }
                for line in table.lines
            ],
        }
        for table in tables
    ]


def reports_as_json(reports: Mapping[str, Report], tables: Sequence[SideBySide] = ()) -> dict[str, Any]:
    """One report as it is; several in a list ``reports``, each with its ``name``, beside ``tables``."""
    if len(reports) == 1:
        return next(iter(reports.values())).to_dict()
    return {
        "version": FORMAT_VERSION,
        "reports": [{"name": name, **report.to_dict()} for name, report in reports.items()],
        "tables": tables_as_json(tables),
    }


def unique_names(paths: Sequence[str | Path]) -> list[str]:
    """A name for each file: its stem; where two are alike, with its ending or its folder; numbered at the last.

    A table of a database is called as there.
    """
    files = [Path(name_of(path)) if is_database(path) else Path(path) for path in paths]
    stems = [_stem(file.name) for file in files]
    folders = [file.absolute().parent.name for file in files]
    inside = [f"{folder}/{stem}" for folder, stem in zip(folders, stems, strict=True)]
    for names in (stems, [file.name for file in files], inside):
        if len(set(names)) == len(names):
            return names
    return [f"{stem} ({i})" if stems.count(stem) > 1 else stem for i, stem in enumerate(stems, 1)]


def _stem(name: str) -> str:
    """``nano-0.5`` of ``nano-0.5.csv.gz``: only endings that say a format go."""
    path = Path(name)
    while path.suffix.lower() in FORMATS or path.suffix.lower() in COMPRESSIONS:
        path = path.with_suffix("")
    return path.name


def _line(reports: Mapping[str, Report], label: str, better: str, decimals: int, read: Read, base: Read) -> Line:
    baseline = next((base(report) for report in reports.values()), None)
    values = {name: read(report) for name, report in reports.items()}
    return line_of(label, better, decimals, values, baseline, barred(reports))


def _at(path: str) -> Read:
    """Reads the figure at the end of the dotted ``path``, ``None`` where a part of it was not measured."""

    def read(report: Report) -> float | None:
        found: Any = report
        for name in path.split("."):
            found = None if found is None else getattr(found, name)
        return None if found is None else float(found)

    return read


def _both(owner: str, value: str, floor: str) -> tuple[Read, Read]:
    """Reads the figure ``value`` of ``owner`` and its noise floor."""
    return _at(f"{owner}.{value}"), _at(f"{owner}.{floor}")


def _listed(name: str, part: str) -> Read:
    return lambda report: next((getattr(each, part) for each in report.metrics if each.name == name), None)


def _detection_floor(report: Report) -> float | None:
    floor = report.detection.floor_score if report.detection else None
    return 1.0 if floor is None else floor


def _rules_broken(report: Report) -> float | None:
    return sum(not rule.is_kept for rule in report.rules) if report.rules else None


def _widened(report: Report) -> float | None:
    gaps = [gap.widened.value for column in report.bias.columns for gap in column.gaps] if report.bias else []
    return max((100 * gap for gap in gaps if gap is not None), default=None)


def _metric(key: str, model: str) -> Read:
    return lambda report: getattr(report.utility, model).metrics.get(key) if report.utility else None
