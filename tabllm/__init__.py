"""Language models that learn a table and make new rows of it.

Example:
    >>> from tabllm import TableLM                     # doctest: +SKIP
    >>> model = TableLM().fit(table)                   # doctest: +SKIP
    >>> more = model.sample(1000, where="clicked=1")   # doctest: +SKIP
    >>> model.save("run")                              # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tabular.lazy import names_from
from tabular.registry import register, register_open

from .hub.names import is_model_name

if TYPE_CHECKING:
    from tabular.registry import create as create
    from tabular.registry import load_run as load_run

    from .links.model import LinkedTables as LinkedTables
    from .lm.pretrained import PretrainedLM as PretrainedLM
    from .nano.table_lm import TableLM as TableLM
    from .sequences.model import SequenceLM as SequenceLM

__version__ = "0.1.0"
__all__ = ["LinkedTables", "PretrainedLM", "SequenceLM", "TableLM", "__version__", "create", "load_run"]

register("nano", "tabllm.nano.table_lm:TableLM")
register("sequences", "tabllm.sequences.model:SequenceLM", listed=False)
for _name in ("gpt2", "distilgpt2", "deepseek-coder-1.3b"):
    register(_name, "tabllm.lm.pretrained:PretrainedLM", base=_name)
register("lm", "tabllm.lm.pretrained:PretrainedLM")
register_open(is_model_name, "tabllm.lm.pretrained:PretrainedLM", "base")


def __dir__() -> list[str]:
    return sorted(__all__)


# torch, MLX and pandas take seconds to import, and the help of the command line needs none of them.
__getattr__ = names_from(
    __name__,
    {
        ".nano.table_lm": ("TableLM",),
        ".lm.pretrained": ("PretrainedLM",),
        ".links.model": ("LinkedTables",),
        ".sequences.model": ("SequenceLM",),
        "tabular.registry": ("create", "load_run"),  # here they know every generator, in tabular alone only its own
    },
)
