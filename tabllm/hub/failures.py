"""What can go wrong between here and a hub, each in one sentence with the way out."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tabular.errors import OutputError, TabllmError, UsageError

from .errors import ModelError
from .names import HubName

__all__ = [
    "cause_of",
    "causes",
    "error_of_cause",
    "explain",
    "free_bytes",
    "is_network",
    "no_space",
    "not_here",
    "offline",
    "use_of_cache",
]

#: Names of the base classes of what requests, httpx and httpx2 raise: which of the three the client stands on changes
#: with its release.
_NETWORK = ("RequestException", "TransportError", "ConnectionError", "TimeoutError", "SSLError")


#: Cause -> what is said of a model that cannot be pulled.
_OF_MODELS = {
    "gated": "{repo} is gated: accept its terms at {page}, log in with 'hf auth login', and pull it again.",
    "absent": "There is no model {repo} at {hub}, or it is private: check the name, or log in with 'hf auth login' to "
    "an account that may see it.",
    "name": "{repo!r} is no id of a model; write org/name.",
    "forbidden": "{hub} refused {repo} with status {status}; log in anew with 'hf auth login'.",
    "refused": "{hub} refused {repo} with status {status}; try again later.",
    "broken off": "The connection broke off while {name} was pulled; the same command goes on with the files that are "
    "not whole yet.",
    "network": "{hub} cannot be reached, and {name} is not on this machine; {elsewhere}.",
    "disk": "{name} cannot be written to {cache} ({reason}); check its permissions, or set HF_HOME to another folder.",
    "other": "{name} cannot be pulled ({reason}); try again.",
}


def explain(error: BaseException, wanted: HubName, *, started: bool = False) -> TabllmError:
    """The error that a user can do something about.

    Args:
        error: what the hub's client raised.
        started: whether some files were being fetched already.
    """
    cause = cause_of(error, started=started)
    if cause == "full" and not isinstance(error, TabllmError):
        return no_space(wanted, None)
    kind = UsageError if cause == "name" else ModelError
    return error_of_cause(error, cause, wanted, _OF_MODELS, kind, elsewhere=_elsewhere(wanted))


def error_of_cause(
    error: BaseException,
    cause: str,
    wanted: HubName,
    sentences: Mapping[str, str],
    kind: type[TabllmError],
    **words: str,
) -> TabllmError:
    """The error of a cause: ``kind``, or :class:`OutputError` where the disk is at fault.

    Args:
        cause: as :func:`cause_of` names it.
        sentences: cause -> what is said of it, with ``{repo}`` and the like for what is known, and for ``words``.
    """
    from huggingface_hub import constants

    if isinstance(error, TabllmError):
        return error
    hub = constants.ENDPOINT
    if cause == "revision":
        return kind(
            f"{wanted.repo} has no revision {wanted.revision!r}; its branches and tags are at {hub}/{wanted.repo}."
        )
    if cause in ("full", "disk"):
        kind, reason = OutputError, getattr(error, "strerror", None) or str(error)
    else:
        lines = str(error).strip().splitlines() or [""]
        reason = f"{type(error).__name__}: {lines[0].rstrip('.')}"
    status = next((c.response.status_code for c in causes(error) if _is_answer(c)), None)
    return kind(
        sentences[cause].format(
            repo=wanted.repo,
            name=wanted.name,
            hub=hub,
            page=f"{hub}/{wanted.repo}",
            cache=constants.HF_HUB_CACHE,
            reason=reason,
            status=status,
            **words,
        )
    )


def cause_of(error: BaseException, *, started: bool = False) -> str:
    """What the hub's client met: ``"full"``, ``"gated"``, ``"absent"``, ``"revision"``, ``"name"``, ``"forbidden"``,
    ``"refused"``, ``"broken off"`` where files were ``started``, ``"network"``, ``"disk"`` or ``"other"``."""
    from huggingface_hub import errors

    found = list(causes(error))
    if any(isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT) for cause in found):
        return "full"
    for kind, name in (
        (errors.GatedRepoError, "gated"),
        (errors.RepositoryNotFoundError, "absent"),
        (errors.RevisionNotFoundError, "revision"),
        (errors.HFValidationError, "name"),
    ):
        if any(isinstance(cause, kind) for cause in found):
            return name
    for cause in found:
        if _is_answer(cause):
            return "forbidden" if cause.response.status_code in (401, 403) else "refused"
    network = any(map(is_network, found))
    if started and (network or "Consistency check failed" in str(error)):
        return "broken off"
    if network or any(isinstance(cause, errors.LocalEntryNotFoundError) for cause in found):
        return "network"
    return "disk" if isinstance(error, OSError) and error.errno is not None else "other"


def _is_answer(error: Any) -> bool:
    from huggingface_hub.errors import HfHubHTTPError

    return isinstance(error, HfHubHTTPError)


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


def causes(error: BaseException | None) -> Iterator[Any]:
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
