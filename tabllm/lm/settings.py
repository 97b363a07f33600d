"""The settings of pretrained language models; the command line takes its options from here, and loads nothing heavy."""

from __future__ import annotations

from tabular.search_space import Choice, Real, Whole
from tabular.settings import EngineSettings, TrainingSettings, setting

from ..codec import DEFAULT_BINS
from ..decoding.precisions import PRECISIONS
from .serialization.names import SERIALIZATIONS

__all__ = ["ModelSettings", "PretrainedSettings"]


class ModelSettings(EngineSettings):
    """What a language model is requested that is fine-tuned, or only shown some rows."""

    base: str = setting("gpt2", "Model: gpt2, distilgpt2, deepseek-coder-1.3b, a hub id or a local folder.")
    revision: str | None = setting(None, "Revision of the model on its hub: a branch, tag or commit.")
    precision: str = setting(
        "auto",
        "Weight precision.",
        choices=("auto", *PRECISIONS),
        absent="that of quantized weights, else fp32 up to 500 M parameters, bf16 above",
    )
    temperature: float = setting(1.0, "Logits are divided by it in sampling.", above=0, search=Real(0.8, 1.1))
    top_k: int = setting(0, "Sample from the likeliest tokens, so many; 0: all.", least=0)
    top_p: float = setting(
        1.0,
        "Sample from the likeliest tokens that together have this probability.",
        above=0,
        most=1,
        search=Real(0.9, 1.0),
    )


class PretrainedSettings(ModelSettings, TrainingSettings):
    """What a fine-tuning is requested."""

    tuning: str = setting(
        "auto",
        "Fine-tuning method: all weights, or adapters.",
        choices=("auto", "full", "lora", "dora"),
        absent="full in fp32, else lora",
    )
    serialization: str = setting(
        "compact",
        "Text format of a row; table: one token per category, few per number.",
        choices=tuple(SERIALIZATIONS),
        search=Choice(("compact", "csv", "table")),
    )
    max_cell_tokens: int | None = setting(
        None, "Tokens of a free text at most.", above=0, absent="by the longest text and the model's context"
    )
    learning_rate: float | None = setting(
        None,
        "Peak learning rate of the schedule.",
        above=0,
        absent="2e-4 in full tuning, 1e-3 of adapters",
        search=Choice((None, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3)),
    )
    rank: int = setting(16, "Rank of the adapters.", above=0, search=Whole(4, 64, log=True))
    lora_scale: float = setting(
        2.0, "Scale of the adapters' output; what other programs call alpha is rank times scale.", above=0
    )
    lora_dropout: float = setting(0.0, "Dropout of what the adapters multiply, in training.", least=0, below=1)
    lora_layers: int | None = setting(None, "Blocks that have adapters: the last N.", above=0, absent="all")
    accumulate: int = setting(1, "Gradient accumulation: N micro-batches per batch, to need less memory.", above=0)
    checkpointing: bool = setting(
        False, "Gradient checkpointing: compute activations again in the backward pass, to need less memory."
    )
    random_weights: bool = setting(False, "Random weights in place of the pretrained ones, to start from.")
    bins: int = setting(DEFAULT_BINS, "Quantile bins of a numeric column with many values.", above=0)
