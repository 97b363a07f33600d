"""``tabllm bench``: how fast language models make rows on this machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from ..decoding.precisions import PRECISIONS
from ..lm.serialization.names import SERIALIZATIONS
from .group import Command
from .options import AtLeast, count_option, device_option, drop_option, file_option, json_option, seed_option
from .reading import read, reading_options
from .session import Session

if TYPE_CHECKING:
    from rich.console import Console

    from tabular.io.file_form import ReadOptions

__all__ = ["bench"]

EXAMPLES = """
# Without a download: GPT-2's shape with random weights, on the bundled Adult table
tabllm bench --model gpt2 --random-weights
# Precisions side by side; rows as text, and in tokens of the table's own
tabllm bench --random-weights --precision fp32 --precision 4bit
tabllm bench --random-weights --serialization compact --serialization table
# A pulled model on a table of your own
tabllm bench -m deepseek-coder-1.3b --precision 4bit --data visits.csv --json speeds.json
"""


@click.command(cls=Command, examples=EXAMPLES, short_help="Measure how fast language models generate rows here.")
@click.option(
    "-m",
    "--model",
    default="gpt2",
    show_default=True,
    metavar="NAME",
    help="Language model: a name of 'tabllm models list', a folder, or a hub id.",
)
@click.option(
    "--random-weights", is_flag=True, help="Random weights of the model's shape, so that nothing is downloaded."
)
@click.option(
    "--precision",
    "precisions",
    multiple=True,
    type=click.Choice(PRECISIONS),
    help="Weight precision. Repeatable.  [default: fp32]",
)
@click.option(
    "--serialization",
    "serializations",
    multiple=True,
    type=click.Choice(list(SERIALIZATIONS)),
    help="Text format of a row. Repeatable.  [default: compact]",
)
@click.option(
    "--batch",
    "batches",
    multiple=True,
    type=AtLeast(1),
    metavar="N",
    help="Batch size: rows sampled together. Repeatable.  [default: what 2 GB hold]",
)
@count_option("-n", "--rows", least=1, default=1000, help="Rows to generate for each line.")
@count_option(
    "--steps",
    least=0,
    default=20,
    help="Number of updates before, so that rows are plausible and share prefixes as real ones do.",
)
@file_option("--data", help="Table whose rows are generated.  [default: the bundled Adult]")
@click.option(
    "--engine",
    type=click.Choice(["auto", "mlx", "torch"]),
    default="auto",
    help="Engine to compute with.  [default: auto]",
)
@device_option(default="auto")
@seed_option
@drop_option
@reading_options
@json_option
@click.pass_obj
def bench(
    session: Session,
    /,
    data: str | None,
    precisions: tuple[str, ...],
    serializations: tuple[str, ...],
    seed: int | None,
    dropped: tuple[str, ...],
    reading: ReadOptions,
    json_file: str | None,
    **options: Any,
) -> None:
    """Measure how fast a language model makes rows, and how near that comes to what this machine can do at best."""
    session.check_json(json_file)

    from tabllm.bench.run import bench_models
    from tabllm.demo import load_adult
    from tabular.io.dropping import drop_columns
    from tabular.io.reading import check_table

    table = load_adult("train") if data is None else read(session, data, reading).table
    table = check_table(drop_columns(table, dropped))
    result = bench_models(
        table,
        precisions=precisions or ("fp32",),
        serializations=serializations or ("compact",),
        seed=seed or 0,
        progress=session.reporter(),
        **options,
    )
    if session.draws(json_file):
        draw(session.console(), result)
    session.write_json(result, json_file)


def draw(console: Console, result: dict[str, Any]) -> None:
    """The machine and one line per measurement."""
    from eval.screen.tables import print_table

    from .tables import draw_facts

    machine = result["machine"]
    peaks = ", ".join(
        f"{name}: {peak['gflops']:,.0f} GFLOP/s, {peak['gigabytes']:,.0f} GB/s"
        for name, peak in result["peaks"].items()
    )
    weights = "random weights" if result["random_weights"] else "its own weights"
    console.print()
    draw_facts(
        console,
        {
            "machine": f"{machine['device_name']}, {machine['cores']} cores, {machine['memory_gb']:.0f} GB, "
            f"{machine['system']}",
            "engine": f"{machine['engine']} {machine['engine_version']} on {machine['device']}",
            "model": f"{result['model']}, {weights}, {result['trained_steps']} updates before",
            "measured peaks": peaks,
        },
    )
    console.print()
    # One column per measurement: there are more figures than measurements, and a terminal is 80 wide.
    headers = ["", *(f">{i + 1}" for i in range(len(result["speeds"])))]
    rows = [[f"[dim]{label}[/]", *map(shown, result["speeds"])] for label, shown in _FIGURES.items()]
    print_table(console, headers, rows)
    console.print(
        "\n[dim]A beginning that rows share is evaluated once, so fewer tokens are evaluated than the rows have. 'Of "
        "peak' and 'of bandwidth' count only what must be multiplied and moved.[/]"
    )
    console.print()


_FIGURES: dict[str, Callable[[dict[str, Any]], str]] = {
    "weights": lambda speed: speed["precision"],
    "rows as": lambda speed: speed["serialization"],
    "batch": lambda speed: f"{speed['batch']:,}",
    "rows/s": lambda speed: f"{speed['rows_per_second']:,.1f}",
    "drawn tokens/s": lambda speed: f"{speed['sampled_per_second']:,.0f}",
    "forced tokens/s": lambda speed: f"{speed['forced_per_second']:,.0f}",
    "evaluated tokens/s": lambda speed: f"{speed['tokens_per_second']:,.0f}",
    "tokens of a row": lambda speed: f"{speed['tokens_per_row']:.1f}",
    "evaluated per row": lambda speed: f"{speed['evaluated_per_row']:.1f}",
    "ms per step": lambda speed: f"{speed['ms_per_step']:,.0f}",
    "ms to first row": lambda speed: f"{speed['first_row_ms']:,.0f}",
    "peak memory, GB": lambda speed: f"{speed['peak_gb']:.1f}",
    "GFLOP/s": lambda speed: f"{speed['gflops']:,.0f}",
    "of peak, %": lambda speed: f"{100 * speed['share']:.0f}",
    "of bandwidth, %": lambda speed: f"{100 * speed['bandwidth_share']:.0f}",
}
