"""What goes wrong between a run and a hub, each in one sentence with the way out."""

from __future__ import annotations

from tabular.errors import TabllmError

from ..hub.failures import cause_of, error_of_cause
from ..hub.names import HubName

__all__ = ["HubError", "explain"]

#: Cause, as the hub's client gives it -> what is said of a run that cannot be pushed or pulled.
_OF_RUNS = {
    "gated": "{repo} is gated: accept its terms at {page}, and log in with 'hf auth login'.",
    "absent": "There is no repository {repo} at {hub} for this account: check the name, or log in with 'hf auth login' "
    "{login}.",
    "name": "{repo!r} is no name of a repository; write user/name.",
    "forbidden": "{hub} refused {repo} with status {status}, so nothing was {done}; log in with 'hf auth login' and a "
    "token that may {use}.",
    "refused": "{hub} refused {repo} with status {status}, so nothing was {done}; try again later.",
    "network": "{hub} cannot be reached, so nothing was {done}; try again where there is a network.",
    "full": "{repo} cannot be {done} ({reason}); make room on the disk.",
    "disk": "{repo} cannot be {done} ({reason}); check the disk and its permissions.",
    "other": "{repo} cannot be {done} ({reason}); try again.",
}
_PUSHING = {"done": "pushed", "use": "write there", "login": "with a token that may write there"}
_PULLING = {"done": "pulled", "use": "read it", "login": "to one that may see it"}


class HubError(TabllmError):
    """A run that cannot be pushed to a hub or pulled from one."""


def explain(error: BaseException, wanted: HubName, *, pushing: bool) -> TabllmError:
    """The error that a user can do something about, of what the hub's client raised."""
    return error_of_cause(error, cause_of(error), wanted, _OF_RUNS, HubError, **(_PUSHING if pushing else _PULLING))
