"""Adapters in PyTorch: peft's layers, and the dropout before them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tabular.errors import EngineError

from ....parallel.group import Group
from ..tuning import Tuning, dropout_seed
from .model import blocks_of, computes_in

__all__ = ["Dropout", "with_adapters"]


class Dropout:
    """Dropout (Srivastava et al. 2014) of what adapters multiply, within :meth:`active` alone.

    peft's own also changes what DoRA adds of the layer's plain product; here, as in mlx-lm, that stays whole.

    Args:
        adapted: a model with adapters.
    """

    def __init__(self, adapted: Any, tuning: Tuning, device: torch.device) -> None:
        self.tuning, self.device, self._on = tuning, device, False
        # The magnitudes' layer is given the input of A, and multiplies with A and B inside.
        last = ".lora_magnitude_vector.default" if tuning.method == "dora" else ".lora_A.default"
        if tuning.dropout:
            for name, module in adapted.named_modules():
                if name.endswith(last):
                    module.register_forward_pre_hook(self._drop)

    @contextmanager
    def active(self, update: int, group: Group | None = None) -> Iterator[None]:
        """What is computed within is computed with dropout, the same at each call with the same arguments."""
        if not self.tuning.dropout:
            yield
            return
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            torch.manual_seed(dropout_seed(self.tuning, update, group))
            self._on = True
            try:
                yield
            finally:
                self._on = False

    def _drop(self, layer: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return F.dropout(inputs[0], self.tuning.dropout, training=self._on), *inputs[1:]


def with_adapters(model: Any, tuning: Tuning) -> Any:
    """A model of peft around ``model``, with adapters that change nothing yet.

    Raises:
        EngineError: for a model that peft makes no adapters for.
    """
    from peft import LoraConfig, get_peft_model
    from transformers.pytorch_utils import Conv1D

    kinds = (nn.Linear, Conv1D)
    layers = {name.rpartition(".")[2] for name, module in model.base_model.named_modules() if isinstance(module, kinds)}
    if tuning.layers is not None:
        wanted = {id(module) for block in blocks_of(model)[-tuning.layers :] for module in block.modules()}
        layers = {name for name, module in model.named_modules() if isinstance(module, kinds) and id(module) in wanted}
    # In the type of their layers: else every layer's input is kept in float32 for the backward pass, beside itself in
    # 16 bits. DoRA divides by the norms of the adapted weights, for which 16 bits are too coarse.
    number = computes_in(model) if tuning.method == "lora" else torch.float32
    config = LoraConfig(
        r=tuning.rank,
        lora_alpha=tuning.rank * tuning.scale,  # type: ignore[arg-type]  # any number does
        lora_dropout=0.0,
        target_modules=sorted(layers),
        fan_in_fan_out=any(isinstance(module, Conv1D) for module in model.modules()),
        use_dora=tuning.method == "dora",
        bias="none",
        task_type="CAUSAL_LM",
        exclude_modules=["lm_head"],
    )
    try:
        adapted = get_peft_model(model, config)
    except ValueError as error:  # layers that peft knows to be used otherwise than by calling them
        reason = str(error).splitlines()[0][:150]
        raise EngineError(
            f"A {model.config.model_type} model takes no adapters ({reason}); take --tuning full, or another model."
        ) from None
    for name, weight in model.named_parameters():
        if "lora_" in name:
            weight.data = weight.data.to(number)
    for module in adapted.modules() if tuning.method == "dora" else ():
        if type(module).__name__ == "Linear8bitLt" and hasattr(module, "state"):  # of bitsandbytes, not of peft
            module.register_forward_pre_hook(_keep_scales)
    return adapted


def _keep_scales(layer: Any, inputs: tuple[Tensor, ...]) -> None:
    """Give a layer of 8-bit weights its scales back before it multiplies.

    Where DoRA takes the norms of such weights on a processor, peft puts a new weight in place, without scales, and
    bitsandbytes then takes those of the weight for the layer's.
    """
    if layer.weight.SCB is None:
        layer.weight.SCB = layer.state.SCB
