"""Fine-tuning in MLX: full, LoRA and DoRA (mlx-lm's layers), on plain and on quantized weights (QLoRA)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx.utils import tree_flatten, tree_map, tree_unflatten

from tabular.errors import EngineError

from ....parallel.group import Group
from ...serialization.base import Batch
from ..adamw import BETAS, FIRST_SCALE
from ..base import Arrays
from ..tuning import Tuning, dropout_seed
from ..weight_names import hf_name
from .adamw import compiled_adamw, next_scale
from .adapters import Dropout, FrozenDora
from .model import body_of, computes_in, dtype_of, embedding_path, is_quantized, text_embedding
from .vocabulary import Head, NewHead
from .weights import fused, hf_name_and_turn

__all__ = ["Training"]

_MOMENTS = ("exp_avg", "exp_avg_sq")
#: mlx-lm's names of an adapter's parts, and ours.
_ADAPTER = {"lora_a": "lora_a", "lora_b": "lora_b", "m": "magnitude"}


class Training:
    """The weights that are trained, their optimizer and the loss.

    Args:
        head: of the model, or of a vocabulary of the table's own, which is trained in any case.
        used: int64, tokens over which the softmax runs.
        masks: bool[levels, used], which of them can stand at a level.

    Raises:
        EngineError: for full tuning of quantized weights.
    """

    def __init__(
        self,
        model: Any,
        head: Head | NewHead,
        tuning: Tuning,
        used: np.ndarray,
        masks: np.ndarray,
        weight_decay: float,
    ) -> None:
        self.model, self.head, self.tuning = model, head, tuning
        self.used, self.masks = mx.array(used.astype(np.int32)), mx.array(masks)
        self.weight_decay = weight_decay
        model.freeze()
        if tuning.method == "full":
            if any(is_quantized(part) for part in model.modules()):
                raise EngineError("Quantized weights cannot be trained themselves: take --tuning lora.")
            model.unfreeze()
        elif tuning.method != "none":
            _add_adapters(model, tuning)
        # DoRA divides by the norms of the adapted weights, for which 16 bits are too coarse.
        self._lora = [part for _, part in model.named_modules() if hasattr(part, "fuse") and "m" not in part]
        self._dropouts = [part for _, part in model.named_modules() if isinstance(part, Dropout)]
        # One tree for what is trained: the model, and beside it the output layer of the table's own vocabulary.
        self.root = nn.Module()
        self.root.model = model
        if isinstance(head, NewHead):
            self.root.head = head
            text_embedding(model).unfreeze()
            if "lm_head" in model:
                model.lm_head.freeze()  # of the model's own vocabulary
        self.names = {path: self._neutral(path) for path, _ in tree_flatten(self._trainable())}
        self.step_count = 0
        # Small changes would be lost in weights of 16 bits: float32 masters are what is trained.
        self.masters = {
            path: value.astype(mx.float32)
            for path, value in tree_flatten(self._trainable())
            if value.dtype != mx.float32
        }
        # Gradients of float16 are taken of a scaled loss, or small ones would be 0 (Micikevicius et al. 2018).
        self._scales = computes_in(model) == mx.float16
        self.loss_scale, self._since = mx.array(FIRST_SCALE if self._scales else 1.0), mx.array(0)
        zeros = {path: mx.zeros(value.shape, mx.float32) for path, value in tree_flatten(self._trainable())}
        self.moments: tuple[dict[str, mx.array], dict[str, mx.array]] = dict(zeros), dict(zeros)
        self._gradient = nn.value_and_grad(self.root, self._loss)
        self._update = compiled_adamw(
            {
                path: weight_decay if value.ndim > 1 and "lora_" not in path else 0.0
                for path, value in tree_flatten(self._trainable())
            },
            sum(value.size for _, value in tree_flatten(self._trainable())),
            scaled=self._scales,
        )

    def _trainable(self) -> Any:
        return self.root.trainable_parameters()

    def _neutral(self, path: str) -> tuple[str, bool]:
        """The name that a run keeps a weight by (:mod:`tabllm.lm.engines.weight_names`), and whether transposed."""
        owner, _, last = path.removeprefix("model.").rpartition(".")
        if path.startswith("head."):
            return {"weight": "vocabulary.head", "bias": "vocabulary.bias"}[last], False
        if isinstance(self.head, NewHead) and owner == embedding_path(self.model):
            return f"vocabulary.{last}", False
        if self.tuning.method in ("lora", "dora"):
            return f"{hf_name(self.model.model_type, owner)}.{_ADAPTER[last]}", False
        return hf_name_and_turn(self.model, f"{owner}.{last}")

    # -- the loss ---------------------------------------------------------------------------------------------
    def _target_losses(self, batch: Batch) -> mx.array:
        """float32[targets]: the negative log-likelihood of each choice among what can stand at its level."""
        with self._adapters_in_their_layers_type():
            hidden = body_of(self.model)(mx.array(batch.ids.astype(np.int32)), None)
        picked = hidden.reshape(-1, hidden.shape[-1])[mx.array(batch.at.astype(np.int32))]
        weight, bias = self.head.rows(self.used)
        logits = picked.astype(mx.float32) @ weight.T
        if bias is not None:
            logits = logits + bias
        logits = mx.where(self.masks[mx.array(batch.level.astype(np.int32))], logits, -mx.inf)
        target = mx.array(batch.target.astype(np.int32))[:, None]
        return mx.logsumexp(logits, axis=-1) - mx.take_along_axis(logits, target, axis=1)[:, 0]

    @contextmanager
    def _adapters_in_their_layers_type(self) -> Iterator[None]:
        """Multiply with adapters as they are in the type of their layer, and train them in float32.

        Else every layer's input is kept in float32 for the backward pass, beside itself in 16 bits.
        """
        masters = [(layer, layer.lora_a, layer.lora_b) for layer in self._lora]
        for layer, a, b in masters:
            dtype = dtype_of(layer.linear)
            layer.lora_a, layer.lora_b = a.astype(dtype), b.astype(dtype)
        yield
        for layer, a, b in masters:
            layer.lora_a, layer.lora_b = a, b

    @contextmanager
    def dropping(self, part: int, group: Group | None = None) -> Iterator[None]:
        """Compute with dropout, the same in the same micro-batch of the same update and process."""
        if self._dropouts:
            key = mx.random.key(dropout_seed(self.tuning, self.step_count, group, part))
            for dropout, own in zip(self._dropouts, mx.random.split(key, len(self._dropouts)), strict=True):
                dropout.use(own)
        yield
        for dropout in self._dropouts:
            dropout.use(None)

    def _loss(self, batch: Batch, rows: int) -> mx.array:
        return self._target_losses(batch).sum() / rows * self.loss_scale

    def _full_width(self) -> dict[str, mx.array]:
        """What is trained, float32."""
        return dict(tree_flatten(self._trainable())) | self.masters

    def _take(self, weights: Mapping[str, mx.array]) -> None:
        """Put float32 weights in place, rounded to what the model computes with."""
        self.masters = {path: weights[path] for path in self.masters}
        rounded = [(path, weights[path].astype(value.dtype)) for path, value in tree_flatten(self._trainable())]
        self.root.update(tree_unflatten(rounded))

    def step(self, batches: Sequence[Batch], learning_rate: float, rows: int, group: Group | None) -> mx.array:
        """One update; the mean loss per row."""
        weights = dict(tree_flatten(self._trainable()))
        total, gradients = mx.zeros(()), None
        with _checkpointed(self.model) if self.tuning.checkpointing else _plainly():
            for number, batch in enumerate(batches):
                with self.dropping(number, group):
                    loss, added = self._gradient(batch, rows)
                self.root.update(tree_unflatten(list(weights.items())))  # taking gradients leaves its own there
                gradients = added if gradients is None else tree_map(mx.add, gradients, added)
                total = total + loss
                if len(batches) > 1:
                    mx.eval(total, gradients)  # or the graphs of all parts would be held at once
        if gradients is None:  # no rows for this process
            found = {path: mx.zeros_like(value) for path, value in weights.items()}
        else:
            found = dict(tree_flatten(gradients))
        if group is not None:
            total, *summed = group.sum_arrays([total, *found.values()])
            found = dict(zip(found, summed, strict=True))
        self.step_count += 1
        corrections = 1 - BETAS[0] ** self.step_count, (1 - BETAS[1] ** self.step_count) ** 0.5
        total = total / self.loss_scale
        updated, first, second, good = self._update(
            self._full_width(),
            found,
            *self.moments,
            mx.array(learning_rate),
            mx.array(corrections),
            self.loss_scale,
        )
        self.moments = first, second
        if self._scales:
            self.loss_scale, self._since = next_scale(self.loss_scale, good, self._since)
        self._take(updated)
        mx.async_eval(updated, self._trainable(), self.moments, total, self.loss_scale, self._since)
        return total

    def drop_gradients(self) -> bool:
        """MLX asks for more memory than there is only when it is too late to go on."""
        return False

    def losses(self, batch: Batch, columns: int) -> np.ndarray:
        """float64[columns], summed over the rows."""
        values = np.array(self._target_losses(batch)).astype(np.float64)
        result: np.ndarray = np.bincount(batch.column, values, minlength=columns)
        return result

    # -- keeping ----------------------------------------------------------------------------------------------
    def trained(self) -> Arrays:
        """What is trained, by neutral names."""
        return self._kept(self._full_width())

    def state(self) -> Arrays:
        """The optimizer's moments and its count of steps."""
        arrays: Arrays = {"step": np.array(self.step_count, np.int64)}
        for label, moments in zip(_MOMENTS, self.moments, strict=True):
            arrays |= {f"{label}/{name}": value for name, value in self._kept(moments).items()}
        return arrays

    def load(self, weights: Mapping[str, np.ndarray], state: Mapping[str, np.ndarray] | None) -> None:
        """Take up what :meth:`trained` and :meth:`state` gave, of either engine."""
        state = state or {}
        mine = {}
        for path, _ in tree_flatten(self._trainable()):
            name, turned = self.names[path]
            mine[path] = _on_device(weights[name], turned).astype(mx.float32)
            for label, moments in zip(_MOMENTS, self.moments, strict=True):
                if f"{label}/{name}" in state:
                    moments[path] = _on_device(state[f"{label}/{name}"], turned)
        self._take(mine)
        if "step" in state:
            self.step_count = int(state["step"])
        mx.eval(self._trainable(), self.moments)

    def _kept(self, arrays: Mapping[str, mx.array]) -> Arrays:
        """Arrays by the paths of :attr:`root` -> float32 on the host, by neutral names."""
        kept: Arrays = {}
        for path, value in arrays.items():
            name, turned = self.names[path]
            kept[name] = np.ascontiguousarray(np.array((value.T if turned else value).astype(mx.float32)))
        return kept

    def finish(self, *, merge: bool) -> None:
        """End training; adapters are merged into the weights where asked for."""
        if merge:
            # One layer after the other, or the dense weights and the quantized ones would all be held at once.
            for name, part in [item for item in self.model.named_modules() if hasattr(item[1], "fuse")]:
                plain = fused(part)
                mx.eval(plain.parameters())
                self.model.update_modules(tree_unflatten([(name, plain)]))
        for layer in () if merge else self._lora:
            dtype = dtype_of(layer.linear)
            layer.lora_a, layer.lora_b = layer.lora_a.astype(dtype), layer.lora_b.astype(dtype)
        if not merge and self.tuning.method == "dora":
            dora = [(name, FrozenDora(part)) for name, part in self.model.named_modules() if "m" in part]
            self.model.update_modules(tree_unflatten(dora))
        self.model.freeze()
        self.masters = {}
        self.moments = {}, {}  # now, not when the cycle through the gradient's function is collected: 1 GB for GPT-2


def _on_device(array: np.ndarray, turned: bool) -> mx.array:
    return mx.array(np.ascontiguousarray(array.T if turned else array))


def _add_adapters(model: Any, tuning: Tuning) -> None:
    from mlx_lm.tuner.utils import linear_to_lora_layers

    mx.random.seed(tuning.seed)
    config = {"rank": tuning.rank, "scale": tuning.scale, "dropout": 0.0}
    linear_to_lora_layers(model, tuning.layers or len(model.layers), config, use_dora=tuning.method == "dora")
    for layer in [part for _, part in model.named_modules() if hasattr(part, "fuse")] if tuning.dropout else ():
        layer.dropout = Dropout(tuning.dropout)


@contextmanager
def _plainly() -> Iterator[None]:
    yield


@contextmanager
def _checkpointed(model: Any) -> Iterator[None]:
    """Keep only the inputs of the blocks for the backward pass, and compute them again there."""
    kind = type(model.layers[0])
    plain = kind.__call__

    def computed_again(layer: Any, *args: Any, **kwargs: Any) -> Any:
        def run(weights: Any, *inner: Any) -> Any:
            layer.update(weights)
            return plain(layer, *inner, **kwargs)

        return mx.checkpoint(run)(layer.trainable_parameters(), *args)

    kind.__call__ = computed_again
    try:
        yield
    finally:
        kind.__call__ = plain
