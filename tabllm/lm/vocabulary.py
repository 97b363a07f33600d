"""Gives a pretrained model the vocabulary of a table, started from the meaning of its values and columns."""

from __future__ import annotations

import numpy as np

from .engines.base import LmEngine
from .serialization.table import TokenCodec, field_names
from .serialization.tokenizer import TextTokenizer

__all__ = ["use_vocabulary"]


def use_vocabulary(engine: LmEngine, codec: TokenCodec, choices: np.ndarray, tokenizer: TextTokenizer) -> None:
    """Put the codec's tokens in the position of the model's own; see :meth:`.engines.base.LmEngine.use_vocabulary`.

    Args:
        choices: int32[rows, width] of the table, whose frequencies the head starts from.
    """
    words = tokenizer.all_ids([f" {word}" for word in codec.texts()])
    fields = tokenizer.all_ids([f" {name}" for name in field_names(codec)])
    unknown = [tokenizer.begin]
    engine.use_vocabulary(
        [word or unknown for word in words],
        [field or unknown for field in fields],
        codec.rows.table.log_frequencies(choices),
    )
