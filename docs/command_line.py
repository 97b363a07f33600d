"""Fills the page of the command line from Click at every build, so that it cannot fall behind the commands."""

from __future__ import annotations

from collections.abc import Iterator

import click

#: What of the page is replaced.
PLACE = "<!-- the commands -->"


def on_page_markdown(markdown: str, **_: object) -> str:
    """Called by MkDocs for each page."""
    return markdown.replace(PLACE, "\n".join(_commands())) if PLACE in markdown else markdown


def _commands() -> Iterator[str]:
    from tabllm.cli.main import SECTIONS, cli

    root = click.Context(cli, info_name="tabllm")
    for title, section in SECTIONS.items():
        yield f"\n## {title}\n"
        for name in section:
            command = cli.get_command(root, name)
            assert command is not None
            yield from _command(command, click.Context(command, info_name=name, parent=root))


def _command(command: click.Command, context: click.Context) -> Iterator[str]:
    yield f"\n### {context.command_path}\n\n{_words(command.help or '')}\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from _command(inner, click.Context(inner, info_name=name, parent=context))
        return
    yield f"```text\n{context.command_path} {' '.join(command.collect_usage_pieces(context))}\n```\n"
    records = [option.get_help_record(context) for option in command.get_params(context)]
    yield "| option | meaning |\n|---|---|"
    for names, words in filter(None, records):
        yield f"| `{names.replace('|', chr(92) + '|')}` | {_words(words).replace('|', chr(92) + '|')} |"
    if examples := getattr(command, "examples", None):
        lines = [line if line.startswith("#") else f"$ {line}" for line in examples if line]
        yield "\n```console\n" + "\n".join(lines) + "\n```\n"


def _words(text: str) -> str:
    """Help text as Markdown: nothing in it is markup."""
    paragraphs = [" ".join(part.split()) for part in text.replace("\b", "").split("\n\n")]
    escaped = "\n\n".join(paragraphs)
    for character in "\\`*_<[":
        escaped = escaped.replace(character, "\\" + character)
    return escaped
