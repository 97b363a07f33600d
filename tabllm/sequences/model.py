"""Sequences of events as a synthesizer: one model of users, and one of each event given its user and its past."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from numbers import Integral
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np
import pandas as pd
from typing_extensions import Self

from tabular.encoding.arrays import from_arrays, to_arrays
from tabular.encoding.frames import Form
from tabular.errors import UsageError, not_fitted
from tabular.io.reading import check_table
from tabular.plain_json import shown
from tabular.progress import Reporter
from tabular.relations.log import check_log_columns, infer_log_schema, read_log
from tabular.rules.choice import RuleChoice
from tabular.rules.choosing import FOUND_BY_DEFAULT, ruled
from tabular.rules.reducing.file_order import without_order
from tabular.runs import restored
from tabular.schema import Schema
from tabular.search_space import SearchSpace
from tabular.settings import setting, settings_table
from tabular.synthesizer import Synthesizer
from tabular.where.text import Where

from ..choosing.families import FamilyChooser
from ..nano.settings import NanoSettings
from ..nano.table_lm import PART_ROWS, TableLM
from .asked import Asked, asked_of
from .choosing import TIMES, asks_for_choice, chosen_histories, fit_chooser
from .coarse import learned_rules, like_together
from .event_model import EventModel
from .filling import fill_histories, open_ended
from .following import kept_rules, relative_columns, relative_log, rules_of, with_what_follows
from .lanes import joined, stretches
from .layout import Layout, in_time_order, some_rows, sound_users, user_arrays, user_table, with_spans
from .past import Past
from .run_files import Run, read_run, write_run
from .spans import Spans
from .walk import Start, make_events, start_of_users, start_within

__all__ = ["SequenceLM"]

Arrays = dict[str, np.ndarray]
Model = TypeVar("Model", bound=TableLM)


class SequenceLM(NanoSettings, Synthesizer):
    """Users and their events, each learned by a :class:`tabllm.TableLM`.

    Of users the columns are learned that never change within one, the time of the first event, the number of events and
    the time they span. An event is learned given its user, how many events come before and after it, and the values
    of the latest ones; its time as the gap since the event before (:mod:`tabular.relations.times`).

    Its settings are those of :class:`tabllm.TableLM`, of both models, and those that are declared below.

    Raises:
        UsageError: without ``by`` or ``time``, and for a setting that is out of range.

    Example:
        >>> import pandas as pd
        >>> log = pd.DataFrame({"user": list("abcd") * 30, "at": pd.date_range("2026-01-01", periods=120, freq="7h")})
        >>> model = SequenceLM(by="user", time="at", steps=2).fit(log)
        >>> model.sample(2)["user"].nunique()
        2
    """

    name: ClassVar[str] = "sequences"
    unit: ClassVar[str] = "users"

    by: str | None = setting(None, "The column that names the user.")
    time: str | None = setting(None, "The column of instants, dates or numbers that puts a user's events in order.")

    _layout: Layout | None = None
    _chooser: FamilyChooser | None = None

    @classmethod
    def search_space(cls) -> SearchSpace:
        return SearchSpace()

    def _check_together(self) -> None:
        if self.by is None or self.time is None:
            raise UsageError("Sequences need by, the column that names the user, and time, which orders the events.")
        self._of_both(TableLM).check_settings()

    def _of_both(self, kind: type[Model]) -> Model:
        """A model with the settings of this one."""
        return kind(**{name: getattr(self, name) for name in settings_table(NanoSettings)})

    # -- learning ---------------------------------------------------------------------------------------------
    def _place(self, progress: Reporter | None = None) -> None:
        self._of_both(TableLM)._place(progress)

    def _schema_and_arrays(
        self, table: pd.DataFrame, schema: Schema | None, discrete: Sequence[str], progress: Reporter
    ) -> tuple[Schema, Arrays]:
        by, time = self._columns()
        check_log_columns(table, by, time)
        if schema is None:
            kinds = dict.fromkeys(discrete, "categorical")
            schema = infer_log_schema(table, by, time, overrides=kinds, rare_below=self.rare_below)
            schema = ruled(table, schema, RuleChoice(), find=FOUND_BY_DEFAULT, seed=self.seed, progress=progress)
            discrete = ()
        elif schema[by].kind != "identifier":
            raise UsageError(f"Column {by!r} names users, so its kind in the schema must be identifier.")
        return super()._schema_and_arrays(table, schema, discrete, progress)

    def _columns(self) -> tuple[str, str]:
        """The columns of the user and of time."""
        assert self.by is not None and self.time is not None  # noqa: PT018
        return self.by, self.time

    def _learn(self, arrays: Arrays, rows: int, progress: Reporter, checkpoint: str | Path | None) -> dict[str, Any]:
        # Labels that are numbers belong to the table alone, not to the two that are made of it.
        labels = {column.name: column.label for column in self.schema}
        schema = replace(self.schema, columns=tuple(replace(column, label=None) for column in self.schema))
        arrays, schema = like_together(arrays, without_order(schema))  # rows stand by user and time
        users_model, events_model = self._of_both(TableLM), self._of_both(EventModel)
        log = read_log(arrays, schema, *self._columns(), progress=progress)
        relative = relative_columns(log)
        known, kept = log.schema, kept_rules(log, relative)
        log = relative_log(log, relative)
        layout = Layout.of(log, relative)
        users, users_schema = user_table(
            log, layout, rare_below=self.rare_below, rules=rules_of(known, layout.user_columns)
        )
        events_schema = Schema(tuple(log.schema[name] for name in layout.event_columns), len(log.user))
        past = Past(layout, users_schema, events_schema)
        gaps = layout.clock.split(log.times, log.before(log.times, 1))
        # Whom the table names was said of the table.
        nameless = tuple(replace(column, personal=None) for column in events_schema)
        columns = (*past.columns, *layout.clock.columns(gaps), *nameless)
        of_events = Schema(columns, len(log.user), (), learned_rules(known, layout.event_columns, relative))
        own = to_arrays(users, users_schema)
        own |= {layout.first: log.times[log.first]}
        layout = replace(layout, spans=Spans.of(own[layout.count], own[layout.first], own[layout.span]))
        context = {**past.of_log(log, own), **gaps, **{name: log.arrays[name] for name in layout.event_columns}}
        folder = None if checkpoint is None else Path(checkpoint)
        progress.note(f"{len(users):,} users with {len(log.user):,} events are learned, first users, then events.")
        users_model.fit(users, schema=users_schema, progress=progress, checkpoint=folder and folder / "users")
        names = tuple(column.name for column in past.columns)
        events_model.of_histories(names, len(past.drawn_at_first), tuple(gaps), log.user)
        events_model.fit(
            from_arrays(context, of_events),
            schema=of_events,
            progress=progress,
            checkpoint=folder and folder / "events",
        )
        events_model.tie(replace(known, rules=kept), layout.event_columns, layout.overdue)
        self._layout, self._users, self._events = layout, users_model, events_model
        self._chooser = fit_chooser(log, layout, self._made_to_learn, seed=self.seed, progress=progress)
        self.history_ = events_model.history
        same = {
            name: replace(users_schema[name], personal=known[name].personal)
            for name in (layout.by, *layout.user_columns)
        }
        whole = (same.get(column.name, column) for column in known)
        labelled = tuple(replace(column, label=labels.get(column.name)) for column in whole)
        if lost := [rule.text for rule in known.rules if rule not in kept]:
            progress.note(f"Rules that tie an event to its user or its time are not kept: {'; '.join(lost[:5])}.")
        self.schema_ = Schema(labelled, rows, known.notes, kept)
        return {
            "users": len(users),
            "events": len(log.user),
            "longest": int(log.counts.max()),
            "user_columns": list(layout.user_columns),
            "engine": users_model.facts["engine"],
            "device": users_model.facts["device"],
            "parameters": sum(int(model.facts["parameters"]) for model in (users_model, events_model)),
            "seed": self.seed,
        }

    # -- making rows ------------------------------------------------------------------------------------------
    def sample(self, n: int | None = None, **options: Any) -> pd.DataFrame:
        """All events of ``n`` users, of as many as were learned if absent; see :meth:`sample_batches`."""
        self._fitted()
        return super().sample(self.facts["users"] if n is None else n, **options)

    def _parsed(self, where: Where) -> Asked:
        """Conditions on columns of users, on their number of ``events``, and on events: on ``first page``,
        ``last page``, ``any page``, ``every page`` or ``exactly 2 page``."""
        layout = self._fitted()
        return asked_of(where, self._users.schema, self.schema, layout)

    def _batches(
        self, n: int, allowed: Asked, *, seed: int, progress: Reporter, done: int, refine: bool | None
    ) -> Iterator[pd.DataFrame]:
        """All events of ``n`` users, in parts: by user, or in time order where the table was so; ``done`` are rows."""
        layout, asked = self._fitted(), allowed
        with progress.task("Sampling", n, "users") as task:
            if asked.events:

                def draw(wanted: int, turn: int) -> Iterator[Arrays]:
                    users = self._drawn_users(wanted, asked, seed + turn, refine)
                    return self._parts(users, seed + turn + 1, 0, lambda done: None)

                identifiers = [c for c in self._users.schema if c.kind == "identifier"]
                parts = asked.parts(n, draw, layout.by, identifiers, seed, task.advance)
            else:
                chooser = self._chooser if asks_for_choice(refine, n, self.facts["users"], asked) else None
                # Whoever comes first in time may be drawn last, and of whom rows are given is known when all are made:
                # then all events are made before the first is given.
                skipped = 0 if layout.in_time_order or chooser is not None else done
                made = n if chooser is None else round(n * TIMES)
                users = self._drawn_users(made, asked, seed, refine)
                parts = self._parts(users, seed, skipped, task.advance, chooser, n)
                done -= skipped
            if layout.in_time_order:
                parts = in_time_order(list(parts), layout.time, PART_ROWS)
            for arrays in parts:
                rows = len(arrays[layout.time])
                if rows > done:
                    yield from_arrays(some_rows(arrays, slice(done, None)), self.schema)
                done = max(0, done - rows)

    def _made_to_learn(self, n: int, seed: int, advance: Callable[[int], None]) -> tuple[Arrays, np.ndarray, Arrays]:
        """``n`` users with their events, from which a chooser learns."""
        users = self._drawn_users(n, Asked([], (), self.schema), seed, refine=False)
        return users, *self._histories(users, self._past(), np.random.default_rng(seed), 0, seed, advance)

    def _drawn_users(self, n: int, asked: Asked, seed: int, refine: bool | None) -> Arrays:
        where: Any = asked.users or None
        drawn = self._users.sample(n, where=where, seed=seed, progress=Reporter(), refine=refine)
        layout, users = self._fitted(), to_arrays(drawn, self._users.schema)
        begin, span = (name not in {each.column for each in asked.users} for name in (layout.first, layout.span))
        users = with_spans(users, layout, np.random.default_rng([seed, 2]), begin=begin, span=span)
        return sound_users(users, layout)

    def _parts(
        self,
        users: Arrays,
        seed: int,
        done: int,
        advance: Callable[[int], None],
        chooser: FamilyChooser | None = None,
        wanted: int = 0,
    ) -> Iterator[Arrays]:
        """Canonical arrays of the events of ``users``, part by part, without those of the first ``done`` rows.

        Args:
            chooser: takes ``wanted`` of the users, as many of each part as go with it; without one all are taken.
        """
        layout, past = self._fitted(), self._past()
        counts = users[layout.count]
        rows_per_user = max(1.0, self.facts["events"] / self.facts["users"])
        per_part = max(1, int(PART_ROWS / rows_per_user))
        made = taken = 0
        for part, start in enumerate(range(0, len(counts), per_part)):
            some = {name: values[start : start + per_part] for name, values in users.items()}
            rows, many = int(some[layout.count].sum()), len(some[layout.count])
            rng = np.random.default_rng([seed, part])
            if made + rows <= done:
                advance(many)
            elif chooser is None:
                place, events = self._histories(some, past, rng, made, seed, advance)
                yield self._with_users(some, place, events)
            else:
                place, events = self._histories(some, past, rng, made, seed, lambda done: None)
                upto = round(wanted * (start + many) / len(counts))
                kept = chosen_histories(chooser, some, place, events, layout, upto - taken, rng)
                advance(upto - taken)
                taken = upto
                yield self._with_users(some, *kept)
            made += rows

    def _histories(
        self, users: Arrays, past: Past, rng: np.random.Generator, made: int, seed: int, advance: Callable[[int], None]
    ) -> tuple[np.ndarray, Arrays]:
        """All events of ``users``, of which so are given: int64[events], whose each is, ascending, and canonical
        arrays; ``made`` rows were made before."""
        layout = self._fitted()
        parts, owner = stretches(users, layout)
        longest_first = np.argsort(-parts[layout.count], kind="stable")
        histories = {name: values[longest_first] for name, values in parts.items()}
        start = start_of_users(past, layout, histories, owner[longest_first])
        place, events = self._events_of(start, longest_first, past, rng, made, seed, advance)
        return joined(place, events, owner, layout.time)

    def _with_users(self, users: Arrays, place: np.ndarray, events: Arrays) -> Arrays:
        layout = self._fitted()
        own = {name: users[name][place] for name in (layout.by, *layout.user_columns)}
        return self._whole({**events, **own}, self.schema)

    def _whole(self, arrays: Arrays, schema: Schema) -> Arrays:
        """Canonical arrays of whole rows, with what follows from the time and the user of an event."""
        layout = self._fitted()
        return with_what_follows(arrays, schema, layout.time, layout.event_columns, layout.relative)

    def _events_of(
        self,
        start: Start,
        users: np.ndarray,
        past: Past,
        rng: np.random.Generator,
        made: int,
        seed: int,
        advance: Callable[[int], None],
    ) -> tuple[np.ndarray, Arrays]:
        """int64[events], the user of each, ascending, and canonical arrays of all columns of events and of the times.

        Args:
            users: the number of each history's user. Users come in the order of these numbers: nobody should see who
                has how many events by his place.
            made: rows that were made before.
        """
        layout = self._fitted()
        history, events = make_events(self._events, past, layout, start, rng, advance)
        order = np.argsort(users[history], kind="stable")
        arrays = {name: values[order] for name, values in events.items()}
        learned = {name: values for name, values in arrays.items() if name in self._events.schema}
        filled = self._events.unlearned(learned, len(order), rng, start=made, seed=seed)
        return users[history][order], {**filled, layout.time: arrays[layout.time]}

    def extend(
        self, table: pd.DataFrame, events: int, *, seed: int | None = None, progress: Reporter | None = None
    ) -> pd.DataFrame:
        """``events`` more events of each user in ``table``, after his last one; only the new rows.

        Args:
            table: real histories, with the columns of the table that was learned.

        Raises:
            UsageError: for fewer than one event, or if ``table`` lacks a column.
            SchemaError: if a cell of ``table`` cannot be read.
        """
        layout = self._fitted()
        if isinstance(events, bool) or not isinstance(events, Integral) or events < 1:
            raise UsageError(f"The number of events must be a whole number, 1 or more, not {shown(events)}.")
        seed = self._seed_of(seed)
        form = Form(table)
        table = check_table(table, minimum_rows=1)
        if absent := [name for name in self.schema.names if name not in table]:
            raise UsageError(f"The table has no column {absent[0]!r}, which the run learned.")
        arrays = to_arrays(table, self.schema, unseen="missing")
        log = read_log(arrays, self.schema, *self._columns(), own=layout.user_columns, progress=progress)
        given, log = log.schema, relative_log(log, layout.relative)
        users = user_arrays(log, layout)
        past, rng = self._past(), np.random.default_rng([seed, 1])
        start = start_within(past, layout, log, users, events)
        with self._reporter(progress).task("Extending", len(log.first), "users") as task:
            user, made = self._events_of(start, np.arange(len(log.first)), past, rng, 0, seed, task.advance)
        own = (layout.by, *layout.user_columns)
        schema = open_ended(replace(self.schema, columns=given.columns), layout)
        found = from_arrays(
            self._whole({**made, **{name: arrays[name][log.rows[log.first]][user] for name in own}}, schema), schema
        )
        # Users are given back as they came: a category that was not learned is no missing one.
        for name in own:
            found[name] = table[name].iloc[log.rows[log.first]].iloc[user].set_axis(found.index)
        return form.give_back(found)

    def _past(self) -> Past:
        layout = self._fitted()
        events = Schema(tuple(self._events.schema[name] for name in layout.event_columns))
        return Past(layout, self._users.schema, events)

    def complete(
        self, table: pd.DataFrame, *, seed: int | None = None, progress: Reporter | None = None
    ) -> pd.DataFrame:
        """``table``, a log, with its missing cells filled in, each from its user, the events before and its event.

        A row without a user becomes one of a new user; a row without a time stands after the row of its user before it.

        Raises:
            SchemaError: for a filled cell that cannot be read.
        """
        self._fitted()
        form, index = Form(table), table.index if isinstance(table, pd.DataFrame) else None
        models, progress = (self._past(), self._users, self._events), self._reporter(progress)
        table = check_table(table, minimum_rows=1)
        filled = fill_histories(table, self.schema, *models, seed=self._seed_of(seed), progress=progress)
        completed: pd.DataFrame = form.give_back(filled if index is None else filled.set_axis(index))
        return completed

    def _fitted(self) -> Layout:
        if self._layout is None:
            raise not_fitted()
        return self._layout

    # -- keeping ----------------------------------------------------------------------------------------------
    def _write(self, schema: Schema, directory: str | Path) -> None:
        run = Run(
            self.name, schema, self._fitted(), self._users, self._events, self.settings(), self.facts, self._chooser
        )
        write_run(directory, run)

    @classmethod
    def load(cls, directory: str | Path, *, device: str = "auto") -> Self:
        run = read_run(directory, device)
        model = restored(cls, run.settings, directory, device=device)
        model.schema_, model.facts_, model.history_ = run.schema, run.facts, run.events.history
        model._layout, model._users, model._events = run.layout, run.users, run.events
        model._chooser = run.chooser
        return model
