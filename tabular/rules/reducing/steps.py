"""The order in which columns are made from others, put in order with them, and set by conditions on them."""

from __future__ import annotations

from collections.abc import Mapping

from .consequences import Consequences, Nearest
from .derivations import Derivation
from .placing import Placement

__all__ = ["Changed", "Step", "in_order"]

Changed = Placement | Consequences | Nearest
Step = Derivation | Changed


def in_order(*made: Mapping[str, Step]) -> list[Step]:
    """All steps, each after those that make its sources; those of one column in the order of the arguments."""
    ordered: dict[str, list[Step]] = {}

    def put(name: str) -> None:
        steps = [found[name] for found in made if name in found]
        if steps and name not in ordered:
            for step in steps:
                for source in step.sources:
                    put(source)
            ordered[name] = steps

    for found in made:
        for name in found:
            put(name)
    return [step for steps in ordered.values() for step in steps]
