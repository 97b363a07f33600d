"""A run to a repository of a hub, in one commit."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tabular.progress import Reporter
from tabular.registry import load_run
from tabular.runs import describe_run

from ..hub.download import is_offline, quiet_client
from ..hub.names import HubName
from .card import card_text, report_of
from .errors import HubError, explain
from .files import CARD, CHECKSUMS, OF_THE_HUB, checksums_of, files_of, shared_config

__all__ = ["Pushed", "push_run"]


@dataclass(frozen=True)
class Pushed:
    """What was pushed.

    Attributes:
        url: of the repository's page.
        commit: its hash.
        private: whether only those may see it who were given the right to.
        persons: columns of which the run keeps real values that name persons.
    """

    url: str
    commit: str
    private: bool
    persons: tuple[str, ...]


def push_run(
    run: str | Path,
    wanted: HubName,
    *,
    private: bool = False,
    report: Any = None,
    progress: Reporter | None = None,
) -> Pushed:
    """Push ``run`` to the repository ``wanted``, which is made if it is not there, and nothing of it but a run's files.

    Files of an earlier run that this one has not are removed there, in the same commit.

    Args:
        wanted: with the branch as its revision; it is made if it is not there.
        private: make the repository private.
        report: an :class:`eval.Report` for the card; that of the folder of ``tabllm make`` around ``run`` if absent.

    Raises:
        RunError: if ``run`` is no whole run.
        HubError: if there is no token or network, the hub refuses, or the repository holds anything else than a run.
    """
    run, progress = Path(run), progress or Reporter()
    synthesizer = load_run(run)
    if synthesizer.unit != "rows":
        raise HubError(
            f"{run} makes {synthesizer.unit} by two runs in folders of their own, which are not pushed: copy it."
        )
    facts, schema = describe_run(run) or (synthesizer.describe(), synthesizer.schema)
    names = files_of(run)
    config = shared_config(run)
    if report is None:
        report = report_of(run)
    card = card_text(wanted.repo, json.loads(config), facts, schema, report).encode()
    checksums = checksums_of(run, names) | {"config.json": _sha256(config)}
    contents: dict[str, bytes | str] = {name: str(run / name) for name in names}
    contents |= {"config.json": config, CARD: card, CHECKSUMS: json.dumps({"files": checksums}, indent=2).encode()}
    size = sum(len(each) if isinstance(each, bytes) else Path(each).stat().st_size for each in contents.values())
    _check_allowed(wanted)
    progress.note(f"Pushing {len(contents)} files, {size / 1e6:,.1f} MB, to {wanted.repo}.")
    try:
        with quiet_client():
            is_private, commit, url = _commit(wanted, contents, str(facts["model"]), private)
    except Exception as error:  # what the client raises changes with the library it stands on
        raise explain(error, wanted, pushing=True) from None
    persons = tuple(column.name for column in schema if column.gives_persons_away)
    return Pushed(url, commit, is_private, persons)


def _check_allowed(wanted: HubName) -> None:
    from huggingface_hub import constants, get_token

    if is_offline():
        raise HubError(f"HF_HUB_OFFLINE is set, so {wanted.repo} cannot be pushed; unset it.")
    if get_token() is None:
        raise HubError(
            f"There is no token for {constants.ENDPOINT}, and pushing needs one that may write: log in with 'hf auth "
            "login', or set HF_TOKEN."
        )


def _commit(wanted: HubName, contents: dict[str, bytes | str], model: str, private: bool) -> tuple[bool, str, str]:
    """(whether the repository is private, the commit's hash, the address of its page)."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

    hub, repo = HfApi(), wanted.repo
    url = str(hub.create_repo(repo, private=True if private else None, exist_ok=True))
    is_private = bool(hub.model_info(repo, timeout=20).private)
    if private and not is_private:
        raise HubError(f"{repo} is there already and everybody can see it; make it private at {url}/settings first.")
    if wanted.revision is not None:
        hub.create_branch(repo, branch=wanted.revision, exist_ok=True)
    there = set(hub.list_repo_files(repo, revision=wanted.revision)) - set(OF_THE_HUB)
    if there - {CARD} and CHECKSUMS not in there:
        raise HubError(f"{repo} holds something that is no run ({min(there - {CARD})}); push to another repository.")
    operations: list[CommitOperationAdd | CommitOperationDelete] = [
        *(CommitOperationAdd(path_in_repo=name, path_or_fileobj=content) for name, content in contents.items()),
        *(CommitOperationDelete(path_in_repo=name) for name in sorted(there - set(contents))),
    ]
    done = hub.create_commit(
        repo, operations, commit_message=f"A run of {model}, pushed by tabllm", revision=wanted.revision
    )
    return is_private, str(done.oid), url


def _sha256(content: bytes) -> str:
    import hashlib

    return hashlib.sha256(content).hexdigest()
