"""A model's own tokenizer, used piece by piece: the same in training as in decoding."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tabular.errors import RunError

__all__ = ["Pieces"]


class Pieces:
    """Tokenizes short pieces of text (a column's name, a separator, a value), each by itself.

    A piece that is forced in decoding is then exactly what the model saw in training, whatever stands beside it.

    Args:
        tokenizer: a ``tokenizers.Tokenizer``.
        begin: the token that every row begins with.
        folder: where the tokenizer's files lie, to be copied into an export.
    """

    def __init__(self, tokenizer: Any, begin: int, folder: Path | None = None) -> None:
        self.tokenizer, self.begin, self.folder = tokenizer, begin, folder

    @classmethod
    def load(cls, folder: str | Path) -> Pieces:
        """The tokenizer of a model's folder. Raises :class:`RunError` if there is none that can be read."""
        from transformers import AutoTokenizer

        folder = Path(folder)
        if not any((folder / name).exists() for name in ("tokenizer.json", "tokenizer.model", "vocab.json")):
            raise RunError(f"The model folder {folder} holds no tokenizer (tokenizer.json); pull the model again.")
        try:
            loaded = AutoTokenizer.from_pretrained(folder, use_fast=True, local_files_only=True)
        except Exception as error:  # each kind of tokenizer has its own errors for a damaged file
            raise RunError(f"The tokenizer in {folder} cannot be read ({_first_line(error)}).") from None
        backend = getattr(loaded, "backend_tokenizer", None)
        if backend is None or not backend.get_vocab_size():
            raise RunError(f"The tokenizer in {folder} is none that the tokenizers library runs.")
        for begin in (loaded.bos_token_id, loaded.eos_token_id):
            if begin is not None:
                return cls(backend, int(begin), folder)
        return cls(backend, backend.encode("\n", add_special_tokens=False).ids[-1], folder)

    def ids(self, text: str) -> list[int]:
        """The token ids of one piece."""
        found: list[int] = self.tokenizer.encode(text, add_special_tokens=False).ids
        return found

    def all_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """The token ids of each piece."""
        return [found.ids for found in self.tokenizer.encode_batch(list(texts), add_special_tokens=False)]

    def single(self, text: str) -> int | None:
        """The id of a piece that is one token, else ``None``."""
        ids = self.ids(text)
        return ids[0] if len(ids) == 1 else None

    def texts(self, rows: Sequence[Sequence[int]]) -> list[str]:
        """Token ids back to text."""
        found: list[str] = self.tokenizer.decode_batch([list(row) for row in rows], skip_special_tokens=True)
        return found


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
