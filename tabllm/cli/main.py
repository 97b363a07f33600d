"""The command ``tabllm``: its options, its commands, and the one place where errors end."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from typing import NoReturn

import click

import tabllm

from .errors import hold_closed_streams, leave
from .group import LazyGroup
from .parallel import check_command
from .session import Session
from .signals import signals_as_interrupts

__all__ = ["cli", "main"]

SECTIONS = {
    "First": {
        "example": "tabllm.cli.example:example",
        "demo": "tabllm.cli.demo:demo",
        "doctor": "tabllm.cli.doctor:doctor",
    },
    "Make": {
        "make": "tabllm.cli.make:make",
        "fit": "tabllm.cli.fit:fit",
        "tune": "tabllm.cli.tune:tune",
        "sample": "tabllm.cli.sample:sample",
        "impute": "tabllm.cli.impute:impute",
        "extend": "tabllm.cli.extend:extend",
        "augment": "tabllm.cli.augment:augment",
    },
    "Look": {
        "schema": "tabllm.cli.schema:schema",
        "rules": "tabllm.cli.rules:rules",
        "info": "tabllm.cli.info:info",
        "score": "tabllm.cli.score:score",
        "eval": "tabllm.cli.eval:evaluate",
        "compare": "tabllm.cli.compare:compare",
        "bench": "tabllm.cli.bench:bench",
    },
    "Advertising": {
        "simulate-ads": "tabllm.cli.simulate_ads:simulate_ads",
        "ctr": "tabllm.cli.ctr:ctr",
    },
    "Models": {
        "models": "tabllm.cli.models:models",
        "export": "tabllm.cli.export:export",
    },
    "Share": {
        "push": "tabllm.cli.push:push",
        "pull": "tabllm.cli.pull:pull",
    },
    "Shell": {
        "completion": "tabllm.cli.completion:completion",
    },
}


@click.group(
    cls=LazyGroup,
    sections=SECTIONS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(tabllm.__version__, prog_name="tabllm", message="%(prog)s %(version)s")
@click.option("-q", "--quiet", is_flag=True, help="Print results and errors only: no progress, no closing lines.")
@click.option("--debug", is_flag=True, help="On an error, show where in the code it arose.")
@click.pass_obj
def cli(session: Session, quiet: bool, debug: bool) -> None:
    """Make synthetic tables on the machine in front of you.

    \b
    A table of your own, in three commands:
      $ tabllm fit visits.csv                             learn it
      $ tabllm sample visits-run -n 10000 -o more.csv     make new rows
      $ tabllm eval visits.csv more.csv                   see how good they are

    CSV, Parquet, JSON lines and Excel files are told apart by their endings. 'tabllm COMMAND --help' has examples.
    """
    session.quiet, session.debug = quiet, debug
    check_command(click.get_current_context().invoked_subcommand)
    if not debug and not sys.warnoptions:
        warnings.simplefilter("ignore")  # what libraries warn of, their users cannot mend


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave the process with its exit code."""
    session = Session()
    with signals_as_interrupts() as received:
        try:
            hold_closed_streams()
            code = cli.main(arguments, prog_name="tabllm", standalone_mode=False, obj=session)
            if sys.stdout is not None:
                sys.stdout.flush()  # so that a closed pipe is met here and not at the very end
        except BaseException as error:
            leave(error, debug=session.debug, signal=received.number)
    sys.exit(code if isinstance(code, int) else 0)
