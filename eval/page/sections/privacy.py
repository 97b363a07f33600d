"""The section on privacy: copies, distances to the closest record, and what none of it proves."""

from __future__ import annotations

from ...facts.report import DistanceToClosest, Privacy, Report
from ...judging.wording import number, percent, points
from ..elements.charts import steps_chart
from ..elements.markup import Markup, element, joined
from ..elements.parts import Measure, beside, legend, measures, plot, section, sentence, table

__all__ = ["privacy_section"]


def privacy_section(report: Report, anchor: str, level: int) -> Markup | None:
    """``None`` where it was not measured."""
    privacy = report.privacy
    if privacy is None:
        return None
    histogram = _histogram(privacy.distance)
    caveats = [privacy.caveat] + ([privacy.ratio.caveat] if privacy.ratio else [])
    return section(
        "Privacy: a check for copying",
        anchor,
        level,
        *(sentence(words, "caveat") for words in caveats),
        beside(joined([measures(_measures(privacy)), *_distances(privacy.distance)]), histogram),
    )


def _measures(privacy: Privacy) -> list[Measure]:
    copies, distance = privacy.copies, privacy.distance
    floor = "no holdout to hold it against"
    if copies.holdout_percent is not None:
        floor = f"holdout rows {copies.holdout_percent:.2f} %"
    made = [
        Measure(
            "Copies of real rows",
            f"{copies.synthetic_percent:.2f} %",
            floor,
            f"{copies.synthetic_rows:,} synthetic rows equal a real row in every column. On a narrow table honest new "
            "rows do so too, as the holdout shows.",
        )
    ]
    if distance is not None and distance.share_closer_to_real is not None:
        low, high = 100 * (distance.share_low or 0.0), 100 * (distance.share_high or 0.0)
        made.append(
            Measure(
                "Nearer to training rows",
                f"{100 * distance.share_closer_to_real:.1f} %",
                "50 % is no copying",
                f"Of {distance.queries:,} synthetic rows, against equally many rows that were not learned; 95 % "
                f"interval {low:.1f} to {high:.1f} %.",
                (distance.share_closer_to_real, 0.5),
            )
        )
    made += _of_persons(privacy)
    ratio = privacy.ratio
    if ratio is not None and ratio.share_tighter_to_real.value is not None:
        spread = ratio.share_tighter_to_real
        made.append(
            Measure(
                "Clinging to one learned row",
                percent(spread.value),
                "50 % is no copying",
                "Synthetic rows whose closest row stands out from the second closest more among learned than held-out "
                f"rows (NNDR); 95 % interval {points(spread.low)} to {points(spread.high)} %.",
                (spread.value or 0.0, 0.5),
            )
        )
    return made


def _of_persons(privacy: Privacy) -> list[Measure]:
    """Real values of persons, and combinations that only one row or person has."""
    made, identifying, combinations = [], privacy.identifying, privacy.combinations
    if identifying is not None and identifying.synthetic_percent is not None:
        each = "; ".join(
            f"{column.name} ({column.personal}) {number(column.synthetic_percent)} %" for column in identifying.columns
        )
        made.append(
            Measure(
                "Identifying cells that are real values",
                f"{identifying.synthetic_percent:.2f} %",
                "0 % is none",
                f"Cells of columns that name persons which stand in the real table: {each}.",
            )
        )
    if combinations is not None:
        of_people = combinations.people is not None
        floor = "no holdout to hold it against"
        if combinations.holdout_percent is not None:
            floor = f"holdout rows {combinations.holdout_percent:.2f} %"
        about = "Synthetic rows that equal one real row, and no other, in a random half of the columns."
        if of_people:
            about = (
                f"Synthetic rows with the attributes of one of the {combinations.people:,} people of the real table, "
                f"of whom {number(combinations.people_percent)} % come out: {', '.join(combinations.columns)}."
            ) + (" The holdout has rows of the same people: it is no reference." if combinations.shared else "")
        made.append(
            Measure(
                f"Combinations that only one {'person' if of_people else 'training row'} has",
                f"{combinations.synthetic_percent:.2f} %",
                floor,
                about,
            )
        )
    return made


def _distances(distance: DistanceToClosest | None) -> list[Markup]:
    if distance is None:
        return []
    rows = [
        ["5th percentile", number(distance.p5_synthetic, 3), number(distance.p5_holdout, 3)],
        ["median", number(distance.median_synthetic, 3), number(distance.median_holdout, 3)],
    ]
    return [table("Distance to the closest real row", ["", ">synthetic", ">holdout"], rows)]


def _histogram(distance: DistanceToClosest | None) -> Markup | None:
    if distance is None or distance.histogram is None:
        return None
    facts = distance.histogram
    finding = (
        f"Distance to the closest real row: median {number(distance.median_synthetic, 3)} of synthetic, "
        f"{number(distance.median_holdout, 3)} of holdout rows"
    )
    image = steps_chart(
        facts.edges,
        {"synthetic": facts.synthetic_percent, "holdout": facts.holdout_percent},
        "distance to the closest real row",
        finding,
        "Synthetic rows that crowd at small distances, where holdout rows do not, would be near copies.",
    )
    rows = [
        [f"{low:.3f} to {high:.3f}", f"{a:.2f}", f"{b:.2f}"]
        for low, high, a, b in zip(
            facts.edges, facts.edges[1:], facts.synthetic_percent, facts.holdout_percent, strict=False
        )
    ]
    words = " · fraction of rows by their distance to the closest real row; the last bin holds all beyond it."
    key = legend("synthetic", "holdout")
    return plot(
        [element("strong", "Distance to the closest record"), words, key],
        image,
        table("Fraction of rows, %", ["distance", ">synthetic", ">holdout"], rows),
    )
