"""Takes the password out of a database's address before the address is shown or kept.

Messages of errors, everything that is printed, the facts of a page and the source that a run keeps go through here.
"""

from __future__ import annotations

import re

__all__ = ["without_password"]

#: ``://user:password@``. A password may hold ``/``, ``?`` and even ``@`` where nobody has quoted them.
_USER = re.compile(r"(://[^/@:?\s]*):[^@\s]*(?:@[^@?\s]*)*@")
#: ``password=...`` in the query of an address, or in what a database's driver reports.
_NAMED = re.compile(r"\b((?:password|passwd|pwd|passfile|motherduck_token|token)=)(?!\*)[^&;\s'\")]+", re.IGNORECASE)
_SCHEMES = ("postgres", "mysql", "duckdb", "sqlite")


def without_password(text: str) -> str:
    """``text`` without the password of a database's address in it: ``postgresql://me@host/shop?table=clicks``."""
    lower = text.lower() if ":" in text else ""  # most texts are cells and words, and cost no more than this
    if not any(scheme in lower for scheme in _SCHEMES):
        return text
    return _NAMED.sub(r"\1***", _USER.sub(r"\1@", text))
