"""The model of one event given its past: ``nano`` on rows whose first columns are the past, always in one order."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np

from tabular.personal.people import People
from tabular.progress import Reporter
from tabular.rules.reducing.reduction import reduction_of
from tabular.sampling.imputing import learned_cells, with_unlearned
from tabular.schema import Schema

from ..codec.number import NumberCodec
from ..codec.rows import RowCodec
from ..codec.table import TableCodec
from ..nano.column_trees import ColumnTrees
from ..nano.combinations import Together, Weighted
from ..nano.imputation import complete_in_order
from ..nano.sampler import Sampler
from ..nano.table_lm import TableLM
from ..nano.trainer import Plan
from .coarse import Tied, combinations
from .limits.once import RowWeights
from .limits.overdue import Overdue
from .past import PAST_BINS

__all__ = ["EventModel", "of_some"]

Arrays = dict[str, np.ndarray]
#: Updates at least: an event is given much of its past, and a table of few events is passed over more often. Training
#: stops before where the held-out loss no longer falls.
MIN_STEPS = 1500
#: Events of a log for each token of a number of the past, and tokens that it may have however few events there are. (Of
#: 120 planes with 80 flights each nearly every plane had a mean delay of its own, and was learned by heart by that.)
ROWS_PER_TOKEN, MIN_TOKENS = 300, 16
#: How often events that break a rule are drawn again before others take their place.
ATTEMPTS = 20


class EventModel(TableLM):
    """One event given its past.

    Attributes:
        past: names of the columns of the past, in the order in which they are given. An event is only ever drawn from
            all of them, so no other order is trained.
        drawn_past: how many of the last of them are drawn where a history goes on.
        leading: names of columns that are drawn first, in this order.
        most_steps: updates at most where nothing says how many.
        rows_per_token: events at least for each token of a number of the past; if absent, a number has one per value
            where it has few.
    """

    past: Sequence[str] = ()
    drawn_past: int = 2
    leading: Sequence[str] = ()
    most_steps: int | None = None
    rows_per_token: int | None = None
    _tied: Mapping[str, Tied] = MappingProxyType({})
    _often: Mapping[str, np.ndarray] = MappingProxyType({})

    def of_histories(self, past: Sequence[str], drawn: int, gaps: Sequence[str], user: np.ndarray) -> None:
        """What is set before a log is learned.

        Args:
            past, drawn, gaps: :attr:`past`, :attr:`drawn_past` and :attr:`leading`.
            user: int64[events], whose event each is.
        """
        self.past, self.drawn_past, self.leading, self.rows_per_token = past, drawn, gaps, ROWS_PER_TOKEN
        # Events held out at random would have their users among the learned ones, and reward learning these by heart.
        self.owners = user

    def tie(self, whole: Schema, columns: Collection[str], overdue: Overdue) -> None:
        """Draw columns of few values and those of many that decide them so that they go together.

        Args:
            whole: the schema of the log, with all its rules.
            columns: of events.
            overdue: of columns that come once.
        """
        codec, engine = self._fitted()
        self._tied = combinations(whole, columns, codec.table, engine, tuple(overdue.shares))
        self._often = {
            name: np.where(tied.codes < 0, 1.0, overdue.often[name][tied.codes])
            for name, tied in self._tied.items()
            if name in overdue.shares
        }

    def _fit_codec(self, arrays: Mapping[str, np.ndarray]) -> RowCodec:
        codec = super()._fit_codec(arrays)
        known = codec.table.codecs
        past = {name: known[name] for name in (*self.past, *self.leading) if name in known}
        coarse = {name: self._coarse(arrays[name]) for name in self.past if isinstance(known.get(name), NumberCodec)}
        ordered = {**past, **coarse, **{name: found for name, found in known.items() if name not in past}}
        return RowCodec(self.schema, TableCodec(ordered), codec.words)

    def _coarse(self, values: np.ndarray) -> NumberCodec:
        """The codec of a number of the past: of few events not so fine that it names a user or a moment."""
        if self.rows_per_token is None:
            return NumberCodec.fit(values, bins=PAST_BINS)
        tokens = max(MIN_TOKENS, len(values) // self.rows_per_token)
        found = NumberCodec.fit(values, bins=min(tokens, PAST_BINS))
        return found if found.size <= tokens else NumberCodec.coarse(values, bins=tokens)

    def _given_fields(self, codec: RowCodec) -> int:
        given = self.past[: len(self.past) - self.drawn_past]
        return sum(len(codec.table.codecs[name].sizes) for name in given if name in codec.table.codecs)

    def _plan(self, rows: int, steps: int | None = None) -> Plan:
        if self.steps is None and self.epochs is None and steps is None:
            planned = super()._plan(rows).steps
            steps = max(MIN_STEPS, planned if self.most_steps is None else min(planned, self.most_steps))
        return replace(super()._plan(rows, steps), plain_share=1.0)

    def _lost_relations(self, tokens: np.ndarray, progress: Reporter) -> list[dict[str, Any]]:
        # Whole rows, their past included, are never drawn of this model.
        return []

    def _column_trees(self, tokens: np.ndarray, people: People | None) -> ColumnTrees | None:
        # Events are drawn step by step, each from its past.
        return None

    def draw(
        self,
        past: Mapping[str, np.ndarray],
        rng: np.random.Generator,
        *,
        shared: bool = False,
        weights: RowWeights | None = None,
    ) -> Arrays:
        """Canonical arrays of the learned columns of events, one event for each entry of ``past``.

        Args:
            past: canonical arrays of the columns of the past.
            shared: whether many neighbours have the same past but for its last column.
            weights: what values of columns that come once count for each event.
        """
        codec, _ = self._fitted()
        known = [found.encode(past[name]) for name, found in codec.table.codecs.items() if name in past]
        tokens = np.concatenate(known, axis=1)
        drawn = self._drawn(tokens, rng, shared, weights)
        keeping = reduction_of(self.schema).keeping({})
        if keeping is None or not drawn:
            return drawn
        kept = keeping(drawn)
        for _ in range(ATTEMPTS):
            broken = np.flatnonzero(~kept)
            if not len(broken):
                return drawn
            again = self._drawn(tokens[broken], rng, shared, of_some(weights, broken))
            good = keeping(again)
            for name, values in again.items():
                drawn[name][broken[good]] = values[good]
            kept[broken[good]] = True
        broken, others = np.flatnonzero(~kept), np.flatnonzero(kept)
        if len(others):
            put = rng.choice(others, len(broken))
            for values in drawn.values():
                values[broken] = values[put]
        return drawn

    def _drawn(self, tokens: np.ndarray, rng: np.random.Generator, shared: bool, weights: RowWeights | None) -> Arrays:
        codec, engine = self._fitted()
        fields = codec.table.fields
        sampler, order = Sampler(engine, codec.table.parents), range(len(fields))
        rows = sampler.complete(tokens, order, rng, shared=shared, together=self._together(weights)).tokens
        learned: Arrays = {}
        place = 0
        for name, found in codec.table.codecs.items():
            part = rows[:, place : place + len(found.sizes)]
            place += len(found.sizes)
            if place > tokens.shape[1]:
                learned[name] = found.decode(part, rng)
        return codec.parts.join(learned)

    def _together(self, weights: RowWeights | None) -> list[Together]:
        found: list[Together] = [tied.combinations for tied in self._tied.values()]
        if weights is not None:
            found += [
                Weighted(
                    self._tied[name].combinations, often, partial(_of_leaves, weights, name, self._tied[name].codes)
                )
                for name, often in self._often.items()
            ]
        return found

    def complete_events(
        self,
        arrays: Mapping[str, np.ndarray],
        holes: Mapping[str, np.ndarray],
        gaps: Iterable[str],
        rng: np.random.Generator,
    ) -> Arrays:
        """Canonical arrays of the learned columns, in which cells of ``holes`` are drawn from all others.

        Args:
            arrays: of the past, of the gaps and of the columns of events.
            holes: bool[rows] per column; none is of the past.
            gaps: columns that may be missing in what is drawn: how a gap is encoded depends on its length.
        """
        codec, engine = self._fitted()
        sampler, free = Sampler(engine, codec.table.parents), set(gaps)

        def complete(tokens: np.ndarray, missing: np.ndarray, rng: np.random.Generator) -> np.ndarray:
            names = [codec.names[part] for part in missing]
            return complete_in_order(sampler, codec, tokens, names, rng, free)

        return learned_cells(arrays, holes, codec, rng, Reporter(), complete)

    def with_unlearned(self, arrays: Mapping[str, np.ndarray], holes: Mapping[str, np.ndarray], *, seed: int) -> Arrays:
        """``arrays`` of events, given or drawn, with what no model learns in their ``holes``."""
        codec, _ = self._fitted()
        drawn = {name: arrays[name] for name in self.learned if name in arrays}
        return with_unlearned(drawn, arrays, holes, codec, np.random.default_rng([seed, 4]), seed)

    def leads_with(self, names: Collection[str], past: Collection[str]) -> bool:
        """Whether ``names`` come first behind the columns of the ``past``, as far as anything is learned of them."""
        codec, _ = self._fitted()
        drawn = [name for name in codec.table.codecs if name not in past]
        wanted = [name for name in names if name in drawn]
        return set(drawn[: len(wanted)]) == set(wanted)

    @property
    def learned(self) -> list[str]:
        """The columns of which the model learns anything."""
        codec, _ = self._fitted()
        return codec.learned

    def unlearned(self, arrays: Arrays, rows: int, rng: np.random.Generator, *, start: int, seed: int) -> Arrays:
        """``arrays`` of events with what no model learns: identifiers, free text, constants."""
        codec, _ = self._fitted()
        return codec.fill(arrays, rows, rng, start=start, seed=seed)


def of_some(weights: RowWeights | None, rows: np.ndarray) -> RowWeights | None:
    """``weights`` of the events ``rows``, int64[some]."""
    return None if weights is None else lambda name, some: weights(name, rows[some])


def _of_leaves(weights: RowWeights, name: str, codes: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """float32[rows, leaves]: what the value of each leaf counts; a missing one as ever."""
    return np.where(codes < 0, np.float32(1), weights(name, rows)[:, codes])
