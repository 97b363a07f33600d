"""How long trials are trained, and how long a fit with their settings is.

Trials get a fraction of the generator's own training length. It is counted in passes over the rows, so that settings of
other batch sizes look at as many rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tabular.registry import create

__all__ = ["SCREEN", "Length", "length_for", "length_of_fit"]

#: Part of a trial's training after which it is examined, and stopped if its rows are worse than most. The fit that
#: goes on begins anew: schedules of the step size depend on the length.
SCREEN = 1 / 3
#: Lengths nearer to each other than this are alike.
ALIKE = 0.02


@dataclass(frozen=True)
class Length:
    """What training is measured in, and how much of it a trial gets.

    Attributes:
        option: ``"epochs"`` or ``"steps"``; ``None`` where a generator has no such option.
        amount: of a whole trial.
    """

    option: str | None
    amount: float = 0.0

    def part(self, part: float) -> dict[str, Any]:
        """The option for ``part`` of it."""
        if self.option is None:
            return {}
        amount = self.amount * part
        return {self.option: max(1, round(amount)) if self.option == "steps" else amount}


def length_for(
    model: str, rows: int, *, share: float, epochs: float | None, steps: int | None, fixed: Mapping[str, Any]
) -> Length:
    """The length of a trial on ``rows`` rows: what is requested, or a fraction of the generator's own."""
    if steps is not None:
        return Length("steps", steps)
    if epochs is not None:
        return Length("epochs", epochs)
    own = create(model, **fixed).planned_epochs(rows)
    return Length(None) if own is None else Length("epochs", own * share)


def length_of_fit(
    model: str,
    rows: int,
    settings: Mapping[str, Any],
    *,
    epochs: float | None,
    steps: int | None,
    fixed: Mapping[str, Any],
) -> dict[str, Any]:
    """What a fit to ``rows`` rows must be given as its length: what trials were given, or the generator's own length.

    Nothing, where the settings alone come to that; a number of passes where, by another batch size, they would not.
    """
    if steps is not None:
        return {"steps": steps}
    if epochs is not None:
        return {"epochs": epochs}
    own, found = create(model, **fixed).planned_epochs(rows), create(model, **fixed, **settings).planned_epochs(rows)
    if own is None or found is None or abs(found - own) <= ALIKE * own:
        return {}
    return {"epochs": round(own, 3)}
