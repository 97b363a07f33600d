"""Whether the rows of a table fit the context of a language model."""

from __future__ import annotations

from tabular.errors import TableError

from .base import LmCodec

__all__ = ["check_context", "most_tokens"]


def most_tokens(codec: LmCodec) -> int:
    """Tokens that a row can take, in whatever order its columns stand."""
    columns = range(len(codec.names))
    # Not in the usual order: where a column does not follow the one before it, it may be named.
    leads = [
        max((len(codec.lead(column, before)) for before in columns if before != column), default=0)
        for column in columns
    ]
    opening = max(len(codec.lead(column, None)) - leads[column] for column in columns)
    return opening + sum(leads) + codec.width


def check_context(codec: LmCodec, longest: int, context: int, serialization: str) -> None:
    """Check that the longest row, in whatever order its columns stand, fits what a model reads.

    Args:
        longest: tokens of the longest row in the usual order.
        context: tokens that the model reads.

    Raises:
        TableError: if it does not, naming the widest column and the way out.
    """
    most = max(longest, most_tokens(codec))
    if most > context:
        wide = max(range(len(codec.names)), key=lambda column: codec.automata[column].depth)
        others = "" if serialization in ("compact", "table") else "take --serialization compact, "
        raise TableError(
            f"A row takes up to {most:,} tokens and the model reads {context:,}: {others}drop columns, of which "
            f"{codec.names[wide]!r} has {codec.automata[wide].depth}, or take --serialization table, or -m nano."
        )
