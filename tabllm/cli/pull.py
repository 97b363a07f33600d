"""``tabllm pull``: a run from a hub."""

from __future__ import annotations

import click

from .claims import claim, force_option
from .errors import interruptible, unwritten
from .group import Command
from .options import PATH
from .private import privacy_warning
from .session import Session

__all__ = ["pull"]

EXAMPLES = """
# A run that 'tabllm push' pushed, into visits/
tabllm pull ada/visits
tabllm sample visits -n 1000 -o synthetic.csv
# One commit of it, into a folder of your choice
tabllm pull ada/visits@9f86d08 visits-run
"""


@click.command(cls=Command, examples=EXAMPLES, short_help="Pull a run from a hub.")
@click.argument("name", metavar="USER/NAME")
@click.argument("out", metavar="[OUT]", type=PATH, required=False)
@click.option("--revision", metavar="REV", help="Revision: a branch, tag or commit.  [default: main]")
@force_option("a run")
@click.pass_obj
def pull(session: Session, /, name: str, out: str | None, revision: str | None, force: bool) -> None:
    """Pull the run in the repository USER/NAME of a hub into the folder OUT, by default NAME.

    A repository with a file that is none of a run's is refused before anything is fetched, and so is a run whose files
    are not those that were pushed. 'tabllm models pull' pulls pretrained models.
    """
    from tabllm.hub.names import repository
    from tabllm.sharing.pulling import pull_run

    wanted = repository(name, revision)
    out = out or wanted.repo.partition("/")[2]
    claim(session, out, force=force, folder=True)
    with interruptible(unwritten(out)):
        done = pull_run(wanted, out, progress=session.reporter())
    session.say(
        f"{wanted.repo} at {done.commit[:7]} is in {out}/: {done.facts['model']}, fitted to {done.schema.rows:,} rows "
        f"of {len(done.schema)} columns."
    )
    if warning := privacy_warning(done.facts):
        session.say(click.style(warning, fg="yellow"))
    session.suggest("tabllm", "sample", out, "-n", "1000", "-o", "synthetic.csv")
