"""Rows of a pretrained language model that was shown some rows of a table and trained on none.

In-context learning (Brown et al. 2020, "Language models are few-shot learners"): the prompt is a list of rows, and the
model writes the next ones, kept to the values of the table as after a fine-tuning.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import numpy as np
import pandas as pd

from tabular.conditions import Allowed, parse_where, satisfied
from tabular.errors import TableError, UsageError
from tabular.making import make_parts
from tabular.notebook import default_reporter
from tabular.progress import Reporter
from tabular.schema import Schema
from tabular.schema_fit import schema_and_arrays
from tabular.synthesizer import Synthesizer, Where

from ..hub.folder import resolve
from .bases import public_name
from .batches import BatchMaker
from .column_order import order_for
from .context import check_context, most_tokens
from .engine import Filter, LmEngine
from .loading import make_lm, placed
from .pieces import Pieces
from .sampler import LmSampler, block_rows
from .text_codec import SERIALIZATIONS, TextCodec

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["DEFAULT_EXAMPLES", "PromptedLM"]

#: Example rows of a prompt.
DEFAULT_EXAMPLES = 8
#: Rows that are made with the same examples.
PROMPT_ROWS = 32
#: A text of the table may take this part of what the model reads, so that several rows go into a prompt.
TEXT_PART = 8


class PromptedLM(Synthesizer):
    """A pretrained language model that makes rows after some example rows, without a fit.

    Nothing is trained and nothing is kept: the examples are rows of the table, drawn anew for every
    :data:`PROMPT_ROWS` rows, and a run holds no rows.

    Args:
        base, revision, engine, device, precision, temperature, top_k, top_p: as for :class:`~.pretrained.PretrainedLM`.
        serialization: ``csv``, with a header, ``great`` or ``compact``.
        examples: rows in a prompt, fewer where the model's context ends.
        seed: of the examples and of the rows.
        rare_below: as for :class:`tabllm.TableLM`.

    Raises:
        UsageError: for a setting that is out of range.
    """

    name: ClassVar[str] = "prompt"

    def __init__(
        self,
        *,
        base: str = "gpt2",
        revision: str | None = None,
        engine: str = "auto",
        device: str = "auto",
        precision: str = "auto",
        serialization: str = "csv",
        examples: int = DEFAULT_EXAMPLES,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        seed: int = 0,
        rare_below: int = 0,
    ) -> None:
        if serialization not in SERIALIZATIONS:
            raise UsageError(f"There is no serialization {serialization!r}; choose one of {', '.join(SERIALIZATIONS)}.")
        for label, value, least in (("examples", examples, 1), ("seed", seed, 0)):
            if value < least:
                raise UsageError(f"{label} must be {least} or above, not {value}.")
        self.base, self.revision, self.precision, self.serialization = base, revision, precision, serialization
        self.engine, self.device, self.examples = engine, device, examples
        self.temperature, self.top_k, self.top_p = temperature, top_k, top_p
        self.filter = Filter(temperature, top_k, top_p)
        self.seed, self.rare_below = seed, rare_below
        self.facts: dict[str, Any] = {}
        self._fitted: tuple[TextCodec, LmEngine] | None = None

    def fit(
        self,
        table: pd.DataFrame,
        *,
        schema: Schema | None = None,
        progress: Reporter | None = None,
        checkpoint: str | Path | None = None,
    ) -> Self:
        """Read the values of ``table`` and load the model; nothing is trained, and ``checkpoint`` is not used.

        Raises:
            TableError: if not even one example row fits the model's context beside the row that is made.
        """
        progress = default_reporter(progress)
        table = self._taken(table)
        self.schema, arrays = schema_and_arrays(table, schema, rare_below=self.rare_below, progress=progress)
        self.schema = self._labelled(self.schema, len(table))
        folder = resolve(self.base, revision=self.revision, progress=progress)
        facts, precision, engine_name, device = placed(folder, self.engine, self.device, self.precision, progress)
        pieces = Pieces.load(folder.path)
        codec, cut = TextCodec.fit_within(
            arrays, self.schema, pieces, serialization=self.serialization, context=facts.context // TEXT_PART
        )
        for each in cut:
            progress.note(each.sentence())
        codec.opening = pieces.ids("\n")
        self._arrays, self._choices, self._maker = arrays, codec.encode(arrays), BatchMaker(codec)
        check_context(codec, int(codec.tokens_per_row(self._choices).max()), facts.context, self.serialization)
        self._fitted = codec, make_lm(engine_name, device, folder.path, precision=precision)
        self._room = facts.context - most_tokens(codec) - len(self._begin(range(len(codec.names)))) - len(codec.names)
        usual = max(1, self._room // max(1, int(np.median(codec.tokens_per_row(self._choices)))))
        if usual < self.examples:
            progress.note(
                f"The model reads {facts.context:,} tokens: a prompt holds about {usual:,} example rows, not "
                f"{self.examples:,}."
            )
        self.facts = {
            "base": public_name(folder),
            "revision": folder.revision,
            "engine": engine_name,
            "device": device,
            "precision": precision,
            "serialization": self.serialization,
            "examples": self.examples,
            "seed": self.seed,
        }
        return self

    def sample_batches(
        self,
        n: int,
        *,
        where: Where = None,
        seed: int | None = None,
        progress: Reporter | None = None,
        done: int = 0,
        refine: bool | None = None,
    ) -> Iterator[pd.DataFrame]:
        """As :meth:`Synthesizer.sample_batches`; under conditions the examples keep them too, if any row does.

        Raises:
            UsageError: before :meth:`fit`, or for ``refine``, which needs the counts of a fit.
        """
        if self._fitted is None:
            raise UsageError("This model was shown no table yet; call fit() first.")
        if refine:
            raise UsageError("Without a fit there are no counts to choose rows by; leave refine out.")
        codec, engine = self._fitted
        engine.filter = self.filter
        allowed = parse_where(where, self.schema)
        conditions = codec.conditions(allowed)
        order, shown = order_for(conditions, codec), self._examples_for(allowed)
        prompt_tokens = min(self._room, self.examples * int(codec.tokens_per_row(self._choices).max()))
        most_rows = block_rows(engine, codec.longest(order) + prompt_tokens)
        # Walking down the tree would copy the keys and values of the whole prompt at every token.
        sampler = LmSampler(engine, codec, most_rows=most_rows, merge=False)
        seed = self.seed if seed is None else seed
        if seed < 0:
            raise UsageError(f"seed must be 0 or above, not {seed}.")

        def draw(rows: int, rng: np.random.Generator, advance: Any) -> np.ndarray:
            sampler.prefix = self._prompt(shown, order, rng)
            return sampler.sample(rows, order, rng, conditions=conditions, advance=advance)

        yield from make_parts(
            n,
            self.schema,
            part_rows=PROMPT_ROWS,
            done=done,
            seed=seed,
            progress=default_reporter(progress),
            draw=draw,
            values=partial(codec.values, allowed=allowed),
            fill=lambda arrays, rows, rng, start: codec.fill(arrays, rows, rng, start=start, seed=seed),
            allowed=allowed,
        )

    def _examples_for(self, allowed: Mapping[str, Allowed]) -> np.ndarray:
        """int64, the rows that may be examples."""
        kept = np.flatnonzero(satisfied(self._arrays, allowed)) if allowed else np.empty(0, np.int64)
        return kept if len(kept) else np.arange(len(self._choices))

    def _begin(self, order: Sequence[int]) -> list[int]:
        """The token that a text begins with and, where rows do not name their columns, a header."""
        assert self._fitted is not None
        codec = self._fitted[0]
        header = ", ".join(codec.names[column] for column in order) if self.serialization != "great" else ""
        return [codec.pieces.begin, *codec.pieces.ids(header)]

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

    def describe(self) -> dict[str, Any]:
        return {**super().describe(), **self.facts}

    def save(self, directory: str | Path) -> NoReturn:
        """Refuse: a run holds no rows, and this is nothing but a model and rows. Raises :class:`UsageError`."""
        raise UsageError("A model that was only shown rows is not saved: fit one with 'tabllm fit DATA -m MODEL'.")

    @classmethod
    def load(cls, directory: str | Path, *, device: str = "auto") -> NoReturn:
        """Refuse, since nothing is saved. Raises :class:`UsageError`."""
        raise UsageError(f"{directory} cannot hold a model that was only shown rows: such are not saved.")
