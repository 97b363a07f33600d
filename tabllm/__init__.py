"""Language models that learn a table and make new rows of it.

Example:
    >>> from tabllm import TableLM                     # doctest: +SKIP
    >>> model = TableLM().fit(table)                   # doctest: +SKIP
    >>> more = model.sample(1000, where="clicked=1")   # doctest: +SKIP
    >>> model.save("run")                              # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tabular.synthesizer import register

if TYPE_CHECKING:
    from .nano.table_lm import TableLM as TableLM

__version__ = "0.1.0"
__all__ = ["TableLM", "__version__"]

register("nano", "tabllm.nano.table_lm:TableLM")


def __getattr__(name: str) -> Any:
    # Lazy: torch, MLX and pandas take seconds to import, and the help of the command line needs none of them.
    if name == "TableLM":
        from .nano.table_lm import TableLM

        return TableLM
    raise AttributeError(f"module 'tabllm' has no attribute {name!r}")
