"""Where tokens enter and leave a model in MLX: restricted rows of its output layer, and a table's own vocabulary."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np

from tabular.errors import EngineError

from ..base import Cache
from .cache import Store, windows
from .model import body_of, computes_in, embedding_path, text_embedding

__all__ = ["Head", "NewHead", "PairEmbedding", "find_head", "new_vocabulary", "put_embedding"]


class Head:
    """The model's own output layer, of which rows are picked."""

    def __init__(self, layer: Any) -> None:
        self.layer = layer

    def rows(self, tokens: mx.array) -> tuple[mx.array, mx.array | None]:
        """Weight float32[tokens, width] and bias of some tokens.

        In float32, as logits that differ by little may all be far from zero: those of GPT-2 lie near -100, where
        bfloat16 knows no steps below 0.5.
        """
        layer = self.layer
        if isinstance(layer, (nn.Embedding, nn.QuantizedEmbedding)):
            return layer(tokens).astype(mx.float32), None
        bias = layer["bias"][tokens].astype(mx.float32) if "bias" in layer else None
        if not isinstance(layer, nn.QuantizedLinear):
            return layer.weight[tokens].astype(mx.float32), bias
        scale_biases = layer.get("biases")
        weight = mx.dequantize(
            layer.weight[tokens],
            layer.scales[tokens],
            None if scale_biases is None else scale_biases[tokens],
            group_size=layer.group_size,
            bits=layer.bits,
            mode=layer.mode,
        )
        return weight.astype(mx.float32), bias


def find_head(model: Any) -> Head:
    """The output layer of a model, found out by comparing with the model's own logits.

    Raises:
        EngineError: if its logits, or its keys and values, are something that is not known here.
    """
    head = Head(model.lm_head if "lm_head" in model else text_embedding(model))
    ids = mx.array([[1, 2]])
    cache = Cache(1, 2, np.zeros(1, np.int64), Store.empty(len(model.layers)))
    weight, bias = head.rows(mx.arange(min(64, head.layer.weight.shape[0])))
    try:
        whole = model(ids)[:, :, : weight.shape[0]].astype(mx.float32)
        hidden = body_of(model)(ids, windows(cache, None, np.arange(2)[None]))
        plain = (hidden.astype(weight.dtype) @ weight.T + (0 if bias is None else bias)).astype(mx.float32)
        differ = float(mx.abs(plain - whole).max() / mx.abs(whole).max())
    except (AttributeError, TypeError, ValueError, IndexError, KeyError, RuntimeError):  # another kind of cache
        differ = np.inf
    if not differ < (1e-3 if computes_in(model) == mx.float32 else 1e-2):
        raise EngineError(
            f"The logits of a {model.model_type} model are not a plain product of its output layer with what attention "
            "over keys and values gives, which tabllm relies on with MLX; take --engine torch, or another model."
        )
    return head


class PairEmbedding(nn.Module):
    """Embeds pairs (token, field asked for), each in one number ``token * fields + field``, as the sum of both.

    The weights are float32, whatever the body computes with: they are trained.
    """

    def __init__(self, tokens: mx.array, fields: mx.array, dtype: mx.Dtype) -> None:
        super().__init__()
        self.tokens, self.fields, self.dtype = tokens, fields, dtype

    def __call__(self, pairs: mx.array) -> mx.array:
        """int[rows, m] -> [rows, m, width]."""
        count = self.fields.shape[0]
        return (self.tokens[pairs // count] + self.fields[pairs % count]).astype(self.dtype)


class NewHead(nn.Module):
    """The output layer of a table's own vocabulary, float32."""

    def __init__(self, weight: mx.array, bias: mx.array) -> None:
        super().__init__()
        self.weight, self.bias = weight, bias

    def rows(self, tokens: mx.array) -> tuple[mx.array, mx.array | None]:
        """Weight [tokens, width] and bias of some tokens."""
        return self.weight[tokens], self.bias[tokens]


def put_embedding(model: Any, module: Any) -> None:
    """Put another module in the position of the input embedding."""
    body_of(model)[embedding_path(model).rpartition(".")[2]] = module


def new_vocabulary(
    model: Any,
    head: Head | NewHead,
    words: Sequence[Sequence[int]],
    fields: Sequence[Sequence[int]],
    log_frequencies: np.ndarray,
) -> NewHead:
    """Replace a model's input embedding by one of a table's own tokens, and give the output layer that goes with it.

    Where they start is said at :meth:`tabllm.lm.engines.base.LmEngine.use_vocabulary`.
    """
    old = text_embedding(model)
    begin = old(mx.arange(old.weight.shape[0])).astype(mx.float32).mean(axis=0, keepdims=True)
    tokens = mx.concatenate([_means(words, old), begin])
    rows = _means(words, lambda ids: head.rows(ids)[0])
    # Only differences between the tokens of a field matter; what all rows share would swamp the start frequencies.
    made = NewHead(rows - rows.mean(axis=0, keepdims=True), mx.array(log_frequencies.astype(np.float32)))
    pair = PairEmbedding(tokens, _means(fields, old), computes_in(model))
    mx.eval(pair.parameters(), made.parameters())
    put_embedding(model, pair)
    return made


def _means(groups: Sequence[Sequence[int]], rows: Callable[[mx.array], mx.array]) -> mx.array:
    """float32[groups, width]: the mean of the rows of the tokens of each group."""
    counts = np.array([len(group) for group in groups])
    owner = mx.array(np.repeat(np.arange(len(groups)), counts).astype(np.int32))
    taken = rows(mx.array([int(token) for group in groups for token in group])).astype(mx.float32)
    return mx.zeros((len(groups), taken.shape[1])).at[owner].add(taken) / mx.array(counts[:, None].astype(np.float32))
