"""Making rows in parts: what is the same for every generator that makes rows as tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from .arrays import from_arrays
from .errors import UsageError
from .progress import Reporter
from .schema import Schema

__all__ = ["make_parts"]

Advance = Callable[[int], None]
Arrays = dict[str, np.ndarray]


def make_parts(
    n: int,
    schema: Schema,
    *,
    part_rows: int,
    done: int,
    seed: int,
    progress: Reporter,
    draw: Callable[[int, np.random.Generator, Advance], np.ndarray],
    decode: Callable[[np.ndarray, np.random.Generator, int], Arrays],
) -> Iterator[pd.DataFrame]:
    """Yield ``n`` rows in parts, each from a seed of its own, so that parts that are ``done`` need not be made again.

    Args:
        draw: (rows, generator, to be told how many are done) -> int[rows, width].
        decode: (these, generator, number of the first row) -> canonical arrays.

    Raises:
        UsageError: for fewer than one row.
    """
    if n < 1:
        raise UsageError(f"The number of rows must be 1 or more, not {n}.")
    with progress.task("Sampling", n, "rows") as task:
        task.advance(done)
        for part, start in enumerate(range(0, n, part_rows)):
            if start < done:
                continue
            rows = min(part_rows, n - start)
            rng = np.random.default_rng([seed, part])
            drawn = draw(rows, rng, task.advance)
            # Rows come sorted by their beginnings; nobody should be able to tell.
            drawn = drawn[rng.permutation(rows)]
            yield from_arrays(decode(drawn, rng, start), schema)
