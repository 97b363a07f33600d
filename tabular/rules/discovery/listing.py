"""The combinations of cells that occur in a table, as a rule lists them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ..listing import scalars
from ..rule import Scalar
from .sample import Sample

__all__ = ["MOST_LISTED", "listed"]

#: A rule lists no more combinations.
MOST_LISTED = 20_000


def listed(sample: Sample, names: Sequence[str], *, deciding: int = 0) -> tuple[tuple[Scalar, ...], ...] | None:
    """The combinations of all rows, each once, in the order of their values.

    Args:
        deciding: so many of the columns decide the last one, which is listed as missing where it never is there.

    Returns:
        ``None`` if there are more than :data:`MOST_LISTED`, or equal deciding cells with different last ones.
    """
    frame = pd.DataFrame({index: sample.arrays[name] for index, name in enumerate(names)})
    for position in frame:
        frame[position] = (
            frame[position].mask(frame[position] < 0) if frame[position].dtype.kind == "i" else frame[position]
        )
    frame = frame.dropna(subset=list(range(deciding or len(names)))).drop_duplicates().sort_values(list(frame))
    keys = list(range(deciding))
    if deciding:
        whole = frame.dropna()
        if whole.duplicated(keys).any():
            return None
        frame = frame.drop_duplicates(keys)  # missing cells are sorted last
    if not 2 <= len(frame) <= MOST_LISTED:
        return None
    cells = [scalars(frame[index].to_numpy(np.float64), sample.columns[name]) for index, name in enumerate(names)]
    return tuple(zip(*cells, strict=True))
