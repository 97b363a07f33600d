"""How torch's attention multiplies: for rows as short as a table's, on a processor, all heads of all rows at once."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

__all__ = ["batched_attention", "register_batched_attention"]

#: Queries of a row up to which its attention weights are written out: 64 rows of 12 heads take 200 MB of them.
MOST_QUERIES = 256


def batched_attention(query: Tensor) -> AbstractContextManager[Any]:
    """Within it, ``scaled_dot_product_attention`` makes two products of all there is.

    torch's own kernel for processors makes a product for each head of each row. For short rows that is mostly calls,
    which cost oneDNN (:func:`tabular.devices.full_width_products`) several times as much as MKL: half the time of
    an update of ``nano``. With one query a row, and on a GPU, nothing is changed.

    Args:
        query: [rows, heads, queries, width of a head].
    """
    if query.device.type == "cpu" and 1 < query.shape[-2] <= MOST_QUERIES:
        return sdpa_kernel(SDPBackend.MATH)
    return nullcontext()


def register_batched_attention() -> str:
    """The name by which a model of transformers takes its own attention within :func:`batched_attention`."""
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.integrations.sdpa_attention import sdpa_attention_forward
    from transformers.masking_utils import sdpa_mask

    def forward(module: Any, query: Tensor, *inputs: Any, **options: Any) -> Any:
        with batched_attention(query):
            return sdpa_attention_forward(module, query, *inputs, **options)

    AttentionInterface.register("tabllm", forward)
    AttentionMaskInterface.register("tabllm", sdpa_mask)
    return "tabllm"
