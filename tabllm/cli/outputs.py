"""What a study leaves beside its folder: Markdown, a page and JSON; one set of options for all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .options import file_option, html_option, json_option, options_as
from .session import Session

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Outputs", "output_options"]


@dataclass(frozen=True)
class Outputs:
    """The files that a study is to write; ``None`` for one that was not asked for."""

    markdown: str | None
    html: str | None
    json: str | None

    def flags(self) -> list[str]:
        """The options that were given."""
        given = {"--markdown": self.markdown, "--html": self.html, "--json": self.json}
        return [flag for flag, file in given.items() if file]

    def check(self, session: Session) -> None:
        """Raise :class:`OutputError` if one of the files cannot be written; called before long work begins."""
        session.check_json(self.json)
        session.check_file(self.markdown)
        session.check_file(self.html)

    def write(
        self,
        session: Session,
        data: Any,
        *,
        draw: Callable[[Console], None],
        markdown: Callable[[], str],
        page: Callable[[dict[str, str]], str] | None,
        facts: Mapping[str, str],
    ) -> None:
        """Draw the result on the terminal, and write the files.

        Args:
            data: the result, plain JSON data.
            page: facts -> HTML; ``None`` where there is nothing to show.
            facts: what was done, in words; the version and the command are added.
        """
        from tabular.storage.rundir import write_text

        from .. import __version__

        if session.draws(self.json):
            draw(session.console())
        if self.markdown:
            write_text(self.markdown, markdown())
        if self.html and page is not None:
            write_text(self.html, page({**facts, "version": f"tabllm {__version__}", "command": session.command}))
        session.write_json(data, self.json)


_MARKDOWN = file_option("--markdown", help="Markdown file to write the tables to.")

#: ``--markdown``, ``--html`` and ``--json``; the command gets them as one argument, ``outputs``.
output_options = options_as(
    "outputs",
    (_MARKDOWN, html_option, json_option),
    lambda markdown, html_file, json_file: Outputs(markdown, html_file, json_file),
)
