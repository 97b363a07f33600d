"""The one interface that every generator has, and the registry that finds one by name.

The command line and :mod:`eval` know nothing else of a generator than what stands here.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from .dp.settings import with_private_defaults
from .errors import EngineError, NoRunError, RunError, UsageError
from .option_types import check_values
from .plain_json import FieldError, read_json, shown
from .progress import Reporter
from .rundir import check_readable, put_back
from .schema import Schema
from .search_space import SearchSpace

if TYPE_CHECKING:
    # Not at run time: `import tabllm` reaches this file, and must not wait for pandas.
    import pandas as pd
    from typing_extensions import Self

    from .frames import Form
    from .refining import Margins

__all__ = [
    "Synthesizer",
    "check_name",
    "check_options",
    "create",
    "has_option",
    "load_run",
    "model_names",
    "register",
    "register_open",
    "search_space",
]

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


#: The ``version`` in the ``config.json`` of a run; raised when older releases could no longer read it.
RUN_VERSION = 1


@dataclass(frozen=True)
class _Entry:
    """How a name is made into a generator: ``target`` (``"package.module:Class"``) with some options given."""

    target: str
    fixed: Mapping[str, Any]

    def load(self) -> type[Synthesizer]:
        module, _, attribute = self.target.partition(":")
        try:
            found: type[Synthesizer] = getattr(importlib.import_module(module), attribute)
        except ModuleNotFoundError as error:
            if error.name != "torch":
                raise
            raise EngineError(f"The model {attribute.lower()!r} needs PyTorch: pip install torch.") from None
        return found


_REGISTRY: dict[str, _Entry] = {}
_OPEN: list[tuple[Callable[[str], bool], str, str]] = []


def register(name: str, target: str, **fixed: Any) -> None:
    """Make ``target`` (``"package.module:Class"``) known as ``name``; it is imported on first use.

    Args:
        fixed: options that the name itself stands for.
    """
    _REGISTRY[name] = _Entry(target, fixed)


def register_open(is_meant: Callable[[str], bool], target: str, option: str) -> None:
    """Let names that no list holds, such as folders, be given to ``target`` as its ``option``.

    Args:
        is_meant: whether a name is such a one.
    """
    _OPEN.append((is_meant, target, option))


def model_names() -> list[str]:
    """The registered names, sorted."""
    return sorted(_REGISTRY)


def _find(name: str) -> _Entry:
    if name in _REGISTRY:
        return _REGISTRY[name]
    for is_meant, target, option in _OPEN:
        if is_meant(name):
            return _Entry(target, {option: name})
    close = difflib.get_close_matches(name, model_names(), n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"choose one of {', '.join(model_names())}"
    others = "" if close or not _OPEN else ", a model's folder, or a hub id such as org/name"
    raise UsageError(f"There is no model {name!r}; {hint}{others}{'' if close else '.'}")


def check_name(name: str) -> None:
    """Raise :class:`UsageError` if no generator is called ``name``; loads none."""
    _find(name)


def has_option(name: str, option: str) -> bool:
    """Whether the generator ``name`` can be created with ``option``."""
    return option in inspect.signature(_find(name).load()).parameters


def search_space(name: str) -> SearchSpace:
    """The settings of the generator ``name`` that are worth searching, without those that the name stands for."""
    entry = _find(name)
    space = entry.load().search_space()
    return replace(space, ranges={option: at for option, at in space.ranges.items() if option not in entry.fixed})


def check_options(name: str, options: Iterable[str]) -> None:
    """Raise :class:`UsageError` if the generator ``name`` has not all of ``options``, or they have other types.

    Args:
        options: their names, or names and values.
    """
    entry = _find(name)
    known = inspect.signature(entry.load()).parameters
    free = any(parameter.kind is parameter.VAR_KEYWORD for parameter in known.values())
    for option in () if free else options:
        if option not in known or option in entry.fixed:
            close = difflib.get_close_matches(option, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"it has {', '.join(known) or 'none'}."
            raise UsageError(f"The model {name!r} has no option {option!r}; {hint}")
    try:
        check_values(entry.load(), options if isinstance(options, Mapping) else {})
    except FieldError as error:
        raise UsageError(f"The model {name!r} cannot be made so: {error}.") from None


def create(name: str, **options: Any) -> Synthesizer:
    """A new, unfitted generator. Raises :class:`UsageError` for a name, an option or a value that cannot be."""
    check_options(name, options)
    entry = _find(name)
    found = entry.load()
    return found(**entry.fixed, **with_private_defaults(options, found.private_defaults))


def read_config(directory: str | Path) -> dict[str, Any]:
    """The ``config.json`` of a run directory. Raises :class:`RunError` if there is none."""
    path = Path(directory) / "config.json"
    put_back(directory)
    if not Path(directory).is_dir():
        what = f"{directory} is a file, not the folder of a run" if Path(directory).exists() else (
            f"There is no run directory {directory}")  # fmt: skip
        raise NoRunError(f"{what}; write one with 'tabllm fit DATA -o RUN'.")
    check_readable(directory)
    try:
        config = read_json(path)
    except FileNotFoundError:
        kind = RunError if (Path(directory) / "schema.json").is_file() else NoRunError
        raise kind(f"{directory} is not a run directory: it has no config.json.") from None
    except (OSError, FieldError) as error:
        raise RunError(f"{path} cannot be read ({error}); fit again.") from None
    if not isinstance(config, dict) or not isinstance(config.get("model"), str):
        raise RunError(f"{path} names no model: it is not the config of a run.")
    version = config.get("version", RUN_VERSION)
    if not isinstance(version, int) or version > RUN_VERSION:
        raise RunError(
            f"{directory} was written by a newer tabllm (format {shown(version)}, this one reads {RUN_VERSION}): "
            "upgrade tabllm to read it."
        )
    return config


#: What code meets in data that it was not written for.
_MISFITS = (KeyError, TypeError, ValueError, IndexError, AttributeError, ArithmeticError, RecursionError)


def load_run(directory: str | Path, *, device: str = "auto", **options: Any) -> Synthesizer:
    """Load whichever generator a run directory holds.

    Args:
        options: of the generator's own ``load``, such as ``precision``; ``None`` counts as not given.

    Raises:
        UsageError: for an option that this generator does not have, or a generator that no imported package brings.
    """
    name = read_config(directory)["model"]
    try:
        found = _find(name).load()
    except UsageError as error:
        raise UsageError(f"{error} Import the package that brings it before you load {directory}.") from None
    given = {option: value for option, value in options.items() if value is not None}
    for option in given:
        if option not in inspect.signature(found.load).parameters:
            raise UsageError(f"A run of the model {name!r} takes no {option!r}; leave it out.")
    try:
        return found.load(directory, device=device, **given)
    except _MISFITS as error:  # the last net: what loads a run says what is wrong where it can
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise RunError(f"The run {directory} is damaged ({reason}); fit again.") from None


for _name, _class in (("ctgan", "CTGAN"), ("tvae", "TVAE"), ("tabddpm", "TabDDPM"), ("tabcascade", "TabCascade")):
    register(_name, f"tabular.neural.{_name}:{_class}")
