"""The one interface that every generator has; :mod:`.registry` finds one by name.

The command line and :mod:`eval` know nothing else of a generator than what stands here.
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from .errors import UsageError
from .progress import Reporter
from .schema import Schema
from .search_space import SearchSpace

if TYPE_CHECKING:
    # Not at run time: `import tabllm` reaches this file, and must not wait for pandas.
    import pandas as pd
    from typing_extensions import Self

    from .frames import Form
    from .refining import Margins

__all__ = ["Synthesizer"]

#: What ``where`` accepts: ``"age>=30"``, ``["age>=30", "device in [ios, android]"]`` or
#: ``{"clicked": 1, "device": ["ios", "android"]}``, or a list of both kinds.
Where = str | Sequence[str | Mapping[str, Any]] | Mapping[str, Any] | None


class Synthesizer(ABC):
    """Learns a table and makes new rows of it.

    Example:
        >>> model = create("nano", seed=0)                 # doctest: +SKIP
        >>> model.fit(table).sample(100, where="age>=30")  # doctest: +SKIP
    """

    #: The name in the registry.
    name: ClassVar[str]
    #: Options that :func:`create` takes for a fit with differential privacy where the caller does not say.
    private_defaults: ClassVar[Mapping[str, Any]] = {}
    #: Set by :meth:`fit` or :meth:`load`.
    schema: Schema
    #: What ``n`` of :meth:`sample` counts; :meth:`describe` says under this name how many were learned.
    unit: ClassVar[str] = "rows"
    #: Whether rows are chosen by the table's margins where the caller does not say.
    refines: ClassVar[bool] = False
    #: Counts of the table to choose rows by; ``None`` where none are kept, as in a private fit.
    _margins: Margins | None = None
    #: How the table came that :meth:`fit` learned; ``None`` in a run that was loaded.
    _form: Form | None = None

    @abstractmethod
    def fit(
        self,
        table: pd.DataFrame,
        *,
        schema: Schema | None = None,
        progress: Reporter | None = None,
        checkpoint: str | Path | None = None,
    ) -> Self:
        """Learn ``table``; return ``self``.

        Args:
            table: at least two rows. Where no column has anything to learn, rows are made from the forms of its values.
            schema: inferred from ``table`` if absent.
            progress: told of each step; silent if absent.
            checkpoint: a folder where an interrupted fit leaves what it needs to go on, and from
                which the same call with the same table and settings resumes.

        Raises:
            TableError: if the table has too few rows to learn from.
        """

    @abstractmethod
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
            progress: told of each part.
            done: rows of the first parts that an earlier, interrupted call gave already; they are left out.
            refine: draw a quarter more rows, and choose those whose counts, of single columns and of pairs, come near
                to the table's (:mod:`tabular.refining`). By default ``nano`` does, without conditions, for up to twice
                the learned rows.

        Raises:
            ConditionError: if ``where`` names an unknown column or an impossible value.
            UsageError: for ``refine`` with conditions, or of a run that keeps no counts.
        """

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
        import pandas as pd

        if n is None:
            n = self._known_schema().rows or 1
        # A generator that was registered from outside may know nothing of it.
        chosen = {} if refine is None else {"refine": refine}
        parts = list(self.sample_batches(n, where=where, seed=seed, progress=progress, **chosen))
        rows = pd.concat(parts, ignore_index=True)
        if self._form is not None:
            return self._form.give_back(rows)
        return rows.set_axis([c.name if c.label is None else c.label for c in self.schema], axis=1)

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

    def _taken(self, table: Any) -> pd.DataFrame:
        """``table``, of any library, as a checked DataFrame; how it came is kept for the rows that will be made."""
        from .frames import Form
        from .reading import check_table

        checked = check_table(table)
        self._form = Form(table)
        return checked

    def _labelled(self, schema: Schema, rows: int) -> Schema:
        """``schema`` with the labels of the table of ``rows`` rows that :meth:`_taken` took."""
        assert self._form is not None
        return self._form.labelled(schema, rows)

    def _known_schema(self) -> Schema:
        """The schema. Raises :class:`UsageError` before a table was learned."""
        if not hasattr(self, "schema"):
            raise UsageError("This model has learned no table yet; call fit() first.")
        return self.schema

    def __repr__(self) -> str:
        name = type(self).__name__
        if not hasattr(self, "schema"):
            return f"<{name}, not fitted>"
        return f"<{name}, fitted to {self.schema.rows:,} rows of {len(self.schema)} columns>"

    def _repr_html_(self) -> str:
        from .notebook import html_table

        if not hasattr(self, "schema"):
            return html_table(repr(self), (), [])
        facts = [(name.replace("_", " "), value) for name, value in self.describe().items()
                 if isinstance(value, str | int | float)]  # fmt: skip
        return html_table(repr(self), (), facts) + self.schema._repr_html_()

    @classmethod
    def search_space(cls) -> SearchSpace:
        """The settings that are worth searching; this base class has none."""
        return SearchSpace()

    def planned_epochs(self, rows: int) -> float | None:
        """Passes over a table of ``rows`` rows that :meth:`fit` would make if nothing ended it early.

        ``None`` where the length of a training cannot be set, which is what this base class says; a number is one
        that the option ``epochs`` takes.
        """
        return None

    def settings(self) -> dict[str, Any]:
        """Every option of the constructor with its value, as plain JSON data; not where it computes."""
        from .settings_record import settings_of

        return settings_of(self)

    def describe(self) -> dict[str, Any]:
        """What there is to know of a fitted generator, as plain JSON data; subclasses add to it."""
        return {"model": self.name, "rows": self.schema.rows, "columns": len(self.schema)}

    @abstractmethod
    def save(self, directory: str | Path) -> None:
        """Write the run directory; it appears whole or not at all."""

    @classmethod
    @abstractmethod
    def load(cls, directory: str | Path, *, device: str = "auto") -> Self:
        """Read what :meth:`save` wrote. Raises :class:`RunError` if it is not whole."""


def __getattr__(name: str) -> Any:
    # What stood here before it had a file of its own.
    if name.startswith("__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(".registry", __package__), name)
