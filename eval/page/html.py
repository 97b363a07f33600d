"""The page: one file with everything in it, which opens in any browser without a network.

Plots are SVG in the page itself, colours follow the reader's light or dark system, and every plot names its
finding. The page forbids itself (by a content security policy) to load anything from anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from tabular.storage.rundir import write_text

from ..facts.provenance import Provenance
from ..facts.report import Report
from ..judging.findings import headline
from ..judging.side_by_side import SideBySide, side_by_side
from .document import Sections, by_name, document, link, several
from .elements.markup import Markup
from .elements.parts import bullets, section, sentence
from .front import findings, verdict_cards, what_was_compared
from .origin import sample_section
from .sections.all_targets import all_targets_section
from .sections.attacks import attacks_section
from .sections.bias import bias_section
from .sections.columns import columns_section
from .sections.detection import detection_section
from .sections.margins import margins_section
from .sections.metrics import metrics_section
from .sections.pairs import pairs_section
from .sections.privacy import privacy_section
from .sections.rows import rows_section
from .sections.rules import rules_section
from .sections.target import target_section
from .sections.utility import utility_section
from .several import side_by_side_section

__all__ = ["page", "write_html"]

#: Name in the navigation, name in an address, and what draws it.
_SECTIONS: tuple[tuple[str, str, Callable[[Report, str, int], Markup | None]], ...] = (
    ("Columns", "columns", columns_section),
    ("Pairs", "pairs", pairs_section),
    ("Subgroups", "subgroups", margins_section),
    ("Figures", "figures", metrics_section),
    ("Rules", "rules", rules_section),
    ("Target", "target", target_section),
    ("Rows", "rows", rows_section),
    ("Detection", "detection", detection_section),
    ("Utility", "utility", utility_section),
    ("Targets", "targets", all_targets_section),
    ("Bias", "bias", bias_section),
    ("Privacy", "privacy", privacy_section),
    ("Attacks", "attacks", attacks_section),
)


def write_html(
    reports: Report | Mapping[str, Report],
    path: str | Path,
    *,
    tables: Sequence[SideBySide] | None = None,
    provenance: Provenance | None = None,
) -> None:
    """Write the page of one report, or of several by name, to ``path``; an old file is replaced in one step.

    Args:
        reports: of the same real table.
        tables: what stands side by side where there are several; the figures of :mod:`eval.judging.side_by_side` if
            absent.
        provenance: where the tables come from, and some of their rows.

    Raises:
        UsageError: if there is no report.
        OutputError: if the file cannot be written.
    """
    write_text(path, page(reports, tables=tables, provenance=provenance))


def page(
    reports: Report | Mapping[str, Report],
    *,
    tables: Sequence[SideBySide] | None = None,
    provenance: Provenance | None = None,
) -> str:
    """The page as text; see :func:`write_html`."""
    reports = by_name(reports, Report, "a table")
    origin = provenance or Provenance()
    if len(reports) == 1:
        ((name, report),) = reports.items()
        title = "Synthetic table" if name in ("", "synthetic") else f"Synthetic table {name}"
        sections = _one(name, report, "", 2, origin)
        about = what_was_compared(report)
    else:
        title = f"{len(reports)} synthetic tables"
        tables = side_by_side(reports) if tables is None else tables
        first = side_by_side_section(reports, tables, "side-by-side", 2, origin.note)
        sections = several(first, reports, what_was_compared, partial(_one, origin=origin))
        about = f"{next(iter(reports.values())).rows.real:,} real rows against {', '.join(reports)}"
    return document(f"{title} beside the real one", about, sections, origin.facts)


def _one(name: str, report: Report, prefix: str, level: int, origin: Provenance) -> Sections:
    """Links to the sections of the report ``name``, and the sections."""
    says = sentence(headline(report), "headline")
    cards = verdict_cards(report, prefix)
    first = section("Verdicts", f"{prefix}verdicts", level, says, cards, findings(report))
    links, body = [link("Verdicts", f"{prefix}verdicts")], [first]
    if (rows := sample_section(origin, name, f"{prefix}sample", level)) is not None:
        links.append(link("Sample", f"{prefix}sample"))
        body.append(rows)
    for name, anchor, draw in _SECTIONS:
        drawn = draw(report, f"{prefix}{anchor}", level)
        if drawn is not None:
            links.append(link(name, f"{prefix}{anchor}"))
            body.append(drawn)
    links.append(link("Notes", f"{prefix}notes"))
    return links, [*body, _notes(report, f"{prefix}notes", level)]


def _notes(report: Report, anchor: str, level: int) -> Markup:
    notes = [*report.notes, *([report.privacy.caveat] if report.privacy else [])]
    took = ", ".join(f"{part} {seconds:.1f} s" for part, seconds in report.seconds.items())
    notes += [f"Seed {report.seed}; the same seed gives the same figures." + (f" Times: {took}." if took else "")]
    notes += [
        "Verdicts rest on thresholds that are a judgement; where there is a holdout, a figure within twice its "
        "noise floor is good whatever its size."
    ]
    return section("Notes", anchor, level, bullets(notes, "notes"))
