"""The PyTorch engine of ``nano``: CPU, CUDA and MPS differ in the device alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property, partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tabular.machine.devices import full_width_products, product_type
from tabular.machine.memory import release_cached_memory
from tabular.machine.threads import one_thread_an_operation

from ...decoding.attention import attend, laid_out
from ...decoding.torch_draws import draw
from ...parallel.group import Group
from ..config import NanoConfig
from .base import BETAS, CLIP_NORM, TINY, NanoEngine, decays
from .orthogonal import MOMENTUM, RATE, orthogonal_steps
from .rank_kernel import smoothed
from .torch_adamw import AdamW
from .torch_heads import TorchHeads

if TYPE_CHECKING:
    from tabular.dp.updates import NoisyGradient

__all__ = ["TorchEngine"]
#: Fields of rows that losses are found of at a time: of more, what a layer makes leaves the processor's cache.
#: But of many fields not of fewer rows than a number, lest each field's head be multiplied with hardly any.
FIELDS_AT_ONCE, MIN_AT_ONCE = 1 << 13, 64
#: Keys of a row from which a processor is faster with torch's attention than element by element (14 take half of the
#: time), and above which it is faster still with them as matrices (50 take half of that), unless they are bfloat16.
SOME_KEYS, MANY_KEYS = 6, 32
#: Fields above which, on a processor, the keys of a head of a row lie together in memory and not those of a step: of 40
#: fields attention takes two thirds of the time then, of 1,000 a third. In bfloat16 that was measured of 500 alone.
MANY_FIELDS, MANY_FIELDS_LOW = 32, 256
#: Width of the model from which draws multiply in bfloat16, on a processor that does so by itself; and of how many rows
#: a multiple is drawn then: for each number of rows that it meets oneDNN compiles its kernels anew, some ms.
MIN_WIDTH_LOW, ROUND_LOW = 64, 64


@dataclass
class _Cache:
    """Keys and values, [layers, fields, rows, heads, width of a head]: a step's rows lie together, or a head's steps
    (:data:`MANY_FIELDS`).

    They are float32, or bfloat16 where the layers multiply in it.
    """

    keys: Tensor
    values: Tensor


class TorchEngine(NanoEngine):
    """``nano`` in PyTorch.

    Args:
        weights: float32 arrays by name, as :func:`tabllm.nano.config.initial_weights` makes them.
        device: ``"cpu"``, ``"cuda"`` or ``"mps"``.
    """

    name = "torch"

    def __init__(self, config: NanoConfig, weights: Mapping[str, np.ndarray], device: str = "cpu") -> None:
        self.config = config
        self.device = torch.device(device)
        self.weights = {name: torch.tensor(value, device=self.device) for name, value in weights.items()}
        # numpy's names for what torch calls otherwise.
        self._library = SimpleNamespace(
            split=_split, concatenate=torch.cat, stack=torch.stack, eye=partial(torch.eye, device=device)
        )
        self._heads = TorchHeads(config, self.weights["head.bias"].clone())
        self._offset_row = torch.tensor(config.offsets[:-1], device=self.device)

    # -- decoding ---------------------------------------------------------------------------------------------
    def new_cache(self, rows: int, *, drawing: bool = False) -> _Cache:
        c, low = self.config, drawing and bool(self._low_weights)
        fields, dtype = len(c.sizes), torch.bfloat16 if low else torch.float32
        by_head = self.device.type == "cpu" and fields > (MANY_FIELDS_LOW if low else MANY_FIELDS)
        shape = (c.layers, *((rows, c.heads, fields) if by_head else (fields, rows, c.heads)), c.width // c.heads)
        keys, values = (torch.empty(shape, dtype=dtype, device=self.device) for _ in range(2))
        return _Cache(*(each.permute(0, 3, 1, 2, 4) if by_head else each for each in (keys, values)))

    @torch.inference_mode()
    def gather(self, cache: _Cache, index: np.ndarray, length: int, *, drawing: bool = False) -> _Cache:
        fresh, rows = self.new_cache(len(index), drawing=drawing), self.put(index)
        for old, new in ((cache.keys, fresh.keys), (cache.values, fresh.values)):
            for layer in range(self.config.layers if length else 0):
                if old.dtype == new.dtype:
                    torch.index_select(old[layer, :length], 1, rows, out=new[layer, :length])
                else:
                    new[layer, :length] = old[layer, :length].index_select(1, rows)
        return fresh

    @property
    def round_rows(self) -> int:  # type: ignore[override]
        return ROUND_LOW if self._low_weights else 1

    @cached_property
    def _low_weights(self) -> dict[str, Tensor]:
        """The layers' matrices and their biases in bfloat16, where that multiplies faster; else nothing.

        Nor while the weights are in training, when they change.
        """
        training = self.weights["wte"].requires_grad
        if training or self.config.width < MIN_WIDTH_LOW or product_type(self.device) != torch.bfloat16:
            return {}
        return {k: v.bfloat16() for k, v in self.weights.items() if k.startswith("h.") and ".ln_" not in k}

    @torch.inference_mode()
    def append(self, cache: _Cache, tokens: Any, order: Sequence[int], start: int) -> Tensor:
        c, w = self.config, self.weights
        ids = (tokens if isinstance(tokens, Tensor) else self.put(tokens)).long()
        count = ids.shape[1]
        if count:
            fields = list(order[:count] if start == 0 else order[start - count : start])
            # A plain number where there is one field: a list would be copied to the device at each step.
            ids = ids + (c.offsets[fields[0]] if count == 1 else self._offset_row[fields])
        if start == 0:
            ids = torch.cat([ids.new_full((cache.keys.shape[2], 1), c.vocabulary), ids], dim=1)
        steps = ids.shape[1]
        next_field = w["wfe"][order[start]] if steps == 1 else w["wfe"][list(order[start : start + steps])][:, None]
        x = F.embedding(ids.T, w["wte"]) + next_field  # (steps, rows, width)
        for layer in range(c.layers):
            x = self._decode_block(layer, x, cache, start)
        return F.layer_norm(x[-1], (c.width,), w["ln_f.weight"], w["ln_f.bias"])

    def _decode_block(self, layer: int, x: Tensor, cache: _Cache, start: int) -> Tensor:
        """x: float32[steps, rows, width], of the last layer the last step alone; keys and values go into the cache at
        ``start``."""
        heads = self.config.heads
        steps, rows, width = x.shape
        low = cache.keys.dtype == torch.bfloat16
        w = {**self.weights, **self._low_weights} if low else self.weights
        q, k, v = self._qkv(w, layer, x).view(steps, rows, 3, heads, width // heads).unbind(2)
        stop = start + steps
        cache.keys[layer, start:stop], cache.values[layer, start:stop] = k, v
        keys, values = cache.keys[layer, :stop], cache.values[layer, :stop]  # (stop, rows, heads, dh)
        if layer == self.config.layers - 1:  # nobody asks what the steps before the last come to
            q, x, steps = q[-1:], x[-1:], 1
        if steps == 1 and not low and (stop < SOME_KEYS or x.device.type != "cpu"):
            # One query a row: element-wise products beat a batched matrix product of 1 x dh matrices.
            probability = torch.softmax((q * (width // heads) ** -0.5 * keys).sum(-1), dim=0)
            mixed = (probability.unsqueeze(-1) * values).sum(0, keepdim=True)
        elif steps == 1 and not low and stop > MANY_KEYS:
            q, keys, values = (t.reshape(len(t), rows * heads, -1).transpose(0, 1) for t in (q, keys, values))
            probability = torch.softmax((q * (width // heads) ** -0.5) @ keys.transpose(1, 2), dim=-1)
            mixed = (probability @ values).view(1, rows, width)
        else:
            q, keys, values = (t.permute(1, 2, 0, 3) for t in (q, keys, values))
            mixed = F.scaled_dot_product_attention(*laid_out(q, keys, values), is_causal=steps > 1).permute(2, 0, 1, 3)
        return self._after_attention(w, layer, x, mixed.reshape(steps, rows, width))

    @torch.inference_mode()
    def probabilities(self, hidden: Tensor, field: int) -> np.ndarray:
        result: np.ndarray = torch.softmax(self._logits(self.weights, hidden, field), dim=-1).cpu().numpy()
        return result

    @torch.inference_mode()
    def distribution(self, hidden: Tensor, field: int, weight: Tensor | None) -> Tensor:
        probabilities = torch.softmax(self._logits(self.weights, hidden, field), dim=-1)
        return probabilities if weight is None else (probabilities + TINY) * weight

    def draw(self, distribution: Tensor, uniform: Tensor) -> Tensor:
        return draw(distribution, uniform)

    def probability(self, distribution: Tensor, token: Tensor) -> Tensor:
        return distribution.gather(1, token.long()[:, None])[:, 0] / distribution.sum(dim=-1)

    def drawing(self) -> AbstractContextManager[int]:
        # Products of a block are too small for several threads to gain by them.
        return one_thread_an_operation() if self.device.type == "cpu" else nullcontext(1)

    def put(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.device)

    def fetch(self, columns: Sequence[Tensor]) -> np.ndarray:
        result: np.ndarray = torch.stack(list(columns), dim=1).cpu().numpy()
        return result

    def numpy_weights(self) -> dict[str, np.ndarray]:
        return {name: _on_host(value) for name, value in self.weights.items()}

    # -- the model --------------------------------------------------------------------------------------------
    def _logits(self, w: Mapping[str, Tensor], hidden: Tensor, field: int) -> Tensor:
        """The head's rows of one field only: exact, since the softmax is over that field's tokens."""
        rows = slice(self.config.offsets[field], self.config.offsets[field + 1])
        return F.linear(hidden, w["head.weight"][rows], w["head.bias"][rows])

    def _qkv(self, w: Mapping[str, Tensor], layer: int, x: Tensor) -> Tensor:
        p = f"h.{layer}."
        a = F.layer_norm(x, x.shape[-1:], w[p + "ln_1.weight"], w[p + "ln_1.bias"])
        return _linear(w, p + "attn.c_attn", a)

    def _after_attention(self, w: Mapping[str, Tensor], layer: int, x: Tensor, mixed: Tensor) -> Tensor:
        p = f"h.{layer}."
        x = x + _linear(w, p + "attn.c_proj", mixed)
        a = F.layer_norm(x, x.shape[-1:], w[p + "ln_2.weight"], w[p + "ln_2.bias"])
        # ReLU in GELU's place: as good here, and GELU cost as much as the product before it on a CPU.
        return x + _linear(w, p + "mlp.c_proj", F.relu(_linear(w, p + "mlp.c_fc", a)))

    # -- training ---------------------------------------------------------------------------------------------
    @torch.no_grad()
    def _start_updates(
        self, weight_decay: float, average: float, orthogonal: Set[str], state: Mapping[str, np.ndarray] | None
    ) -> None:
        if state is not None:
            for name, value in self.weights.items():
                value.copy_(self.put(state[f"weights/{name}"]))
        self._average_decay = average
        self._average = {name: value.clone() for name, value in self.weights.items()}
        for value in self.weights.values():
            value.requires_grad_(True)
        self._low_weights = {}
        self._weight_decay, self._updating = weight_decay, False
        self._momentum = {name: torch.zeros_like(value) for name, value in self.weights.items() if name in orthogonal}
        adams = {name: value for name, value in self.weights.items() if name not in self._momentum}
        self._adamw = AdamW(adams, betas=BETAS, weight_decay=weight_decay, decays=decays)
        if state is not None:
            for kind, values in (("average", self._average), ("momentum", self._momentum)):
                for name, value in values.items():
                    value.copy_(self.put(state[f"{kind}/{name}"]))
            self._adamw.restore({name: self.put(value) for name, value in state.items()})

    @full_width_products()
    def _update_on(self, tokens: np.ndarray, order: np.ndarray, learning_rate: float) -> Tensor:
        loss = self._field_losses(self._smoothed(self.weights), self.put(tokens), self.put(order)).sum()
        loss.backward()
        self._update(learning_rate)
        return loss.detach()

    @full_width_products()
    def _update_in_parts(
        self, tokens: np.ndarray, order: np.ndarray, rate: float, rows: int, group: Group | None, pieces: int
    ) -> Tensor:
        loss = torch.zeros((), device=self.device)
        for part in np.array_split(np.arange(len(tokens)), pieces):
            if len(part):
                loss += self._backward_of_part(tokens[part], order[part], rows)
        if group is not None:
            loss = self._sum_gradients(loss, group)
        self._update(rate)
        return loss.detach()

    def _backward_of_part(self, tokens: np.ndarray, order: np.ndarray, rows: int) -> Tensor:
        """Add the gradients of some of the ``rows`` rows of an update, and give their part of its loss."""
        losses = self._field_losses(self._smoothed(self.weights), self.put(tokens), self.put(order))
        loss = losses.sum() * (len(tokens) / rows)
        loss.backward()
        return loss.detach()

    def drop_gradients(self) -> bool:
        if self._updating:  # some weights are new, and others are not
            return False
        for weight in self.weights.values():
            weight.grad = None
        release_cached_memory(self.device)
        return True

    def _sum_gradients(self, loss: Tensor, group: Group) -> Tensor:
        """Put the sums over all processes in place of the gradients of this one, and give the sum of the losses."""
        weights = list(self.weights.values())
        gradients = [torch.zeros_like(weight) if weight.grad is None else weight.grad for weight in weights]
        loss, *gradients = group.sum_arrays([loss, *gradients])
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.grad = gradient
        return loss

    def private_train_step(
        self,
        tokens: np.ndarray,
        order: np.ndarray,
        learning_rate: float,
        gradient: NoisyGradient,
        noise: np.random.Generator,
    ) -> None:
        """As :meth:`train_step`, with a noisy gradient of clipped rows; reports no loss. There may be no rows.

        Rows are clipped by the gradient of the plain weights, where each use of a weight is known. Noise is added to
        that gradient before the chain rule takes it to the parameters: post-processing, which costs no privacy.
        """
        ids, positions = self.put(tokens), self.put(order)
        plain = self._smoothed(self.weights)
        leaves = {name: weight.detach().requires_grad_() for name, weight in plain.items()}
        everybody = torch.arange(len(ids), device=self.device)
        gradients = gradient(
            lambda rows: self._field_losses(leaves, ids[rows], positions[rows], apart=True).sum(),
            everybody,
            list(leaves.values()),
            noise,
        )
        torch.autograd.backward(list(plain.values()), gradients)
        self._update(learning_rate)

    def _update(self, learning_rate: float) -> None:
        """One step of the optimizer down the gradients that the weights have."""
        self._updating = True
        torch.nn.utils.clip_grad_norm_(list(self.weights.values()), CLIP_NORM)
        self._adamw.update(learning_rate)
        with torch.no_grad():
            if self._momentum:
                self._orthogonal_update(learning_rate * RATE)
            torch._foreach_zero_(_gradients(self.weights.values()))
            torch._foreach_lerp_(list(self._average.values()), list(self.weights.values()), 1 - self._average_decay)
        self._updating = False

    def _orthogonal_update(self, rate: float) -> None:
        weights = [self.weights[name] for name in self._momentum]
        gradients, means = _gradients(weights), list(self._momentum.values())
        torch._foreach_lerp_(means, gradients, 1 - MOMENTUM)
        ahead = torch._foreach_lerp(gradients, means, MOMENTUM)  # Nesterov's, as if the next gradient were this one
        torch._foreach_mul_(weights, 1 - rate * self._weight_decay)
        torch._foreach_add_(weights, orthogonal_steps(ahead, self._library), alpha=-rate)

    @torch.no_grad()
    @full_width_products()
    def losses(self, tokens: np.ndarray, order: np.ndarray, fractions: Sequence[float] = (1.0,)) -> np.ndarray:
        rows = max(MIN_AT_ONCE, FIELDS_AT_ONCE // tokens.shape[1])
        parts = zip(self.put(tokens).split(rows), self.put(order).split(rows), strict=True)
        average = self._smoothed(self._average)
        losses = [self._field_losses(average, *part, fractions) * len(part[0]) for part in parts]
        result: np.ndarray = (torch.stack(losses).sum(dim=0) / len(tokens)).cpu().numpy()
        return result

    def averaged(self) -> dict[str, np.ndarray]:
        return {name: _on_host(value) for name, value in self._smoothed(self._average).items()}

    def _smoothed(self, w: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return smoothed(w, self._kernels, self._library)

    def training_state(self) -> dict[str, np.ndarray]:
        state: dict[str, np.ndarray] = {}
        for kind, values in (("weights", self.weights), ("average", self._average), ("momentum", self._momentum)):
            state |= {f"{kind}/{name}": _on_host(value) for name, value in values.items()}
        return state | {name: _on_host(value) for name, value in self._adamw.state().items()}

    def _field_losses(
        self,
        w: Mapping[str, Tensor],
        tokens: Tensor,
        order: Tensor,
        fractions: Sequence[float] = (1.0,),
        *,
        apart: bool = False,
    ) -> Tensor:
        """Mean negative log-likelihood of each field, 0 of those that are given: float32[shares, fields]."""
        c = self.config
        rows, fields = tokens.shape
        shifted = (tokens + self._offset_row).gather(1, order[:, :-1])
        ids = torch.cat([shifted.new_full((rows, 1), c.vocabulary), shifted], dim=1)
        x = F.embedding(ids, w["wte"]) + F.embedding(order, w["wfe"])  # (rows, fields, width)
        for layer in range(c.layers):
            qkv = self._qkv(w, layer, x).view(rows, fields, 3, c.heads, c.width // c.heads)
            q, k, v = qkv.permute(2, 0, 3, 1, 4)
            if c.given and layer == c.layers - 1:  # nobody asks what the steps of given fields come to
                q, x = q[:, :, c.given :], x[:, c.given :]
            mixed = attend(q, k, v)
            x = self._after_attention(w, layer, x, mixed.transpose(1, 2).reshape(x.shape))
        x = F.layer_norm(x, (c.width,), w["ln_f.weight"], w["ln_f.bias"])
        return self._heads.losses(w, x, order, tokens, fractions, apart=apart)


def _linear(w: Mapping[str, Tensor], name: str, x: Tensor) -> Tensor:
    """In the number type of the weights, of which ``x`` is made where it is another."""
    weight = w[name + ".weight"]
    return F.linear(x.to(weight.dtype), weight, w[name + ".bias"])


def _split(array: Tensor, indices: Sequence[int]) -> tuple[Tensor, ...]:
    """As ``numpy.split``; :func:`torch.tensor_split` would make an array of zeros for the gradient of each part."""
    return array.split(np.diff(indices, prepend=0, append=len(array)).tolist())


def _gradients(weights: Iterable[Tensor]) -> list[Tensor]:
    return [weight.grad for weight in weights if weight.grad is not None]


def _on_host(value: Tensor) -> np.ndarray:
    copied: np.ndarray = value.detach().cpu().numpy().copy()
    return copied
