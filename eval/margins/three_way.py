"""Three columns at once: the total variation distance of their joint table from the real one.

Numbers are cut into :data:`CELLS` cells of equal real mass, and of categories the :data:`CELLS` most frequent have a
cell each, as in the trivariate accuracy of mostlyai-qa (Sidorenko, Platzer, Scriminaci and Tiwald 2025, arXiv
2504.01908; after Platzer and Reutterer 2021). A table that meets all pairs can still fail here. Most of the error of a
joint table of a thousand cells is noise: read it beside the floor, which is taken at the same number of rows.
"""

from __future__ import annotations

from math import comb

import numpy as np

from ..facts.margins import ThreeWay, Triple
from ..preparing.tables import Tables
from .cells import cells_of, draw_combinations, equal_samples, mean, row_limit

__all__ = ["measure_three_way"]

CELLS = 10
#: Triples that are measured; of more, so many are drawn.
MAX_TRIPLES = 500
#: Rows of each table.
MAX_ROWS = 100_000
#: Triples that are listed.
MAX_WORST = 20


def measure_three_way(tables: Tables, *, seed: int = 0) -> ThreeWay | None:
    """The mean error over the triples of columns; ``None`` of fewer than three columns."""
    names = tables.modelled
    if len(names) < 3:
        return None
    rng = np.random.default_rng([seed, 3])
    used = equal_samples(tables, row_limit(len(names), MAX_ROWS), rng)
    triples = draw_combinations(len(names), 3, MAX_TRIPLES, rng)
    coded = {i: cells_of(tables, names[i], used, CELLS) for i in sorted({i for triple in triples for i in triple})}
    found = []
    before: tuple[int, int] | None = None
    both: list[np.ndarray] = []
    for a, b, c in triples:
        (codes_c, size_c), (codes_b, size_b), (codes_a, size_a) = coded[c], coded[b], coded[a]
        if (a, b) != before:  # in order, so neighbours share their first two columns
            both = [x * size_b + y for x, y in zip(codes_a, codes_b, strict=True)]
            before = (a, b)
        joined = [x * size_c + y for x, y in zip(both, codes_c, strict=True)]
        fractions = [np.bincount(codes, minlength=size_a * size_b * size_c) / len(codes) for codes in joined]
        errors = [float(50 * np.abs(fractions[0] - other).sum()) for other in fractions[1:]]
        found.append(Triple((names[a], names[b], names[c]), errors[0], errors[1] if len(errors) > 1 else None))
    worst = sorted(found, key=lambda triple: (triple.floor_percent or 0.0) - triple.error_percent)
    return ThreeWay(
        error_percent=float(np.mean([triple.error_percent for triple in found])),
        floor_percent=mean([triple.floor_percent for triple in found]),
        triples=len(found),
        possible=comb(len(names), 3),
        rows=used[1].rows,
        worst=tuple(worst[:MAX_WORST]),
    )
