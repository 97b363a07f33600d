"""Fields whose heads are multiplied together: a table of many columns has a thousand small products otherwise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..config import NanoConfig

__all__ = ["MANY_HEADS", "HeadGroup", "head_groups"]

#: Drawn fields from which their heads are multiplied in groups of like size.
MANY_HEADS = 64
#: What is added to the logit of a place that stands for no token: its probability is 0, and no sum of it is NaN.
_NEVER = -1e9


@dataclass(frozen=True)
class HeadGroup:
    """Fields of about as many tokens.

    Attributes:
        fields: int64[k], rising.
        tokens: int64[k, s], the ids of each field's tokens, and beyond them its first again.
        padding: float32[k, 1, s], added to the logits: 0, and beyond the field's tokens what makes them impossible.
    """

    fields: np.ndarray
    tokens: np.ndarray
    padding: np.ndarray


def head_groups(config: NanoConfig) -> list[HeadGroup]:
    """The drawn fields of ``config``, together up to sizes of 1, 2, 3, 4, 6, 8, 12, ...; none of few fields."""
    if len(config.sizes) - config.given < MANY_HEADS:
        return []
    sizes, offsets = np.asarray(config.sizes), np.asarray(config.offsets)
    drawn = np.arange(config.given, len(sizes))
    power = 2 ** np.ceil(np.log2(sizes)).astype(np.int64)
    kind = 2 * power - (4 * sizes <= 3 * power)
    groups = []
    for each in np.unique(kind[drawn]):
        fields = drawn[kind[drawn] == each]
        place = np.arange(sizes[fields].max())
        beyond = place >= sizes[fields, None]
        tokens = offsets[fields, None] + np.where(beyond, 0, place)
        groups.append(HeadGroup(fields, tokens, np.where(beyond, _NEVER, 0).astype(np.float32)[:, None]))
    return groups
