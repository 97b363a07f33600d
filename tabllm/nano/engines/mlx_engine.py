"""The MLX engine of ``nano``: Apple's Metal, and MLX's own processor backend for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
import numpy as np

from ...decoding.mlx_device import take_device
from ...decoding.mlx_draws import draw
from ...parallel.group import Group
from ..config import NanoConfig
from .base import BETAS, CLIP_NORM, TINY, NanoEngine, decays
from .head_groups import head_groups
from .orthogonal import MOMENTUM, RATE, orthogonal_steps
from .rank_kernel import smoothed

__all__ = ["MlxEngine"]

Arrays = dict[str, mx.array]

_EPSILON = 1e-8  # AdamW's, as torch has it
_NORM_EPSILON = 1e-5


@dataclass
class _Cache:
    """Keys and values per layer: float32[rows, heads, steps, width of a head]."""

    rows: int
    keys: list[mx.array | None]
    values: list[mx.array | None]


class MlxEngine(NanoEngine):
    """``nano`` in MLX. Nothing is computed before a result is requested, so a block is one graph.

    Args:
        weights: float32 arrays by name, as :func:`tabllm.nano.config.initial_weights` makes them.
        device: ``"gpu"`` or ``"cpu"``; becomes MLX's default device.
    """

    name = "mlx"

    def __init__(self, config: NanoConfig, weights: Mapping[str, np.ndarray], device: str = "cpu") -> None:
        take_device(device)
        self.config = config
        self.weights: Arrays = {name: mx.array(value) for name, value in weights.items()}
        self._start_bias = mx.array(weights["head.bias"])
        self._offset_row = mx.array(config.offsets[:-1])
        self._groups = head_groups(config)

    # -- decoding ---------------------------------------------------------------------------------------------
    def new_cache(self, rows: int, *, drawing: bool = False) -> _Cache:
        return _Cache(rows, [None] * self.config.layers, [None] * self.config.layers)

    def gather(self, cache: _Cache, index: np.ndarray, length: int, *, drawing: bool = False) -> _Cache:
        rows = self.put(index)

        def taken(part: mx.array | None) -> mx.array | None:
            return None if part is None or length == 0 else part[:, :, :length][rows]

        return _Cache(len(index), [taken(part) for part in cache.keys], [taken(part) for part in cache.values])

    def append(self, cache: _Cache, tokens: Any, order: Sequence[int], start: int) -> mx.array:
        c, w = self.config, self.weights
        ids = tokens if isinstance(tokens, mx.array) else self.put(tokens)
        count = ids.shape[1]
        if count:
            first = start if start == 0 else start - count
            ids = ids + self._offset_row[mx.array(list(order[first : first + count]))]
        if start == 0:
            ids = mx.concatenate([mx.full((cache.rows, 1), c.vocabulary, ids.dtype), ids], axis=1)
        steps = ids.shape[1]
        x = w["wte"][ids] + w["wfe"][mx.array(list(order[start : start + steps]))]  # (rows, steps, width)
        for layer in range(c.layers):
            q, k, v = self._qkv(w, layer, x)
            past = cache.keys[layer], cache.values[layer]
            if past[0] is not None and past[1] is not None:
                k, v = mx.concatenate([past[0], k], axis=2), mx.concatenate([past[1], v], axis=2)
            cache.keys[layer], cache.values[layer] = k, v
            if layer == c.layers - 1:  # nobody asks what the steps before the last come to
                q, x = q[:, :, -1:], x[:, -1:]
            x = self._after_attention(w, layer, x, self._attend(q, k, v))
        return _layer_norm(x[:, -1], w["ln_f.weight"], w["ln_f.bias"])

    def probabilities(self, hidden: mx.array, field: int) -> np.ndarray:
        return np.array(mx.softmax(self._logits(self.weights, hidden, field), axis=-1))

    def distribution(self, hidden: mx.array, field: int, weight: mx.array | None) -> mx.array:
        probabilities = mx.softmax(self._logits(self.weights, hidden, field), axis=-1)
        return probabilities if weight is None else (probabilities + TINY) * weight

    def draw(self, distribution: mx.array, uniform: mx.array) -> mx.array:
        return draw(distribution, uniform)

    def probability(self, distribution: mx.array, token: mx.array) -> mx.array:
        return mx.take_along_axis(distribution, token[:, None], axis=1)[:, 0] / distribution.sum(axis=-1)

    def put(self, array: np.ndarray) -> mx.array:
        return mx.array(array.astype(np.int32) if array.dtype == np.int64 else array)

    def fetch(self, columns: Sequence[mx.array]) -> np.ndarray:
        return np.array(mx.stack(list(columns), axis=1))

    def numpy_weights(self) -> dict[str, np.ndarray]:
        return _on_host(self.weights)

    # -- the model --------------------------------------------------------------------------------------------
    def _logits(self, w: Arrays, hidden: mx.array, field: int) -> mx.array:
        rows = slice(self.config.offsets[field], self.config.offsets[field + 1])
        return hidden @ w["head.weight"][rows].T + w["head.bias"][rows]

    def _qkv(self, w: Arrays, layer: int, x: mx.array) -> tuple[mx.array, mx.array, mx.array]:
        """Three arrays float32[rows, heads, steps, width of a head]."""
        p, heads = f"h.{layer}.", self.config.heads
        rows, steps, width = x.shape
        a = _layer_norm(x, w[p + "ln_1.weight"], w[p + "ln_1.bias"])
        a = mx.addmm(w[p + "attn.c_attn.bias"], a, w[p + "attn.c_attn.weight"].T)
        q, k, v = (
            part.reshape(rows, steps, heads, width // heads).transpose(0, 2, 1, 3) for part in mx.split(a, 3, axis=-1)
        )
        return q, k, v

    def _attend(self, q: mx.array, k: mx.array, v: mx.array) -> mx.array:
        """float32[rows, steps, width]; of several queries, each sees the keys up to its own."""
        mask = "causal" if q.shape[2] > 1 else None
        mixed = mx.fast.scaled_dot_product_attention(q, k, v, scale=q.shape[-1] ** -0.5, mask=mask)
        return mixed.transpose(0, 2, 1, 3).reshape(q.shape[0], q.shape[2], self.config.width)

    def _after_attention(self, w: Arrays, layer: int, x: mx.array, mixed: mx.array) -> mx.array:
        p = f"h.{layer}."
        x = x + mx.addmm(w[p + "attn.c_proj.bias"], mixed, w[p + "attn.c_proj.weight"].T)
        a = _layer_norm(x, w[p + "ln_2.weight"], w[p + "ln_2.bias"])
        a = mx.maximum(mx.addmm(w[p + "mlp.c_fc.bias"], a, w[p + "mlp.c_fc.weight"].T), 0)
        return x + mx.addmm(w[p + "mlp.c_proj.bias"], a, w[p + "mlp.c_proj.weight"].T)

    # -- training ---------------------------------------------------------------------------------------------
    def _start_updates(
        self, weight_decay: float, average: float, orthogonal: Set[str], state: Mapping[str, np.ndarray] | None
    ) -> None:
        def part(kind: str, default: Arrays) -> Arrays:
            if state is None:
                return default
            return {name: mx.array(state[f"{kind}/{name}"]) for name in default}

        zeros = {name: mx.zeros_like(value) for name, value in self.weights.items()}
        momentum = {name: zeros.pop(name) for name in self.weights if name in orthogonal}
        self.weights = part("weights", self.weights)
        self._average = part("average", dict(self.weights))
        self._moments = part("exp_avg", zeros), part("exp_avg_sq", zeros), part("momentum", momentum)
        self._step = mx.array(0 if state is None else int(state["step"]))
        decay = {name: weight_decay if decays(name) else 0.0 for name in self.weights}
        gradients = mx.value_and_grad(
            lambda w, tokens, order: self._field_losses(self._smoothed(w), tokens, order, mx.ones(1)).sum()
        )

        def apply(
            grads: Arrays,
            weights: Arrays,
            means: Arrays,
            first: Arrays,
            second: Arrays,
            momentum: Arrays,
            step: mx.array,
            rate: mx.array,
        ) -> tuple[Any, ...]:
            """AdamW (Loshchilov & Hutter 2019) and :mod:`.orthogonal` with clipping, then the moving average."""
            norm = mx.sqrt(sum((grad * grad).sum() for grad in grads.values()))
            scale = mx.minimum(1.0, CLIP_NORM / (norm + 1e-6))
            step = step + 1
            correction = 1 - BETAS[0] ** step, mx.sqrt(1 - BETAS[1] ** step)
            grads = {name: grad * scale for name, grad in grads.items()}
            first = {name: BETAS[0] * m + (1 - BETAS[0]) * grads[name] for name, m in first.items()}
            second = {name: BETAS[1] * v + (1 - BETAS[1]) * grads[name] * grads[name] for name, v in second.items()}
            steps = {
                name: rate / correction[0] * m / (mx.sqrt(second[name]) / correction[1] + _EPSILON)
                for name, m in first.items()
            }
            momentum = {name: MOMENTUM * m + (1 - MOMENTUM) * grads[name] for name, m in momentum.items()}
            rates = {name: RATE * rate if name in momentum else rate for name in weights}
            if momentum:
                # Nesterov's, as if the next gradient were this one.
                ahead = [MOMENTUM * m + (1 - MOMENTUM) * grads[name] for name, m in momentum.items()]
                directions = zip(momentum, orthogonal_steps(ahead, mx), strict=True)
                steps |= {name: RATE * rate * direction for name, direction in directions}
            weights = {name: weight * (1 - rates[name] * decay[name]) - steps[name] for name, weight in weights.items()}
            means = {name: mean + (1 - average) * (weights[name] - mean) for name, mean in means.items()}
            return weights, means, first, second, momentum, step

        def update(tokens: mx.array, order: mx.array, weights: Arrays, *others: Any) -> tuple[Any, ...]:
            loss, grads = gradients(weights, tokens, order)
            return *apply(grads, weights, *others), loss

        self._update = mx.compile(update)
        self._gradients, self._apply = mx.compile(gradients), mx.compile(apply)  # apart, where fits are spread
        self._losses = mx.compile(lambda w, *batch: self._field_losses(self._smoothed(w), *batch))

    def _update_on(self, tokens: np.ndarray, order: np.ndarray, learning_rate: float) -> mx.array:
        *after, loss = self._update(self.put(tokens), self.put(order), *self._before(learning_rate))
        return self._updated(after, loss)

    def _update_in_parts(
        self, tokens: np.ndarray, order: np.ndarray, rate: float, rows: int, group: Group | None, pieces: int
    ) -> mx.array:
        # MLX asks for more memory than there is only when it is too late to go on, so there is one piece.
        if group is None:
            return self._update_on(tokens, order, rate)
        loss, grads = self._shared_gradients(tokens, order, rows, group)
        return self._updated(self._apply(grads, *self._before(rate)), loss)

    def _before(self, rate: float) -> tuple[Any, ...]:
        """What an update changes, and its rate: an array, lest each rate compile the step anew."""
        return self.weights, self._average, *self._moments, self._step, mx.array(rate, mx.float32)

    def _updated(self, after: Sequence[Any], loss: mx.array) -> mx.array:
        """``loss``, when what an update gave is kept."""
        self.weights, self._average, *moments, self._step = after
        self._moments = tuple(moments)
        mx.async_eval(self.weights, self._average, moments, self._step, loss)
        return loss

    def _shared_gradients(
        self, tokens: np.ndarray, order: np.ndarray, rows: int, group: Group
    ) -> tuple[mx.array, Arrays]:
        """Loss and gradients of the batches of all processes together."""
        loss, grads = mx.zeros(()), {name: mx.zeros_like(weight) for name, weight in self.weights.items()}
        if len(tokens):
            loss, grads = self._gradients(self.weights, self.put(tokens), self.put(order))
        mine = len(tokens) / rows
        loss, *summed = group.sum_arrays([loss * mine, *(grad * mine for grad in grads.values())])
        return loss, dict(zip(grads, summed, strict=True))

    def losses(self, tokens: np.ndarray, order: np.ndarray, fractions: Sequence[float] = (1.0,)) -> np.ndarray:
        return np.array(self._losses(self._average, self.put(tokens), self.put(order), mx.array(list(fractions))))

    def averaged(self) -> dict[str, np.ndarray]:
        return _on_host(self._smoothed(self._average))

    def _smoothed(self, w: Arrays) -> Arrays:
        return smoothed(w, self._kernels, mx)

    def training_state(self) -> dict[str, np.ndarray]:
        state = {"step": np.array(int(np.array(self._step)), np.int64)}
        kinds = "weights", "average", "exp_avg", "exp_avg_sq", "momentum"
        for kind, arrays in zip(kinds, (self.weights, self._average, *self._moments), strict=True):
            state |= {f"{kind}/{name}": value for name, value in _on_host(arrays).items()}
        return state

    def _field_losses(self, w: Arrays, tokens: mx.array, order: mx.array, fractions: mx.array) -> mx.array:
        """Mean negative log-likelihood of each field, 0 of those that are given: float32[shares, fields]."""
        c = self.config
        rows, fields = tokens.shape
        shifted = mx.take_along_axis(tokens + self._offset_row, order[:, :-1], axis=1)
        ids = mx.concatenate([mx.full((rows, 1), c.vocabulary, shifted.dtype), shifted], axis=1)
        x = w["wte"][ids] + w["wfe"][order]
        for layer in range(c.layers):
            q, k, v = self._qkv(w, layer, x)
            if layer == c.layers - 1:  # nobody asks what the steps of given fields come to
                q, x = q[:, :, c.given :], x[:, c.given :]
            x = self._after_attention(w, layer, x, self._attend(q, k, v))
        # Step t of a row predicts its field order[t]: bring the steps back into field order.
        position = mx.argsort(order[:, c.given :], axis=1)
        x = mx.take_along_axis(x, position[:, :, None], axis=1)
        x = _layer_norm(x, w["ln_f.weight"], w["ln_f.bias"])
        if not self._groups:
            fields_losses = [
                self._loss(
                    self._logits(w, x[:, field - c.given], field),
                    self._start_bias[c.offsets[field] : c.offsets[field + 1]],
                    tokens[:, field],
                    fractions,
                )
                for field in range(c.given, fields)
            ]
            return mx.stack([mx.zeros(fractions.shape)] * c.given + fields_losses, axis=1)
        losses = []
        for group in self._groups:
            ids, padding, at = (mx.array(part) for part in (group.tokens, group.padding, group.fields))
            hidden = x[:, at - c.given].transpose(1, 0, 2)  # (fields, rows, width)
            logits = hidden @ w["head.weight"][ids].transpose(0, 2, 1) + w["head.bias"][ids][:, None] + padding
            marginal = self._start_bias[ids][:, None] + padding
            losses.append(self._loss(logits, marginal, tokens[:, at].T, fractions))
        inverse = np.concatenate([group.fields for group in self._groups]).argsort()
        given = mx.zeros((len(fractions), c.given))
        return mx.concatenate([given, mx.concatenate(losses, axis=1)[:, mx.array(inverse)]], axis=1)

    @staticmethod
    def _loss(logits: mx.array, marginal: mx.array, tokens: mx.array, fractions: mx.array) -> mx.array:
        """Mean over rows, of logits [..., rows, tokens] of which each of ``fractions`` is taken: [fractions, ...]."""
        share = fractions.reshape(-1, *[1] * logits.ndim)
        logits = logits * share + marginal * (1 - share)
        chosen = mx.take_along_axis(logits, tokens[None, ..., None], axis=-1)[..., 0]
        return (mx.logsumexp(logits, axis=-1) - chosen).mean(axis=-1)


def _layer_norm(x: mx.array, weight: mx.array, bias: mx.array) -> mx.array:
    return mx.fast.layer_norm(x, weight, bias, _NORM_EPSILON)


def _on_host(arrays: Arrays) -> dict[str, np.ndarray]:
    return {name: np.array(value) for name, value in arrays.items()}
