"""The constants of AdamW (Loshchilov & Hutter 2019), the same in both engines."""

from __future__ import annotations

__all__ = ["BETAS", "CLIP_NORM", "FIRST_SCALE", "GROWTH", "STATE_BYTES"]

BETAS = (0.9, 0.99)
#: Norm that a gradient is cut down to.
CLIP_NORM = 1.0
#: Where the scale of the loss begins for float16, and updates after which it doubles.
FIRST_SCALE, GROWTH = 2.0**10, 200
#: Bytes that an update moves for each trained weight of float32: the gradient is written, read for the norm and read
#: again; weight and both moments are read and written.
STATE_BYTES = 4 * (3 + 2 * 3)
