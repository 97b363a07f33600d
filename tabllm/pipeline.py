"""The whole way with one table: fit a generator, sample it, judge its rows; what is done already is not done again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tabular.errors import UsageError
from tabular.progress import Reporter

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from eval.facts.report import Report
    from tabular.io.file_form import FileForm, ReadOptions
    from tabular.preparing.source import Source
    from tabular.rules import RuleChoice
    from tabular.schema import Schema
    from tabular.synthesizer import Synthesizer

    from .studies.workspace import Workspace

__all__ = ["REPORT", "STATE", "Made", "Order", "check_folder", "make_table", "run_facts"]

#: The digest of the synthetic rows, with the fingerprint of what they were made from; and the report, with the same.
STATE, REPORT = "made.json", "report.json"


@dataclass(frozen=True)
class Order:
    """What is to be made of a table.

    Attributes:
        data: the file of real rows, as :func:`tabular.io.reading.read_table` takes it; ``reading`` says more of it.
        model: the generator's name; ``options`` are the keywords of its ``__init__``.
        rows: to generate; as many as were learned if absent.
        holdout: rows that are held back, as :func:`tabular.preparing.source.source_of` takes them.
        holdout_file: real rows to judge by, in place of ``holdout``.
        learned_rows: learn so many rows, drawn at random; all if absent.
        target: the column to predict; guessed if absent.
        kinds: column -> kind, where the guess is wrong.
        dropped: columns to leave out.
        rules: what the user says of rules between columns.
        faker: locale of Faker, whose words stand in made-up values of persons.
    """

    data: Path | str
    model: str = "nano"
    options: Mapping[str, Any] | None = None
    rows: int | None = None
    holdout: float | int = 0.2
    holdout_file: Path | None = None
    learned_rows: int | None = None
    target: str | None = None
    kinds: Mapping[str, str] | None = None
    dropped: Sequence[str] = ()
    faker: str | None = None
    reading: ReadOptions | None = None
    seed: int = 0
    rules: RuleChoice | None = None


@dataclass(frozen=True)
class Made:
    """What was made; times are ``None`` where an earlier call did the step."""

    run: Path
    synthetic: Path
    page: Path
    report: Report
    learned: pd.DataFrame
    holdout: pd.DataFrame | None
    table: pd.DataFrame
    fit_seconds: float | None
    sample_seconds: float | None


def make_table(
    order: Order,
    folder: str | Path,
    *,
    replace: bool = False,
    command: str = "",
    real_rows: bool = True,
    progress: Reporter | None = None,
) -> Made:
    """Fit, sample and judge; ``folder`` then holds ``run/``, the synthetic rows, ``report.json`` and ``report.html``.

    The same call goes on where an interrupted one stood.

    Args:
        replace: whether what other settings left in ``folder`` is made anew.
        command: what the page says that it was made with.
        real_rows: whether some real rows stand on the page.

    Raises:
        UsageError: if ``folder`` holds something else, or was made with other settings and is not to be replaced.
    """
    from eval.facts.provenance import provenance
    from eval.page.html import write_html
    from tabular.io.dropping import drop_columns
    from tabular.io.file_form import ReadOptions
    from tabular.io.origins import ending_of
    from tabular.io.reading import check_table, read_file, read_table
    from tabular.preparing.holdout import people_note
    from tabular.preparing.source import source_of
    from tabular.rules.telling import rules_line
    from tabular.storage.rundir import make_folder

    from .studies.workspace import Workspace, fingerprint, fitted_run, has_fingerprint

    progress, folder = progress or Reporter(), Path(folder)
    check_folder(folder)
    found = read_file(order.data, order.reading)
    for note in found.notes:
        progress.note(note)
    table = check_table(drop_columns(found.table, order.dropped))
    synthetic = folder / f"synthetic{'.csv' if found.form.format == 'excel' else ending_of(order.data, found.form)}"
    source = source_of(
        order.data,
        table,
        folder / "run",
        options=order.reading,
        holdout=0 if order.holdout_file else order.holdout,
        learned_rows=order.learned_rows,
        seed=order.seed,
        dropped=order.dropped,
        form=found.form,
    )
    learned, held = source.split(table)
    if source.people:
        progress.note(people_note(source.people))
    if order.holdout_file:
        delimiter = None if order.reading is None else order.reading.delimiter
        held = read_table(order.holdout_file, options=ReadOptions(delimiter=delimiter))
        held = drop_columns(held, order.dropped, absent_ok=True)
    fit = _Fit.of(order, learned, source, lambda: source.learned_positions(table), progress)
    if fit.schema.rules:
        progress.note(rules_line(fit.schema.rules, order.data))
    run = folder / "run"
    if run.exists() and not replace and not has_fingerprint(run, fit.fingerprint):
        raise UsageError(
            f"{folder} was made with other rows or settings; add --force to make it anew, or name another folder "
            "with -o."
        )
    make_folder(folder)
    work = Workspace(folder, progress)
    synthesizer, fit_seconds, fitted = fitted_run(
        run, fit.fingerprint, order.model, learned, fit.schema, fit.options, progress=progress, source=source
    )
    if fitted:
        progress.note(f"{run}/ was fitted by an earlier call.")
    rows = order.rows or len(learned)
    wanted = fingerprint([fit.fingerprint, rows])
    sample_seconds = _sample(work, synthesizer, synthetic, rows, order.seed, wanted, found.form)
    made = read_table(synthetic, options=found.form.options())
    report = _judge(work, order, fit.schema, learned, made, held, wanted)
    page = folder / "report.html"
    facts = {
        "real rows": str(order.data),
        "held-out rows": str(order.holdout_file or f"{0 if held is None else len(held):,} rows of {order.data}"),
        "synthetic rows": str(synthetic),
        **run_facts(run),
        **({"command": command} if command else {}),
    }
    write_html(report, page, provenance=provenance(facts, learned if real_rows else None, {"": made}))
    return Made(run, synthetic, page, report, learned, held, made, None if fitted else fit_seconds, sample_seconds)


@dataclass(frozen=True)
class _Fit:
    """What a fit is requested."""

    schema: Schema
    options: Mapping[str, Any]
    fingerprint: str

    @classmethod
    def of(
        cls,
        order: Order,
        learned: pd.DataFrame,
        source: Source,
        row_numbers: Callable[[], np.ndarray],
        progress: Reporter,
    ) -> _Fit:
        """Raises :class:`UsageError` for a target that no model can predict, and for a rule that rows break."""
        from eval.models.utility import check_target
        from tabular.preparing.inference import infer_schema
        from tabular.rules import RuleChoice
        from tabular.rules.choosing import FOUND_BY_DEFAULT, ruled

        from .comparing.study import target_option
        from .studies.workspace import fingerprint

        schema = ruled(
            learned,
            infer_schema(learned, overrides=dict(order.kinds or {}), faker=order.faker),
            order.rules or RuleChoice(),
            find=FOUND_BY_DEFAULT,
            seed=order.seed,
            row_numbers=row_numbers,
            progress=progress,
        )
        options: dict[str, Any] = {"seed": order.seed}
        if order.target is not None:
            check_target(order.target, schema)
            options |= target_option(order.model, order.target, schema)
        options |= order.options or {}
        # The source has the digest of the file, so the rows need not be read once more.
        requested = [order.model, options, schema.to_dict(), asdict(source), order.target, str(order.holdout_file)]
        return cls(schema, options, fingerprint(requested))


def _sample(
    work: Workspace, synthesizer: Synthesizer, path: Path, rows: int, seed: int, wanted: str, form: FileForm
) -> float | None:
    """Make the rows, unless they are there; the seconds that took."""
    from tabular.io.origins import file_sha256
    from tabular.io.resuming import ResumableWriter

    if path.is_file() and work.facts(STATE, wanted, lambda facts: facts["sha256"]) == file_sha256(path):
        return None
    started = time.perf_counter()
    with ResumableWriter(path, {"fingerprint": wanted}, form=form) as writer:
        for part in synthesizer.sample_batches(rows, seed=seed, progress=work.progress, done=writer.resumed):
            writer.write(part)
    work.keep(STATE, wanted, {"sha256": file_sha256(path)})
    return time.perf_counter() - started


def _judge(
    work: Workspace,
    order: Order,
    schema: Schema,
    learned: pd.DataFrame,
    made: pd.DataFrame,
    held: pd.DataFrame | None,
    wanted: str,
) -> Report:
    from eval.comparison import compare
    from eval.facts.report import Report

    known = work.facts(REPORT, wanted, Report.from_dict)
    if known is not None:
        return known
    report = compare(
        learned, made, holdout=held, target=order.target, schema=schema, seed=order.seed, progress=work.progress
    )
    work.keep(REPORT, wanted, report.to_dict())
    return report


def run_facts(run: str | Path) -> dict[str, str]:
    """The generator of a run, its settings and seed, and the version of this package, for a page."""
    from tabular.registry import read_config

    from . import __version__

    config = read_config(run)
    fit = config.get("fit", {})
    settings = {name: value for name, value in fit.items() if isinstance(value, (int, float, str)) and name != "seed"}
    return {
        "generator": str(config["model"]),
        **({"settings": ", ".join(f"{name} {value}" for name, value in settings.items())} if settings else {}),
        **({"seed": str(fit["seed"])} if "seed" in fit else {}),
        "version": f"tabllm {__version__}",
    }


def check_folder(folder: Path) -> None:
    """Raise :class:`UsageError` if something lies in ``folder`` that no call of ours left; hidden files may."""
    known = {STATE, REPORT, "run", "report.html", "adult.csv", "adult-holdout.csv"}
    if folder.is_dir():
        names = sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith((".", "synthetic.")))
        strange = [name for name in names if name.removesuffix(".partial") not in known]
        if strange:
            raise UsageError(f"{folder} holds something else ({strange[0]}); name another folder with -o.")
