"""The model card of a run: what it is, what it keeps of its table, and how to use it. It shows no value of a column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tabular.errors import TabllmError, UsageError
from tabular.plain_json import FieldError, read_json
from tabular.runs import guarantee
from tabular.schema import Column, Schema

from .. import __version__
from ..pipeline import REPORT
from ..studies.workspace import RUN_MARK, fingerprint

if TYPE_CHECKING:
    from eval.facts.report import Report

__all__ = ["card_text", "read_report", "report_of"]


def card_text(
    repo: str, config: Mapping[str, Any], facts: Mapping[str, Any], schema: Schema, report: Report | None
) -> str:
    """The card, as Markdown below YAML.

    Args:
        repo: ``user/name``.
        config: of the run.
        facts: as its ``describe()`` gives them.
        report: of rows of this run.
    """
    base = config.get("base", {}).get("repo")
    lines = [
        "---",
        _metadata(base, str(config["model"])),
        "---",
        "",
        f"# {repo.partition('/')[2]}",
        "",
        f"A generator of synthetic rows, written by tabllm {__version__}: "
        f"`{config['model']}`{f', fine-tuned from `{base}`,' if base else ''} fitted to a table of {schema.rows:,} "
        f"rows and {len(schema)} columns.",
        "",
        "## How to use it",
        "",
        "Where tabllm is installed:",
        "",
        "```bash",
        f"tabllm pull {repo} run",
        "tabllm sample run -n 1000 -o synthetic.csv",
        "```",
        "",
        "## Columns",
        "",
        "| column | kind |",
        "|---|---|",
        *(f"| {_cell(column.name)} | {_kind(column)} |" for column in schema),
        "",
        "## How it was fitted",
        "",
        *_facts(facts, config.get("options", {})),
        "",
    ]
    if report is not None:
        lines += ["## How good its rows are", "", *_figures(report), ""]
    lines += ["## Privacy", "", *_privacy(facts.get("privacy"), schema), ""]
    return "\n".join(lines)


def read_report(path: str | Path) -> Report:
    """What ``tabllm eval --json`` wrote. Raises :class:`RunError` or :class:`UsageError` if it is none."""
    from eval.facts.report import Report

    try:
        return Report.from_dict(read_json(path), origin=str(path))
    except (OSError, FieldError) as error:
        raise UsageError(
            f"{path} is no report that can be read ({error}); 'tabllm eval --json FILE' writes one."
        ) from None


def report_of(run: Path) -> Report | None:
    """The report in the folder of ``tabllm make`` in which ``run`` lies, if it is of rows of this very run."""
    from eval.facts.report import Report

    folder = run.resolve().parent
    try:
        data = read_json(folder / REPORT)
        wanted = fingerprint([read_json(run / RUN_MARK)["fingerprint"], data["rows"]["synthetic"]])
        return Report.from_dict(data) if data["fingerprint"] == wanted else None
    except (OSError, FieldError, KeyError, TypeError, TabllmError):
        return None


def _metadata(base: str | None, model: str) -> str:
    from huggingface_hub import ModelCardData

    # No pipeline_tag: the hub's tasks on tables are to classify and to predict, and this does neither.
    data = ModelCardData(
        license="unknown",
        library_name="tabllm",
        base_model=base,
        tags=["tabular", "synthetic-data", "tabular-data-generation", "tabllm", model],
    )
    return data.to_yaml()


def _kind(column: Column) -> str:
    return f"{column.kind}, names persons ({column.personal})" if column.personal else column.kind


def _facts(facts: Mapping[str, Any], options: Mapping[str, Any]) -> list[str]:
    """Short facts and settings, a line each; what stands in both is stated once."""
    reported = {name: value for name, value in facts.items() if isinstance(value, int | float | str) and value != ""}
    more = {name: value for name, value in options.items() if value is not None and name not in reported}
    shown = {**reported, **{name: value for name, value in more.items() if isinstance(value, int | float | str)}}
    return [
        f"- {name.replace('_', ' ')}: {value:.6g}"
        if isinstance(value, float)
        else f"- {name.replace('_', ' ')}: {_cell(value)}"
        for name, value in shown.items()
        if name not in ("model", "rows", "columns")
    ]


def _figures(report: Report) -> list[str]:
    from eval.judging.verdicts import verdicts
    from eval.page.front import what_was_compared

    return [
        f"Measured by `tabllm eval` on {what_was_compared(report)}.",
        "",
        "| | verdict | figure | beside |",
        "|---|---|---|---|",
        *(
            f"| {each.subject} | {each.word} | {_cell(each.figure)} | {_cell(each.reference)} |"
            for each in verdicts(report)
        ),
    ]


def _privacy(privacy: Mapping[str, Any] | None, schema: Schema) -> list[str]:
    if privacy is not None:
        return [guarantee(privacy)]
    persons = [column.name for column in schema if column.gives_persons_away]
    real = f" Among them are REAL VALUES OF PERSONS, of {_listed(persons)}." if persons else ""
    return [
        "This run is not differentially private: there is no formal guarantee that nothing about a person can be "
        "inferred from it. A run keeps no rows, but of each column its categories, or its smallest and largest value "
        f"and values that are frequent, the pattern of its identifiers, or the tokens of its texts.{real} "
        "Its weights were fitted to the rows, and may know single ones by heart; `tabllm eval` counts copies.",
    ]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _cell(value: Any) -> str:
    """Text in a table of Markdown, of which nothing is markup."""
    text = " ".join(str(value).split())
    for character in "\\`*_<[|":
        text = text.replace(character, "\\" + character)
    return text
