"""What goes wrong between a run and a hub, each in one sentence with the way out."""

from __future__ import annotations

from tabular.errors import OutputError, TabllmError

from ..hub.failures import causes, is_network
from ..hub.names import HubName

__all__ = ["HubError", "explain"]


class HubError(TabllmError):
    """A run that cannot be pushed to a hub or pulled from one."""


def explain(error: BaseException, wanted: HubName, *, pushing: bool) -> TabllmError:
    """The error that a user can do something about, of what the hub's client raised."""
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
    repo, hub = wanted.repo, constants.ENDPOINT
    done = "pushed" if pushing else "pulled"
    found = list(causes(error))

    def among(kind: type[BaseException]) -> BaseException | None:
        return next((cause for cause in found if isinstance(cause, kind)), None)

    if among(GatedRepoError):
        return HubError(f"{repo} is gated: accept its terms at {hub}/{repo}, and log in with 'hf auth login'.")
    if among(RepositoryNotFoundError):
        hint = (
            "'hf auth login' with a token that may write there" if pushing else "'hf auth login' to one that may see it"
        )
        return HubError(
            f"There is no repository {repo} at {hub} for this account: check the name, or log in with {hint}."
        )
    if among(RevisionNotFoundError):
        return HubError(f"{repo} has no revision {wanted.revision!r}; its branches and tags are at {hub}/{repo}.")
    if among(HFValidationError):
        return HubError(f"{repo!r} is no name of a repository; write user/name.")
    answer = among(HfHubHTTPError)
    if isinstance(answer, HfHubHTTPError):
        status = answer.response.status_code
        hint = "try again later"
        if status in (401, 403):
            hint = "log in with 'hf auth login' and a token that may " + ("write there" if pushing else "read it")
        return HubError(f"{hub} refused {repo} with status {status}, so nothing was {done}; {hint}.")
    if any(map(is_network, found)) or among(LocalEntryNotFoundError):
        return HubError(f"{hub} cannot be reached, so nothing was {done}; try again where there is a network.")
    if isinstance(error, OSError) and error.errno is not None:
        return OutputError(f"{repo} cannot be {done} ({error.strerror or error}); check the disk and its permissions.")
    lines = str(error).strip().splitlines() or [""]
    return HubError(f"{repo} cannot be {done} ({type(error).__name__}: {lines[0].rstrip('.')}); try again.")
