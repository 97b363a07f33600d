"""How the rows of a table are written for a language model, chosen when it is fitted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tabular.progress import Reporter
from tabular.schema import Schema

from ...hub.facts import ModelFacts
from .base import LmCodec, Task
from .context import check_context
from .names import codec_class
from .tokenizer import TextTokenizer

__all__ = ["encoded"]


def encoded(
    arrays: Mapping[str, np.ndarray],
    schema: Schema,
    facts: ModelFacts,
    tokenizer: TextTokenizer,
    settings: Mapping[str, Any],
    progress: Reporter,
) -> tuple[LmCodec, np.ndarray, np.ndarray]:
    """(the codec, int32[rows, width] choices, int64[rows] tokens of each row) of canonical ``arrays``.

    Args:
        settings: of the generator: ``serialization``, ``bins``, ``max_cell_tokens``.
        progress: notified of texts that are cut.

    Raises:
        TableError: if a row does not fit the model's context, or nothing is left to model.
    """
    serialization = settings["serialization"]
    codec, notes = codec_class(serialization).fit_for(Task(arrays, schema, tokenizer, facts.context, settings))
    for note in notes:
        progress.note(note)
    choices = codec.encode(arrays)
    lengths = codec.tokens_per_row(choices)
    check_context(codec, int(lengths.max()), facts.context, serialization)
    return codec, choices, lengths
