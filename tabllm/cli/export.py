"""``tabllm export``: a fine-tuned language model as a plain Hugging Face folder."""

from __future__ import annotations

import click

from tabular.errors import UsageError

from .claims import claim, force_option
from .group import Command
from .options import PATH, device_option, out_option
from .session import Session

__all__ = ["export"]

EXAMPLES = """
# The adapter merged into the weights, for transformers, vLLM or the converters of llama.cpp
tabllm export gpt2-run -o gpt2-visits
# The adapter alone, a few megabytes, for a program that has the model already
tabllm export deepseek-run -o deepseek-visits --adapter peft
# All weights, in 4 bits, for mlx-lm and the engine mlx
tabllm export gpt2-run -o gpt2-visits-4bit --quantize 4
"""


@click.command(cls=Command, examples=EXAMPLES, short_help="Write a fine-tuned model for other programs.")
@click.argument("run", type=PATH)
@out_option("FOLDER", "Folder to write.", required=True)
@click.option(
    "--adapter",
    "form",
    type=click.Choice(["peft", "mlx"]),
    help="Write the adapter alone, without the model: for peft.PeftModel.from_pretrained, or for mlx_lm.load.",
)
@click.option(
    "--quantize",
    "bits",
    type=click.Choice(["4", "8"]),
    help="Quantize the merged weights to so many bits, as mlx-lm reads them.",
)
@device_option(default="auto", purpose="merge the weights on")
@force_option("a folder")
@click.pass_obj
def export(
    session: Session, /, run: str, out: str, form: str | None, bits: str | None, device: str, force: bool
) -> None:
    """Merge the adapter of RUN into its model and write a plain Hugging Face folder, or write the adapter alone.

    Its README.md says how rows are written, and gives a regular expression that a row keeps to: other engines must be
    told to keep to it, since the model was only taught to choose among what may follow.
    """
    from tabllm.lm.export import export_model
    from tabular.registry import load_run
    from tabular.storage.rundir import check_run_directory

    if form is not None and bits is not None:
        raise UsageError("--adapter writes no weights of the model, so there are none to --quantize; take one of them.")
    check_run_directory(out)
    claim(session, out, force=force, folder=True)
    if form is not None:
        from tabllm.lm.adapter_export import export_adapter

        base = export_adapter(run, out, form)
        call = {
            "peft": f"peft.PeftModel.from_pretrained(model, {out!r})",
            "mlx": f"mlx_lm.load({base!r}, adapter_path={out!r})",
        }[form]
        session.say(f"Wrote {out}/, an adapter for {base}, which is loaded with {call}.")
        return
    width = None if bits is None else int(bits)
    export_model(load_run(run, device=device), out, bits=width, progress=session.reporter())
    if width is not None:
        session.say(f"Wrote {out}/ with weights of {width} bits, which mlx-lm loads with mlx_lm.load({out!r}).")
        return
    session.say(f"Wrote {out}/, which transformers loads with AutoModelForCausalLM.from_pretrained({out!r}).")
