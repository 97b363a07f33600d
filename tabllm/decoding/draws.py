"""Random draws of many rows at once, spread more evenly than independent ones."""

from __future__ import annotations

import numpy as np

__all__ = ["BELOW_ONE", "deal", "latin_uniforms", "systematic", "thinned"]

#: Neighbouring rows that share one Latin hypercube.
WINDOW = 256
#: Just below 1, by more than the rounding of a float32 cumulative sum: keeps a draw off a last token of weight 0.
BELOW_ONE = 1 - 1e-6


def latin_uniforms(rows: int, columns: int, rng: np.random.Generator) -> np.ndarray:
    """float32[columns, rows] in [0, 1): a Latin hypercube in each window of :data:`WINDOW` rows."""
    full = rows // WINDOW
    parts = []
    for windows, size in ((full, WINDOW), (1, rows - full * WINDOW)):
        rank = rng.random((columns, windows, size), np.float32).argsort(axis=2)
        jitter = rng.random((columns, windows, size), np.float32)
        parts.append(((rank + jitter) / np.float32(max(size, 1))).reshape(columns, -1))
    return np.minimum(np.concatenate(parts, axis=1), np.float32(1 - 2**-20)).astype(np.float32)


def deal(
    probabilities: np.ndarray, counts: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Deal the rows of each node to its children: (node, child, rows), int64 each, for the children that have rows.

    Args:
        probabilities: float[nodes, children], not normalised.
        counts: int64[nodes], rows of each.
    """
    node = np.repeat(np.arange(len(counts)), counts)
    uniform = latin_uniforms(len(node), 1, rng)[0]
    cumulative = np.cumsum(probabilities, axis=1, dtype=np.float64)
    cumulative /= cumulative[:, -1:]
    nodes, width = cumulative.shape
    cumulative += np.arange(nodes)[:, None]
    child = np.searchsorted(cumulative.ravel(), node + uniform.astype(np.float64), side="right") - node * width
    key, dealt = np.unique(node * width + child, return_counts=True)
    return key // width, key % width, dealt


def thinned(mass: np.ndarray, most: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """At most ``most`` entries in place of many, without bias (a particle filter): (indices kept, their mass)."""
    kept, copies = systematic(mass, most, rng)
    return kept, copies * mass.sum() / most


def systematic(mass: np.ndarray, rows: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Deal ``rows`` over entries in proportion to ``mass``: (indices with any, how many each)."""
    edges = np.cumsum(mass) / mass.sum() * rows
    counts = np.diff(np.floor(edges + rng.random()).astype(np.int64), prepend=0)
    counts[-1] += rows - counts.sum()
    kept = np.flatnonzero(counts > 0)
    return kept, counts[kept]
