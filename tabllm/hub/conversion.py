"""The safetensors that the hub's own converter has made of a model whose authors gave pickled weights only.

They lie in a pull request of the repository. transformers takes them by itself in the same way.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["converted_revision", "known_conversions"]

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


def known_conversions(repo: str) -> list[str]:
    """Pull requests of a repository that are in the cache, the newest first."""
    from huggingface_hub import constants

    folder = Path(constants.HF_HUB_CACHE) / f"models--{repo.replace('/', '--')}" / "refs" / "refs" / "pr"
    numbers = sorted((int(path.name) for path in folder.glob("*") if path.name.isdigit()), reverse=True)
    return [f"refs/pr/{number}" for number in numbers]
