"""Fine-tuning in PyTorch: full, LoRA and DoRA (peft), on plain weights and on bitsandbytes' quantized ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tabular.machine.devices import full_width_products
from tabular.machine.memory import release_cached_memory

from ....parallel.group import Group
from ...serialization.base import Batch
from ..adamw import BETAS, CLIP_NORM, FIRST_SCALE, GROWTH
from ..base import Arrays
from ..tuning import Tuning
from ..weight_names import adapter_name
from .adapters import Dropout, with_adapters
from .model import Head, computes_in
from .products import allow_tf32, autocast_type, in_fast_types, multiplies_bf16

__all__ = ["Training"]

_MOMENTS = ("exp_avg", "exp_avg_sq")


class Training:
    """The weights that are trained, their optimizer and the loss.

    Args:
        head: of a vocabulary of the table's own, which is trained in any case; ``None`` for the model's.
        used: int64, tokens over which the softmax runs.
        masks: bool[levels, used], which of them can stand at a level.
    """

    def __init__(
        self,
        model: Any,
        head: Head | None,
        tuning: Tuning,
        used: np.ndarray,
        masks: np.ndarray,
        weight_decay: float,
        device: torch.device,
    ) -> None:
        self.model, self.head, self.device, self.tuning = model, head, device, tuning
        self.autocast = autocast_type(computes_in(model), multiplies_bf16(device))
        self.used = torch.from_numpy(used).to(device)
        self.masks = torch.from_numpy(masks).to(device)
        self.peft: Any = None
        self.dropout: Dropout | None = None
        self.updates = 0
        if tuning.checkpointing:
            model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
            model.enable_input_require_grads()
            model.train()  # transformers checkpoints in training mode only; there is no dropout
        if tuning.method == "full":
            model.requires_grad_(True)
        elif tuning.method != "none":
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(tuning.seed)
                self.peft = with_adapters(model, tuning)
            self.dropout = Dropout(self.peft, tuning, device)
        self.extra: dict[str, Tensor] = {}
        if head is not None and head.bias is not None:
            model.get_output_embeddings().weight.requires_grad_(False)  # of the model's own vocabulary
            pair = model.get_input_embeddings()
            self.extra = {
                "vocabulary.tokens": pair.tokens,
                "vocabulary.fields": pair.fields,
                "vocabulary.head": head.weight,
                "vocabulary.bias": head.bias,
            }
            for weight in self.extra.values():
                weight.requires_grad_(True)
        self.weights = dict(self._named())
        # Small changes would be lost in weights of 16 bits: float32 masters are what is trained.
        self.masters = {
            name: weight.detach().float().requires_grad_(True)
            for name, weight in self.weights.items()
            if weight.dtype != torch.float32
        }
        self.trainable = {**self.weights, **self.masters}
        # Gradients of float16 are taken of a scaled loss, or small ones would be 0 (Micikevicius et al. 2018).
        self._scales = any(weight.dtype == torch.float16 for weight in model.parameters())
        self.loss_scale, self._since = FIRST_SCALE if self._scales else 1.0, 0
        matrices = [w for name, w in self.trainable.items() if w.ndim > 1 and "lora_" not in name]
        others = [w for name, w in self.trainable.items() if not (w.ndim > 1 and "lora_" not in name)]
        groups = [{"params": matrices, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(
            [group for group in groups if group["params"]], betas=BETAS, fused=device.type in ("cpu", "cuda")
        )

    def _named(self) -> Iterator[tuple[str, Tensor]]:
        extra = {id(weight) for weight in self.extra.values()}
        # A tied head is the embedding itself, and comes once.
        for name, weight in self.model.named_parameters():
            if weight.requires_grad and id(weight) not in extra:
                yield adapter_name(name), weight
        yield from self.extra.items()

    # -- the loss ---------------------------------------------------------------------------------------------
    def _target_losses(self, batch: Batch) -> Tensor:
        """float32[targets]: the negative log-likelihood of each choice among what can stand at its level."""
        ids = torch.from_numpy(batch.ids).to(self.device)
        with in_fast_types(self.device, self.autocast):
            hidden = self.model.base_model(input_ids=ids, use_cache=False).last_hidden_state
        picked = hidden.reshape(-1, hidden.shape[-1])[torch.from_numpy(batch.at).to(self.device)]
        layer = self.head if self.head is not None else self.model.get_output_embeddings()
        whole_bias: Tensor | None = getattr(layer, "bias", None)
        bias = None if whole_bias is None else whole_bias[self.used].float()
        weight = layer.weight[self.used].float()
        logits = F.linear(picked.to(weight.dtype), weight, bias).float()
        logits = logits.masked_fill(~self.masks[torch.from_numpy(batch.level).to(self.device)], -torch.inf)
        return F.cross_entropy(logits, torch.from_numpy(batch.target).to(self.device), reduction="none")

    @full_width_products()
    def step(self, batches: Sequence[Batch], learning_rate: float, rows: int, group: Group | None) -> Tensor:
        """One update; the mean loss per row."""
        for settings in self.optimizer.param_groups:
            settings["lr"] = learning_rate
        total = torch.zeros((), device=self.device)
        with self.dropout.active(self.updates, group) if self.dropout is not None else nullcontext():
            for batch in batches:
                loss = self._target_losses(batch).sum() / rows
                with allow_tf32(self.device):
                    (loss * self.loss_scale).backward()
                total = total + loss.detach()
        for name, master in self.masters.items():
            gradient = self.weights[name].grad
            master.grad = None if gradient is None else gradient.float()
        if group is not None:
            total = self._sum_gradients(total, group)
        gradients = [weight.grad for weight in self.trainable.values() if weight.grad is not None]
        if self._scales:
            torch._foreach_div_(gradients, self.loss_scale)
        norm = torch.nn.utils.clip_grad_norm_(list(self.trainable.values()), CLIP_NORM)
        if not self._scales or self._finite(norm):
            self._make_moments()
            self.optimizer.step()
            self.updates += 1
            self._round()
        self._clear_gradients()
        return total

    def _make_moments(self) -> None:
        """What the optimizer keeps of each weight, all of it before any weight is changed: where memory does not reach,
        the update can be made again. AdamW makes it weight by weight, and takes up what it left half made."""
        device = self.device if self.device.type == "cuda" else torch.device("cpu")  # of the counts, as AdamW has them
        for weight in self.trainable.values():
            if weight.grad is not None and weight not in self.optimizer.state:
                moments = {moment: torch.zeros_like(weight) for moment in _MOMENTS}
                self.optimizer.state[weight] = {"step": torch.zeros((), device=device), **moments}

    def _clear_gradients(self) -> None:
        self.optimizer.zero_grad(set_to_none=False)
        for name in self.masters:
            self.weights[name].grad = None

    def drop_gradients(self) -> bool:
        """Forget the gradients of an update that ended half way."""
        self._clear_gradients()
        release_cached_memory(self.device)
        return True

    def _sum_gradients(self, total: Tensor, group: Group) -> Tensor:
        """Put the sums over all processes in place of the gradients of this one, and give the sum of the losses."""
        weights = list(self.trainable.values())
        # Without rows there are no gradients; a weight that no process has one of stays without, as in one process.
        mine = [weight.grad is not None for weight in weights]
        gradients = [torch.zeros_like(weight) if weight.grad is None else weight.grad for weight in weights]
        total, having, *summed = group.sum_arrays(
            [total, torch.tensor(mine, dtype=torch.float32, device=self.device), *gradients]
        )
        theirs = mine if all(mine) else having.tolist()
        for weight, gradient, there in zip(weights, summed, theirs, strict=True):
            weight.grad = gradient if there else None
        return total

    def _finite(self, norm: Tensor) -> bool:
        """Whether a gradient can be used; the loss scale halves if not, and doubles after many that could."""
        finite = bool(torch.isfinite(norm))
        self._since = self._since + 1 if finite else 0
        if not finite:
            self.loss_scale = max(self.loss_scale / 2, 1.0)
        elif self._since >= GROWTH:
            self.loss_scale, self._since = self.loss_scale * 2, 0
        return finite

    @torch.no_grad()
    def _round(self) -> None:
        """Put the masters in place, rounded to what the model computes with."""
        for name, master in self.masters.items():
            self.weights[name].copy_(master)

    @torch.no_grad()
    @full_width_products()
    def losses(self, batch: Batch, columns: int) -> np.ndarray:
        """float64[columns], summed over the rows."""
        result: np.ndarray = np.bincount(
            batch.column, self._target_losses(batch).float().cpu().numpy().astype(np.float64), minlength=columns
        )
        return result

    # -- keeping ----------------------------------------------------------------------------------------------
    def trained(self) -> Arrays:
        """What is trained, by neutral names (see :mod:`tabllm.lm.engines.weight_names`)."""
        return {name: _on_host(name, weight) for name, weight in self.trainable.items()}

    def state(self) -> Arrays:
        """The optimizer's moments and its count of steps."""
        arrays: Arrays = {}
        for name, weight in self.trainable.items():
            moments = self.optimizer.state.get(weight)
            if moments:
                arrays |= {f"{moment}/{name}": _on_host(name, moments[moment]) for moment in _MOMENTS}
                arrays["step"] = np.array(int(moments["step"]), np.int64)
        return arrays

    @torch.no_grad()
    def load(self, weights: Mapping[str, np.ndarray], state: Mapping[str, np.ndarray] | None) -> None:
        """Take up what :meth:`trained` and :meth:`state` gave."""
        for name, weight in self.trainable.items():
            weight.copy_(_from_host(name, weights[name], weight))
            if state is not None and f"exp_avg/{name}" in state:
                moments = {moment: _from_host(name, state[f"{moment}/{name}"], weight).clone() for moment in _MOMENTS}
                step = torch.tensor(float(state["step"]), device=self.device)
                self.optimizer.state[weight] = {"step": step, **moments}
        if state is not None and "step" in state:
            self.updates = int(state["step"])
        self._round()

    def finish(self, *, merge: bool) -> Any:
        """End training; the model with its adapters merged, or ``None`` where they stay beside the weights."""
        if self.tuning.checkpointing:
            self.model.gradient_checkpointing_disable()
        self.model.eval()
        for weight in self.weights.values():
            weight.requires_grad_(False)
            weight.grad = None
        if merge:
            for name, master in self.masters.items():
                if "lora_" in name:
                    self.weights[name].data = master.data  # so that the sum is rounded once
        self.masters, self.trainable = {}, {}
        self.optimizer.param_groups.clear()
        self.optimizer.state.clear()  # now, not when a cycle of references is collected: 1 GB for GPT-2
        return self.peft.merge_and_unload() if self.peft is not None and merge else None


def _turned(name: str) -> bool:
    """Whether peft keeps the weight as the transpose of what a run keeps."""
    return name.endswith((".lora_a", ".lora_b"))


def _on_host(name: str, value: Tensor) -> np.ndarray:
    plain = value.detach().float().cpu()
    copied: np.ndarray = (plain.T if _turned(name) else plain).contiguous().numpy().copy()
    return copied


def _from_host(name: str, value: np.ndarray, like: Tensor) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(value.T if _turned(name) else value)).to(like)
