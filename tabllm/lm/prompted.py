"""Rows of a pretrained language model that was shown some rows of a table and trained on none.

In-context learning (Brown et al. 2020, "Language models are few-shot learners"): the prompt is a list of rows, and the
model writes the next ones, kept to the values of the table as after a fine-tuning.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import numpy as np
import pandas as pd

from tabular.errors import TableError, UsageError
from tabular.progress import Reporter
from tabular.sampling.batches import make_parts
from tabular.settings import setting
from tabular.synthesizer import Synthesizer
from tabular.where.conditions import Allowed, satisfied

from ..hub.folder import resolve
from .bases import public_name
from .engines.base import Filter, LmEngine
from .engines.loading import make_lm, placed
from .sampling.sampler import LmSampler, block_rows
from .serialization.column_order import order_for
from .serialization.context import check_context, most_tokens
from .serialization.names import TEXT_SERIALIZATIONS, text_codec_class
from .serialization.text import TextCodec
from .serialization.tokenizer import TextTokenizer
from .settings import ModelSettings
from .training.batches import BatchMaker

__all__ = ["DEFAULT_EXAMPLES", "PromptedLM"]

#: Example rows of a prompt.
DEFAULT_EXAMPLES = 8
#: Rows that are made with the same examples.
PROMPT_ROWS = 32
#: A text of the table may take this part of what the model reads, so that several rows go into a prompt.
TEXT_PART = 8


class PromptedLM(ModelSettings, Synthesizer):
    """A pretrained language model that makes rows after some example rows, without a fit.

    Nothing is trained and nothing is kept: the examples are rows of the table, drawn anew for every
    :data:`PROMPT_ROWS` rows, and a run holds no rows.

    Its settings are those of :class:`.settings.ModelSettings`, and those that are declared below.

    Raises:
        UsageError: for a setting that is out of range.
    """

    name: ClassVar[str] = "prompt"

    _unfitted: ClassVar[str] = "This model was shown no table yet; call fit() first."

    serialization: str = setting(
        "csv", "Text format of a row: csv, with a header, great or compact.", choices=tuple(TEXT_SERIALIZATIONS)
    )
    examples: int = setting(DEFAULT_EXAMPLES, "Rows in a prompt, fewer where the model's context ends.", above=0)

    _shown: tuple[TextCodec, LmEngine] | None = None

    def _learn(
        self, arrays: dict[str, np.ndarray], rows: int, progress: Reporter, checkpoint: str | Path | None
    ) -> dict[str, Any]:
        """Read the values of the table and load the model; nothing is trained, and ``checkpoint`` is not used.

        Raises:
            TableError: if not even one example row fits the model's context beside the row that is made.
        """
        folder = resolve(self.base, revision=self.revision, progress=progress)
        facts, precision, engine_name, device = placed(folder, self.engine, self.device, self.precision, progress)
        tokenizer = TextTokenizer.load(folder.path)
        codec, cut = text_codec_class(self.serialization).fit_within(
            arrays, self.schema, tokenizer, serialization=self.serialization, context=facts.context // TEXT_PART
        )
        for each in cut:
            progress.note(each.sentence())
        codec.opening = tokenizer.ids("\n")
        self._arrays, self._choices, self._maker = arrays, codec.encode(arrays), BatchMaker(codec)
        check_context(codec, int(codec.tokens_per_row(self._choices).max()), facts.context, self.serialization)
        self._shown = codec, make_lm(engine_name, device, folder.path, precision=precision)
        self._room = facts.context - most_tokens(codec) - len(self._begin(range(len(codec.names)))) - len(codec.names)
        usual = max(1, self._room // max(1, int(np.median(codec.tokens_per_row(self._choices)))))
        if usual < self.examples:
            progress.note(
                f"The model reads {facts.context:,} tokens: a prompt holds about {usual:,} example rows, not "
                f"{self.examples:,}."
            )
        return {
            "base": public_name(folder),
            "revision": folder.revision,
            "engine": engine_name,
            "device": device,
            "precision": precision,
            "serialization": self.serialization,
            "examples": self.examples,
            "seed": self.seed,
        }

    def _batches(
        self, n: int, allowed: Mapping[str, Allowed], *, seed: int, progress: Reporter, done: int, refine: bool | None
    ) -> Iterator[pd.DataFrame]:
        """Under conditions the examples keep them too, if any row does.

        Raises:
            UsageError: for ``refine``, which needs the counts of a fit.
        """
        if refine:
            raise UsageError("Without a fit there are no counts to choose rows by; leave refine out.")
        assert self._shown is not None
        codec, engine = self._shown
        engine.filter = Filter(self.temperature, self.top_k, self.top_p)
        conditions = codec.conditions(allowed)
        order, shown = order_for(conditions, codec), self._examples_for(allowed)
        prompt_tokens = min(self._room, self.examples * int(codec.tokens_per_row(self._choices).max()))
        most_rows = block_rows(engine, codec.longest(order) + prompt_tokens)
        # Walking down the tree would copy the keys and values of the whole prompt at every token.
        sampler = LmSampler(engine, codec, most_rows=most_rows, merge=False)

        def draw(rows: int, rng: np.random.Generator, advance: Any) -> np.ndarray:
            sampler.prefix = self._prompt(shown, order, rng)
            return sampler.sample(rows, order, rng, conditions=conditions, advance=advance)

        return make_parts(
            n, codec, part_rows=PROMPT_ROWS, done=done, seed=seed, progress=progress, draw=draw, allowed=allowed
        )

    def _examples_for(self, allowed: Mapping[str, Allowed]) -> np.ndarray:
        """int64, the rows that may be examples."""
        kept = np.flatnonzero(satisfied(self._arrays, allowed)) if allowed else np.empty(0, np.int64)
        return kept if len(kept) else np.arange(len(self._choices))

    def _begin(self, order: Sequence[int]) -> list[int]:
        """The token that a text begins with and, where rows do not name their columns, a header."""
        assert self._shown is not None
        codec = self._shown[0]
        header = ", ".join(codec.names[column] for column in order) if self.serialization != "great" else ""
        return [codec.tokenizer.begin, *codec.tokenizer.ids(header)]

    def _prompt(self, shown: np.ndarray, order: Sequence[int], rng: np.random.Generator) -> np.ndarray:
        """int64[m], the tokens of a header and of example rows drawn from ``shown``, their columns in ``order``."""
        drawn = rng.permutation(shown)[: 4 * self.examples]  # more, since some may be too long
        batch = self._maker.make(self._choices[drawn], np.tile(np.asarray(order), (len(drawn), 1)))
        prompt, left = [np.asarray(self._begin(order), np.int64)], self._room
        for ids, length in zip(batch.ids, batch.lengths.tolist(), strict=True):
            if length <= left and len(prompt) <= self.examples:
                prompt.append(ids[:length])
                left -= length
        if len(prompt) == 1:
            raise TableError(
                "No row of the table fits a prompt beside the row that is made; drop columns, or take a model that "
                "reads more."
            )
        return np.concatenate(prompt)

    def save(self, directory: str | Path) -> NoReturn:
        """Refuse: a run holds no rows, and this is nothing but a model and rows. Raises :class:`UsageError`."""
        raise UsageError("A model that was only shown rows is not saved: fit one with 'tabllm fit DATA -m MODEL'.")

    @classmethod
    def load(cls, directory: str | Path, *, device: str = "auto") -> NoReturn:
        """Refuse, since nothing is saved. Raises :class:`UsageError`."""
        raise UsageError(f"{directory} cannot hold a model that was only shown rows: such are not saved.")
