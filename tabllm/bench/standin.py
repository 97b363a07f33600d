"""A model of the right shape without a download: random weights, and a tokenizer made from the table itself."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tabular.errors import UsageError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["SHAPES", "write_standin"]

_GPT2 = {
    "model_type": "gpt2",
    "architectures": ["GPT2LMHeadModel"],
    "n_embd": 768,
    "n_head": 12,
    "n_positions": 1024,
    "n_ctx": 1024,
    "vocab_size": 50257,
    "activation_function": "gelu_new",
    "layer_norm_epsilon": 1e-5,
    "bos_token_id": 50256,
    "eos_token_id": 50256,
}
#: Published configs, by the short name of their model.
SHAPES: dict[str, dict[str, Any]] = {
    "gpt2": {**_GPT2, "n_layer": 12},
    "distilgpt2": {**_GPT2, "n_layer": 6},
    "deepseek-coder-1.3b": {
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
        "hidden_size": 2048,
        "intermediate_size": 5504,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "num_key_value_heads": 16,
        "vocab_size": 32256,
        "max_position_embeddings": 16384,
        "rms_norm_eps": 1e-6,
        "rope_theta": 100000.0,
        "hidden_act": "silu",
        "rope_scaling": {"type": "linear", "rope_type": "linear", "factor": 4.0},
        "tie_word_embeddings": False,
        "bos_token_id": 32013,
        "eos_token_id": 32014,
    },
}
#: Tokens of the stand-in's vocabulary: about as many per value as GPT-2's own needs on common tables.
_TOKENS = 1500


def write_standin(name: str, texts: Iterable[str], folder: Path, *, changes: Mapping[str, Any] | None = None) -> None:
    """Write config and tokenizer of a stand-in for the model ``name``.

    Args:
        texts: what the tokenizer is made from: names and values of the table.
        changes: to the config, such as fewer layers.

    Raises:
        UsageError: for a model whose shape is not listed in :data:`SHAPES`.
    """
    if name not in SHAPES:
        raise UsageError(f"--random-weights knows the shapes of {', '.join(SHAPES)}; {name!r} is none of them.")
    tokenizer = byte_tokenizer(texts, tokens=_TOKENS, special="<|endoftext|>")
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    special = {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>"}
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", **special}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    (folder / "config.json").write_text(json.dumps({**SHAPES[name], **(changes or {})}), encoding="utf-8")


def byte_tokenizer(texts: Iterable[str], *, tokens: int, special: str) -> Tokenizer:
    """Byte-level BPE of at most ``tokens`` tokens that has seen ``texts``; the token 0 is ``special``."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=tokens, special_tokens=[special], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer
