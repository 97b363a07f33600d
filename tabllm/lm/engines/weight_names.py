"""Names of weights that both engines and every library version can read.

A run keeps full weights under transformers' names, and adapters as ``<module>.lora_a`` [inputs, rank],
``<module>.lora_b`` [rank, outputs] and, for DoRA, ``<module>.magnitude``, where ``<module>`` is transformers' name of
the adapted layer. So a run that was fitted with one engine is sampled with the other, and no release of an adapter
library can make it unreadable.
"""

from __future__ import annotations

import re

__all__ = ["adapter_name", "hf_name", "is_adapter", "mlx_name"]

_PARTS = (
    (r"\.base_layer\.", "."),
    (r"\.lora_A\.default\.weight$", ".lora_a"),
    (r"\.lora_B\.default\.weight$", ".lora_b"),
    (r"\.lora_magnitude_vector\.default\.weight$", ".magnitude"),
)
#: How names begin in transformers and in mlx-lm, where they differ; the first that fits is meant.
_RENAMED = {
    "gpt2": (("transformer.", "model."),),
    "gpt_neox": (
        ("gpt_neox.layers.", "model.h."),
        ("embed_out.", "model.embed_out."),
        ("gpt_neox.", "model."),
    ),
}


def adapter_name(name: str) -> str:
    """Our name for a weight that peft named; others stay as they are."""
    for pattern, neutral in _PARTS:
        name = re.sub(pattern, neutral, name)
    return name


def is_adapter(name: str) -> bool:
    """Whether the weight belongs to an adapter."""
    return name.endswith((".lora_a", ".lora_b", ".magnitude"))


def hf_name(model_type: str, name: str) -> str:
    """mlx-lm's name of a weight or a module -> transformers'."""
    for theirs, mine in _RENAMED.get(model_type, ()):
        if name.startswith(mine):
            return theirs + name.removeprefix(mine)
    return name


def mlx_name(model_type: str, name: str) -> str:
    """The reverse of :func:`hf_name`."""
    for theirs, mine in _RENAMED.get(model_type, ()):
        if name.startswith(theirs):
            return mine + name.removeprefix(theirs)
    return name
