"""Which weights of a quantized model keep more bits than the others."""

from __future__ import annotations

from typing import Any

__all__ = ["SMALL", "embedding_bits", "packing"]

#: Parameters up to which embedding and output layer keep 8 bits in a model of 4: they are a third of GPT-2, and each
#: row of them is a token.
SMALL = 500_000_000
_POSITIONS = ("wpe", "position_embeddings", "embed_positions")
_TOKENS = ("wte", "lm_head", "embed_tokens", "embed_in", "embed_out", "tok_embeddings", "word_embeddings")


def embedding_bits(parameters: int, bits: int) -> int:
    """Bits of embedding and output layer in a model of so many parameters."""
    return max(bits, 8) if parameters <= SMALL else bits


def packing(path: str, *, parameters: int, bits: int, group_size: int) -> bool | dict[str, Any]:
    """How a layer of MLX is quantized, as ``nn.quantize`` wants it.

    Args:
        path: of the layer in the model, such as ``model.wte``.
        parameters: of the whole model.
    """
    last = path.rpartition(".")[2]
    if last in _POSITIONS:  # one row is added to every token, and all of them are a hundredth of the model
        return False
    if last in _TOKENS and (more := embedding_bits(parameters, bits)) != bits:
        return {"group_size": group_size, "bits": more}
    return True
