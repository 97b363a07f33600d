"""The terminal renderer of a report: the details if asked for, worst first, and the verdicts last."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tabular.terminal import escape, plain

from ..facts.report import (
    AllTargets,
    ColumnFidelity,
    Detection,
    Estimate,
    FormFacts,
    Metric,
    PairTrend,
    Privacy,
    Report,
    RuleCount,
    RuleFacts,
    Support,
    Trends,
    Utility,
)
from ..judging.findings import BLIND_BELOW_HALF, Item, advice, by_excess, headline, judged, lost_relations
from ..judging.verdicts import verdicts
from ..judging.wording import METRICS, number, score
from .margins import margin_sections
from .risks import caveats, risk_sections
from .tables import STYLES, glyphs, is_unicode, quiet_table

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

__all__ = ["render"]

_EIGHTHS = " ▏▎▍▌▋▊▉"
_BAR_CELLS = 10
#: Below this width a table gives up its less needed columns.
_NARROW = 76


def render(report: Report, console: Console, *, details: bool = True, limit: int = 10) -> None:
    """Print ``report`` on ``console``: ``details`` with at most ``limit`` rows in each list, and the verdicts last."""
    renderer = _Renderer(console, limit)
    parts: list[RenderableType | None] = [renderer.title(report)]
    if details:
        parts += [
            renderer.columns(report),
            renderer.forms(report.forms),
            renderer.pairs(report.trends),
            renderer.lost(report),
            renderer.metrics(report.metrics),
            *margin_sections(report, console, limit=limit),
            renderer.rules(report.rules),
            renderer.support(report.support),
            renderer.detection(report.detection),
            renderer.utility(report.utility),
            renderer.all_targets(report.all_targets),
            renderer.privacy(report.privacy),
            *risk_sections(report, console, limit=limit),
            renderer.notes(report),
        ]
    for part in (*parts, renderer.headline(report), renderer.verdicts(report)):
        if part is not None:
            console.print()
            console.print(part)
    console.print()


class _Renderer:
    """What the parts share: the width, the glyphs, the number of rows."""

    def __init__(self, console: Console, limit: int) -> None:
        self.console = console
        self.unicode = is_unicode(console)
        self.narrow = console.width < _NARROW
        self.limit = limit

    def title(self, report: Report) -> RenderableType:
        from rich.text import Text

        rows = report.rows
        parts = [f"{rows.real:,} real", f"{rows.synthetic:,} synthetic"]
        parts += [f"{rows.holdout:,} holdout"] if rows.holdout is not None else ["no holdout"]
        dot = " · " if self.unicode else ", "
        title = Text.assemble(("Real against synthetic", "bold"), "  ", (f"{dot.join(parts)} rows", "dim"))
        return title.append(f"\n{plain(judged(report))}", style="dim")

    def headline(self, report: Report) -> RenderableType:
        from rich.text import Text

        levels = [verdict.level for verdict in verdicts(report)]
        worst = next((level for level in ("poor", "fair", "open") if level in levels), "good")
        return Text.assemble((f"{glyphs(self.console)[worst]} ", STYLES[worst]), (plain(headline(report)), "bold"))

    def verdicts(self, report: Report) -> RenderableType:
        """A line for each verdict, and under one that is not good what to do about it."""
        from rich.padding import Padding
        from rich.table import Table
        from rich.text import Text

        signs = glyphs(self.console)
        found = verdicts(report)
        widths = [max(len(getattr(each, part)) for each in found) for part in ("subject", "figure", "reference")]
        whole = Table.grid()
        for verdict in found:
            style = STYLES[verdict.level]
            line = Text.assemble((f"{signs[verdict.level]} ", style), (verdict.subject.ljust(widths[0] + 2), "bold"))
            line.append(plain(verdict.figure).ljust(widths[1] + 2))
            if not self.narrow:
                line.append(plain(verdict.reference).ljust(widths[2] + 2), "dim")
            line.append(verdict.word, style)
            whole.add_row(line)
            if words := advice(report, verdict):
                whole.add_row(Padding(Text(f"{self._arrow().strip()} {plain(words)}"), (0, 0, 0, 2)))
        if report.privacy is not None and report.privacy.run is not None:  # of the run, not of the synthetic rows
            whole.add_row(Padding(Text(plain(report.privacy.run.words)), (1, 0, 0, 0)))
        return whole

    def columns(self, report: Report) -> RenderableType | None:
        fidelity = report.fidelity
        about = f"mean error {number(fidelity.shape_error_percent)} %"
        if fidelity.overall_percent is not None:
            about += f", overall fidelity {fidelity.overall_percent:.2f} %"
        if fidelity.coverage_percent is not None:
            about += f", coverage {fidelity.coverage_percent:.1f} %"
        more = [] if self.narrow else [">W1", ">missing %"]
        table = quiet_table(self.console, "column", "", ">error %", ">floor %", ">JS %", *more)

        def cells(column: ColumnFidelity, top: float) -> list[str]:
            cells = [escape(column.name), self._bar(column.error_percent, top), number(column.error_percent)]
            cells += [f"[dim]{number(column.floor_percent)}[/]", number(column.js_percent)]
            return cells if self.narrow else [*cells, number(column.wasserstein, 3), self._missing(column)]

        return self._by_excess("Columns", about, table, fidelity.columns, cells)

    def forms(self, forms: Sequence[FormFacts]) -> RenderableType | None:
        """Identifiers, text and dates, those of wrong form first."""
        if not forms:
            return None
        table = quiet_table(self.console, "column", ">valid %", ">holdout", ">different %", ">most frequent %")
        for each in sorted(forms, key=lambda each: each.fault is None)[: self.limit]:
            table.add_row(
                escape(each.name),
                number(each.valid_percent, 1),
                f"[dim]{number(each.valid_floor_percent, 1)}[/]",
                f"{number(each.unique_real_percent, 1)}{self._arrow()}{number(each.unique_synthetic_percent, 1)}",
                f"{number(each.top_real_percent, 1)}{self._arrow()}{number(each.top_synthetic_percent, 1)}",
            )
        self._rest(table, len(forms))
        return self._section("Identifiers, text and dates, by form", "valid: written as real ones are", table)

    def _missing(self, column: ColumnFidelity) -> str:
        if not column.missing_real_percent and not column.missing_synthetic_percent:
            return "[dim]-[/]"
        return f"{column.missing_real_percent:.1f}{self._arrow()}{column.missing_synthetic_percent:.1f}"

    def pairs(self, trends: Trends) -> RenderableType | None:
        about = f"mean error {number(trends.error_percent)} %"
        if trends.strong_error_percent is not None:
            about += f", {trends.strong_error_percent:.2f} % over the {trends.strong_pairs} strong ones"
        table = quiet_table(self.console, "pair", "", ">error %", ">floor %")
        if not self.narrow:
            table.add_column("r or V", justify="right")

        def cells(pair: PairTrend, top: float) -> list[str]:
            times = " × " if self.unicode else " x "  # noqa: RUF001
            cells = [escape(pair.first) + times + escape(pair.second), self._bar(pair.error_percent, top)]
            cells += [number(pair.error_percent), f"[dim]{number(pair.floor_percent)}[/]"]
            return cells if self.narrow else [*cells, self._strength(pair)]

        return self._by_excess("Pairs", about, table, trends.pairs, cells)

    def _by_excess(
        self, title: str, about: str, table: Table, items: Sequence[Item], cells: Callable[[Item, float], list[str]]
    ) -> RenderableType | None:
        """``table`` with rows of the items farthest above their noise floor, drawn on bars of one scale."""
        measured = by_excess(items)
        if not measured:
            return None
        worst = measured[: self.limit]
        top = max(*(each.error_percent or 0.0 for each in worst), 5.0)
        for each in worst:
            table.add_row(*cells(each, top))
        self._rest(table, len(measured))
        return self._section(f"{title}, by excess over their noise floor", about, table)

    def metrics(self, metrics: Sequence[Metric]) -> RenderableType | None:
        """Those of one figure each."""
        if not metrics:
            return None
        table = quiet_table(self.console, "figure", ">synthetic", ">holdout")
        for each in metrics:
            floor = f"[dim]{number(each.floor, each.decimals)}[/]"
            table.add_row(escape(each.label), number(each.value, each.decimals), floor)
        return self._section("More figures", "", table)

    def lost(self, report: Report) -> RenderableType | None:
        """The relations that the synthetic table has lost."""
        lost = lost_relations(report)
        if not lost:
            return None
        table = quiet_table(self.console, "pair", ">real r or V", ">synthetic")
        for pair in lost[: self.limit]:
            target = next((name for name in (pair.first, pair.second) if name == report.target), None)
            other = pair.second if pair.first == target else pair.first
            both = f"{other} and the target {target}" if target else f"{pair.first} and {pair.second}"
            table.add_row(escape(both), number(pair.real_strength), number(pair.synthetic_strength or 0.0))
        self._rest(table, len(lost))
        return self._section("Lost relations", "less than half as strong as in real rows", table)

    def _strength(self, pair: PairTrend) -> str:
        if pair.real_strength is None:
            return "[dim]-[/]"
        return f"{pair.real_strength:.2f}{self._arrow()}{number(pair.synthetic_strength)}"

    def rules(self, rules: Sequence[RuleFacts]) -> RenderableType | None:
        """Rules between columns, those that synthetic rows break first."""
        if not rules:
            return None

        def broken(count: RuleCount | None) -> str:
            if count is None or not count.broken:
                return "[dim]-[/]" if count is None else "0"
            return f"{count.broken:,} ({number(count.percent, 1)} %)"

        table = quiet_table(self.console, "rule", ">real", ">holdout", ">synthetic")
        for rule in sorted(rules, key=lambda rule: rule.is_kept)[: self.limit]:
            table.add_row(escape(rule.text), *map(broken, (rule.real, rule.holdout, rule.synthetic)))
        self._rest(table, len(rules))
        return self._section("Rules between columns", "rows that break them, % of those they are about", table)

    def support(self, support: Support | None) -> RenderableType | None:
        if support is None:
            return None
        table = quiet_table(self.console, "", ">synthetic", ">holdout")
        for label, value, floor in (
            ("alpha-precision: lie where real rows lie", support.alpha_precision, support.alpha_precision_floor),
            ("beta-recall: reach where real rows lie", support.beta_recall, support.beta_recall_floor),
            ("authenticity: do not crowd a real row", support.authenticity, support.authenticity_floor),
        ):
            table.add_row(label, number(value, 3), f"[dim]{number(floor, 3)}[/]")
        return self._section("Whole rows", f"{support.rows:,} of each table; good is what the holdout has", table)

    def detection(self, detection: Detection | None) -> RenderableType | None:
        from rich.console import Group
        from rich.text import Text

        if detection is None or detection.auc is None or not detection.top_features:
            return None
        about = f"AUC {detection.auc:.3f} ± {detection.auc_spread or 0:.3f} over {detection.folds} folds"
        if detection.logistic_score is not None:
            about += f", logistic score {detection.logistic_score:.3f}"
        if detection.floor_score is not None:
            about += f", noise floor {detection.floor_score:.3f} (AUC {detection.floor_auc:.3f})"
        if detection.sdmetrics_score is not None:
            about += f"; as SDMetrics scores it {detection.sdmetrics_score:.3f}"
            about += "" if detection.sdmetrics_floor is None else f", noise floor {detection.sdmetrics_floor:.3f}"
        table = quiet_table(self.console, "column", "", ">fraction of gain %")
        shown = detection.top_features[: min(self.limit, 5)]
        for feature in shown:
            bar = self._bar(feature.gain_percent, max(shown[0].gain_percent, 1.0))
            table.add_row(escape(feature.name), bar, f"{feature.gain_percent:.1f}")
        section = self._section("What gives synthetic rows away", self._plain(about), table)
        return Group(section, Text(BLIND_BELOW_HALF, style="dim")) if detection.auc < 0.5 else section

    def utility(self, utility: Utility | None) -> RenderableType | None:
        if utility is None:
            return None
        what = f" = {utility.positive}" if utility.positive is not None else ""
        where = "the holdout" if utility.tested_on == "holdout" else "a fifth of the real table"
        about = f"Gradient-boosted trees predict {utility.target}{what} in {utility.test_rows:,} rows of {where}"
        if utility.protocol != "standard":
            about += f", protocol {utility.protocol}"
        table = quiet_table(self.console, "score when trained on", ">real", ">synthetic", ">difference")
        if not self.narrow:
            table.add_column("95 %", justify="right")
        for name, real in utility.real.metrics.items():
            synthetic = utility.synthetic.metrics.get(name)
            gap = "-" if real is None or synthetic is None else f"{synthetic - real:+.4g}"
            if real is not None and synthetic is not None and max(abs(real), abs(synthetic)) < 10:
                gap = f"{synthetic - real:+.4f}"
            cells = [METRICS[name].label if name in METRICS else name, score(real), score(synthetic)]
            span = utility.differences.get(name, Estimate(None))
            words = "" if span.low is None else f"{span.low:+.4f} to {span.high:+.4f}"
            table.add_row(*cells, gap, *([] if self.narrow else [f"[dim]{words}[/]"]))
        if utility.importance_agreement is not None:
            table.caption = f"Rank correlation of what both models rest on: {utility.importance_agreement:.2f}."
            table.caption_justify = "left"
        return self._section("Utility", about, table)

    def all_targets(self, every: AllTargets | None) -> RenderableType | None:
        """Every column as target, what loses most first."""
        from rich.console import Group
        from rich.text import Text

        if every is None:
            return None
        table = quiet_table(self.console, "target", "", ">real", ">synthetic", ">real, again", ">kept %")
        for each in every.columns[: self.limit]:
            scores = (score(value) for value in (each.real, each.synthetic))
            kept = number(None if each.kept is None else 100 * each.kept, 1)
            table.add_row(escape(each.name), each.metric.upper(), *scores, f"[dim]{score(each.refit)}[/]", kept)
        self._rest(table, len(every.columns))
        about = f"models of {every.rows:,} rows, tested on {every.test_rows:,}"
        return Group(self._section("Every column as target", about, table), Text(plain(every.words)))

    def privacy(self, privacy: Privacy | None) -> RenderableType | None:
        if privacy is None:
            return None
        copies, distance = privacy.copies, privacy.distance
        table = quiet_table(self.console, "", ">synthetic", ">holdout")
        table.add_row(
            "rows that equal a real one, %",
            f"{copies.synthetic_percent:.2f}",
            "-" if copies.holdout_percent is None else f"{copies.holdout_percent:.2f}",
        )
        if distance is not None and distance.share_closer_to_real is not None:
            low, high = 100 * (distance.share_low or 0.0), 100 * (distance.share_high or 0.0)
            fraction = f"{100 * distance.share_closer_to_real:.1f} ({low:.1f} to {high:.1f})"
            table.add_row("nearer to real than to holdout, %", fraction, "[dim]50 if fair[/]")
            rows = (
                ("5th percentile", distance.p5_synthetic, distance.p5_holdout),
                ("median", distance.median_synthetic, distance.median_holdout),
            )
            for label, synthetic, holdout in rows:
                table.add_row(f"distance to closest real row, {label}", number(synthetic, 3), number(holdout, 3))
        if privacy.ratio is not None:
            tighter = privacy.ratio.share_tighter_to_real
            value, low, high = (100 * (part or 0.0) for part in (tighter.value, tighter.low, tighter.high))
            table.add_row("clinging to one real row, %", f"{value:.1f} ({low:.1f} to {high:.1f})", "[dim]50 if fair[/]")
            medians = (number(part, 3) for part in (privacy.ratio.median_synthetic, privacy.ratio.median_holdout))
            table.add_row("closest over second closest, median", *medians)
        self._personal_rows(table, privacy)
        return self._section("Privacy", "a check for copying, no formal guarantee", table)

    def _personal_rows(self, table: Table, privacy: Privacy) -> None:
        """What comes out of single persons: their values, and combinations that only one has."""
        if privacy.identifying is not None:
            table.add_row("identifying cells that are real values, %", number(privacy.identifying.synthetic_percent))
            for column in privacy.identifying.columns[: self.limit]:
                values = (number(column.synthetic_percent), number(column.holdout_percent))
                table.add_row(f"[dim]  {escape(column.name)}, {column.personal}[/]", *values)
        if (combinations := privacy.combinations) is not None:
            whose = "training row" if combinations.people is None else "person"
            cells = [number(combinations.synthetic_percent), number(combinations.holdout_percent)]
            table.add_row(f"combinations of only one {whose}, %", *cells)
            if combinations.people is not None:
                words = f"[dim]  of {combinations.people:,} people, how many come out, %[/]"
                table.add_row(words, number(combinations.people_percent))

    def notes(self, report: Report) -> RenderableType:
        from rich.text import Text

        notes = [*report.notes, *caveats(report)]
        bullet = "· " if self.unicode else "- "
        text = Text("Notes", style="bold")
        for note in notes:
            text.append(f"\n{bullet}{plain(note)}", style="not bold dim")
        return text

    def _section(self, title: str, about: str, table: Table) -> RenderableType:
        from rich.console import Group
        from rich.text import Text

        # A table's own title would fold at the width of the table.
        gap = "  " if len(title) + len(about) + 2 <= self.console.width else "\n"
        return Group(Text.assemble((title, "bold"), gap, (plain(about), "dim")), table)

    def _rest(self, table: Table, total: int) -> None:
        if total > self.limit:
            table.caption = f"and {total - self.limit:,} more"
            table.caption_justify = "left"

    def _bar(self, value: float | None, top: float) -> str:
        """A bar of up to :data:`_BAR_CELLS` cells, full at ``top``."""
        cells = min(max((value or 0.0) / top, 0.0), 1.0) * _BAR_CELLS
        if not self.unicode:
            return "#" * round(cells)
        whole = int(cells)
        part = _EIGHTHS[int((cells - whole) * 8)].strip()
        return f"[cyan]{'█' * whole}{part}[/]"

    def _arrow(self) -> str:
        return " → " if self.unicode else " > "

    def _plain(self, text: str) -> str:
        return text if self.unicode else text.replace("±", "+-")
