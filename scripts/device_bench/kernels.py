"""How many kernels an update and a call in sampling launch on Apple's GPU, counted in MLX's graph without a GPU.

The graph of a model of one block and of two is built and never computed: every operation but a view is at least one
kernel. What Metal does in one kernel and the processor in several counts once: norms, rotations, attention in sampling.
Attention in training is the same on both.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import mlx.core as mx
import numpy as np
import pandas as pd

from tabllm.bench.standin import write_standin
from tabllm.lm.engines.base import Tuning
from tabllm.lm.engines.mlx import adamw as mlx_adamw
from tabllm.lm.engines.mlx.cache import windows
from tabllm.lm.engines.mlx.engine import MlxLm
from tabllm.lm.engines.mlx.model import body_of
from tabllm.lm.serialization.base import level_masks
from tabllm.lm.serialization.text import TextCodec
from tabllm.lm.serialization.tokenizer import TextTokenizer
from tabllm.lm.training.batches import BatchMaker
from tabular.encoding.arrays import to_arrays
from tabular.preparing.inference import infer_schema

from .models import small

__all__ = ["kernels_of_call", "kernels_of_update"]

#: What gives another look at the same numbers, or stands in the graph without work of its own.
VIEWS = {
    "AsStrided",
    "Broadcast",
    "BroadcastAxes",
    "CustomTransforms",
    "Depends",
    "ExpandDims",
    "Flatten",
    "Reshape",
    "Slice",
    "Split",
    "Squeeze",
    "StopGradient",
    "Transpose",
    "Unflatten",
}


def kernels_of_update(model: str, precision: str, tuning: str, layers: int) -> int:
    """Of one update of fine-tuning, the optimizer compiled as on a GPU."""
    return _extrapolated(lambda blocks: _update(model, precision, tuning, blocks), layers)


def kernels_of_call(model: str, precision: str, layers: int) -> int:
    """Of one call of the model in sampling, a token more for each row of a block."""
    return _extrapolated(lambda blocks: _call(model, precision, blocks), layers)


def _extrapolated(count: Any, layers: int) -> int:
    one, two = count(1), count(2)
    return one + (layers - 1) * (two - one)


def _update(model: str, precision: str, tuning: str, blocks: int) -> int:
    with _engine(model, precision, blocks) as (engine, codec, choices), mock.patch.object(mx, "async_eval"):
        maker = BatchMaker(codec, pad_to=engine.pad_to)
        with mock.patch.object(mlx_adamw, "WORTH_COMPILING", 0):
            engine.start_training(Tuning(tuning), maker.used, level_masks(codec, maker.used), weight_decay=0.01)
        _evaluate(engine)
        batch = maker.make(choices[:4], np.tile(np.arange(len(codec.names)), (4, 1)))
        with _fused(attention=False):
            loss = engine.train_step([batch], 1e-4)
        training = engine.training
        return count(loss, training.moments, training.root.trainable_parameters(), training.masters)


def _call(model: str, precision: str, blocks: int) -> int:
    with _engine(model, precision, blocks) as (engine, _, _):
        cache = engine.new_cache(4, 8)
        engine.append(cache, np.ones((4, 3), np.int64))
        mx.eval(cache.store.arrays())
        positions = cache.lengths[:, None]
        with _fused(attention=True):
            hidden = body_of(engine.model)(mx.ones((4, 1), mx.int32), windows(cache, None, positions))
        return count(hidden, cache.store.arrays())


def count(*outputs: Any) -> int:
    """Operations of the graph that leads to some arrays, views left out."""
    from mlx.utils import tree_flatten

    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "graph.dot"
        mx.export_to_dot(str(path), *[array for _, array in tree_flatten(list(outputs))])
        return sum(label not in VIEWS for label in re.findall(r'label ="(\w+)"', path.read_text(encoding="utf-8")))


@contextmanager
def _engine(model: str, precision: str, blocks: int) -> Iterator[tuple[MlxLm, TextCodec, np.ndarray]]:
    table = pd.DataFrame({"device": ["ios", "android"] * 20, "age": np.arange(40) % 7})
    schema = infer_schema(table)
    arrays = to_arrays(table, schema)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_standin(
            model,
            [f" {value}" for value in ("device", "age", "ios", "android", *range(7))],
            folder,
            changes=small(model, blocks),
        )
        engine = MlxLm(folder, precision=precision, device="cpu", random=0)
        if precision.endswith("bit"):
            engine.model.set_dtype(mx.float16)  # as on M1 and M2; a processor multiplies them with float32
        codec = TextCodec.fit(arrays, schema, TextTokenizer.load(folder))
        _evaluate(engine)
        yield engine, codec, codec.encode(arrays)


def _evaluate(engine: MlxLm) -> None:
    training = engine.training
    mx.eval(engine.model.parameters(), *((training.moments, training.masters, training.used) if training else ()))


@contextmanager
def _fused(*, attention: bool) -> Iterator[None]:
    """Within it a norm, a rotation and attention are one operation each, as Metal has them; the numbers are wrong."""

    def one(x: mx.array, *rest: Any, **named: Any) -> mx.array:
        return mx.sigmoid(x)

    @mx.custom_function
    def norm(x: mx.array, *weights: mx.array) -> mx.array:
        return mx.sigmoid(x)

    @norm.vjp
    def norm_vjp(primals: Any, cotangent: mx.array, output: mx.array) -> Any:
        # One kernel gives the gradients of the input and, row by row, of the weights; one for each sums over the rows.
        back = mx.sigmoid(cotangent)
        return (back, *(back.sum(axis=tuple(range(back.ndim - 1))) for _ in primals[1:]))

    def layer_norm(x: mx.array, weight: mx.array, bias: mx.array, eps: float) -> mx.array:
        return norm(x, weight, bias)

    def rms_norm(x: mx.array, weight: mx.array, eps: float) -> mx.array:
        return norm(x, weight)

    changed = {"rope": one, "rms_norm": rms_norm, "layer_norm": layer_norm}
    if attention:
        changed["scaled_dot_product_attention"] = one
    with mock.patch.multiple(mx.fast, **changed):
        yield
