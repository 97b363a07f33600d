"""Updates of the layers' matrices by orthogonalised momentum (Muon, Jordan et al. 2024).

Adam scales each weight by itself, and the few directions in which all gradients agree rule its steps. Here the averaged
gradient of a matrix keeps its directions, and each is taken a step of the same length. In as many steps a model learns
more of numbers: on California housing a held-out row cost 35.12 nats in place of 35.36, and detection rose from .87 to
.92; on MAGIC from .89 to .97, in 6 passes in place of 7. The rows of tokens, norms and biases stay with AdamW.

Of tables with as many categories as numbers it learned no more, and rows by heart sooner: on Adult detection fell from
.996 to .968 (.978 in 5 passes), on Online Shoppers from .978 to .956. A private fit would take noise for directions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

__all__ = ["MOMENTUM", "RATE", "is_orthogonal", "orthogonal_steps", "pays_for"]

Array = TypeVar("Array", bound=Any)

#: Of fewer rows Adam learned more: of 500 rows with a planted product, 10.87 nats a held-out row against 11.21.
MIN_ROWS = 10_000
#: Decay of the gradient's average, and the learning rate as a multiple of AdamW's.
MOMENTUM, RATE = 0.95, 2.0
#: Root mean square of a step's entries at a rate of 1, about that of AdamW's (Liu et al. 2025, section 2.2).
STEP_SIZE = 0.2
#: Each triple is a polynomial of the singular values, x (a + b x^2 + c x^4), which one after the other bring them near
#: to 1, as fast as polynomials of this degree can (Amsel et al. 2025, "The Polar Express").
_POLYNOMIALS = (
    (8.287212, -23.595887, 17.300387),
    (4.107059, -2.947850, 0.544843),
    (3.948691, -2.908902, 0.551819),
    (3.318420, -2.488488, 0.510049),
)


def is_orthogonal(name: str) -> bool:
    """Whether a weight of this name is a matrix inside a layer."""
    return name.startswith("h.") and name.endswith(".weight") and ".ln_" not in name


def pays_for(rows: int, fields: int, numbers: int) -> bool:
    """Whether a table of so many rows and fields, of which ``numbers`` are numbers, is learned better with them."""
    return rows >= MIN_ROWS and 2 * numbers > fields


def orthogonal_steps(matrices: Sequence[Array], library: Any) -> list[Array]:
    """For each matrix the nearest one with orthogonal rows or columns, about, in the size of a step at a rate of 1.

    The polynomials are worked out on the small square ``x.T @ x``, which costs half of what they cost on ``x``.

    Args:
        matrices: arrays of either engine whose smaller sides are equal.
        library: has ``stack(arrays)`` and ``eye(n)``, as numpy has.
    """
    tall = [x if x.shape[0] >= x.shape[1] else x.T for x in matrices]
    tall = [x / ((x * x).sum() ** 0.5 + 1e-7) for x in tall]
    square = library.stack([x.T @ x for x in tall])
    one = library.eye(square.shape[-1])

    def polynomial(a: float, b: float, c: float) -> Array:
        result: Array = a * one + b * square + c * (square @ square)
        return result

    product = factor = polynomial(*_POLYNOMIALS[0])
    for coefficients in _POLYNOMIALS[1:]:
        square = factor @ square @ factor
        factor = polynomial(*coefficients)
        product = product @ factor
    steps = [x @ product[i] * (STEP_SIZE * max(x.shape) ** 0.5) for i, x in enumerate(tall)]
    return [x if x.shape == matrix.shape else x.T for x, matrix in zip(steps, matrices, strict=True)]
