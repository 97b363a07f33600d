"""Settings of a generator in a file: what a search leaves, and what ``tabllm fit --settings`` takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tabular.errors import UsageError
from tabular.plain_json import FieldError, read_json, shown
from tabular.registry import check_options
from tabular.storage.rundir import write_json

if TYPE_CHECKING:
    from .trials import Found

__all__ = ["SETTINGS", "Settings", "read_settings", "write_settings"]

#: The file's name in a search's folder.
SETTINGS = "best.json"


@dataclass(frozen=True)
class Settings:
    """Options of a generator, and its name where the file says it."""

    model: str | None
    options: Mapping[str, Any]

    def check(self, model: str, path: str | Path) -> None:
        """Raise :class:`UsageError` if they are not for ``model``, or if it does not have one of them."""
        if self.model is not None and self.model != model:
            raise UsageError(f"{path} holds settings of {self.model!r}, not of {model!r}; leave out -m.")
        try:
            check_options(model, self.options)
        except UsageError as error:
            raise UsageError(f"{path} cannot be used: {error}") from None


def read_settings(path: str | Path) -> Settings:
    """What a search wrote, or a plain JSON object of options.

    Raises:
        UsageError: if there is no such file, or no settings in it.
    """
    try:
        data = read_json(path)
    except FileNotFoundError:
        raise UsageError(f"There is no file {path}; 'tabllm tune' writes one.") from None
    except (OSError, FieldError) as error:
        raise UsageError(f"{path} cannot be read as JSON ({error}).") from None
    options = data.get("settings", data) if isinstance(data, dict) else None
    if not isinstance(options, dict):
        raise UsageError(f'{path} holds no settings: it must be an object such as {{"settings": {{"epochs": 10}}}}.')
    model = data.get("model") if "settings" in data else None
    if model is not None and not isinstance(model, str):
        raise UsageError(f'{path} names the model {shown(model)}; it must be a name such as "ctgan".')
    return Settings(model, options)


def write_settings(path: str | Path, found: Found) -> None:
    """The best trial's settings, and on what evidence they are the best."""
    best, default = found.best, found.default
    assert best is not None
    write_json(
        path,
        {
            "model": found.search.model,
            "settings": dict(found.settings),
            "evidence": {
                "trials": len(found.trials),
                "trial": best.number,
                "confirmed": bool(found.confirmed),
                "trained_for": found.length.part(1.0),
                "scores": best.scores and best.scores.to_dict(),
                "default_scores": default and default.scores and default.scores.to_dict(),
            },
        },
    )
