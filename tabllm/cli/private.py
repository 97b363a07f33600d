"""Differential privacy on the command line: its options, and how a run's is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from tabular.errors import UsageError

from .options import AtLeast

if TYPE_CHECKING:
    from tabular.dp.settings import Privacy

__all__ = ["privacy_facts", "privacy_options", "take_privacy"]

#: The generators that can be fitted so.
PRIVATE_MODELS = ("nano", "tvae", "tabddpm")


def privacy_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """``--dp-epsilon`` and what goes with it."""
    options = [
        click.option("--dp-epsilon", type=float, metavar="E",
                     help="Fit with differential privacy: the less, the more private (nano, tvae, tabddpm)."),
        click.option("--dp-delta", type=float, metavar="D",
                     help="The chance that the guarantee fails.  [default: a tenth of one in the number of rows]"),
        click.option("--dp-clip", type=float, metavar="C",
                     help="Norm that each row's gradient is cut down to.  [default: 1]"),
        click.option("--dp-schema-share", type=float, metavar="S",
                     help="Share of E that the columns' own distributions may take; 0: none.  [default: 0.1]"),
        click.option("--dp-public-schema", is_flag=True, default=None,
                     help="The categories, bounds and frequent values that DATA shows are public: no --schema needed."),
        click.option("--dp-noise-seed", type=AtLeast(0), metavar="N",
                     help="Fix the noise, for tests: who knows the seed can take it away."),
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def take_privacy(model: str, given: dict[str, Any], *, has_schema: bool) -> None:
    """Put a ``privacy`` in the place of the ``dp_...`` options among those ``given`` for ``model``.

    Raises:
        UsageError: for a model that cannot, or where nobody said what is public.
    """
    found = {name.removeprefix("dp_"): given.pop(name) for name in list(given) if name.startswith("dp_")}
    if not found:
        return
    if "epsilon" not in found:
        asked = f"--dp-{min(found).replace('_', '-')}"
        raise UsageError(f"{asked} says how to fit with differential privacy; ask for it with --dp-epsilon E.")
    from tabular.dp.settings import Privacy
    from tabular.synthesizer import has_option

    if not has_option(model, "privacy"):
        raise UsageError(
            f"The model {model!r} cannot be fitted with differential privacy; take one of: {', '.join(PRIVATE_MODELS)}."
        )
    privacy: Privacy = Privacy(**found)
    privacy.check_public(has_schema)
    given["privacy"] = privacy


def privacy_facts(facts: Mapping[str, Any]) -> dict[str, str]:
    """What a run's facts say of its privacy, a line each; nothing of a plain run."""
    found = facts.get("privacy")
    if not found:
        return {}
    alone = found["spent_alone"]
    return {
        "differential privacy": f"epsilon {found['epsilon']:.3f} at delta {found['delta']:.2g} (asked: "
        f"{found['asked_epsilon']:g}), by {found['accountant']}; {found['neighbours']}",
        "spent on": f"columns {alone['columns']:.3f}, updates {alone['updates']:.3f}, each if it were alone",
        "updates": f"{found['steps']:,} on {100 * found['sample_rate']:.2f} % of the rows each, gradients clipped to "
        f"{found['clip_norm']:g}, noise multiplier {found['noise_multiplier']:.4g}",
        "noise": found["noise"],
        "taken for public": "; ".join(found["public"]),
    }
