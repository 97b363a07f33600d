"""What can go wrong between here and a hub, each in one sentence with the way out."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tabular.errors import OutputError, TabllmError, UsageError

from .errors import ModelError
from .names import HubName

__all__ = ["causes", "explain", "free_bytes", "is_network", "no_space", "not_here", "offline", "use_of_cache"]

#: Names of the base classes of what requests, httpx and httpx2 raise: which of the three the client stands on changes
#: with its release.
_NETWORK = ("RequestException", "TransportError", "ConnectionError", "TimeoutError", "SSLError")


def explain(error: BaseException, wanted: HubName, *, started: bool = False) -> TabllmError:
    """The error that a user can do something about.

    Args:
        error: what the hub's client raised.
        started: whether some files were being fetched already.
    """
    from huggingface_hub import constants
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    if isinstance(error, TabllmError):
        return error
    page = f"{constants.ENDPOINT}/{wanted.repo}"
    found = list(causes(error))

    def among(kind: Any) -> Any:
        return next((cause for cause in found if isinstance(cause, kind)), None)

    full = next((c for c in found if isinstance(c, OSError) and c.errno in (errno.ENOSPC, errno.EDQUOT)), None)
    if full is not None:
        return no_space(wanted, None)
    if among(GatedRepoError):
        return ModelError(
            f"{wanted.repo} is gated: accept its terms at {page}, log in with 'hf auth login', and pull it again."
        )
    if among(RepositoryNotFoundError):
        return ModelError(
            f"There is no model {wanted.repo} at {constants.ENDPOINT}, or it is private: check the name, or log in "
            "with 'hf auth login' to an account that may see it."
        )
    if among(RevisionNotFoundError):
        return ModelError(f"{wanted.repo} has no revision {wanted.revision!r}; its branches and tags are at {page}.")
    if among(HFValidationError):
        return UsageError(f"{wanted.repo!r} is no id of a model; write org/name.")
    answer = among(HfHubHTTPError)
    if answer is not None:
        status = answer.response.status_code
        hint = "log in anew with 'hf auth login'" if status in (401, 403) else "try again later"
        return ModelError(f"{constants.ENDPOINT} refused {wanted.repo} with status {status}; {hint}.")
    if started and (any(map(is_network, found)) or "Consistency check failed" in str(error)):
        return ModelError(
            f"The connection broke off while {wanted.name} was pulled; the same command goes on with the files that "
            "are not whole yet."
        )
    if any(map(is_network, found)) or among(LocalEntryNotFoundError):
        return ModelError(
            f"{constants.ENDPOINT} cannot be reached, and {wanted.name} is not on this machine; {_elsewhere(wanted)}."
        )
    if isinstance(error, OSError) and error.errno is not None:
        return OutputError(
            f"{wanted.name} cannot be written to {constants.HF_HUB_CACHE} ({error.strerror or error}); check its "
            "permissions, or set HF_HOME to another folder."
        )
    lines = str(error).strip().splitlines() or [""]
    return ModelError(f"{wanted.name} cannot be pulled ({type(error).__name__}: {lines[0].rstrip('.')}); try again.")


def offline(wanted: HubName) -> ModelError:
    """``HF_HUB_OFFLINE`` is set, and the model is not in the cache."""
    return ModelError(
        f"HF_HUB_OFFLINE is set, and {_whole(wanted)} is not on this machine; unset it, or {_elsewhere(wanted)}."
    )


def not_here(wanted: HubName) -> ModelError:
    """The model would have to be pulled first."""
    return ModelError(f"{_whole(wanted)} is not on this machine yet; run 'tabllm models pull {_whole(wanted)}' first.")


def no_space(wanted: HubName, needed: float | None) -> OutputError:
    """The disk of the cache is too full, known before (``needed`` bytes) or met on the way."""
    from huggingface_hub import constants

    size = f"needs {needed / 1e9:,.2f} GB" if needed is not None else "does not fit on the disk"
    return OutputError(
        f"{wanted.name} {size}, and {free_bytes(constants.HF_HUB_CACHE) / 1e9:,.2f} GB are free at "
        f"{constants.HF_HUB_CACHE}; make room, or set HF_HOME to a folder on another disk."
    )


def free_bytes(path: str | Path) -> int:
    """Room on the disk where ``path`` is, or will be."""
    folder = Path(path).absolute()
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def use_of_cache(error: BaseException, wanted: HubName, commit: str) -> str:
    """The note that the hub did not answer as hoped, and what is taken instead."""
    from huggingface_hub import constants

    network = any(map(is_network, causes(error)))
    reason = f"{constants.ENDPOINT} cannot be reached" if network else f"{constants.ENDPOINT} does not give it now"
    return f"{wanted.name} is taken from the cache, commit {commit[:7]}: {reason}."


def is_network(error: BaseException) -> bool:
    """Whether the client could not reach the hub."""
    return any(kind.__name__ in _NETWORK for kind in type(error).__mro__)


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """``error`` and what it came of, the nearest first."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _whole(wanted: HubName) -> str:
    return f"{wanted.name}@{wanted.revision}" if wanted.revision else wanted.name


def _elsewhere(wanted: HubName) -> str:
    return f"run 'tabllm models pull {_whole(wanted)}' where there is a network, copy the folder, and give its path"
