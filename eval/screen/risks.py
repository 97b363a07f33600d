"""The terminal renderer of the attacks and of the gaps between groups."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tabular.terminal import escape, plain

from ..facts.estimates import Estimate
from ..facts.report import Bias, Exposed, Membership, Privacy, ProtectedColumn, Report, RunAttack, ShadowAttack
from ..judging.wording import number, percent, points
from .tables import STYLES, glyphs, quiet_table

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

__all__ = ["caveats", "risk_sections"]

_NARROW = 76


def risk_sections(report: Report, console: Console, *, limit: int) -> Iterator[RenderableType]:
    """A title and a table for each attack that was run and each protected column."""
    if report.privacy is not None:
        if report.privacy.membership is not None:
            yield _membership(report.privacy, report.privacy.membership, console)
            if report.privacy.membership.exposed is not None:
                yield _exposed(report.privacy.membership.exposed, console)
        if report.privacy.shadow is not None:
            yield _shadow(report.privacy.shadow, console)
        if report.privacy.run is not None:
            yield _run(report.privacy.run)
        if report.privacy.attributes or report.privacy.singling_out:
            yield _guesses(report.privacy, console)
    if report.bias is not None:
        for column in report.bias.columns:
            yield from _protected(column, report.bias, console, limit)


def caveats(report: Report) -> list[str]:
    """What the figures do not prove, one sentence each."""
    privacy, found = report.privacy, []
    if privacy is not None:
        found.append(privacy.caveat)
        found += [part.caveat for part in (privacy.ratio, privacy.membership, privacy.run) if part is not None]
        found += [words for words in (privacy.attribute_caveat, privacy.singling_out_caveat) if words]
    return found + ([report.bias.caveat] if report.bias is not None else [])


def _titled(title: str, about: str, table: RenderableType) -> RenderableType:
    from rich.console import Group
    from rich.text import Text

    return Group(Text.assemble((plain(title), "bold"), "  ", (plain(about), "dim")), table)


def _membership(privacy: Privacy, membership: Membership, console: Console) -> RenderableType:
    about = f"was a row learned from? {membership.members:,} learned and {membership.members:,} held-out rows"
    narrow = console.width < _NARROW
    table = quiet_table(console, "attack by", ">AUC", *([] if narrow else [">95 %"]), ">TPR at 1 %", ">at 10 % FPR")
    for attack in membership.attacks:
        strong = attack.name == membership.strongest
        cells = [f"[bold]{attack.name}[/]" if strong else attack.name, number(attack.auc.value, 3)]
        cells += [] if narrow else [f"[dim]{_span(attack.auc, 3)}[/]"]
        table.add_row(*cells, percent(attack.tpr_at_1.value), percent(attack.tpr_at_10.value))
    table.add_row("[dim]blind[/]", "[dim]0.500[/]", *([] if narrow else [""]), "[dim]1.0 %[/]", "[dim]10.0 %[/]")
    bound = membership.epsilon
    words = f"Epsilon is at least {bound.value:.2f} ({100 * bound.confidence:g} % confidence, by {bound.attack})."
    table.caption = words if privacy.claim is None else privacy.claim.words
    table.caption_justify = "left"
    return _titled("Membership attack", about, table)


def _exposed(exposed: Exposed, console: Console) -> RenderableType:
    narrow = console.width < _NARROW
    headers = [">learned", ">held out", ">best AUC", *([] if narrow else [">95 %"]), ">distance"]
    table = quiet_table(console, "rows", *headers)
    for name, group in ((f"isolated, {exposed.percent:g} %", exposed.isolated), ("average", exposed.average)):
        distances = (number(each.value, 3) for each in (group.distance_members, group.distance_strangers))
        span = [] if narrow else [f"[dim]{_span(group.best.auc, 3)}[/]"]
        table.add_row(
            name,
            f"{group.members:,}",
            f"{group.strangers:,}",
            number(group.best.auc.value, 3),
            *span,
            " / ".join(distances),
        )
    table.caption, table.caption_justify = exposed.words, "left"
    about = "distance: median to the closest synthetic row, learned / held out"
    return _titled("Outliers", about, table)


def _shadow(shadow: ShadowAttack, console: Console) -> RenderableType:
    table = quiet_table(console, "learned / held out", ">AUC", ">95 %", ">TPR at 1 %", ">at 10 % FPR")
    attack = shadow.attack
    table.add_row(
        f"{shadow.members:,} / {shadow.strangers:,}",
        number(attack.auc.value, 3),
        f"[dim]{_span(attack.auc, 3)}[/]",
        percent(attack.tpr_at_1.value),
        percent(attack.tpr_at_10.value),
    )
    table.caption, table.caption_justify = shadow.words, "left"
    return _titled("Shadow models", "a membership attack by likelihood ratio", table)


def _run(run: RunAttack) -> RenderableType:
    from rich.text import Text

    attack = run.attack
    lines = [
        run.words,
        f"AUC {number(attack.auc.value, 3)} ({_span(attack.auc, 3)}); at 1 % of new rows accused it names "
        f"{percent(attack.tpr_at_1.value)} of training rows.",
        f"Bits per row: {number(run.learned_bits, 1)} of training rows, {number(run.held_out_bits, 1)} of held-out ones"
        f"; it cannot draw {percent(run.held_out_impossible_percent / 100)} of the latter.",
    ]
    about = f"{run.learned_rows:,} learned and {run.held_out_rows:,} held-out rows, by the run's probability"
    return _titled("What a shared run gives away", about, Text("\n".join(map(plain, lines))))


def _guesses(privacy: Privacy, console: Console) -> RenderableType:
    narrow = console.width < _NARROW
    table = quiet_table(console, "right guesses, %", ">learned", ">held out", ">excess", *([] if narrow else [">95 %"]))
    rows = [(escape(each.name), each.learned, each.holdout, each.excess) for each in privacy.attributes]
    rows += [(f"singled out, {each.kind}", each.learned, each.holdout, each.excess) for each in privacy.singling_out]
    for label, learned, holdout, excess in rows:
        cells = [label, points(learned.value), f"[dim]{points(holdout.value)}[/]", points(excess.value, signed=True)]
        low, high = points(excess.low, signed=True), points(excess.high, signed=True)
        table.add_row(*cells, *([] if narrow else [f"[dim]{low} to {high}[/]"]))
    return _titled("Guesses from synthetic rows", "only the excess is leak", table)


def _protected(column: ProtectedColumn, bias: Bias, console: Console, limit: int) -> Iterator[RenderableType]:
    narrow = console.width < _NARROW
    arrow = " → " if (console.encoding or "utf-8").lower().startswith("utf") else " > "
    with_label = bias.label is not None and len(column.gaps) > 1
    headers = [">share %", *([">label %"] if with_label else []), *([">picked %"] if with_label and not narrow else [])]
    table = quiet_table(console, "group", *headers)
    for group in column.groups[:limit]:
        cells = [_points_pair(group.real_percent, group.synthetic_percent, arrow)]
        if with_label:
            cells.append(_points_pair(group.real_label_percent, group.synthetic_label_percent, arrow))
        if with_label and not narrow:
            cells.append(_points_pair(group.selected_real_percent, group.selected_synthetic_percent, arrow))
        table.add_row(escape(group.name), *cells)
    if len(column.groups) > limit:
        table.caption, table.caption_justify = f"and {len(column.groups) - limit:,} more", "left"
    about = "real and synthetic" + (f"; label {bias.label}" if with_label else "")
    yield _titled(f"Groups of {column.name}", about, table)

    gaps = quiet_table(console, "gap, points", ">real", ">synthetic", ">wider by", *([] if narrow else [">95 %"]), "")
    for gap in column.gaps:
        level = "poor" if gap.flagged else "good"
        cells = [escape(gap.name), points(gap.real), points(gap.synthetic), points(gap.widened.value, signed=True)]
        if not narrow:
            low, high = points(gap.widened.low, signed=True), points(gap.widened.high, signed=True)
            cells.append("-" if gap.widened.low is None else f"[dim]{low} to {high}[/]")
        gaps.add_row(*cells, f"[{STYLES[level]}]{glyphs(console)[level]}[/]")
    yield gaps


def _span(estimate: Estimate, digits: int) -> str:
    return f"{number(estimate.low, digits)} to {number(estimate.high, digits)}"


def _points_pair(real: float | None, synthetic: float | None, arrow: str) -> str:
    return f"{number(real, 1)}{arrow}{number(synthetic, 1)}"
