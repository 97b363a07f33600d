"""Differential privacy on the command line: its options, and how a run's is reported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from tabular.errors import UsageError

from .options import count_option

if TYPE_CHECKING:
    from tabular.dp.settings import Privacy

__all__ = ["privacy_facts", "privacy_options", "privacy_warning", "take_privacy"]

#: The generators that can be fitted so.
PRIVATE_MODELS = ("nano", "tvae", "tabddpm")


def privacy_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """``--dp-epsilon`` and what goes with it."""
    options = [
        click.option(
            "--dp-epsilon",
            type=float,
            metavar="E",
            help="Epsilon of differential privacy: the smaller, the more private (nano, tvae, tabddpm).",
        ),
        click.option(
            "--dp-delta",
            type=float,
            metavar="D",
            help="Delta of differential privacy.  [default: 0.1 / number of rows]",
        ),
        click.option("--dp-clip", type=float, metavar="C", help="Clipping norm of each row's gradient.  [default: 1]"),
        click.option(
            "--dp-schema-share",
            type=float,
            metavar="S",
            help="Fraction of E for the columns' own distributions; 0: none.  [default: 0.1]",
        ),
        click.option(
            "--dp-public-schema",
            is_flag=True,
            default=None,
            help="Public schema: the categories, bounds and frequent values of DATA count as public, "
            "so no --schema is "
            "needed.",
        ),
        count_option(
            "--dp-noise-seed", least=0, help="Noise seed, for tests only: who knows it can take the noise away."
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def take_privacy(model: str, given: dict[str, Any], *, has_schema: bool, rows: int | None) -> None:
    """Put a ``privacy`` in the place of the ``dp_...`` options among those ``given`` for ``model``.

    Args:
        rows: of ``--rows``. Such a draw is refused: which rows a public seed chooses depends on the number of rows, so
            that one person more changes the rows of many others, and drawn by secret coins it would only waste rows. A
            private update takes as many rows of a large table as of a small one, and a larger one pays less.

    Raises:
        UsageError: for a model that cannot, for ``rows``, or where nobody said what is public.
    """
    found = {name.removeprefix("dp_"): given.pop(name) for name in list(given) if name.startswith("dp_")}
    if not found:
        return
    if "epsilon" not in found:
        requested = f"--dp-{min(found).replace('_', '-')}"
        raise UsageError(f"{requested} says how to fit with differential privacy; ask for it with --dp-epsilon E.")
    from tabular.dp.settings import Privacy
    from tabular.registry import has_option

    if not has_option(model, "privacy"):
        raise UsageError(
            f"The model {model!r} cannot be fitted with differential privacy; take one of: {', '.join(PRIVATE_MODELS)}."
        )
    if rows is not None:
        raise UsageError(
            "--train-rows draws rows by a public seed, which epsilon does not cover: leave it out (with --dp-epsilon "
            "all rows take no longer than a few and give a better table), or take --steps N for a short training."
        )
    privacy: Privacy = Privacy(**found)
    privacy.check_asked(has_schema)
    given["privacy"] = privacy


def privacy_warning(facts: Mapping[str, Any]) -> str | None:
    """One sentence where the noise of a run can be computed back: so it is where no generator is named."""
    if not facts.get("privacy") or "noise_generator" in facts["privacy"]:
        return None
    return (
        "The noise of this run can be computed back by trying 4 billion seeds, so its epsilon does not hold: fit again "
        "with this version, and give the old run to nobody who may not see the table."
    )


def privacy_facts(facts: Mapping[str, Any]) -> dict[str, str]:
    """What a run's facts say of its privacy, a line each; nothing of a plain run."""
    found = facts.get("privacy")
    if not found:
        return {}
    alone = found["spent_alone"]
    return {
        "differential privacy": f"epsilon {found['epsilon']:.3f} at delta {found['delta']:.2g} (requested: "
        f"{found['asked_epsilon']:g}), by {found['accountant']}; {found['neighbours']}",
        "spent on": f"columns {alone['columns']:.3f}, updates {alone['updates']:.3f}, each if it were alone",
        "updates": f"{found['steps']:,} on {100 * found['sample_rate']:.2f} % of the rows each, gradients clipped to "
        f"{found['clip_norm']:g}, noise multiplier {found['noise_multiplier']:.4g}",
        "noise": f"{found['noise']}; {found.get('noise_generator', 'by a generator that can be computed back')}",
        "taken for public": "; ".join(found["public"]),
    }
