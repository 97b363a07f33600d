"""Data that name persons: the columns that hold them, and people whose rows repeat though nothing names them."""

from __future__ import annotations

from .finding import Personal, find_personal

__all__ = ["Personal", "find_personal"]
