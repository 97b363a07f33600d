"""The tables that ``tabllm eval`` compares: files, or a run with the file that it learned."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tabular.errors import UsageError

from .by_parts import TableReader, learned_file
from .session import Session

if TYPE_CHECKING:
    import pandas as pd

    from tabular.io.file_form import ReadOptions
    from tabular.schema import Schema

__all__ = ["JudgedTables", "judged_tables"]


@dataclass(frozen=True)
class JudgedTables:
    """What is compared; ``schema`` is that of ``run``, ``None`` where there is none and it is to be inferred."""

    real: pd.DataFrame
    synthetic: dict[str, pd.DataFrame]
    holdout: pd.DataFrame | None
    facts: dict[str, str]
    schema: Schema | None = None
    run: str | None = None
    notes: tuple[str, ...] = ()

    def without(self, names: tuple[str, ...]) -> JudgedTables:
        """The same without the columns ``names``."""
        from tabular.io.dropping import drop_columns

        if not names:
            return self
        made = {label: drop_columns(table, names, absent_ok=True) for label, table in self.synthetic.items()}
        held = None if self.holdout is None else drop_columns(self.holdout, names, absent_ok=True)
        schema = None if self.schema is None else self.schema.drop_columns(names)
        return replace(self, real=drop_columns(self.real, names), synthetic=made, holdout=held, schema=schema)


def judged_tables(
    session: Session,
    real: str,
    synth: tuple[str, ...],
    holdout: str | None,
    data: str | None,
    reading: ReadOptions,
    seed: int,
    *,
    max_memory: int | None = None,
    find_rules: bool = True,
) -> JudgedTables:
    """The tables that the arguments name: files, or a run with the file that it learned."""
    from eval.judging.side_by_side import unique_names
    from tabllm import __version__
    from tabular.io.origins import is_table
    from tabular.preparing.source import read_form

    is_run = (Path(real) / "config.json").is_file()
    form = read_form(real) if is_run else None
    like = replace(reading, encoding=reading.encoding or form.options().encoding) if form else reading
    first = data or (learned_file(real) if is_run else real if is_table(real) else None)
    origins = [origin for origin in (first, *synth, holdout) if origin]
    tables = TableReader(session, origins, reading, max_memory, seed)
    made = {name: tables.more(path, like) for name, path in zip(unique_names(synth), synth, strict=True)}
    held = tables.more(holdout, reading) if holdout else None
    if not is_run and is_table(real):
        if data is not None:
            raise UsageError("--data names the file that a run learned; give the run as the first argument.")
        if not synth and Path(real).exists():
            raise UsageError(f"There is nothing to compare {real} with; name a synthetic table, or a run to sample.")
        facts = {"real rows": real, "held-out rows": holdout or "none", "synthetic rows": ", ".join(synth)}
        table, schema = tables.real(real, find_rules=find_rules)
        facts |= {"version": f"tabllm {__version__}"}
        return JudgedTables(table, made, held, facts, schema, notes=tuple(tables.notes))

    from tabular.preparing.source import read_source
    from tabular.registry import load_run
    from tabular.schema import Schema

    from ..pipeline import run_facts

    learned, kept = tables.learned(real, data)
    schema = Schema.from_json(Path(real) / "schema.json")
    if not synth:
        synthesizer = load_run(real)
        count = len(learned) if synthesizer.unit == "rows" else None
        made = {Path(real).name: synthesizer.sample(count, seed=seed, progress=session.reporter())}
    source = read_source(real)
    file = data or (source.file if source else "")
    facts = {
        "real rows": f"{len(learned):,} rows of {file}",
        "held-out rows": holdout or (f"{len(kept):,} rows of {file}" if kept is not None else "none"),
        "synthetic rows": ", ".join(synth) or f"sampled from {real}",
        **run_facts(real),
    }
    return JudgedTables(learned, made, kept if held is None else held, facts, schema, real, tuple(tables.notes))
