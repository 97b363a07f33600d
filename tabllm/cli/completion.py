"""``tabllm completion``: what makes the Tab key complete commands, options, models and files."""

from __future__ import annotations

import click

from .group import Command

__all__ = ["completion"]

EXAMPLES = """
# bash
tabllm completion bash > ~/.tabllm-complete.bash && echo 'source ~/.tabllm-complete.bash' >> ~/.bashrc
# zsh, the shell of a Mac
tabllm completion zsh > ~/.tabllm-complete.zsh && echo 'source ~/.tabllm-complete.zsh' >> ~/.zshrc
# fish
tabllm completion fish > ~/.config/fish/completions/tabllm.fish
"""

_INSTALL = {
    "bash": "save this as ~/.tabllm-complete.bash and add to ~/.bashrc:  source ~/.tabllm-complete.bash",
    "zsh": "save this as ~/.tabllm-complete.zsh and add to ~/.zshrc, below compinit:  source ~/.tabllm-complete.zsh",
    "fish": "save this as ~/.config/fish/completions/tabllm.fish",
}


@click.command(cls=Command, examples=EXAMPLES, short_help="Print what completes commands on Tab.")
@click.argument("shell", type=click.Choice(list(_INSTALL)))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script of SHELL: bash, zsh or fish."""
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    assert found is not None
    source = found(ctx.find_root().command, {}, "tabllm", "_TABLLM_COMPLETE").source().strip("\n")
    # At the end: the first line of zsh's script has a meaning.
    click.echo(f"{source}\n\n# To install: {_INSTALL[shell]}")
