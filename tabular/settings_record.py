"""The settings of a generator as one record: a checkpoint must agree with it, a run keeps it, and a load restores it.

A constructor stores every option under the option's own name, so its signature says what the settings are.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from .errors import TabllmError
from .option_types import check_values
from .runs import damaged

if TYPE_CHECKING:
    from .synthesizer import Synthesizer

    Model = TypeVar("Model", bound=Synthesizer)

__all__ = ["from_settings", "settings_of"]

#: Options that say where a generator computes: of the machine, not of what was learned.
OF_THE_MACHINE = frozenset({"device", "engine"})
#: Never kept: whoever knows the seed of the noise can take the noise away.
SECRET = "noise_seed"


def settings_of(model: Synthesizer) -> dict[str, Any]:
    """Every option of the constructor of ``model``, with its value as plain JSON data."""
    options = inspect.signature(type(model)).parameters
    return {name: _plain(getattr(model, name)) for name in options if name not in OF_THE_MACHINE}


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, tuple | list):
        return [_plain(entry) for entry in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {name: _plain(entry) for name, entry in asdict(value).items() if name != SECRET}
    return value


def from_settings(
    kind: type[Model],
    recorded: Mapping[str, Any],
    given: Mapping[str, Any],
    directory: str | Path,
    *,
    unchecked: Iterable[str] = (),
) -> Model:
    """A generator with the settings that a run recorded; what an older run did not record has its default.

    Args:
        given: options of the load itself; they win.
        directory: of the run.
        unchecked: settings of the fit that the constructor must not check against ``given``, such as the precision
            that the weights are loaded in.

    Raises:
        RunError: if there is no generator with the recorded settings.
        TabllmError: what the constructor says of ``given``.
    """
    settings = {**recorded, **given}
    privacy = settings.pop("privacy", None)
    later = {name: settings.pop(name) for name in unchecked if name in settings}
    try:
        check_values(kind, recorded)
        model = kind(**settings)
        if privacy is not None:
            from .dp.settings import Privacy

            # Set afterwards: a private fit computes with torch, and its run can be sampled with anything.
            later["privacy"] = Privacy(**privacy)
    except (TabllmError, TypeError, ValueError) as error:
        kind(**given)  # raises where the load itself is at fault
        raise damaged(directory, f"its config.json has settings that cannot be: {error}") from None
    for name, value in later.items():
        setattr(model, name, value)
    return model
