"""The safetensors that the hub's own converter has made of a model whose authors gave pickled weights only.

They lie in a pull request of the repository. transformers takes them by itself in the same way.
"""

from __future__ import annotations

from .cache import cache_folder
from .errors import ModelError
from .names import HubName

__all__ = ["cached_commits", "converted_revision", "known_conversions", "pinned_commit"]

#: Only the hub can open pull requests under this name, so the weights are the authors'.
_CONVERTER = "SFconvertbot"
_TITLE = "Adding `safetensors` variant of this model"


def converted_revision(repo: str) -> str | None:
    """``refs/pr/N`` of the conversion, asked of the hub; ``None`` if there is none.

    Raises:
        HfHubHTTPError: if the hub refuses, and what the client raises where it cannot be reached.
    """
    from huggingface_hub import HfApi

    for request in HfApi().get_repo_discussions(
        repo, author=_CONVERTER, discussion_type="pull_request", discussion_status="open"
    ):
        if request.author == _CONVERTER and request.title == _TITLE:
            return f"refs/pr/{request.num}"
    return None


def pinned_commit(wanted: HubName) -> str:
    """The full hash of the commit that a short name means, asked of the hub: ``wanted.ref`` must still have it.

    Raises:
        ModelError: if it has not.
        HfHubHTTPError: if the hub refuses, and what the client raises where it cannot be reached.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import RevisionNotFoundError

    try:
        commits = [each.commit_id for each in HfApi().list_repo_commits(wanted.repo, revision=wanted.ref)]
    except RevisionNotFoundError:
        commits = []
    for commit in commits:
        if commit.startswith(str(wanted.revision)):
            return commit
    raise ModelError(
        f"{wanted.ref} of {wanted.repo} no longer has the commit {wanted.revision} that {wanted.name} means, so its "
        f"weights may be others now; 'tabllm models import {wanted.name}@main -o FOLDER' makes safetensors of the "
        "pickled weights on its main branch."
    )


def cached_commits(wanted: HubName) -> list[str]:
    """Full hashes of the commits in the cache that begin with ``wanted.revision``."""
    return [path.name for path in (cache_folder(wanted.repo) / "snapshots").glob(f"{wanted.revision}*")]


def known_conversions(repo: str) -> list[str]:
    """Pull requests of a repository that are in the cache, the newest first."""
    folder = cache_folder(repo) / "refs" / "refs" / "pr"
    numbers = sorted((int(path.name) for path in folder.glob("*") if path.name.isdigit()), reverse=True)
    return [f"refs/pr/{number}" for number in numbers]
