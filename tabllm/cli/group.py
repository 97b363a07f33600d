"""The group that imports a command only when it is asked for, and how help texts are laid out."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click

from .errors import Interrupted, PipeClosed

__all__ = ["Command", "LazyGroup"]

#: What other tools call a command -> its name here.
SYNONYMS = {
    "train": "fit",
    "learn": "fit",
    "finetune": "fit",
    "fine-tune": "fit",
    "generate": "sample",
    "synthesize": "sample",
    "synthesise": "sample",
    "predict": "impute",
    "fill": "impute",
    "complete": "impute",
    "evaluate": "eval",
    "report": "eval",
    "likelihood": "score",
    "probability": "score",
    "outliers": "score",
    "benchmark": "bench",
    "run": "make",
    "all": "make",
    "show": "info",
    "describe": "info",
    "infer": "schema",
    "optimize": "tune",
    "search": "tune",
    "oversample": "augment",
    "balance": "augment",
    "simulate": "simulate-ads",
    "download": "models",
    "upload": "push",
    "publish": "push",
    "share": "push",
    "list": "models",
    "quickstart": "make",
    "tutorial": "demo",
    "version": "doctor",
}


class Command(click.Command):
    """A command whose help ends with examples, and which takes ``--quiet`` and ``--debug`` behind its name too.

    Args:
        examples: lines of shell, shown as they are; those that begin with ``#`` explain the next.
    """

    def __init__(self, *args: Any, examples: str = "", **options: Any) -> None:
        super().__init__(*args, **options)
        self.examples = [line.strip() for line in examples.strip().splitlines()]
        for flag in ("--quiet", "--debug"):  # people type them there; the help names them once, on the group
            self.params.append(click.Option([flag], is_flag=True, hidden=True, expose_value=False, callback=_pass_up))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if not self.examples:
            return
        formatter.write_paragraph()
        formatter.write("Examples:\n")
        for line in self.examples:
            formatter.write(f"  {line if line.startswith('#') else '$ ' + line}\n" if line else "\n")


def _pass_up(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        setattr(ctx.obj, str(param.name), True)


class LazyGroup(click.Group):
    """A group that knows where each command lies and imports it on first use.

    Args:
        sections: title -> (command -> ``"package.module:function"``), in the order of the help.
    """

    def __init__(self, *args: Any, sections: Mapping[str, Mapping[str, str]], **options: Any) -> None:
        super().__init__(*args, **options)
        self.sections = sections
        self.targets = {name: target for section in sections.values() for name, target in section.items()}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.targets)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.targets:
            return None
        module, _, function = self.targets[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), function)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        import difflib

        name = args[0]
        if name not in self.targets and not name.startswith("-"):
            meant = SYNONYMS.get(name.lower())
            close = [meant] if meant in self.targets else difflib.get_close_matches(name, self.targets, n=1)
            hint = f"did you mean '{close[0]}'?" if close else f"choose one of {', '.join(self.targets)}."
            raise click.UsageError(f"There is no command {name!r}; {hint}", ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise Interrupted("Interrupted.") from None  # before Click prints an empty line for it
        except BrokenPipeError:
            raise PipeClosed from None  # before Click ends the process by it

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, self.targets))
        for title, section in self.sections.items():
            rows = []
            for name in section:
                command = self.get_command(ctx, name)
                if command is not None:
                    rows.append((name.ljust(width), command.get_short_help_str(formatter.width)))
            with formatter.section(title):
                formatter.write_dl(rows)
