"""How a language model's weights can be stored, by name."""

from __future__ import annotations

__all__ = ["PACKED", "PRECISIONS"]

#: Quantized ones.
PACKED = ("8bit", "4bit")
PRECISIONS = ("fp32", "fp16", "bf16", *PACKED)
