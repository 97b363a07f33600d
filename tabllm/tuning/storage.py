"""The file of a search: optuna's own SQLite storage, so that a later call, or optuna's dashboard, goes on from it."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tabular.errors import EngineError, RunError, UsageError
from tabular.plain_json import FieldError
from tabular.storage.rundir import make_folder

__all__ = ["STORAGE", "finished", "open_study", "require_optuna", "usable"]

#: The file's name in the output folder.
STORAGE = "study.db"
_STUDY = "tune"


def require_optuna() -> Any:
    """The module ``optuna``, silent. Raises :class:`EngineError` where it is missing."""
    try:
        import optuna
    except ImportError:
        raise EngineError("Tuning needs optuna: pip install optuna.") from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def open_study(folder: Path, requested: Mapping[str, Any]) -> Any:
    """The study that lies in ``folder``, or a new one.

    Args:
        requested: plain JSON data that a study keeps to: the model, the table, how trials are made and judged.

    Raises:
        UsageError: if the folder holds a study of anything else.
        RunError: if the file there is no study.
        OutputError: if it cannot be written.
    """
    optuna = require_optuna()
    make_folder(folder)
    path = folder / STORAGE
    with usable(path), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the sampler's options are called experimental
        storage = optuna.storages.RDBStorage(_address(path))
        study = optuna.create_study(
            storage=storage,
            study_name=_STUDY,
            direction="maximize",
            load_if_exists=True,
        )
        known = study.user_attrs.get("asked")
        if known is None:
            study.set_user_attr("asked", dict(requested))
        elif not isinstance(known, dict):
            raise FieldError("it does not say what was requested")
        else:
            known = {"parallel": 1, **known}  # which a study from before there were batches does not say
    if known is not None and known != dict(requested):
        raise UsageError(f"{folder}/ holds a search {_difference(known, requested)}; name another folder with -o.")
    with usable(path):
        for trial in study.get_trials(deepcopy=False, states=[optuna.trial.TrialState.RUNNING]):
            study.tell(trial.number, state=optuna.trial.TrialState.FAIL)  # of a call that was killed
    return study


@contextlib.contextmanager
def usable(path: Path) -> Iterator[None]:
    """What goes wrong inside, where a study is read, is reported as a fault of its file.

    Raises:
        RunError: naming the file.
    """
    try:
        yield
    except Exception as error:  # of sqlite, of SQLAlchemy, of optuna: each its own
        reason = str(error) if isinstance(error, FieldError) else type(error).__name__
        raise RunError(f"{path} cannot be used ({reason}); remove it, or name another folder with -o.") from None


def finished(study: Any) -> list[Any]:
    """The trials that came to an end of their own, in order; one that was interrupted did not."""
    return [trial for trial in study.get_trials(deepcopy=False) if _came_to_an_end(trial)]


def _came_to_an_end(trial: Any) -> bool:
    """Whether all of a trial was written: what is kept of it, and the state that the estimator reads."""
    outcome = trial.user_attrs.get("outcome")
    return outcome is not None and (trial.state.name == "FAIL") == (outcome == "failed")


def _address(path: Path) -> str:
    from sqlalchemy.engine import URL

    return URL.create("sqlite", database=str(path.resolve())).render_as_string(hide_password=False)


def _difference(known: Mapping[str, Any], requested: Mapping[str, Any]) -> str:
    if known.get("model") != requested["model"]:
        return f"of the model {known.get('model')!r}, not of {requested['model']!r}"
    if known.get("table") != requested["table"]:
        return "of another table"
    names = [name for name in requested if known.get(name) != requested[name]]
    reported = ", ".join(f"{name} was {known.get(name)} and is {requested[name]}" for name in names)
    return f"with other settings ({reported})"
