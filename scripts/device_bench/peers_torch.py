"""transformers and peft beside it, on the same weights, rows and batches, as their documentation has them used.

On CUDA with the number types that tabllm takes there: fp32 weights learn under autocast to bf16, and sample with TF32.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tabllm.bench.training import RATE, WARM_UP
from tabllm.lm.engines.pytorch.products import allow_tf32, autocast_type, in_fast_types, multiplies_bf16
from tabular.machine.devices import choose_torch_device

from .models import plain_folder, rows_as_tokens
from .plan import Line, Sizes, sampled

__all__ = ["fit", "sample"]


def sample(line: Line, sizes: Sizes, device: str, work: Path, tiny: bool) -> dict[str, Any]:
    """``model.generate`` of batches, as many tokens as a row has, with draws; no row ends early."""
    model, folder = _load(line, device, work, tiny)
    length = round(float(np.mean([len(row) for row in rows_as_tokens(folder, 1000, tiny=tiny)])))
    prompts = torch.randint(0, 1000, (sizes.block, 1), device=model.device)
    wanted = {"max_new_tokens": length - 1, "min_new_tokens": length - 1, "do_sample": True, "top_k": 0}

    def run() -> None:
        with torch.inference_mode(), allow_tf32(model.device):
            model.generate(prompts, attention_mask=torch.ones_like(prompts), pad_token_id=0, **wanted)
        _wait()

    run()
    _forget_peak()
    start = time.perf_counter()
    for _ in range(sizes.trials):
        run()
    seconds = time.perf_counter() - start
    return {
        **sampled("transformers.generate", sizes, length, seconds),
        **_peak(),
    }


def fit(line: Line, sizes: Sizes, device: str, work: Path, tiny: bool) -> dict[str, Any]:
    """Updates as transformers' Trainer makes them: its loss over all of the vocabulary, AdamW, peft's adapters."""
    model, folder = _load(line, device, work, tiny)
    weights = model.dtype  # without adapters, which are float32
    if line.tuning == "lora":
        from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training

        if line.precision.endswith("bit"):
            model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)
        config = LoraConfig(
            r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM", fan_in_fan_out=line.model == "gpt2"
        )
        model = get_peft_model(model, config)
    model.train()
    optimizer = torch.optim.AdamW([weight for weight in model.parameters() if weight.requires_grad], lr=RATE)
    updates = sizes.updates_for(line)
    rows = rows_as_tokens(folder, (WARM_UP + updates) * sizes.batch, tiny=tiny)
    autocast = autocast_type(weights, multiplies_bf16(model.device))
    tokens = 0

    def update(number: int) -> int:
        part = rows[number * sizes.batch : (number + 1) * sizes.batch]
        longest = max(map(len, part))
        ids = torch.tensor([row + [0] * (longest - len(row)) for row in part], device=model.device)
        real = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in part], device=model.device)
        with in_fast_types(model.device, autocast):
            loss = model(input_ids=ids, attention_mask=real, labels=ids.masked_fill(real == 0, -100)).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        return int(sum(map(len, part)))

    for number in range(WARM_UP):
        update(number)
    _wait()
    _forget_peak()
    start = time.perf_counter()
    for number in range(WARM_UP, WARM_UP + updates):
        tokens += update(number)
    _wait()
    seconds = time.perf_counter() - start
    return {
        "library": "peft" if line.tuning == "lora" else "transformers",
        "tuning": line.tuning,
        "batch": sizes.batch,
        "updates": updates,
        "seconds": seconds,
        "rows_per_second": updates * sizes.batch / seconds,
        "tokens_per_second": tokens / seconds,
        "ms_per_update": 1e3 * seconds / updates,
        **_peak(),
    }


def _load(line: Line, device: str, work: Path, tiny: bool) -> tuple[Any, Path]:
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    place = choose_torch_device(device)
    folder = plain_folder(work, line.model, line.precision, tiny=tiny)
    options: dict[str, Any] = {
        "dtype": {"fp32": torch.float32, "fp16": torch.float16}.get(line.precision, torch.bfloat16)
    }
    if line.precision == "4bit":
        options["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16
        )
    elif line.precision == "8bit":
        options["quantization_config"] = BitsAndBytesConfig(load_in_8bit=True)
    if "quantization_config" in options:
        options["device_map"] = {"": place}
    model = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True, **options)
    return (model if "quantization_config" in options else model.to(place)), folder


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _forget_peak() -> None:
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()


def _peak() -> dict[str, float]:
    return {"peak_gb": torch.cuda.max_memory_allocated() / 1e9} if torch.cuda.is_available() else {}
