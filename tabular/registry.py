"""Every generator by its name: what is registered, made anew, and loaded from the run that it left."""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .dp.settings import with_private_defaults
from .errors import EngineError, NoRunError, RunError, TabllmError, UsageError
from .plain_json import FieldError, read_json, shown
from .search_space import SearchSpace
from .settings import ALIASES, RUN_FOLDER, known_setting, settings_table
from .storage.rundir import check_readable, put_back

if TYPE_CHECKING:
    from .synthesizer import Synthesizer

__all__ = [
    "LINKED",
    "RUN_VERSION",
    "check_name",
    "check_options",
    "create",
    "has_option",
    "load_run",
    "model_names",
    "read_config",
    "register",
    "register_open",
    "search_space",
    "spread_engines",
]

#: The ``version`` in the ``config.json`` of a run; raised when older releases could no longer read it.
RUN_VERSION = 1
#: The ``model`` in the config of a run of several linked tables, which is no generator of rows of one.
LINKED = "linked"


@dataclass(frozen=True)
class _Entry:
    """How a name is made into a generator: ``target`` (``"package.module:Class"``) with some options given."""

    target: str
    fixed: Mapping[str, Any]
    listed: bool = True

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


def register(name: str, target: str, *, listed: bool = True, **fixed: Any) -> None:
    """Make ``target`` (``"package.module:Class"``) known as ``name``; it is imported on first use.

    Args:
        listed: whether :func:`model_names` has it: not where it needs more than a table to learn.
        fixed: options that the name itself stands for.
    """
    _REGISTRY[name] = _Entry(target, fixed, listed)


def register_open(is_meant: Callable[[str], bool], target: str, option: str) -> None:
    """Let names that no list holds, such as folders, be given to ``target`` as its ``option``.

    Args:
        is_meant: whether a name is such a one.
    """
    _OPEN.append((is_meant, target, option))


def model_names() -> list[str]:
    """The registered names, sorted."""
    return sorted(name for name, entry in _REGISTRY.items() if entry.listed)


def _find(name: str) -> _Entry:
    if not isinstance(name, str):
        raise UsageError(f"A model's name is text, such as 'nano', not {shown(name)}.")
    if name in _REGISTRY:
        return _REGISTRY[name]
    for is_meant, target, option in _OPEN:
        if is_meant(name):
            return _Entry(target, {option: name})
    close = difflib.get_close_matches(name, model_names(), n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"choose one of {', '.join(model_names())}"
    others = "" if close or not _OPEN else ", a model's folder, or a hub id such as org/name"
    raise UsageError(f"There is no model {name!r}; {hint}{others}{'' if close else '.'}")


def check_name(name: str, *, of_rows: bool = False) -> None:
    """Raise :class:`UsageError` if no generator is called ``name``; loads none.

    Args:
        of_rows: whether it must also learn any table as it comes.
    """
    if not _find(name).listed and of_rows:
        raise UsageError(f"The model {name!r} learns no single rows, and this is about those; name another.")


def has_option(name: str, option: str) -> bool:
    """Whether the generator ``name`` can be created with ``option``."""
    return option in settings_table(_find(name).load())


def spread_engines(name: str) -> tuple[str, ...]:
    """The engines by which a fit of the generator ``name`` can be spread over processes: of ``torch`` and ``mlx``."""
    return _find(name).load().spread_engines


def search_space(name: str) -> SearchSpace:
    """The settings of the generator ``name`` that are worth searching, without those that the name stands for."""
    entry = _find(name)
    space = entry.load().search_space()
    return replace(space, ranges={option: at for option, at in space.ranges.items() if option not in entry.fixed})


def check_options(name: str, options: Iterable[str]) -> None:
    """Raise :class:`UsageError` if the generator ``name`` has not all of ``options``, or they cannot be.

    Args:
        options: their names, or names and values.
    """
    entry = _find(name)
    for option in options:
        found = known_setting(entry.load(), ALIASES.get(option, option), f"The model {name!r}", without=entry.fixed)
        if isinstance(options, Mapping):
            found.check(options[option])


def create(name: str, **options: Any) -> Synthesizer:
    """A new, unfitted generator. Raises :class:`UsageError` for a name, an option or a value that cannot be."""
    check_options(name, options)
    entry = _find(name)
    found = entry.load()
    made = found(**entry.fixed, **with_private_defaults(options, found.private_defaults))
    made.check()
    return made


def read_config(directory: str | Path) -> dict[str, Any]:
    """The ``config.json`` of a run directory. Raises :class:`RunError` if there is none."""
    RUN_FOLDER.check(directory)
    path = Path(directory) / "config.json"
    put_back(directory)
    if not Path(directory).is_dir():
        what = (
            f"{directory} is a file, not the folder of a run"
            if Path(directory).exists()
            else (f"There is no run directory {directory}")
        )
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
    if name == LINKED:
        raise UsageError(
            f"{directory} is a run of several linked tables, and this works on one table; 'tabllm sample', 'tabllm "
            "eval' and 'tabllm info' take it, and in Python tabllm.LinkedTables.load."
        )
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
    except TabllmError:
        raise
    except _MISFITS as error:  # the last net: what loads a run says what is wrong where it can
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise RunError(f"The run {directory} is damaged ({reason}); fit again.") from None


for _name, _class in (("ctgan", "CTGAN"), ("tvae", "TVAE"), ("tabddpm", "TabDDPM"), ("tabcascade", "TabCascade")):
    register(_name, f"tabular.neural.{_name}:{_class}")
