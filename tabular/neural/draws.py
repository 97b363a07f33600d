"""Rows of a trained network that keep to conditions, as canonical arrays."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from ..encoding.arrays import on_grid
from ..errors import ConditionError
from ..machine.devices import full_width_products
from ..progress import Task
from ..rules.reducing.keeping import LEAST_SHARE, PATIENT_ROWS, Keeping
from ..rules.reducing.reduction import reduction_of
from ..schema import Schema
from ..where.conditions import Allowed
from .encoding.calibration import Calibration
from .encoding.encoder import TableEncoder
from .encoding.fields import CategoryField
from .encoding.spans import Spans
from .network import Guide, Network

__all__ = ["PART_ROWS", "ConditionalDraws", "rows_at_once"]

#: Rows of one part of a sample.
PART_ROWS = 1 << 16
#: Numbers in the widest tensor of a draw, at most: it bounds the rows that are drawn together.
DRAW_NUMBERS = 1 << 24


def rows_at_once(spans: Spans) -> int:
    """How many rows are drawn together, so that memory stays within bounds."""
    return int(np.clip(DRAW_NUMBERS // max(spans.width, spans.padded_width, 1), 256, PART_ROWS))


@dataclass(frozen=True)
class ConditionalDraws:
    """Rows that meet conditions: the network is asked for one of them where it can be, the others are kept by trying.

    Attributes:
        model: the name of the generator, for messages.
        allowed: column -> what it may be.
    """

    model: str
    schema: Schema
    encoder: TableEncoder
    network: Network
    calibration: Calibration
    allowed: Mapping[str, Allowed]

    def draw(self, rows: int, generator: torch.Generator, task: Task) -> dict[str, np.ndarray]:
        """Canonical arrays of ``rows`` rows that keep to every condition and rule: what does not is drawn again.

        Raises:
            ConditionError: if next to no row does.
        """
        learned = self.encoder.learned
        if not learned:
            task.advance(rows)
            return {}
        known = {name: condition for name, condition in self.allowed.items() if name in learned}
        keeping = Keeping(self.schema, known, reduction_of(self.schema).filled) if known or self.schema.rules else None
        chunk = rows_at_once(self.network.spans)
        kept: list[dict[str, np.ndarray]] = []
        made = found = 0
        while found < rows:
            # What is still to find, and where a part was not kept so far as much more as will hardly be too little.
            share, missing = max(found, 0.5) / max(made, 1), rows - found
            wanted = (missing + 3 * math.sqrt(missing * (1 - share))) / share if found < made else missing
            count = int(min(max(wanted, 64) if found < made else wanted, chunk))
            arrays = drawn = self._draw(count, generator)
            if keeping is not None:
                kept_rows = keeping(drawn)
                arrays = {name: values[kept_rows] for name, values in drawn.items()}
            new = min(len(next(iter(arrays.values()))), rows - found)
            kept.append(arrays)
            found, made = found + new, made + count
            task.advance(new)
            if keeping is not None and made >= PATIENT_ROWS and found < LEAST_SHARE * made:
                asked = " and ".join(map(repr, known)) if known else f"the rules, least of all {keeping.worst(drawn)!r}"
                raise ConditionError(
                    f"Only {found:,} of {made:,} rows that the model {self.model!r} made meet {asked} as asked; loosen "
                    "the condition, or fit 'nano', which keeps conditions without trying."
                )
        return {name: np.concatenate([part[name] for part in kept])[:rows] for name in kept[0]}

    @torch.no_grad()
    @full_width_products()
    def _draw(self, rows: int, generator: torch.Generator) -> dict[str, np.ndarray]:
        logits, scalars = self.network.propose(rows, generator, self.guide)
        bias = torch.from_numpy(self.calibration.bias).to(logits.device)
        codes = self.network.spans.draw(logits + bias, generator).cpu().numpy()
        arrays = self.encoder.decode(codes, scalars.cpu().numpy(), self.calibration.maps)
        for name, values in arrays.items():
            if self.schema[name].is_numeric:
                arrays[name] = on_grid(values, self.schema[name])
        return arrays

    @cached_property
    def guide(self) -> Guide | None:
        """The rarest of the conditions that the network can keep by itself."""
        best: tuple[float, Guide] | None = None
        for name, (span, _) in self.encoder.places().items():
            column = self.encoder.fields[name]
            if name not in self.allowed or span.start not in self.network.guided:
                continue
            if not isinstance(column, CategoryField):
                continue
            condition = self.allowed[name]
            shares = self.network.class_shares(span.start).cpu().numpy().astype(np.float64)
            codes = np.arange(column.classes)
            if column.missing:
                codes[-1] = -1
            shares = np.where(condition.contains(codes), shares, 0.0)
            mass = float(shares.sum())
            if mass > 0 and (best is None or mass < best[0]):
                probabilities = torch.tensor(shares / mass, dtype=torch.float32, device=self.network.spans.device)
                best = mass, Guide(span.start, probabilities)
        return best[1] if best else None
