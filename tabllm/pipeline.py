"""The whole way with one table: fit a generator, sample it, judge its rows; what is done already is not done again."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tabular.errors import TabllmError, UsageError
from tabular.plain_json import read_json
from tabular.progress import Reporter

if TYPE_CHECKING:
    import pandas as pd

    from eval.report import Report
    from tabular.source import Source

__all__ = ["STATE", "Made", "Order", "check_folder", "make_table", "run_facts"]

#: What says which steps are done, and what they were done with.
STATE = "made.json"


@dataclass(frozen=True)
class Order:
    """What is to be made of a table.

    Attributes:
        data: the file of real rows.
        model: the generator's name; ``options`` are the keywords of its ``__init__``.
        rows: to generate; as many as were learned if absent.
        holdout: rows that are held back, as :func:`tabular.source.source_of` takes them.
        holdout_file: real rows to judge by, in place of ``holdout``.
        learned_rows: learn so many rows, drawn at random; all if absent.
        target: the column to predict; guessed if absent.
        kinds: column -> kind, where the guess is wrong.
        dropped: columns to leave out.
    """

    data: Path
    model: str = "nano"
    options: Mapping[str, Any] | None = None
    rows: int | None = None
    holdout: float | int = 0.2
    holdout_file: Path | None = None
    learned_rows: int | None = None
    target: str | None = None
    kinds: Mapping[str, str] | None = None
    dropped: Sequence[str] = ()
    delimiter: str | None = None
    seed: int = 0


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
    from eval.html import write_html
    from eval.provenance import provenance
    from tabular.dropping import drop_columns
    from tabular.files import file_format
    from tabular.holdout import people_note
    from tabular.reading import check_table, read_table
    from tabular.rundir import make_folder
    from tabular.source import source_of

    progress, folder = progress or Reporter(), Path(folder)
    kind = file_format(order.data)
    synthetic = folder / f"synthetic{'.csv' if kind.name == 'excel' else kind.ending}"
    check_folder(folder)
    table = check_table(drop_columns(read_table(order.data, delimiter=order.delimiter), order.dropped))
    source = source_of(
        order.data,
        table,
        folder / "run",
        delimiter=order.delimiter,
        holdout=0 if order.holdout_file else order.holdout,
        learned_rows=order.learned_rows,
        seed=order.seed,
        dropped=order.dropped,
    )
    learned, held = source.split(table)
    if source.people:
        progress.note(people_note(source.people))
    if order.holdout_file:
        held = drop_columns(
            read_table(order.holdout_file, delimiter=order.delimiter), order.dropped, absent_ok=True
        )
    make_folder(folder)
    state = _State(folder)
    started = time.perf_counter()
    fitted = _fit(order, folder / "run", learned, source, state, replace=replace, progress=progress)
    sampling = time.perf_counter()
    sampled = _sample(order, folder / "run", synthetic, len(learned), state, progress)
    ended = time.perf_counter()
    made = read_table(synthetic)
    report = _judge(order, folder, learned, made, held, state, progress)
    page = folder / "report.html"
    facts = {
        "real rows": str(order.data),
        "held-out rows": str(order.holdout_file or f"{0 if held is None else len(held):,} rows of {order.data}"),
        "synthetic rows": str(synthetic),
        **run_facts(folder / "run"),
        **({"command": command} if command else {}),
    }
    write_html(report, page, provenance=provenance(facts, learned if real_rows else None, {"": made}))
    return Made(
        folder / "run",
        synthetic,
        page,
        report,
        learned,
        held,
        made,
        sampling - started if fitted else None,
        ended - sampling if sampled else None,
    )


class _State:
    """Which steps are done, and a digest of what each was done with; a step includes all before it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / STATE
        self.marks: dict[str, str] = {}
        with contextlib.suppress(OSError, ValueError):
            known = read_json(self.path)
            self.marks = known if isinstance(known, dict) else {}
        self._so_far = ""

    def digest(self, *facts: Any) -> str:
        """Of ``facts`` and of all that was asked before."""
        text = json.dumps([self._so_far, *facts], sort_keys=True, default=str)
        self._so_far = hashlib.sha256(text.encode()).hexdigest()
        return self._so_far

    def begin(self, step: str, mark: str) -> None:
        """Forget ``step`` where it was done with anything else: a kill must not leave its mark beside new results."""
        if self.marks.get(step, mark) != mark:
            del self.marks[step]
            self._write()

    def done(self, step: str, mark: str) -> None:
        self.marks[step] = mark
        self._write()

    def _write(self) -> None:
        from tabular.rundir import write_json

        write_json(self.path, self.marks)


def _fit(
    order: Order,
    run: Path,
    learned: pd.DataFrame,
    source: Source,
    state: _State,
    *,
    replace: bool,
    progress: Reporter,
) -> bool:
    """Whether a fit was needed."""
    from tabular.inference import infer_schema
    from tabular.rundir import drop_partial, take_partial
    from tabular.source import save_run
    from tabular.synthesizer import create

    from .comparing.study import target_option

    options = dict(order.options or {})
    mark = state.digest(order.model, options, asdict(source), order.target, order.kinds, str(order.holdout_file))
    if state.marks.get("run", mark) != mark and not replace:
        raise UsageError(
            f"{run.parent} was made with other rows or settings; add --force to make it anew, or name another folder "
            "with -o."
        )
    if state.marks.get("run") == mark and run.is_dir():
        progress.note(f"{run}/ was fitted by an earlier call.")
        return False
    state.begin("run", mark)
    schema = infer_schema(learned, overrides=dict(order.kinds or {}))
    if order.target is not None:
        from eval.utility import check_target

        check_target(order.target, schema)
        options = {**target_option(order.model, order.target, schema), **options}
    synthesizer = create(order.model, seed=order.seed, **options)
    progress.note(f"Learning {len(learned):,} rows of {learned.shape[1]} columns with {order.model}.")
    partial = take_partial(run)
    try:
        synthesizer.fit(learned, schema=schema, progress=progress, checkpoint=partial)
    finally:
        drop_partial(run, if_empty=True)
    save_run(synthesizer, run, source)
    drop_partial(run)
    state.done("run", mark)
    return True


def _sample(order: Order, run: Path, synthetic: Path, default_rows: int, state: _State, progress: Reporter) -> bool:
    """Whether rows had to be made."""
    from tabular.resuming import ResumableWriter
    from tabular.synthesizer import load_run

    rows = order.rows or default_rows
    mark = state.digest(rows)
    if state.marks.get("synthetic") == mark and synthetic.is_file():
        return False
    state.begin("synthetic", mark)
    with ResumableWriter(synthetic, {"mark": mark}) as writer:
        synthesizer = load_run(run, device=(order.options or {}).get("device", "auto"))
        for part in synthesizer.sample_batches(rows, seed=order.seed, progress=progress, done=writer.resumed):
            writer.write(part)
    state.done("synthetic", mark)
    return True


def _judge(
    order: Order,
    folder: Path,
    learned: pd.DataFrame,
    made: pd.DataFrame,
    held: pd.DataFrame | None,
    state: _State,
    progress: Reporter,
) -> Report:
    from eval.comparison import compare
    from eval.report import Report
    from tabular.rundir import write_json
    from tabular.schema import Schema

    path, mark = folder / "report.json", state.digest("report")
    if state.marks.get("report") == mark:
        with contextlib.suppress(OSError, ValueError, TabllmError):
            return Report.from_dict(read_json(path))
    state.begin("report", mark)
    report = compare(
        learned,
        made,
        holdout=held,
        target=order.target,
        schema=Schema.from_json(folder / "run" / "schema.json"),
        seed=order.seed,
        progress=progress,
    )
    write_json(path, report.to_dict())
    state.done("report", mark)
    return report


def run_facts(run: str | Path) -> dict[str, str]:
    """The generator of a run, its settings and seed, and the version of this package, for a page."""
    from tabular.synthesizer import read_config

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
    known = {STATE, "run", "report.json", "report.html", "adult.csv", "adult-holdout.csv"}
    if folder.is_dir():
        names = sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith((".", "synthetic.")))
        strange = [name for name in names if name.removesuffix(".partial") not in known]
        if strange:
            raise UsageError(f"{folder} holds something else ({strange[0]}); name another folder with -o.")
