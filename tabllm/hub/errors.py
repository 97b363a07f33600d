"""What is wrong with a pretrained model, or with the way to it."""

from __future__ import annotations

from tabular.errors import TabllmError

__all__ = ["ModelError"]


class ModelError(TabllmError):
    """A pretrained model that cannot be had, is incomplete, or is of a kind that is not read here."""
