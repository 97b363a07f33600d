"""Several tables that belong together as one model: parents first, then children given their parents and siblings."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from numbers import Integral
from pathlib import Path
from time import perf_counter
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from typing_extensions import Self

from tabular.encoding.arrays import to_arrays
from tabular.errors import UsageError, not_fitted
from tabular.io.reading import check_table
from tabular.links.graph import TableGraph
from tabular.links.keys import Key, check_parent_column, check_single_columns, parse_key
from tabular.links.links_file import Links
from tabular.notebook import default_reporter
from tabular.plain_json import shown
from tabular.progress import Reporter
from tabular.registry import LINKED, check_name, create, has_option
from tabular.settings import setting, settings_table
from tabular.synthesizer import Synthesizer
from tabular.where.text import Where

from ..nano.settings import NanoSettings
from ..sequences.event_model import EventModel
from .conditions import conditions_of_roots
from .learning import Learned, Prepared, prepare, read_own, with_parents
from .making import Made, make_children, with_distinct, with_keys
from .parents import ParentGroups
from .resuming import fitted
from .run_files import Run, TableFile, read_run, write_run
from .surplus import chosen_families, fit_choosers
from .tables import TablePlan

__all__ = ["LinkedTables"]

#: Updates of a table with a parent at most: its rows have twice as many columns as in the file, and each update takes
#: as much longer.
MOST_STEPS = 2500


class LinkedTables(NanoSettings):
    """Tables joined by keys: each is learned given its parent, and sampled with keys that all lead somewhere.

    A table without a parent is learned by the generator ``model``, and with each row how many rows of every child it
    has. A child is learned by ``nano``: each row given its parent, those above, and the rows of the same parent before
    it. Of a second parent the kind is learned, and one of that kind is taken.

    Its other settings are those of :class:`tabllm.TableLM`, of all models.

    Example:
        >>> import pandas as pd
        >>> users = pd.DataFrame({"id": range(60), "age": [20, 50, 70] * 20})
        >>> events = pd.DataFrame({"user": [n % 40 for n in range(120)], "page": ["home", "cart"] * 60})
        >>> model = LinkedTables(steps=2).fit({"users": users, "events": events}, ["users.id=events.user"])
        >>> made = model.sample(30)
        >>> bool(made["events"]["user"].isin(made["users"]["id"]).all())
        True
    """

    name: ClassVar[str] = LINKED

    model: str = setting("nano", "The generator of tables without a parent.")

    _run: Run | None = None
    #: Table -> the file that it was read from, where it was.
    files: Mapping[str, TableFile] = MappingProxyType({})

    def _check_together(self) -> None:
        check_name(self.model, of_rows=True)
        self._of(EventModel).check_settings()

    def _of(self, kind: type[EventModel]) -> EventModel:
        """A model with the settings of this one."""
        return kind(**{name: getattr(self, name) for name in settings_table(NanoSettings)})

    def _of_rows(self, found: Prepared) -> EventModel:
        """The model of one row of a table with a parent."""
        model = self._of(EventModel)
        model.past, model.drawn_past = tuple(each.name for each in found.plan.given), 0
        model.owners, model.most_steps = found.owners, MOST_STEPS
        return model

    def _root(self) -> Synthesizer:
        """The generator of a table without a parent, with the settings that it has too and that were set."""
        table = settings_table(NanoSettings)
        changed = {name: getattr(self, name) for name, entry in table.items() if getattr(self, name) != entry.default}
        return create(self.model, **{name: value for name, value in changed.items() if has_option(self.model, name)})

    # -- learning ---------------------------------------------------------------------------------------------
    def fit(
        self,
        tables: Mapping[str, pd.DataFrame],
        keys: Sequence[str | Key],
        *,
        keep: Collection[str] = (),
        time: Mapping[str, str] | None = None,
        progress: Reporter | None = None,
        checkpoint: str | Path | None = None,
    ) -> Self:
        """Learn ``tables`` (name -> table); return ``self``.

        Args:
            keys: ``"users.id=events.user_id"``: a column of the parent, and the one of the child that names its rows.
                The first key of a child to a table that is not kept says which parent gives its rows.
            keep: lookup tables, such as countries, whose real rows are given back as they are.
            time: table -> the column by which rows of one parent are in order; their order in the table if absent.
            progress: notified of each step.
            checkpoint: a folder, which is there, where an interrupted fit leaves the tables that are learned and a
                checkpoint of the one in work, and from which the same call with the same tables and settings goes on.

        Raises:
            UsageError: for a setting or a key that cannot be.
            TableError: where a key column of a parent does not name each row, or a table has too few rows.
        """
        self.check_settings()
        progress = default_reporter(progress, verbose=self.verbose)
        started = perf_counter()
        tables = {name: check_table(table) for name, table in tables.items()}
        columns = {name: list(table.columns) for name, table in tables.items()}
        parsed = [key if isinstance(key, Key) else parse_key(key, columns) for key in keys]
        graph = TableGraph.of(columns, parsed, keep)
        times = _checked_times(dict(time or {}), columns, graph)
        check_single_columns(graph.keys, tables)
        for key in graph.keys:
            check_parent_column(key, tables[key.parent][key.parent_column])
        for name in sorted(graph.kept):
            progress.warn(
                f"{name} is kept as it is: its {len(tables[name]):,} real rows stand in the run and in all that is "
                "sampled, which is right for a list that anybody may see, such as countries."
            )
        place = with_parents(graph, tables, progress)
        known: dict[str, Learned] = {}
        plans: dict[str, TablePlan] = {}
        models: dict[str, Synthesizer | None] = {}
        groups: dict[str, ParentGroups] = {}
        own = {
            name: read_own(
                name,
                tables[name],
                graph,
                place,
                time=times.get(name, ""),
                seed=self.seed,
                rare_below=self.rare_below,
                progress=progress,
            )
            for name in graph.made
        }
        for number, name in enumerate(graph.made):
            progress.note(f"{name}: {len(tables[name]):,} rows are learned.")
            found = prepare(name, tables, graph, place, own, known, times=times, seed=self.seed)
            known[name], plans[name] = found.learned, found.plan
            groups |= found.groups
            models[name] = None
            if found.plan.own or found.plan.extra:
                model: Synthesizer = self._root() if name in graph.roots else self._of_rows(found)
                folder = None if checkpoint is None else Path(checkpoint) / str(number)
                learned = fitted(model, found.table, found.schema, folder, progress=progress, device=self.device)
                if isinstance(learned, EventModel):
                    learned.past, learned.owners = tuple(each.name for each in found.plan.given), None
                models[name] = learned
        facts = {
            "tables": {name: len(table) for name, table in tables.items()},
            "fit_seconds": round(perf_counter() - started, 2),
            "seed": self.seed,
        }
        kept = {name: tables[name] for name in graph.kept}
        self._run = Run(self.name, graph, plans, models, groups, kept, times, self.settings(), facts)
        choosers = fit_choosers(self._run, known, self._make, seed=self.seed, progress=progress)
        facts["fit_seconds"] = round(perf_counter() - started, 2)
        self._run = replace(self._run, choosers=choosers)
        return self

    # -- making rows ------------------------------------------------------------------------------------------
    @property
    def main_table(self) -> str:
        """The table whose rows ``n`` of :meth:`sample` counts: the first one without a parent."""
        return self._fitted().graph.roots[0]

    @property
    def rows(self) -> int:
        """Rows of :attr:`main_table` that were learned."""
        return self._fitted().plans[self.main_table].rows

    @property
    def graph(self) -> TableGraph:
        """The tables and keys. Raises :class:`NotFittedError` before a fit."""
        return self._fitted().graph

    def links(self) -> Links:
        """The keys, kept tables and times of the fit, as a file of links has them."""
        run = self._fitted()
        return Links(tuple(key.text for key in run.graph.keys), tuple(sorted(run.graph.kept)), dict(run.times))

    def sample(
        self,
        n: int | None = None,
        *,
        where: Where = None,
        seed: int | None = None,
        refine: bool | None = None,
        progress: Reporter | None = None,
    ) -> dict[str, pd.DataFrame]:
        """``n`` rows of :attr:`main_table` with all that belong to them: name -> table, parents first.

        Other tables without a parent have as many rows as goes with ``n``.

        Args:
            n: as many as were learned if absent.
            where: conditions that rows of tables without a parent keep, such as ``"age>=30"``. Columns of
                :attr:`main_table` stand by their name, those of any such table as ``"shops.size=large"``; how many
                children a row has is a column, too: ``"rows of orders>=3"``.
            seed: the seed of the fit if absent. The same seed gives the same rows.
            refine: whether more families are made than wanted, and those taken that trees take for real ones, where the
                fit found that trees tell them; without conditions if absent. See :mod:`tabllm.choosing.families`.

        Raises:
            UsageError: if ``n`` is no whole number above 0.
            ConditionError: if ``where`` names a column of no table without a parent, or a value that cannot be.
        """
        run = self._fitted()
        if n is not None and (isinstance(n, bool) or not isinstance(n, Integral) or n < 1):
            raise UsageError(f"The number of rows must be a whole number, 1 or more, not {shown(n)}.")
        n = self.rows if n is None else int(n)
        seed = self.seed if seed is None else seed
        settings_table(type(self))["seed"].check(seed)
        progress = default_reporter(progress, verbose=self.verbose)
        models = ((name, run.models[name]) for name in run.graph.roots)
        allowed = {} if where is None else conditions_of_roots(where, {name: m.schema for name, m in models if m})
        make = partial(self._make, seed=seed, allowed=allowed, progress=progress)
        choosers = run.choosers if refine or (refine is None and not allowed) else {}
        made: dict[str, Made] = {}
        finished = dict(run.kept)
        for number, name in enumerate(run.graph.made):
            wanted = max(1, round(n * run.plans[name].rows / max(self.rows, 1)))
            if name in choosers:
                made |= chosen_families(choosers[name], name, wanted, make, np.random.default_rng([seed, number, 1]))
            elif name not in made:
                made[name] = make(name, wanted, made)
            table = with_keys(run.plans[name], run.graph, made[name], finished)
            named_anew = tuple(c for c in run.graph.named_by(name) if c not in run.plans[name].key_dtypes)
            finished[name] = with_distinct(table, named_anew)
        return {name: finished[name] for name in run.graph.tables}

    def _make(
        self,
        name: str,
        rows: int,
        made: Mapping[str, Made],
        *,
        seed: int,
        progress: Reporter,
        allowed: Mapping[str, Any] = MappingProxyType({}),
    ) -> Made:
        """The table ``name``, without keys: of so many rows, or of those that belong to its parent's in ``made``."""
        run = self._fitted()
        plan, model = run.plans[name], run.models[name]
        with progress.task(f"Sampling {name}", rows, "rows") as task:
            if name in run.graph.roots:
                assert model is not None
                drawn = model.sample(rows, where=allowed.get(name), seed=seed, progress=Reporter())
                task.advance(rows)
                arrays = to_arrays(drawn, model.schema, unseen="missing")
                return Made(drawn[list(plan.own)], arrays, np.full(rows, -1, np.int64), {})
            assert model is None or isinstance(model, EventModel)
            counts = {key: column for each in run.plans.values() for key, column in each.counts.items()}
            rng = np.random.default_rng([seed, run.graph.made.index(name)])
            return make_children(plan, model, run.graph, made, counts, run.groups, rng, seed, task.advance)

    def _fitted(self) -> Run:
        if self._run is None:
            raise not_fitted()
        return self._run

    def describe(self) -> dict[str, Any]:
        """What there is to know of the fit, as plain JSON data."""
        run = self._fitted()
        return {"model": self.name, **run.facts, "keys": list(self.links().keys), "kept": sorted(run.graph.kept)}

    # -- keeping ----------------------------------------------------------------------------------------------
    def save(self, directory: str | Path, *, files: Mapping[str, TableFile] | None = None) -> None:
        """Write the run folder; it appears whole or not at all.

        Args:
            files: table -> the file that it was read from, for those who sample and judge.

        Raises:
            OutputError: where it cannot be written.
        """
        self.files = dict(self.files if files is None else files)
        write_run(directory, self._fitted(), self.files)

    @classmethod
    def load(cls, directory: str | Path, *, device: str = "auto") -> Self:
        """Read what :meth:`save` wrote. Raises :class:`RunError` if it is not whole, or of another kind."""
        run, files = read_run(directory, cls.name, device)
        model = cls(**run.settings)
        model.files = files
        model.device = device
        model._run = run
        return model

    def __repr__(self) -> str:
        if self._run is None:
            return self._changed()
        return f"<{self._changed()}, fitted to {len(self._run.graph.tables)} tables>"


def _checked_times(times: dict[str, str], columns: Mapping[str, Sequence[str]], graph: TableGraph) -> dict[str, str]:
    for table, column in times.items():
        if table not in columns or column not in columns[table]:
            raise UsageError(f"The time {table}.{column} names no column of the tables.")
        if table in graph.kept or graph.primary(table) is None:
            raise UsageError(f"The time {table}.{column} orders rows of one parent, and {table} has none.")
    return times
