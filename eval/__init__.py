"""Compare a real table with synthetic ones: how faithful, how useful, how easily distinguished, how private.

Facts first, renderers later: :func:`compare` returns a :class:`Report` of plain data, and renderers only draw it.
:func:`compare_several` sets several tables side by side, and :func:`write_html` makes a page of one or more reports.

================  ==============================================================================
``comparison``    the whole comparison; ``several``: of several synthetic tables
``preparing``     the tables as the metrics need them, made once
``metrics``       how faithful: columns, pairs of columns, whole rows; how easily distinguished
``margins``       how faithful: three columns at once, rare categories, subgroups
``models``        how useful: models trained on either table; gaps between groups
``attacks``       how private: copies, distances, attacks, epsilon
``sequences``     logs of events of users
``facts``         what is found, as plain data
``judging``       from figures to words
``screen``        a report on a terminal; ``page``: as one file for a browser
================  ==============================================================================

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

from typing import TYPE_CHECKING

from tabular.lazy import names_from  # tabular sets how threads wait, before anything loads XGBoost

if TYPE_CHECKING:
    from .comparison import compare
    from .facts.report import Report
    from .page.html import write_html
    from .several import Several, compare_several

__all__ = ["Report", "Several", "compare", "compare_several", "write_html"]

# `compare` pulls in pandas, which the help of the command line must not wait for.
# Its file has another name, because importing a submodule `eval.compare` would hide the function.
__getattr__ = names_from(
    __name__,
    {
        ".comparison": ("compare",),
        ".facts.report": ("Report",),
        ".page.html": ("write_html",),
        ".several": ("Several", "compare_several"),
    },
)


def __dir__() -> list[str]:
    return sorted(__all__)
