"""``tabllm models``: which pretrained models there are, and how they come here."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .claims import claim, force_option
from .errors import interruptible, unwritten
from .group import Command, LazyGroup
from .options import json_option, out_option
from .session import Session, seconds

if TYPE_CHECKING:
    from tabllm.hub.facts import ModelFacts

__all__ = ["import_file", "info", "list_models", "models", "pull", "quantize"]

SECTIONS = {
    "Commands": {
        "list": "tabllm.cli.models:list_models",
        "pull": "tabllm.cli.models:pull",
        "info": "tabllm.cli.models:info",
        "quantize": "tabllm.cli.models:quantize",
        "import": "tabllm.cli.models:import_file",
    }
}

LIST_EXAMPLES = """
tabllm models list
# For a program
tabllm models list --json - | jq '.[].name'
"""

PULL_EXAMPLES = """
# One with a short name
tabllm models pull gpt2
# Any causal language model of the hub; REV can be a branch, a tag or a commit
tabllm models pull openai-community/gpt2-medium --revision main
# For a machine without a network: pull elsewhere, copy the folder that is named, and give its path
tabllm fit visits.csv -m ./gpt2
"""

INFO_EXAMPLES = """
tabllm models info gpt2
tabllm models info ./gpt2-4bit --json - | jq .parameters
"""

QUANTIZE_EXAMPLES = """
# A quarter of the disk and of the memory
tabllm models quantize deepseek-coder-1.3b --bits 4 -o deepseek-4bit
tabllm fit visits.csv -m ./deepseek-4bit
"""

IMPORT_EXAMPLES = """
# A model that llama.cpp or Ollama uses
tabllm models import SmolLM2-135M.Q8_0.gguf -o smollm2
tabllm fit visits.csv -m ./smollm2 --tuning lora
# A model whose weights the hub has as pytorch_model.bin only
tabllm models import org/name -o name
"""

revision_option = click.option(
    "--revision",
    metavar="REV",
    help="Revision on the hub: a branch, tag or commit.  [default: the commit of a short name, else main]",
)


@click.group(
    cls=LazyGroup,
    sections=SECTIONS,
    invoke_without_command=True,
    short_help="List, pull, describe and quantize pretrained models.",
)
@click.pass_context
def models(ctx: click.Context) -> None:
    """Pretrained language models, which 'tabllm fit -m NAME' fine-tunes.

    NAME is a short name of the list, a hub id such as org/name or org/name@revision, or a folder.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


@click.command("list", cls=Command, examples=LIST_EXAMPLES, short_help="Show the models with a short name, and others.")
@json_option
@click.pass_obj
def list_models(session: Session, json_file: str | None) -> None:
    """Show the models with a short name and whether they are pulled, then other models in the hub's cache.

    A short name means one commit of its model, and "not pinned" the main branch as it is when it is pulled.
    "tried" says with which weights tabllm was run on that architecture: tiny random ones, or real ones.
    """
    session.check_json(json_file)

    from tabllm.hub.listing import list_rows

    rows = list_rows()
    if session.draws(json_file):
        from eval.screen.tables import print_table
        from tabular.terminal import escape

        console = session.console()
        cells = []
        for row in rows:
            disk = f"{row.disk / 1e9:.2f} GB" if row.state == "pulled" and row.disk else row.state
            size = _short(row.parameters) if row.parameters else "-"
            commit = (row.pinned or row.revision or "")[:7] if row.pinned or not row.tried else "not pinned"
            cells.append([escape(row.name), size, disk, commit, escape(row.description), row.tried or "-"])
        console.print()
        print_table(console, ["name", ">parameters", ">on disk", "commit", "what it is", "tried"], cells)
        console.print("\nAny causal language model of the hub can be pulled as org/name.\n", style="dim")
    session.write_json([asdict(row) for row in rows], json_file)


@click.command(cls=Command, examples=PULL_EXAMPLES, short_help="Fetch a model from its hub.")
@click.argument("name")
@revision_option
@click.pass_obj
def pull(session: Session, name: str, revision: str | None) -> None:
    """Fetch the model NAME into the hub's cache, unless it is there and nothing newer is on the hub.

    Only weights as safetensors are fetched. HF_HOME moves the cache, HF_ENDPOINT names another hub, and
    HF_HUB_OFFLINE=1 forbids the network.
    """
    from tabllm.hub.facts import read_facts
    from tabllm.hub.folder import resolve

    start = time.perf_counter()
    with interruptible("files that are whole are kept: the same command fetches the others"):
        found = resolve(name, revision=revision, progress=session.reporter())
    facts = read_facts(found.path)
    if found.repo is None:
        session.say(f"{name} is a folder on this machine; there is nothing to pull.")
    else:
        took = seconds(time.perf_counter() - start)
        session.say(
            f"{found.repo} at {str(found.revision)[:7]}, {facts.disk / 1e9:.2f} GB of weights, is here ({took})."
        )
        session.say(f"It lies in {found.path}")
    requested = f"{found.name}@{revision}" if revision else name
    session.suggest("tabllm", "fit", "DATA", "-m", requested)


@click.command(cls=Command, examples=INFO_EXAMPLES, short_help="Show a model's size, context and memory.")
@click.argument("name")
@revision_option
@json_option
@click.pass_obj
def info(session: Session, name: str, revision: str | None, json_file: str | None) -> None:
    """Show the size of the model NAME, which is on this machine, and the memory of its weights."""
    session.check_json(json_file)

    from tabllm.decoding.precisions import PRECISIONS
    from tabllm.hub.facts import read_facts
    from tabllm.hub.folder import locate

    found = locate(name, revision=revision)
    facts = read_facts(found.path)
    memory = {precision: round(facts.memory(precision)) for precision in PRECISIONS}
    if session.draws(json_file):
        from .tables import draw_facts, quiet_table

        console = session.console()
        origin = {"model": found.repo or found.name, "commit": found.revision or "", "folder": str(found.path)}
        console.print()
        draw_facts(console, {label: text for label, text in {**origin, **_texts(facts)}.items() if text})
        console.print("\n[bold]Memory of the weights[/]")
        table = quiet_table(console, "precision", ">GB")
        for precision, size in memory.items():
            table.add_row(precision, f"{size / 1e9:.2f}")
        console.print(table)
        console.print()
    where = {"name": found.name, "repo": found.repo, "revision": found.revision, "path": str(found.path)}
    session.write_json({**where, **asdict(facts), "memory": memory}, json_file)


@click.command(cls=Command, examples=QUANTIZE_EXAMPLES, short_help="Write a copy of a model with 4 or 8 bits a weight.")
@click.argument("name")
@click.option("--bits", type=click.Choice(["4", "8"]), required=True, help="Bits per weight.")
@out_option("FOLDER", "Folder to write the copy to.", required=True)
@click.option(
    "--group-size",
    type=click.Choice(["32", "64", "128"]),
    default="64",
    show_default=True,
    help="Group size: weights that share a scale.",
)
@revision_option
@force_option("a model")
@click.pass_obj
def quantize(
    session: Session, name: str, bits: str, out: str, group_size: str, revision: str | None, force: bool
) -> None:
    """Write the model NAME, pulled if need be, to FOLDER with weights of 4 or 8 bits, for the engine mlx."""
    from tabllm.hub.facts import read_facts
    from tabllm.hub.folder import resolve
    from tabllm.hub.quantize import quantize_folder
    from tabular.storage.rundir import check_run_directory

    check_run_directory(out)
    claim(session, out, force=force, folder=True)

    reporter = session.reporter()
    with interruptible(unwritten(out)):
        source = resolve(name, revision=revision, progress=reporter)
        before = read_facts(source.path)
        quantize_folder(source.path, Path(out), bits=int(bits), group_size=int(group_size), progress=reporter)
    after = read_facts(out)
    session.say(f"{out} has {bits} bits a weight: {after.disk / 1e9:.2f} GB instead of {before.disk / 1e9:.2f} GB.")
    session.suggest("tabllm", "fit", "DATA", "-m", _as_path(out))


@click.command("import", cls=Command, examples=IMPORT_EXAMPLES, short_help="Make a folder of a GGUF or a .bin model.")
@click.argument("source")
@out_option("FOLDER", "Folder to write the model to.", required=True)
@revision_option
@force_option("a model")
@click.pass_obj
def import_file(session: Session, source: str, out: str, revision: str | None, force: bool) -> None:
    """Write the model SOURCE to FOLDER with safetensors.

    A GGUF file is expanded to float32. What was lost when its weights were quantized stays lost: where there is the
    original model, take that. Any other SOURCE is a model of the hub, pulled if need be, or a folder, with weights in
    pytorch_model.bin: numbers are read from it, and what else it may hold is refused.
    """
    from tabllm.hub.facts import read_facts
    from tabllm.hub.gguf import import_gguf
    from tabllm.hub.pickled import import_pickled
    from tabular.storage.rundir import check_run_directory

    check_run_directory(out)
    claim(session, out, force=force, folder=True)
    with interruptible(unwritten(out)):
        if source.endswith(".gguf") or Path(source).is_file():
            if revision is not None:
                raise click.UsageError(f"{source} is a file, which has no revisions; leave --revision out.")
            import_gguf(source, out)
        else:
            import_pickled(source, out, revision=revision, progress=session.reporter())
    facts = read_facts(out)
    session.say(f"{out} holds a {facts.architecture} model of {_short(facts.parameters)} parameters.")
    session.suggest("tabllm", "fit", "DATA", "-m", _as_path(out))


def _as_path(folder: str) -> str:
    """A folder as ``-m`` takes it for one, and for no short name."""
    return folder if folder.startswith((".", "/", "~")) else f"./{folder}"


def _texts(facts: ModelFacts) -> dict[str, str]:
    """Facts as a person reads them."""
    heads = str(facts.heads) if facts.heads == facts.kv_heads else f"{facts.heads}, {facts.kv_heads} of keys and values"
    weights: dict[str, Any] = {"weights": facts.dtype}
    if facts.bits is not None:
        weights["weights"] = f"{facts.bits} bits in groups of {facts.group_size}, scales in {facts.dtype}"
    return {
        "architecture": facts.architecture,
        "parameters": f"{facts.parameters:,}",
        "layers": str(facts.layers),
        "width": f"{facts.width:,}, {facts.inner:,} inside a layer",
        "heads": heads,
        "vocabulary": f"{facts.vocabulary:,} tokens",
        "context": f"{facts.context:,} tokens",
        "output layer": "the embedding" if facts.tied else "of its own",
        **weights,
        "on disk": f"{facts.disk / 1e9:.2f} GB",
    }


def _short(parameters: int) -> str:
    return f"{parameters / 1e9:.2f} B" if parameters >= 999.5e6 else f"{parameters / 1e6:.3g} M"
