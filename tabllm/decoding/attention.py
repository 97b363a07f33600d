"""How torch's attention multiplies: for rows as short as a table's, on a processor, all heads of all rows at once."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

__all__ = ["attend", "batched_attention", "laid_out", "register_batched_attention"]

#: Queries of a row up to which its attention weights are written out: 64 rows of 12 heads take 200 MB of them.
MOST_QUERIES = 256


def batched_attention(query: Tensor) -> AbstractContextManager[Any]:
    """Within it, ``scaled_dot_product_attention`` makes two products of all there is.

    torch's own kernel for processors makes a product for each head of each row. For short rows that is mostly calls,
    which cost oneDNN (:func:`tabular.machine.devices.full_width_products`) several times as much as MKL: half the time
    of an update of ``nano``. With one query a row, and on a GPU, nothing is changed.

    Args:
        query: [rows, heads, queries, width of a head].
    """
    if query.device.type == "cpu" and 1 < query.shape[-2] <= MOST_QUERIES:
        return sdpa_kernel(SDPBackend.MATH)
    return nullcontext()


def _mixes_up_strides(device: str, release: str) -> bool:
    """Whether torch's attention may read permuted arrays in a wrong order, without an error.

    On MPS it does so in torch 2.8 to 2.11 for several rows of up to 8 queries (pytorch #163597, #170837, #181133).
    """
    major, minor = (int(part) for part in release.split(".")[:2])
    return device == "mps" and (2, 8) <= (major, minor) < (2, 12)


def laid_out(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The arrays, in order in memory where torch's attention needs that."""
    if _mixes_up_strides(query.device.type, torch.__version__):
        return query.contiguous(), key.contiguous(), value.contiguous()
    return query, key, value


def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Causal attention of arrays [rows, heads, steps, width of a head], of whatever strides. Of fewer queries than keys
    the queries are those of the last steps."""
    queries, keys = query.shape[-2], key.shape[-2]
    late = queries < keys  # torch takes the queries for those of the first steps
    mask = torch.ones(queries, keys, dtype=torch.bool, device=query.device).tril(keys - queries) if late else None
    with batched_attention(query):
        return scaled_dot_product_attention(*laid_out(query, key, value), attn_mask=mask, is_causal=not late)


def register_batched_attention() -> str:
    """The name by which a model of transformers takes its own attention within :func:`batched_attention`."""
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.integrations.sdpa_attention import sdpa_attention_forward
    from transformers.masking_utils import sdpa_mask

    def forward(module: Any, query: Tensor, key: Tensor, value: Tensor, *inputs: Any, **options: Any) -> Any:
        query, key, value = laid_out(query, key, value)
        with batched_attention(query):
            return sdpa_attention_forward(module, query, key, value, *inputs, **options)

    AttentionInterface.register("tabllm", forward)
    AttentionMaskInterface.register("tabllm", sdpa_mask)
    return "tabllm"
