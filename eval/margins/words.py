"""What the figures of this folder say, one plain sentence each, for every renderer."""

from __future__ import annotations

from ..facts.margins import Margins, RareCategories, Subgroup, Subgroups, ThreeWay, Triple
from ..judging.wording import number

__all__ = ["Row", "margin_rows", "margin_sentences"]

#: What is measured, its value, its noise floor, what it means.
Row = tuple[str, str, str, str]


def margin_rows(margins: Margins) -> list[Row]:
    """The summary figures that were measured."""
    rows: list[Row] = []
    if (three := margins.three_way) is not None:
        meaning = (
            f"Mean over {_of(three.triples, three.possible)} triples: the fraction of rows that would have to move for "
            "the joint table of three columns to be equal. Much of it is noise; the noise floor has as many rows."
        )
        rows.append(
            ("Three columns at once, error %", number(three.error_percent), number(three.floor_percent), meaning)
        )
    if (known := margins.information) is not None:
        meaning = (
            f"Mean difference of the normalised mutual information of {_of(known.pairs, known.possible)} pairs, each "
            "weighted by it (arXiv 2603.23016); 0 is equal."
        )
        rows.append(
            ("Mutual information, error", number(known.weighted_error, 4), number(known.weighted_floor, 4), meaning)
        )
    if (rare := margins.rare) is not None:
        meaning = (
            f"Of {rare.categories:,} categories that less than 1 % of the real rows have, those that occur in "
            f"{rare.rows:,} rows."
        )
        rows.append(
            (
                "Rare categories covered, %",
                number(rare.covered_percent, 1),
                number(rare.covered_floor_percent, 1),
                meaning,
            )
        )
    if (groups := margins.subgroups) is not None:
        meaning = f"Mean shape error within {groups.groups:,} subgroups: the rows with one value of a small category."
        rows.append(("Within subgroups, error %", number(groups.error_percent), number(groups.floor_percent), meaning))
    return rows


def margin_sentences(margins: Margins) -> list[str]:
    """Where it is worst."""
    said = []
    if margins.subgroups is not None and margins.subgroups.worst:
        said.append(_worst_group(margins.subgroups))
    if margins.rare is not None:
        said.append(_rare(margins.rare))
    if margins.three_way is not None and margins.three_way.worst:
        said.append(_worst_triple(margins.three_way))
    return said


def _worst_group(groups: Subgroups) -> str:
    worst = groups.worst[0]
    where = f"{worst.column} = {worst.value} ({worst.real_rows:,} real rows)"
    if worst.floor_percent is not None and worst.error_percent <= 2 * worst.floor_percent:
        return f"No subgroup is beyond twice its noise floor; nearest to it is {where}: {_beside(worst)}."
    return f"The subgroup made worst is {where}: {_beside(worst)}, most of all in {worst.worst_column}."


def _beside(worst: Subgroup | Triple) -> str:
    floor = "" if worst.floor_percent is None else f", noise floor {worst.floor_percent:.1f} %"
    return f"error {worst.error_percent:.1f} %{floor}"


def _rare(rare: RareCategories) -> str:
    words = f"{rare.covered_percent:.0f} % of {rare.categories:,} rare categories come out"
    if rare.covered_floor_percent is None:
        return f"{words} in {rare.rows:,} synthetic rows."
    words += f", {rare.covered_floor_percent:.0f} % in as many holdout rows"
    short = rare.columns[0]
    if short.covered_percent < (short.covered_floor_percent or 0.0):
        words += (
            f"; {short.name} loses most ({short.covered_percent:.0f} % against {short.covered_floor_percent:.0f} %)"
        )
    return f"{words}."


def _worst_triple(three: ThreeWay) -> str:
    worst = three.worst[0]
    return f"Of three columns, farthest off are {', '.join(worst.columns)}: {_beside(worst)}."


def _of(measured: int, possible: int) -> str:
    return f"all {possible:,}" if measured == possible else f"{measured:,} of {possible:,}"
