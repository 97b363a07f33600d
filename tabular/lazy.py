"""A module that is imported at the first use of one of its names."""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["Module"]


class Module:
    """Stands for the module ``name``, for annotations too: ``typing.get_type_hints`` then finds what they name."""

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(importlib.import_module(self.__name__), attribute)
