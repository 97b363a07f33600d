"""The pretrained models that have a short name."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CATALOG", "Entry"]


@dataclass(frozen=True)
class Entry:
    """One model with a short name.

    Attributes:
        repo: its id on the hub.
        tuning: what suits it on a laptop.
        parameters: how many it has, known before it is pulled.
        revision: the branch, tag or commit that the short name means; the main branch if absent.
    """

    name: str
    repo: str
    description: str
    tuning: str
    parameters: int | None = None
    revision: str | None = None


CATALOG: dict[str, Entry] = {
    entry.name: entry
    for entry in (
        Entry("gpt2", "openai-community/gpt2", "GPT-2 small, English", "full, fp32", 124_439_808),
        Entry("distilgpt2", "distilbert/distilgpt2", "GPT-2 of half the layers", "full, fp32", 81_912_576),
        Entry("deepseek-coder-1.3b", "deepseek-ai/deepseek-coder-1.3b-base", "DeepSeek-coder, code",
              "LoRA, 4 or 8 bits", 1_346_471_936),
    )
}  # fmt: skip
