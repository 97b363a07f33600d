"""A model's own tokenizer, used piece by piece: the same in training as in decoding."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tabular.errors import RunError
from tabular.plain_json import FieldError, read_json

__all__ = ["TextTokenizer"]


class TextTokenizer:
    """Tokenizes short pieces of text (a column's name, a separator, a value), each by itself.

    A piece that is forced in decoding is then exactly what the model saw in training, whatever stands beside it.

    Args:
        backend: a ``tokenizers.Tokenizer``.
        begin: the token that every row begins with.
        folder: where the tokenizer's files lie, to be copied into an export.
    """

    def __init__(self, backend: Any, begin: int, folder: Path | None = None) -> None:
        self.backend, self.begin, self.folder = backend, begin, folder

    @classmethod
    def load(cls, folder: str | Path) -> TextTokenizer:
        """The tokenizer of a model's folder. Raises :class:`RunError` if there is none that can be read."""
        folder = Path(folder)
        try:
            backend = _backend(folder)
        except Exception as error:  # each kind of tokenizer has its own errors for a damaged file
            raise RunError(f"The tokenizer in {folder} cannot be read ({_first_line(error)}).") from None
        if backend is None or not backend.get_vocab_size():
            raise RunError(
                f"The model folder {folder} holds no tokenizer that the tokenizers library runs (tokenizer.json); pull "
                "the model again, or take another."
            )
        return cls(backend, _begin(backend, folder), folder)

    def ids(self, text: str) -> list[int]:
        """The token ids of one piece."""
        found: list[int] = self.backend.encode(text, add_special_tokens=False).ids
        return found

    def all_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """The token ids of each piece."""
        return [found.ids for found in self.backend.encode_batch(list(texts), add_special_tokens=False)]

    def single(self, text: str) -> int | None:
        """The id of a piece that is one token, else ``None``."""
        ids = self.ids(text)
        return ids[0] if len(ids) == 1 else None

    def texts(self, rows: Sequence[Sequence[int]]) -> list[str]:
        """Token ids back to text."""
        found: list[str] = self.backend.decode_batch([list(row) for row in rows], skip_special_tokens=True)
        return found


def _backend(folder: Path) -> Any:
    """The tokenizer itself. A tokenizer.json says all; the classes that transformers wraps around it are not asked,
    since some rebuild a tokenizer by their own rules."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    if (folder / "tokenizer.json").is_file():
        return Tokenizer.from_file(str(folder / "tokenizer.json"))
    if (folder / "vocab.json").is_file() and (folder / "merges.txt").is_file():
        # As GPT-2 was published. (GPT2TokenizerFast(vocab_file=...) of transformers 5 gives an empty vocabulary.)
        made = Tokenizer(models.BPE.from_file(str(folder / "vocab.json"), str(folder / "merges.txt")))
        made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        made.decoder = decoders.ByteLevel()
        return made
    if (folder / "tokenizer.model").is_file():
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(
            folder, use_fast=True, local_files_only=True, trust_remote_code=False
        ).backend_tokenizer
    return None


def _begin(backend: Any, folder: Path) -> int:
    """The token that texts begin with: the first that the configs name, or a line break."""
    for file in ("tokenizer_config.json", "config.json", "generation_config.json"):
        try:
            config = read_json(folder / file)
        except (OSError, FieldError):
            continue
        if not isinstance(config, dict):
            continue
        for name in ("bos_token", "eos_token", "bos_token_id", "eos_token_id"):
            value = config.get(name)
            value = value.get("content") if isinstance(value, dict) else value
            value = value[0] if isinstance(value, list) and value else value
            token = backend.token_to_id(value) if isinstance(value, str) else value
            if isinstance(token, int) and not isinstance(token, bool) and token < backend.get_vocab_size():
                return token
    return int(backend.encode("\n", add_special_tokens=False).ids[-1])


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
