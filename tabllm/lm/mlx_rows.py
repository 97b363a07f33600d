"""Quantizes a large matrix while it is read, some rows at a time, so that it is never whole in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np

__all__ = ["StoredMatrix", "find_matrix", "quantize_rows"]

#: The format's names of number types; numpy has no bfloat16, whose bits are read as integers.
_DTYPES: dict[str, tuple[type[np.generic], mx.Dtype]] = {
    "F32": (np.float32, mx.float32),
    "F16": (np.float16, mx.float16),
    "BF16": (np.uint16, mx.bfloat16),
}
#: Bytes of a matrix that are in memory at a time.
_SLICE_BYTES = 8 << 20


class StoredMatrix:
    """A matrix in a safetensors file, read by rows.

    The library's own slices cannot be had for bfloat16 without importing PyTorch.

    Args:
        values: ``[rows, width]``, mapped from the file.
        dtype: of the numbers, as MLX names it.
    """

    def __init__(self, values: np.memmap[Any, Any], dtype: mx.Dtype) -> None:
        self.values, self.dtype = values, dtype

    def slices(self) -> Iterator[mx.array]:
        """Consecutive rows, about 8 MiB at a time."""
        rows = max(_SLICE_BYTES // self.values[:1].nbytes, 1)
        for start in range(0, len(self.values), rows):
            part = mx.array(np.asarray(self.values[start : start + rows]))
            yield part.view(self.dtype) if part.dtype != self.dtype else part


def find_matrix(files: Sequence[Path], names: Sequence[str]) -> StoredMatrix | None:
    """The matrix that has one of these names in one of these safetensors files; ``None``: there is none."""
    for path in files:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(size))
        for name in names:
            entry = header.get(name)
            if entry is not None and len(entry["shape"]) == 2 and entry["dtype"] in _DTYPES:
                kind, dtype = _DTYPES[entry["dtype"]]
                offset = 8 + size + entry["data_offsets"][0]
                return StoredMatrix(
                    np.memmap(path, dtype=kind, mode="r", offset=offset, shape=tuple(entry["shape"])), dtype
                )
    return None


def quantize_rows(layer: Any, stored: StoredMatrix) -> None:
    """Fill a quantized layer with the rows of ``stored``.

    The result is that of quantizing the whole matrix, since numbers that share a scale belong to one row.
    """
    dtype, parts = layer.scales.dtype, []
    for rows in stored.slices():
        part = mx.quantize(rows.astype(dtype), group_size=layer.group_size, bits=layer.bits, mode=layer.mode)
        mx.eval(part)
        parts.append(part)
    for name, pieces in zip(("weight", "scales", "biases"), zip(*parts, strict=True), strict=False):
        layer[name] = mx.concatenate(pieces)
