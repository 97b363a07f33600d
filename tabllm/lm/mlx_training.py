"""Fine-tuning in MLX: full, LoRA and DoRA (mlx-lm's layers), on plain and on quantized weights (QLoRA)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx.utils import tree_flatten, tree_map, tree_unflatten

from tabular.errors import EngineError

from .codec import Batch
from .engine import Arrays, Tuning
from .mlx_model import Head, NewHead, body_of, embedding_of, to_hf

__all__ = ["BETAS", "Training"]

BETAS = (0.9, 0.99)
CLIP_NORM = 1.0
_EPSILON = 1e-8  # AdamW's, as torch has it
_MOMENTS = ("exp_avg", "exp_avg_sq")
#: mlx-lm's names of an adapter's parts, and ours.
_ADAPTER = {"lora_a": "lora_a", "lora_b": "lora_b", "m": "magnitude"}
_VOCABULARY = {"pair.tokens": "vocabulary.tokens", "pair.fields": "vocabulary.fields",
               "head.weight": "vocabulary.head", "head.bias": "vocabulary.bias"}  # fmt: skip


class Training:
    """The weights that are trained, their optimizer and the loss.

    Args:
        head: picks rows of the model's own output layer.
        new_head: the output layer of a vocabulary of the table's own, which is trained in any case, or ``None``.
        used: int64, tokens over which the softmax runs.
        masks: bool[levels, used], which of them can stand at a level.

    Raises:
        EngineError: for full tuning of quantized weights.
    """

    def __init__(
        self,
        model: Any,
        head: Head,
        new_head: NewHead | None,
        tuning: Tuning,
        used: np.ndarray,
        masks: np.ndarray,
        weight_decay: float,
        precision: str,
    ) -> None:
        self.model, self.head, self.new_head, self.tuning = model, head, new_head, tuning
        self.used, self.masks = mx.array(used.astype(np.int32)), mx.array(masks)
        self.weight_decay = weight_decay
        quantized = precision in ("8bit", "4bit")
        if tuning.method == "full" and quantized:
            raise EngineError(f"Weights of {precision} cannot be trained themselves; take --tuning lora.")
        model.freeze()
        if tuning.method == "full":
            model.unfreeze()
        elif tuning.method != "none":
            _add_adapters(model, tuning)
        # One tree for what is trained: the model, and beside it the new vocabulary's output layer.
        self.root = nn.Module()
        self.root.model = model
        if new_head is not None:
            self.root.head = new_head
            embedding_of(model)[1].unfreeze()
            if tuning.method == "full" and "lm_head" in model:
                model.lm_head.freeze()
        self.step_count = 0
        zeros = tree_map(lambda value: mx.zeros(value.shape, mx.float32), self._trainable())
        self.moments: list[dict[str, mx.array]] = [dict(tree_flatten(zeros)), dict(tree_flatten(zeros))]
        self._gradient = nn.value_and_grad(self.root, self._loss)

    def _trainable(self) -> Any:
        return self.root.trainable_parameters()

    # -- the loss ---------------------------------------------------------------------------------------------
    def _target_losses(self, batch: Batch) -> mx.array:
        """float32[targets]: the negative log-likelihood of each choice among what can stand at its level."""
        hidden = self._body(mx.array(batch.ids.astype(np.int32)))
        picked = hidden.reshape(-1, hidden.shape[-1])[mx.array(batch.at.astype(np.int32))]
        if self.new_head is not None:
            weight, bias = self.new_head.weight[self.used], self.new_head.bias[self.used]
        else:
            weight, maybe = self.head.rows(self.used)
            bias = mx.zeros(weight.shape[0]) if maybe is None else maybe
        logits = (picked.astype(weight.dtype) @ weight.T).astype(mx.float32) + bias
        logits = mx.where(self.masks[mx.array(batch.level.astype(np.int32))], logits, -mx.inf)
        target = mx.array(batch.target.astype(np.int32))[:, None]
        return mx.logsumexp(logits, axis=-1) - mx.take_along_axis(logits, target, axis=1)[:, 0]

    def _body(self, ids: mx.array) -> mx.array:
        body = body_of(self.model)
        if not self.tuning.checkpointing:
            result: mx.array = body(ids)
            return result
        kind = type(self.model.layers[0])
        plain = kind.__call__

        def checkpointed(layer: Any, *args: Any, **kwargs: Any) -> Any:
            def run(parameters: Any, *inner: Any) -> Any:
                layer.update(parameters)
                return plain(layer, *inner, **kwargs)

            return mx.checkpoint(run)(layer.trainable_parameters(), *args)

        kind.__call__ = checkpointed
        try:
            result = body(ids)
        finally:
            kind.__call__ = plain
        return result

    def _loss(self, batch: Batch, rows: int) -> mx.array:
        return self._target_losses(batch).sum() / rows

    def step(self, batches: Sequence[Batch], learning_rate: float) -> mx.array:
        """One update (AdamW, Loshchilov & Hutter 2019); the mean loss per row."""
        rows = sum(batch.rows for batch in batches)
        total, gradients = mx.zeros(()), None
        for batch in batches:
            loss, found = self._gradient(batch, rows)
            gradients = found if gradients is None else tree_map(mx.add, gradients, found)
            total = total + loss
            if len(batches) > 1:
                mx.eval(total, gradients)  # or the graphs of all parts would be held at once
        flat = dict(tree_flatten(gradients))
        norm = mx.sqrt(sum((value.astype(mx.float32) ** 2).sum() for value in flat.values()))
        scale = mx.minimum(1.0, CLIP_NORM / (norm + 1e-6))
        self.step_count += 1
        first = 1 - BETAS[0] ** self.step_count
        second = (1 - BETAS[1] ** self.step_count) ** 0.5
        updated = []
        for name, weight in tree_flatten(self._trainable()):
            gradient = flat[name].astype(mx.float32) * scale
            m = self.moments[0][name] = BETAS[0] * self.moments[0][name] + (1 - BETAS[0]) * gradient
            v = self.moments[1][name] = BETAS[1] * self.moments[1][name] + (1 - BETAS[1]) * gradient**2
            decay = self.weight_decay if weight.ndim > 1 and "lora_" not in name else 0.0
            value = weight.astype(mx.float32) * (1 - learning_rate * decay)
            value = value - learning_rate / first * m / (mx.sqrt(v) / second + _EPSILON)
            updated.append((name, value.astype(weight.dtype)))
        self.root.update(tree_unflatten(updated))
        mx.async_eval(self._trainable(), self.moments, total)
        return total

    def losses(self, batch: Batch, columns: int) -> np.ndarray:
        """float64[columns], summed over the rows."""
        values = np.array(self._target_losses(batch)).astype(np.float64)
        result: np.ndarray = np.bincount(batch.column, values, minlength=columns)
        return result

    # -- keeping ----------------------------------------------------------------------------------------------
    def _neutral(self, name: str, value: mx.array) -> tuple[str, mx.array]:
        """A name and value of :attr:`root` -> as a run keeps them (see :mod:`.names`)."""
        module, _, last = name.rpartition(".")
        pair = "model." + _path_of(self.model)
        if name.startswith("head."):
            return _VOCABULARY[name], value
        if self.new_head is not None and module == pair:
            return _VOCABULARY[f"pair.{last}"], value
        inner = name.removeprefix("model.")
        if last in _ADAPTER and self.tuning.method != "full":
            hf_name, _ = to_hf(self.model, inner.rpartition(".")[0], value)
            return f"{hf_name}.{_ADAPTER[last]}", value
        return to_hf(self.model, inner, value)

    def trained(self) -> Arrays:
        """What is trained, float32 by neutral names."""
        return {k: _on_host(v) for k, v in (self._neutral(*item) for item in tree_flatten(self._trainable()))}

    def state(self) -> Arrays:
        """The optimizer's moments and its count of steps."""
        arrays: Arrays = {"step": np.array(self.step_count, np.int64)}
        for label, moments in zip(_MOMENTS, self.moments, strict=True):
            for item in moments.items():
                name, value = self._neutral(*item)
                arrays[f"{label}/{name}"] = _on_host(value)
        return arrays

    def load(self, weights: Mapping[str, np.ndarray], state: Mapping[str, np.ndarray] | None) -> None:
        """Take up what :meth:`trained` and :meth:`state` gave, of either engine."""
        mine = []
        for name, value in tree_flatten(self._trainable()):
            neutral, turned = self._neutral(name, value)
            given = mx.array(weights[neutral])
            mine.append(
                (name, (given if turned.shape == value.shape and _same(turned, value) else given.T).astype(value.dtype))
            )
            if state is not None and f"exp_avg/{neutral}" in state:
                for label, moments in zip(_MOMENTS, self.moments, strict=True):
                    moment = mx.array(state[f"{label}/{neutral}"])
                    moments[name] = moment if _same(turned, value) else moment.T
        self.root.update(tree_unflatten(mine))
        if state is not None and "step" in state:
            self.step_count = int(state["step"])
        mx.eval(self._trainable())

    def finish(self, *, merge: bool) -> None:
        """End training; adapters are merged into the weights where asked for."""
        if self.tuning.method in ("lora", "dora") and merge:
            fused = [(name, part.fuse()) for name, part in self.model.named_modules() if hasattr(part, "fuse")]
            self.model.update_modules(tree_unflatten(fused))
        self.model.freeze()


def _same(turned: mx.array, value: mx.array) -> bool:
    """Whether a weight is kept as it lies here, not as its transpose."""
    return turned is value


def _path_of(model: Any) -> str:
    body = "model" if hasattr(model, "model") else "transformer"
    return f"{body}.{embedding_of(model)[0]}"


def _add_adapters(model: Any, tuning: Tuning) -> None:
    from mlx_lm.tuner.utils import linear_to_lora_layers

    mx.random.seed(tuning.seed)
    config = {"rank": tuning.rank, "scale": tuning.scale, "dropout": 0.0}
    linear_to_lora_layers(model, len(model.layers), config, use_dora=tuning.method == "dora")


def _on_host(value: mx.array) -> np.ndarray:
    return np.array(value.astype(mx.float32))
