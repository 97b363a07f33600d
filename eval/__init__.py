"""Compare a real table with synthetic ones: how faithful, how useful, how easily told, how private.

Facts first, faces later: :func:`compare` returns a :class:`Report` of plain data, and the faces
(:mod:`eval.terminal`, :mod:`eval.html`) only draw it. One file per question: :mod:`eval.fidelity` (columns),
:mod:`eval.trends` (pairs of columns), :mod:`eval.margins` (three columns at once, rare categories, subgroups),
:mod:`eval.support` (whole rows), :mod:`eval.detection`, :mod:`eval.utility` (:mod:`eval.decisions`: what is done with
a chance), :mod:`eval.all_targets`, :mod:`eval.bias`, :mod:`eval.privacy` (copies and distances) with the attacks in
:mod:`eval.membership`, :mod:`eval.exposed` (outliers), :mod:`eval.shadow`, :mod:`eval.attributes` and
:mod:`eval.singling_out`, and :mod:`eval.audit` (epsilon).
:func:`compare_several` sets several tables side by side, and :func:`write_html` makes a page of one or more reports.

Example:
    >>> from eval import compare                                        # doctest: +SKIP
    >>> report = compare(real, synthetic, holdout=holdout, target="y", protect=["sex"])  # doctest: +SKIP
    >>> report.detection.score                                          # doctest: +SKIP
    0.978
    >>> report.privacy.membership.best.auc                              # doctest: +SKIP
    Estimate(value=0.506, low=0.493, high=0.521)
    >>> report.utility.differences["auc"]                               # doctest: +SKIP
    Estimate(value=-0.0028, low=-0.0046, high=-0.0009)
    >>> from eval import compare_several, write_html                    # doctest: +SKIP
    >>> write_html(report, "report.html")                               # doctest: +SKIP
    >>> several = compare_several(real, {"nano": a, "ctgan": b})        # doctest: +SKIP
    >>> write_html(several.reports, "2.html", tables=several.tables)    # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import tabular  # noqa: F401 (sets how threads wait, before anything loads XGBoost)

if TYPE_CHECKING:
    from .comparison import compare
    from .html import write_html
    from .report import Report
    from .several import Several, compare_several

__all__ = ["Report", "Several", "compare", "compare_several", "write_html"]

_HOMES = {
    "Report": "report",
    "Several": "several",
    "compare": "comparison",
    "compare_several": "several",
    "write_html": "html",
}


def __dir__() -> list[str]:
    return sorted(__all__)


def __getattr__(name: str) -> Any:
    # Lazy: `compare` pulls in pandas, which the help of the command line must not wait for.
    # Its file has another name, because importing a submodule `eval.compare` would hide the function.
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module 'eval' has no attribute {name!r}")
