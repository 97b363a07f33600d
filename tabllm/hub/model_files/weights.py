"""What safetensors files hold, from their headers: no weight is loaded, and a file that was cut short is noticed."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import ModelError

__all__ = ["INDEX", "SINGLE", "Tensor", "read_headers", "weight_files"]

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
#: The format's own bound; a longer header is damage.
_LONGEST_HEADER = 100_000_000


@dataclass(frozen=True)
class Tensor:
    """One array of a file: its dtype as safetensors names it (``F32``, ``BF16``, ``U32``), and its shape."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """How many numbers."""
        return math.prod(self.shape)


def weight_files(folder: Path, shown: str) -> list[Path]:
    """The files of a model's weights.

    Raises:
        ModelError: if there are none, or one of several is missing.
    """
    if (folder / SINGLE).is_file():
        return [folder / SINGLE]
    index = folder / INDEX
    if not index.is_file():
        raise ModelError(f"{shown} is incomplete: {SINGLE} is missing; pull or copy the model again.")
    try:
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise ModelError(f"{INDEX} of {shown} cannot be read; pull or copy the model again.") from None
    for name in names:
        if not isinstance(name, str) or Path(name).name != name or not (folder / name).is_file():
            raise ModelError(f"{shown} is incomplete: {name}, which {INDEX} lists, is missing; pull or copy it again.")
    return [folder / name for name in names]


def read_headers(folder: Path, shown: str) -> dict[str, Tensor]:
    """Name -> :class:`Tensor` of all weights.

    Raises:
        ModelError: if a file is missing, damaged or cut short.
    """
    tensors: dict[str, Tensor] = {}
    for path in weight_files(folder, shown):
        try:
            header, data_bytes = _header(path)
            header.pop("__metadata__", None)
            end = 0
            for name, entry in header.items():
                tensors[name] = Tensor(str(entry["dtype"]), tuple(int(size) for size in entry["shape"]))
                end = max(end, int(entry["data_offsets"][1]))
        except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else "its header is damaged"
            raise ModelError(f"{path.name} of {shown} cannot be read: {reason}; pull or copy it again.") from None
        if data_bytes < end:
            raise ModelError(
                f"{path.name} of {shown} is cut short: {data_bytes:,} of {end:,} bytes of weights are there; pull or "
                "copy it again."
            )
    return tensors


def _header(path: Path) -> tuple[dict[str, Any], int]:
    """(the JSON header, bytes behind it) of a safetensors file."""
    total = path.stat().st_size
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        if total < 8 or size > min(_LONGEST_HEADER, total - 8):
            raise ValueError("no header")
        return dict(json.loads(file.read(size))), total - 8 - size
