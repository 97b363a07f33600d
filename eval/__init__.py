"""Compare a real table with a synthetic one: how faithful, how useful, how easily told, how private.

Facts first, faces later: :func:`compare` returns a :class:`Report` of plain data, and the faces
(:mod:`eval.terminal`, :mod:`eval.html`) only draw it. One file per question: :mod:`eval.fidelity` (columns),
:mod:`eval.trends` (pairs of columns), :mod:`eval.detection`, :mod:`eval.utility`, :mod:`eval.privacy`.

Example:
    >>> from eval import compare                                        # doctest: +SKIP
    >>> report = compare(real, synthetic, holdout=holdout, target="y")  # doctest: +SKIP
    >>> report.detection.score                                          # doctest: +SKIP
    0.978
    >>> from eval import write_html                                     # doctest: +SKIP
    >>> write_html(report, "report.html")                               # doctest: +SKIP
    >>> write_html({"nano": report, "ctgan": other}, "both.html")       # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .comparison import compare
    from .html import write_html
    from .report import Report

__all__ = ["Report", "compare", "write_html"]


def __getattr__(name: str) -> Any:
    # Lazy: `compare` pulls in pandas, which the help of the command line must not wait for.
    # Its file has another name, because importing a submodule `eval.compare` would hide the function.
    if name == "compare":
        from .comparison import compare

        return compare
    if name == "write_html":
        from .html import write_html

        return write_html
    if name == "Report":
        from .report import Report

        return Report
    raise AttributeError(f"module 'eval' has no attribute {name!r}")
