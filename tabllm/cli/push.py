"""``tabllm push``: a run to a hub."""

from __future__ import annotations

import click

from .errors import interruptible
from .group import Command
from .options import PATH, file_option
from .session import Session

__all__ = ["push"]

EXAMPLES = """
# A token that may write is taken from 'hf auth login', or from HF_TOKEN
tabllm push visits-run ada/visits --private
# With the figures of a report on the model card
tabllm eval visits-run synthetic.csv --json report.json
tabllm push visits-run ada/visits --report report.json
# On the other machine
tabllm pull ada/visits visits-run
"""


@click.command(cls=Command, examples=EXAMPLES, short_help="Push a run to a hub.")
@click.argument("run", type=PATH)
@click.argument("name", metavar="USER/NAME")
@click.option("--private", is_flag=True, help="Private repository: only those see it who are given the right to.")
@click.option("--revision", metavar="BRANCH", help="Branch to push to, made if it is not there.  [default: main]")
@file_option(
    "--report",
    "report_file",
    help="Report of 'tabllm eval --json FILE', whose figures go on the model card.  [default: that of "
    "'tabllm make', if RUN is its run]",
)
@click.pass_obj
def push(
    session: Session, /, run: str, name: str, private: bool, revision: str | None, report_file: str | None
) -> None:
    """Push RUN to the repository USER/NAME of a hub, made if it is not there, with a model card.

    Only files of a run are pushed. HF_ENDPOINT names another hub than huggingface.co. Who can see the repository can
    see what a run keeps of its table: read 'Privacy' on the card before you share it.
    """
    from tabllm.hub.names import repository
    from tabllm.sharing.pushing import push_run

    wanted, report = repository(name, revision), None
    if report_file is not None:
        from tabllm.sharing.card import read_report

        report = read_report(report_file)
    with interruptible(f"{wanted.repo} holds what it held before"):
        done = push_run(run, wanted, private=private, report=report, progress=session.reporter())
    seen = "private" if done.private else "everybody can see it"
    session.say(f"{run} is at {done.url} ({seen}), commit {done.commit[:7]}.")
    if done.persons and not done.private:
        session.warn(f"It keeps real values that name persons, of {', '.join(done.persons)}, and everybody can see it.")
    session.suggest("tabllm", "pull", name)
