"""The serializations by name; one more is a file with its codec, and a line here.

Nothing heavy is imported: the command line takes its choices from here.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from tabular.errors import UsageError

if TYPE_CHECKING:
    from .base import LmCodec
    from .text import TextCodec

__all__ = ["SERIALIZATIONS", "TEXT_SERIALIZATIONS", "codec_class", "text_codec_class"]

#: Name -> module of this folder and class in it, of those that write rows as text, which a prompt can hold too.
TEXT_SERIALIZATIONS = {"compact": "text:TextCodec", "great": "text:TextCodec", "csv": "text:TextCodec"}
#: The same of all.
SERIALIZATIONS = {**TEXT_SERIALIZATIONS, "table": "table:TokenCodec"}


def codec_class(serialization: str) -> type[LmCodec]:
    """The codec of a serialization. Raises :class:`UsageError` if there is none of that name."""
    if serialization not in SERIALIZATIONS:
        raise UsageError(f"There is no serialization {serialization!r}; choose one of {', '.join(SERIALIZATIONS)}.")
    module, _, name = SERIALIZATIONS[serialization].partition(":")
    found: type[LmCodec] = getattr(importlib.import_module(f".{module}", __package__), name)
    return found


def text_codec_class(serialization: str) -> type[TextCodec]:
    """As :func:`codec_class`, of one that writes rows as text."""
    from .text import TextCodec

    found = codec_class(serialization)
    if not issubclass(found, TextCodec):
        raise UsageError(f"{serialization!r} writes no text; choose one of {', '.join(TEXT_SERIALIZATIONS)}.")
    return found
