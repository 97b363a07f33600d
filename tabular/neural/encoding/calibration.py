"""Brings the distribution of every single column that a network makes to that of the table.

A GAN or an autoencoder learns how columns hang together long before it has each column's own distribution right.
That distribution is known exactly, so it need not be learned: a constant is added to each logit until the mean
probability of every class is its share in the table, and each scalar is put through the one monotone map that
takes the quantiles that the network makes to those of the table (quantile matching). Neither changes the order
of values, so what the columns have to do with each other stays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from ...plain_json import FieldError
from .encoder import TableEncoder
from .fields import NumberField
from .spans import Spans

__all__ = ["Calibration", "matching_bias"]

#: Rounds of the fixed point for the logits, how much each may change one, and how far from 0 it may get in all.
ROUNDS, MOST_CHANGE, FARTHEST = 30, 3.0, 60.0
#: No class is taken for less likely than this.
LEAST_SHARE = 1e-12
#: Quantiles that are matched at most, and the made rows that each stands for at least.
MOST_KNOTS, KNOT_ROWS = 400, 20


@dataclass(frozen=True)
class Calibration:
    """What is added to logits and how scalars are mapped; empty where there is nothing to correct.

    Attributes:
        bias: float32[width].
        maps: column name -> float64[2, knots]: quantiles that the network makes, and those of the table.
    """

    bias: np.ndarray
    maps: dict[str, np.ndarray] = field(default_factory=dict)

    @classmethod
    def none(cls, width: int) -> Calibration:
        """One that changes nothing."""
        return cls(np.zeros(width, np.float32))

    @classmethod
    def fit(
        cls,
        encoder: TableEncoder,
        spans: Spans,
        learned: tuple[np.ndarray, np.ndarray],
        made: tuple[Tensor, Tensor],
        generator: torch.Generator,
    ) -> Calibration:
        """Learn from the encoded table and from raw rows of the network.

        Args:
            learned: int64[n, spans] and float32[n, scalars] of the table.
            made: logits float32[m, width] and scalars float32[m, scalars] of the network.
        """
        logits, scalars = made
        counts = spans.one_hot_counts(torch.from_numpy(learned[0]).to(logits.device))
        bias = matching_bias(spans, counts / len(learned[0]), spans.softmax(logits))
        codes = spans.draw(logits + bias, generator).cpu().numpy()
        values = scalars.cpu().numpy()
        maps = {}
        for name, (span, scalar) in encoder.places().items():
            numeric = encoder.fields[name]
            if isinstance(numeric, NumberField) and numeric.scale is not None:
                table = numeric.latent(learned[0][:, span], learned[1][:, scalar])
                network = numeric.latent(codes[:, span], values[:, scalar])
                if (knots := _matched(table, network)) is not None:
                    maps[name] = knots
        return cls(bias.cpu().numpy(), maps)

    def tensors(self) -> dict[str, np.ndarray]:
        """Arrays by name, for the file of a run."""
        return {"bias": self.bias, **{f"map/{name}": knots for name, knots in self.maps.items()}}

    @classmethod
    def from_tensors(cls, arrays: Mapping[str, np.ndarray], encoder: TableEncoder) -> Calibration:
        """Read what :meth:`tensors` gave. Raises :class:`.plain_json.FieldError` if it does not fit ``encoder``."""
        width = sum(encoder.sizes)
        if "bias" not in arrays or arrays["bias"].shape != (width,):
            raise FieldError(f"it has not the {width:,} classes of its codec.json")
        maps = {name.removeprefix("map/"): value for name, value in arrays.items() if name.startswith("map/")}
        for name, knots in maps.items():
            if knots.ndim != 2 or len(knots) != 2 or not knots.size or np.any(np.diff(knots[0]) < 0):
                raise FieldError(f"its map of column {name!r} is not two rows of knots, the first one ascending")
            if knots.dtype.kind != "f" or not isinstance(encoder.fields.get(name), NumberField):
                raise FieldError(f"it has a map of {name!r}, which is no column of numbers")
        return cls(arrays["bias"], maps)


def matching_bias(spans: Spans, shares: Tensor, probabilities: Tensor) -> Tensor:
    """float32[width]: what, added to logits, makes the mean probability of each class its share.

    Args:
        shares: float32[width], summing to 1 within each span.
        probabilities: float32[n, width] without it.
    """
    bias = torch.zeros_like(shares)
    if not spans.width:
        return bias
    wanted = shares.clamp(min=LEAST_SHARE).log()
    # With probabilities p at no bias, those at bias b are p exp(b) over its sum in the span.
    mean_probabilities = _mean_probabilities(spans, probabilities)
    for _ in range(ROUNDS):
        means = mean_probabilities(bias.exp())
        bias += (wanted - means.clamp_(min=LEAST_SHARE).log()).clamp_(-MOST_CHANGE, MOST_CHANGE)
        bias.clamp_(-FARTHEST, FARTHEST)
    return bias


def _mean_probabilities(spans: Spans, probabilities: Tensor) -> Callable[[Tensor], Tensor]:
    """Factors float32[width] -> float32[width]: the mean over rows of probabilities times factors, over their sum in
    the span. It is two products, for the sums of every row and for the mean over rows."""
    rows = len(probabilities)
    if not spans.many:
        return lambda factors: (
            factors * spans.weighted_sums(spans.sums(probabilities * factors).reciprocal_(), probabilities) / rows
        )
    # Spans of like size are laid out once as matrices, [spans, rows, longest], which are multiplied all together.
    buckets = []
    for index, beyond in spans.buckets:
        padded = probabilities.index_select(1, index).view(rows, *beyond.shape).masked_fill_(beyond, 0.0)
        buckets.append((index, ~beyond, padded.transpose(0, 1).contiguous()))

    def of_buckets(factors: Tensor) -> Tensor:
        found = torch.empty_like(factors)
        for index, counts, values in buckets:
            by_class = factors.index_select(0, index).view(counts.shape)
            sums = torch.bmm(values, by_class[:, :, None])  # (spans, rows, 1)
            means = torch.bmm(sums.reciprocal_().transpose(1, 2), values)[:, 0] * by_class / rows
            found[index[counts.view(-1)]] = means[counts]
        return found

    return of_buckets


def _matched(table: np.ndarray, network: np.ndarray) -> np.ndarray | None:
    """float64[2, knots], strictly ascending in the first row; ``None`` where there are too few rows to say."""
    count = min(len(network) // KNOT_ROWS, len(table) // KNOT_ROWS, MOST_KNOTS)
    if count < 2:
        return None
    positions = np.linspace(0, 1, count + 1)
    source, goal = np.quantile(network, positions), np.quantile(table, positions)
    kept = np.concatenate([[True], np.diff(source) > 0])
    return np.stack([source[kept], goal[kept]]) if kept.sum() > 1 else None
