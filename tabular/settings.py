"""The settings of a generator, each declared once: its type, range, default and meaning, and where it is searched.

A class declares a setting in its body, as a dataclass declares a field::

    class TVAE(NeuralSynthesizer):
        l2scale: float = setting(1e-5, "Weight decay of Adam.", least=0)

From the table of them come the constructor, which stores and checks nothing, the checks, ``get_params`` and
``set_params`` of scikit-learn, what a run keeps in ``config.json`` and a checkpoint must agree with, the command line's
options and the space that is searched. A class with a constructor of its own has the table that its signature gives.
"""

from __future__ import annotations

import difflib
import inspect
import math
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, is_dataclass, replace
from typing import Any, ClassVar

from typing_extensions import Self, dataclass_transform

from .errors import UsageError
from .plain_json import shown
from .search_space import Range

__all__ = [
    "ALIASES",
    "RUN_FOLDER",
    "CommonSettings",
    "EngineSettings",
    "Setting",
    "Settings",
    "SettingsObject",
    "TrainingSettings",
    "known_setting",
    "plain",
    "setting",
    "settings_table",
]

#: What torch and numpy hold.
MOST = 2**63 - 1
#: Never kept: whoever knows the seed of the noise can take the noise away.
SECRET = "noise_seed"
#: Other names of settings, which scikit-learn has.
ALIASES = {"random_state": "seed"}


@dataclass(frozen=True)
class Setting:
    """One setting of a generator.

    Attributes:
        default: its value where nothing is said.
        help: what it does, a sentence.
        above, least, below, most: its range; a number lies above the first, at the second or above, and so on.
        choices: the texts that it may be, if only some.
        search: where :mod:`tabllm.tuning` looks for a better value.
        kept: whether it belongs to what was learned; what only says how this machine does it does not.
        absent: what ``None`` or ``"auto"`` comes to, in words.
        name, types: of the attribute, and its annotation: types with ``|`` between them.
    """

    default: Any
    help: str = ""
    above: float | None = None
    least: float | None = None
    below: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()
    search: Range | None = None
    kept: bool = True
    absent: str = ""
    name: str = ""
    types: str = ""

    @property
    def range(self) -> str:
        """The range in words, such as ``"at least 0 and below 1"``; nothing where there is none."""
        upper = [] if self.below is None else [f"below {self.below:,g}"]
        upper += [] if self.most is None else [f"at most {self.most:,}"]
        lower = [] if self.above is None else [f"above {self.above:,g}"]
        if self.least is not None:
            lower = [f"at least {self.least:,g}" if upper else f"{self.least:,g} or above"]
        return " and ".join(lower + upper)

    @property
    def words(self) -> str:
        """What it may be, such as ``"a whole number above 0 or None"``."""
        if self.choices:
            texts = ["one of " + ", ".join(self.choices)]
        else:
            texts = [f"{_TYPES[kind][0]} {self.range}".strip() for kind in self._kinds if kind in _TYPES]
        return " or ".join([*texts, *["None"] * ("None" in self._kinds)])

    @property
    def _kinds(self) -> list[str]:
        return self.types.split(" | ") if self.types else []

    def check(self, value: Any) -> None:
        """Raise :class:`UsageError` for a ``value`` that it cannot have: the name, the value and what is allowed."""
        value = _unboxed(value)
        if value is None and "None" in self._kinds:
            return
        if self.choices:
            if not isinstance(value, str) or value not in self.choices:
                raise UsageError(f"{self.name} must be {self.words}, not {shown(value)}.")
            return
        known = [kind for kind in self._kinds if kind in _TYPES]
        if not known or len(known) + ("None" in self._kinds) < len(self._kinds):
            return  # of a type that nothing is known of
        if not any(_TYPES[kind][1](value) for kind in known):
            raise UsageError(f"{self.name} must be {self.words}, not {shown(value)}.")
        if _is_number(value, int | float):
            if not self._in_range(value):
                raise UsageError(f"{self.name} must be {self.range or _TYPES[known[0]][0]}, not {shown(value)}.")
            if abs(value) > MOST:
                raise UsageError(f"{self.name} must be below 2**63, not {shown(value)}.")

    def _in_range(self, value: float) -> bool:
        # This way round, so that NaN is refused too.
        return (
            (-math.inf if self.above is None else self.above) < value < (math.inf if self.below is None else self.below)
            and (self.least is None or value >= self.least)
            and (self.most is None or value <= self.most)
        )


class SettingsObject:
    """A setting that has settings of its own: a :class:`tabular.Privacy`."""


def _is_number(value: Any, kind: Any = int) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _is_widths(value: Any) -> bool:
    return (
        isinstance(value, list | tuple)
        and bool(value)
        and all(_is_number(width) and 0 < width <= MOST for width in map(_unboxed, value))
    )


#: Type -> (its words, whether a value is of it).
_TYPES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "int": ("a whole number", _is_number),
    "float": ("a finite number", lambda v: _is_number(v, int | float)),
    "bool": ("True or False", lambda v: isinstance(v, bool)),
    "Path": ("a path", lambda v: isinstance(v, os.PathLike)),
    "str": ("text", lambda v: isinstance(v, str)),
    "Privacy": ("a tabular.Privacy", lambda v: isinstance(v, SettingsObject)),
    "Sequence[int]": ("a list of whole numbers above 0, one or more", _is_widths),
}

#: The folder of a run, where a call is given one.
RUN_FOLDER = Setting(None, name="directory", types="str | Path")


def setting(
    default: Any,
    help: str,
    *,
    above: float | None = None,
    least: float | None = None,
    below: float | None = None,
    most: float | None = None,
    choices: tuple[str, ...] = (),
    search: Range | None = None,
    kept: bool = True,
    absent: str = "",
) -> Any:
    """Declare a setting in the body of a class; see :class:`Setting`."""
    return Setting(default, help, above, least, below, most, choices, search, kept, absent)


@dataclass_transform(kw_only_default=True, field_specifiers=(setting,))
class Settings:
    """What has settings: a constructor that stores them, and scikit-learn's ways to read, set and show them."""

    #: Name -> setting, in the order of declaration.
    _settings: ClassVar[Mapping[str, Setting]] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        declared = {name: value for name, value in vars(cls).items() if isinstance(value, Setting)}
        types = vars(cls).get("__annotations__", {})
        found: dict[str, Setting] = {}
        for base in reversed(cls.__bases__):
            found |= getattr(base, "_settings", {})
        for name, value in declared.items():
            found[name] = replace(value, name=name, types=types[name])
            setattr(cls, name, value.default)
        cls._settings = found
        if declared and "__init__" not in vars(cls):
            cls.__init__ = _constructor(found)  # type: ignore[method-assign]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Every setting with its value; ``deep`` changes nothing. ``random_state`` is ``seed``, as it was set."""
        table = settings_table(type(self))
        found = {name: getattr(self, name, entry.default) for name, entry in table.items()}
        return found | {alias: found[name] for alias, name in ALIASES.items() if name in found}

    def set_params(self, **params: Any) -> Self:
        """Set some settings, as the constructor does; they count from the next fit on.

        Raises:
            UsageError: for a name that is no setting.
        """
        for name, value in _named(type(self), params).items():
            setattr(self, name, value)
        return self

    def check_settings(self) -> None:
        """Raise :class:`UsageError` for a setting that cannot be; :meth:`~.Synthesizer.fit` does so first of all."""
        for name, entry in settings_table(type(self)).items():
            entry.check(getattr(self, name, entry.default))
        self._check_together()

    def _check_together(self) -> None:
        """Raise :class:`UsageError` for settings that contradict each other; each by itself is in its range."""

    def settings(self) -> dict[str, Any]:
        """Every setting with its value, as plain JSON data; without those that say how this machine computes."""
        table = settings_table(type(self))
        return {name: plain(getattr(self, name, entry.default)) for name, entry in table.items() if entry.kept}

    def _changed(self) -> str:
        """The constructor's call that makes this object: its class, and what differs from the defaults."""
        table = settings_table(type(self))
        values = ((name, getattr(self, name, entry.default), entry.default) for name, entry in table.items())
        reported = [f"{name}={_unboxed(value)!r}" for name, value, default in values if plain(value) != plain(default)]
        return f"{type(self).__name__}({', '.join(reported)})"


def _constructor(table: Mapping[str, Setting]) -> Callable[..., None]:
    def __init__(self: Any, *values: Any, **given: Any) -> None:
        if values:
            raise UsageError(
                f"{type(self).__name__} takes its settings by name, such as {next(iter(table))}=...; it got "
                f"{shown(values[0])} without one."
            )
        for name, entry in table.items():
            setattr(self, name, entry.default)
        self.set_params(**given)

    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    rest = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=entry.default, annotation=entry.types)
        for name, entry in table.items()
    ]
    __init__.__signature__ = inspect.Signature([own, *rest])  # type: ignore[attr-defined]
    return __init__


def settings_table(kind: type) -> Mapping[str, Setting]:
    """Name -> setting, of a class; of one with a constructor of its own what its signature says."""
    declared: Mapping[str, Setting] = getattr(kind, "_settings", {})
    parameters = inspect.signature(kind).parameters
    if declared and parameters.keys() == declared.keys():
        return declared
    return {
        name: declared.get(name) or Setting(_default(parameter), name=name, types=_types(parameter.annotation))
        for name, parameter in parameters.items()
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    }


def _default(parameter: inspect.Parameter) -> Any:
    return None if parameter.default is parameter.empty else parameter.default


def _types(annotation: Any) -> str:
    if annotation is inspect.Parameter.empty:
        return ""
    return annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))


def known_setting(kind: type, name: str, called: str, *, without: Iterable[str] = ()) -> Setting:
    """The setting ``name`` of a class. Raises :class:`UsageError` if it has none of the name.

    Args:
        called: what the error calls the class.
        without: settings that are not to be set.
    """
    table = {known: entry for known, entry in settings_table(kind).items() if known not in without}
    if name in table:
        return table[name]
    close = difflib.get_close_matches(name, table, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"it has {', '.join(table) or 'none'}."
    raise UsageError(f"{called} has no option {name!r}; {hint}")


def _named(kind: type, params: Mapping[str, Any]) -> dict[str, Any]:
    """``params`` by their own names, those of :data:`ALIASES` being other ones. Raises :class:`UsageError`."""
    found: dict[str, Any] = {}
    for given, value in params.items():
        name = ALIASES.get(given, given)
        known_setting(kind, name, kind.__name__)
        if name in found and found[name] != value:
            both = f"{name} and its other name {' and '.join(alias for alias in ALIASES if ALIASES[alias] == name)}"
            raise UsageError(f"{both} differ: {shown(found[name])} and {shown(value)}; give one of them.")
        found[name] = value
    return found


def _unboxed(value: Any) -> Any:
    """A number of numpy's as one of Python's."""
    return value.item() if getattr(value, "shape", None) == () and hasattr(value, "item") else value


def plain(value: Any) -> Any:
    """A setting's value as plain JSON data."""
    value = _unboxed(value)
    if isinstance(value, tuple | list):
        return [plain(entry) for entry in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {name: plain(entry) for name, entry in asdict(value).items() if name != SECRET}
    return value


class CommonSettings(Settings):
    """Settings that every generator of ours has."""

    device: str = setting("auto", "Device to compute on: auto, cpu, cuda, mps or gpu.", kept=False)
    seed: int = setting(0, "Fixes the fit, and the samples where no other seed is given.", least=0)
    rare_below: int = setting(0, "Rare categories: fold those of fewer rows than this into one.", least=0)
    verbose: bool = setting(False, "Show progress bars and notes on standard error.", kept=False)


class TrainingSettings(CommonSettings):
    """How long a generator trains, and at what pace; one with defaults of its own declares these settings anew."""

    epochs: float | None = setting(
        None, "Maximum passes over the rows; training stops early when the validation loss no longer improves.", above=0
    )
    steps: int | None = setting(None, "Number of updates, in place of epochs.", above=0)
    batch_size: int | None = setting(None, "Batch size: rows per update.", above=0, absent="by the size of the table")
    learning_rate: float | None = setting(None, "Peak learning rate of the schedule.", above=0)


class EngineSettings(CommonSettings):
    """Which library computes."""

    engine: str = setting(
        "auto", "Engine to compute with: auto, mlx or torch.", choices=("auto", "mlx", "torch"), kept=False
    )
