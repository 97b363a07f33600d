"""``tabllm export``: a fine-tuned language model as a plain Hugging Face folder."""

from __future__ import annotations

import click

from .group import Command
from .options import PATH, claim, device_option, force_option
from .session import Session

__all__ = ["export"]

EXAMPLES = """
# The adapter merged into the weights, for transformers, vLLM or the converters of llama.cpp
tabllm export gpt2-run -o gpt2-visits
"""


@click.command(cls=Command, examples=EXAMPLES, short_help="Write a fine-tuned model for other programs.")
@click.argument("run", type=PATH)
@click.option("-o", "--out", type=PATH, required=True, metavar="FOLDER", help="Folder to write.")
@device_option(default="auto", purpose="merge the weights on")
@force_option("a folder")
@click.pass_obj
def export(session: Session, /, run: str, out: str, device: str, force: bool) -> None:
    """Merge the adapter of RUN into its model and write a plain Hugging Face folder.

    Its README.md says how rows are written, and gives a regular expression that a row keeps to: other engines must be
    told to keep to it, since the model was only taught to choose among what may follow.
    """
    from tabllm.lm.export import export_model
    from tabular.rundir import check_run_directory
    from tabular.synthesizer import load_run

    check_run_directory(out)
    claim(session, out, force=force, folder=True)
    export_model(load_run(run, device=device), out)
    session.say(f"Wrote {out}/, which transformers loads with AutoModelForCausalLM.from_pretrained({out!r}).")
