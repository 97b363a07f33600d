"""The one interface that every generator has; :mod:`.registry` finds one by name.

The command line and :mod:`eval` know nothing else of a generator than what stands here.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import Self

from .errors import UsageError, not_fitted
from .lazy import Module
from .likelihood.methods import Likelihood
from .machine.memory import give_back_freed_memory
from .notebook import default_reporter
from .plain_json import shown
from .progress import Reporter
from .schema import Schema
from .search_space import SearchSpace
from .settings import RUN_FOLDER, Setting, Settings
from .where.text import Where

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from .dp.settings import Privacy
    from .encoding.frames import Form
    from .refining import Margins
else:
    # `import tabllm` reaches this file, and must not wait for pandas.
    pd = Module("pandas")

__all__ = ["Synthesizer"]

#: What a call may be given beside settings.
_DONE = Setting(0, least=0, name="done", types="int")
_SEED = Setting(None, least=0, name="seed", types="int | None")
_CHECKPOINT = Setting(None, name="checkpoint", types="str | Path | None")
_REFINE = Setting(None, name="refine", types="bool | None")


class Synthesizer(Likelihood, Settings, ABC):
    """Learns a table and makes new rows of it.

    An estimator as scikit-learn has them: the constructor stores settings and checks nothing, :meth:`fit` checks them
    and learns, and what it learned stands in attributes that end in ``_``: ``schema_``, ``facts_``, ``history_``.

    Example:
        >>> import pandas as pd
        >>> from tabular import create
        >>> table = pd.DataFrame({"device": ["ios", "web"] * 50, "age": range(100)})
        >>> model = create("tvae", steps=2, seed=0).fit(table)
        >>> sorted(model.sample(4, where="device=web"))
        ['age', 'device']
    """

    #: The name in the registry.
    name: ClassVar[str]
    #: Options that :func:`.registry.create` takes for a fit with differential privacy where the caller does not say.
    private_defaults: ClassVar[Mapping[str, Any]] = {}
    #: What ``n`` of :meth:`sample` counts; :meth:`describe` says under this name how many were learned.
    unit: ClassVar[str] = "rows"
    #: Whether rows are chosen by the table's margins where the caller does not say.
    refines: ClassVar[bool] = False
    #: Of the own training length, how much tells good settings from bad ones; and options of a fit that only does so.
    search_share: ClassVar[float] = 1.0
    search_screen: ClassVar[Mapping[str, Any]] = {}
    #: Engines (``torch``, ``mlx``) by which a fit can be spread over processes.
    spread_engines: ClassVar[tuple[str, ...]] = ()
    _part_rows: ClassVar[int | None] = None
    #: What is said where a fit is needed first.
    _unfitted: ClassVar[str] = "This model has learned no table yet; call fit() first."
    #: Counts of the table to choose rows by; ``None`` where none are kept, as in a private fit.
    _margins: Margins | None = None
    #: How the table came that :meth:`fit` learned; ``None`` in a run that was loaded.
    _form: Form | None = None
    #: The checkpoint of a private fit, which holds its secret until the run stands.
    _unsaved: str | Path | None = None

    # -- learning ---------------------------------------------------------------------------------------------
    def fit(
        self,
        table: pd.DataFrame,
        y: Any = None,
        *,
        schema: Schema | None = None,
        discrete_columns: Iterable[str] | None = None,
        progress: Reporter | None = None,
        checkpoint: str | Path | None = None,
    ) -> Self:
        """Learn ``table``; return ``self``.

        Args:
            table: at least two rows. Where no column has anything to learn, rows are made from the forms of its values.
            y: not used; scikit-learn gives one. A list of names of columns is taken for ``discrete_columns``, which
                stand second in the package ``ctgan``.
            schema: inferred from ``table`` if absent.
            discrete_columns: columns to be taken for categories, whatever they look like.
            progress: notified of each step; if absent bars where the setting ``verbose`` is on, else silence.
            checkpoint: a folder where an interrupted fit leaves what it needs to go on, and from
                which the same call with the same table and settings resumes.

        Raises:
            UsageError: for a setting that cannot be.
            TableError: if the table has too few rows to learn from.
        """
        from .encoding.frames import Form
        from .io.reading import check_table
        from .pacing import tell_long_fits
        from .preparing.schema_fit import discrete_names

        before = dict(vars(self))
        self.check_settings()
        if schema is not None and not isinstance(schema, Schema):
            raise UsageError(f"schema must be a tabular.Schema, not {shown(schema)}; Schema.from_json reads a file.")
        _CHECKPOINT.check(checkpoint)
        progress = self._reporter(progress)
        try:
            self._place(progress)
            started = time.perf_counter()
            checked = check_table(table)
            self._form = Form(table)
            privacy: Privacy | None = getattr(self, "privacy", None)
            if privacy is not None:
                privacy.check_public(schema, checked.columns)
            discrete = discrete_names(discrete_columns, y, checked)
            found, arrays = self._schema_and_arrays(checked, schema, discrete, progress)
            self.schema_, self._margins, self._unsaved = self._form.labelled(found, len(checked)), None, None
            facts = self._learn(arrays, len(checked), tell_long_fits(progress), checkpoint)
        except BaseException:
            # What was learned before is whole; a part of another fit would not go with it.
            vars(self).clear()
            vars(self).update(before)
            raise
        finally:
            give_back_freed_memory()
        self.facts_ = {**facts, "fit_seconds": round(time.perf_counter() - started, 2)}
        return self

    def _schema_and_arrays(
        self, table: pd.DataFrame, schema: Schema | None, discrete: Sequence[str], progress: Reporter
    ) -> tuple[Schema, dict[str, np.ndarray]]:
        """The schema, inferred if there is none, with ``discrete`` columns as categories; and the canonical arrays."""
        from .preparing.schema_fit import schema_and_arrays

        return schema_and_arrays(
            table,
            schema,
            rare_below=getattr(self, "rare_below", 0),
            progress=progress,
            discrete=discrete,
            private=getattr(self, "privacy", None) is not None,
        )

    def _place(self, progress: Reporter | None = None) -> None:
        """Choose where to compute. Raises :class:`EngineError` for what this machine does not have."""

    def _learn(
        self, arrays: dict[str, np.ndarray], rows: int, progress: Reporter, checkpoint: str | Path | None
    ) -> dict[str, Any]:
        """What :meth:`fit` does when settings are checked and ``schema_`` is known.

        Args:
            arrays: canonical, of all columns.
            rows: of the table.

        Returns:
            The facts of the fit, plain JSON data.
        """
        raise NotImplementedError(f"{type(self).__name__} has neither a fit() of its own nor a _learn().")

    def check(self) -> None:
        """Raise what :meth:`fit` would, before it sees a table: for settings, and for where to compute."""
        self.check_settings()
        self._place()

    # -- making rows ------------------------------------------------------------------------------------------
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
        """Yield ``n`` rows in all, in parts that fit in memory, each with the dtypes of the table.

        Args:
            n: rows wanted, at least 1; exactly that many come.
            where: conditions that every row keeps.
            seed: the seed of the fit if absent. The same seed gives the same rows.
            progress: notified of each part.
            done: rows of the first parts that an earlier, interrupted call gave already; they are left out.
            refine: draw a quarter more rows, and choose those whose counts, of single columns and of pairs, come near
                to the table's (:mod:`tabular.refining`). By default ``nano`` does, without conditions, for up to twice
                the training rows.

        Raises:
            ConditionError: if ``where`` names an unknown column or an impossible value.
            UsageError: for refine with conditions, or of a run that keeps no counts.
            NotFittedError: before a fit.
        """
        allowed = self._parsed(where)
        seed = self._checked_call(n, seed=seed, done=done, refine=refine)
        return self._batches(int(n), allowed, seed=seed, progress=self._reporter(progress), done=done, refine=refine)

    @property
    def part_rows(self) -> int | None:
        """Rows of each part but the last that :meth:`sample_batches` yields, where a part costs no more after ``done``
        rows than as the first one; ``None`` where that is not so."""
        return self._part_rows

    def _parsed(self, where: Where) -> Any:
        """What :meth:`_batches` gets of ``where``: column -> what it may be. Raises :class:`ConditionError`."""
        from .where.conditions import parse_where

        return parse_where(where, self.schema)

    def _checked_call(self, n: int, *, seed: int | None, done: int, refine: bool | None) -> int:
        """The seed of a call of :meth:`sample_batches`. Raises :class:`UsageError` for one that is not valid."""
        if isinstance(n, bool) or not isinstance(n, Integral) or n < 1:
            raise UsageError(f"The number of {self.unit} must be a whole number, 1 or more, not {shown(n)}.")
        _DONE.check(done)
        _REFINE.check(refine)
        return self._seed_of(seed)

    def _batches(
        self, n: int, allowed: Any, *, seed: int, progress: Reporter, done: int, refine: bool | None
    ) -> Iterator[pd.DataFrame]:
        """What :meth:`sample_batches` does when its arguments are checked; ``allowed``: what :meth:`_parsed` gave."""
        raise NotImplementedError(f"{type(self).__name__} has neither a sample_batches() of its own nor a _batches().")

    def sample(
        self,
        n: int | None = None,
        *,
        where: Where = None,
        seed: int | None = None,
        progress: Reporter | None = None,
        refine: bool | None = None,
    ) -> pd.DataFrame:
        """``n`` rows as one table, of the library and with the labels of the table that was learned.

        See :meth:`sample_batches`. A run that was loaded gives a pandas DataFrame.

        Args:
            n: as many as were learned if absent.
        """
        schema = self.schema
        n = (schema.rows or 1) if n is None else n
        # A generator that was registered from outside may know nothing of it.
        chosen = {} if refine is None else {"refine": refine}
        parts = self.sample_batches(n, where=where, seed=seed, progress=progress, **chosen)
        rows = pd.concat(list(parts), ignore_index=True)
        give_back_freed_memory(n)
        if self._form is not None:
            return self._form.give_back(rows)
        return rows.set_axis([c.name if c.label is None else c.label for c in schema], axis=1)

    def complete(
        self, table: pd.DataFrame, *, seed: int | None = None, progress: Reporter | None = None
    ) -> pd.DataFrame:
        """``table`` with its missing cells filled in, each from the row it stands in; filled cells stay as they are.

        Raises:
            SchemaError: for a filled cell that cannot be read, by column, row and value.
            UsageError: if this kind of generator cannot, which is what this base class says.
        """
        raise UsageError(f"The model {self.name!r} cannot complete rows; fit one with '-m nano'.")

    def impute(self, table: pd.DataFrame, *, seed: int | None = None, progress: Reporter | None = None) -> pd.DataFrame:
        """Another name of :meth:`complete`."""
        return self.complete(table, seed=seed, progress=progress)

    def _reporter(self, progress: Reporter | None) -> Reporter:
        return default_reporter(progress, verbose=getattr(self, "verbose", False))

    def _seed_of(self, seed: int | None) -> int:
        _SEED.check(seed)
        found: int = self.settings().get("seed", 0) if seed is None else int(seed)
        return found

    # -- what a fit found -------------------------------------------------------------------------------------
    @property
    def schema(self) -> Schema:
        """``schema_``, the schema of the table that was learned. Raises :class:`NotFittedError` before a fit."""
        if "schema_" not in vars(self):
            raise not_fitted(self._unfitted)
        found: Schema = vars(self)["schema_"]
        return found

    @schema.setter
    def schema(self, schema: Schema) -> None:
        self.schema_ = schema

    @property
    def facts(self) -> dict[str, Any]:
        """``facts_``, what there is to know of the fit, plain JSON data; nothing before it."""
        return getattr(self, "facts_", {})

    @property
    def history(self) -> list[Any]:
        """``history_``, one entry per evaluation of the fit; none before it."""
        return getattr(self, "history_", [])

    @property
    def feature_names_in_(self) -> np.ndarray:
        """object[columns], the names of the columns that were learned, as scikit-learn has them."""
        import numpy as np

        return np.array(self.schema.names, dtype=object)

    @property
    def n_features_in_(self) -> int:
        """The number of columns that were learned, as scikit-learn has it."""
        return len(self.schema)

    def __sklearn_is_fitted__(self) -> bool:
        return "schema_" in vars(self)

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import InputTags, Tags, TargetTags

        reads = InputTags(allow_nan=True, categorical=True, string=True)
        return Tags(estimator_type=None, target_tags=TargetTags(required=False), input_tags=reads)

    def set_random_state(self, random_state: int) -> Self:
        """Another seed, as in the package ``ctgan``; the same as ``set_params(seed=...)``."""
        return self.set_params(seed=random_state)

    def __repr__(self) -> str:
        reported = self._changed()
        if not self.__sklearn_is_fitted__():
            return reported
        return f"<{reported}, fitted to {self.schema.rows:,} rows of {len(self.schema)} columns>"

    def _repr_html_(self) -> str:
        from .notebook import html_table

        if not self.__sklearn_is_fitted__():
            return html_table(f"{self!r}, not fitted", (), [])
        facts = [
            (name.replace("_", " "), value)
            for name, value in self.describe().items()
            if isinstance(value, str | int | float)
        ]
        return html_table(repr(self), (), facts) + self.schema._repr_html_()

    @classmethod
    def search_space(cls) -> SearchSpace:
        """The settings that are worth searching: those that were declared with where to look."""
        ranges = {name: entry.search for name, entry in cls._settings.items() if entry.search is not None}
        return SearchSpace(ranges, share=cls.search_share, screen=cls.search_screen) if ranges else SearchSpace()

    def planned_epochs(self, rows: int) -> float | None:
        """Passes over a table of ``rows`` rows that :meth:`fit` would make if nothing ended it early.

        ``None`` where the length of a training cannot be set, which is what this base class says; a number is one
        that the option ``epochs`` takes.
        """
        return None

    def describe(self) -> dict[str, Any]:
        """What there is to know of a fitted generator, as plain JSON data; subclasses add to it."""
        known = {"model": self.name, "rows": self.schema.rows, "columns": len(self.schema)}
        return {**known, **self.facts, **({"history": self.history} if self.history else {})}

    # -- keeping ----------------------------------------------------------------------------------------------
    def save(self, directory: str | Path) -> None:
        """Write the run directory; it appears whole or not at all.

        Raises:
            OutputError: where it cannot be written.
            NotFittedError: before a fit.
        """
        schema = self.schema
        RUN_FOLDER.check(directory)
        self._write(schema, directory)
        if self._unsaved is not None:
            from .dp.session import forget_secret

            forget_secret(self._unsaved)

    def _write(self, schema: Schema, directory: str | Path) -> None:
        """What :meth:`save` does when there is something to write."""
        raise NotImplementedError(f"{type(self).__name__} has neither a save() of its own nor a _write().")

    @classmethod
    @abstractmethod
    def load(cls, directory: str | Path, *, device: str = "auto") -> Self:
        """Read what :meth:`save` wrote. Raises :class:`RunError` if it is not whole."""
