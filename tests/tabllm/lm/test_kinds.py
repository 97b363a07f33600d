"""Models of other kinds than GPT-2 and Llama: they run on both engines, or are refused before a fit."""

from __future__ import annotations

import numpy as np
import pytest
from transformers import AutoConfig, AutoModelForCausalLM

from tabllm.lm.engines.base import LmEngine
from tabular.errors import EngineError

SMALL = {
    "vocab_size": 200,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "bos_token_id": 0,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "max_position_embeddings": 64,
    "eos_token_id": 0,
    "pad_token_id": 0,
}
# mlx-lm's Gemma 3 takes for granted that every sixth layer sees all tokens, as in the models of that name.
OF_ITS_OWN = {
    "glm4": {"head_dim": 16},
    "gemma2": {"head_dim": 16},
    "qwen3": {"head_dim": 32},
    "gemma3_text": {"head_dim": 32, "num_hidden_layers": 6, "query_pre_attn_scalar": 32},
}
IDS = np.array([[1, 2, 3, 4]])


def engine_of(kind: str, name: str, folder) -> LmEngine:
    if not any(folder.iterdir()):
        settings = {**SMALL, **OF_ITS_OWN.get(kind, {})}
        AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **settings)).save_pretrained(folder)
    if name == "torch":
        from tabllm.lm.engines.pytorch.engine import TorchLm

        return TorchLm(folder)
    pytest.importorskip("mlx_lm", reason="mlx-lm is not installed here")
    from tabllm.lm.engines.mlx.engine import MlxLm

    return MlxLm(folder)


@pytest.mark.parametrize("kind", ["phi", "glm4", "stablelm", "qwen2", "qwen3", "gemma3_text"])
def test_both_engines_give_the_same_logits(kind, tmp_path):
    mine, others = (engine_of(kind, name, tmp_path).logits(IDS, np.arange(200)) for name in ("torch", "mlx"))
    np.testing.assert_allclose(mine, others, atol=2e-4)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("gemma2", "softcap.*--engine mlx"),
        ("bloom", "'bloom'.*--engine mlx, or another model"),
        ("gptj", "attention of a model of the kind 'gptj' cannot be replaced"),
    ],
)
def test_what_torch_cannot_run_with_a_cache_of_ours_is_refused_when_it_is_loaded(kind, said, tmp_path):
    with pytest.raises(EngineError, match=said):
        engine_of(kind, "torch", tmp_path)


def test_what_takes_no_adapters_says_so(tmp_path, monkeypatch):
    engine = engine_of("qwen2", "torch", tmp_path)
    monkeypatch.setattr("peft.get_peft_model", lambda *args: (_ for _ in ()).throw(ValueError("incompatible modules")))
    from tabllm.lm.engines.base import Tuning

    with pytest.raises(EngineError, match=r"takes no adapters \(incompatible modules\); take --tuning full"):
        engine.start_training(Tuning("lora"), np.zeros(1, np.int64), np.ones((1, 1), bool), weight_decay=0.0)
