"""Categories as tokens: one token each, or two where one softmax over them all would be too wide."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tabular.plain_json import FLAG, FieldError, check_fields, whole

__all__ = ["CategoryCodec"]

#: Beyond this many values a category is two tokens: a block of neighbours in sorted order (which share
#: a prefix where they are codes), and the place in the block.
MAX_SOFTMAX = 1024


@dataclass(frozen=True)
class CategoryCodec:
    """One column of category codes (-1 = missing) <-> one token per cell, or two.

    Attributes:
        codes: how many values the column has, "missing" included where it has missing cells.
        missing: whether the last value means a missing cell.
        block: values per block where two tokens are used, 0 where one is.
    """

    codes: int
    missing: bool
    block: int

    @classmethod
    def fit(cls, values: np.ndarray, *, categories: int) -> CategoryCodec:
        """Learn from ``values`` (int32[n], codes below ``categories``, -1 = missing)."""
        missing = bool((values < 0).any())
        codes = categories + missing
        return cls(codes, missing, math.ceil(math.sqrt(codes)) if codes > MAX_SOFTMAX else 0)

    @property
    def sizes(self) -> list[int]:
        """Tokens of each field."""
        return [math.ceil(self.codes / self.block), self.block] if self.block else [self.codes]

    def encode(self, values: np.ndarray) -> np.ndarray:
        """int32[n] -> int32[n, fields]."""
        code = np.where(values < 0, self.codes - 1, values).astype(np.int32)
        if not self.block:
            return code[:, None]
        return np.stack([code // self.block, code % self.block], axis=1)

    def decode(self, tokens: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """int32[n, fields] -> int32[n]. A place beyond the end of the last block is the last value."""
        code = tokens[:, 0] * self.block + tokens[:, 1] if self.block else tokens[:, 0]
        code = np.minimum(code, self.codes - 1)
        return np.where(code == self.codes - 1, -1, code).astype(np.int32) if self.missing else code.astype(np.int32)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {"type": "category", "codes": self.codes, "missing": self.missing, "block": self.block}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> CategoryCodec:
        """Read what :meth:`to_dict` wrote. Raises :class:`tabular.plain_json.FieldError` if it is not."""
        check_fields(data, {"codes": whole(1), "missing": FLAG, "block": whole(0)}, "it")
        if data["block"] > data["codes"]:
            raise FieldError(f"it has blocks of {data['block']:,} codes, and only {data['codes']:,} codes")
        return cls(data["codes"], data["missing"], data["block"])
