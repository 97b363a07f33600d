"""Linked tables on the command line: ``--key``, ``--links`` and ``--keep``, and what commands do with them."""

from __future__ import annotations

import time as clock
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tabular.errors import UsageError
from tabular.terminal import escape, plain

from .claims import claim
from .errors import Interrupted, interruptible_fit
from .options import file_option, options_as
from .reading import read, read_more
from .session import STDOUT, Session, seconds

if TYPE_CHECKING:
    import pandas as pd

    from tabular.io.file_form import ReadFile
    from tabular.links.graph import TableGraph
    from tabular.links.links_file import Links

    from ..links.model import LinkedTables

__all__ = [
    "AskedLinks",
    "describe_links",
    "eval_links",
    "fit_links",
    "is_linked",
    "link_options",
    "propose_links",
    "refuse",
    "sample_links",
]


@dataclass(frozen=True)
class AskedLinks:
    """What the options say of how tables belong together."""

    keys: tuple[str, ...]
    file: str | None
    keep: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.keys or self.file or self.keep)

    def links(self, time: str | None) -> Links:
        """The links of the file and of the options together.

        Args:
            time: ``TABLE.COLUMN``, which orders the rows of one parent.

        Raises:
            UsageError: if there is no key, the file cannot be read, or ``time`` is no column of a table.
        """
        from tabular.links.links_file import Links, read_links

        read = read_links(self.file) if self.file else Links()
        keys = tuple(dict.fromkeys((*read.keys, *self.keys)))
        if not keys:
            raise UsageError(
                "Several tables are learned by the keys between them: add --key PARENT.COLUMN=CHILD.COLUMN, or --links "
                "FILE; 'tabllm schema' with the same files proposes keys."
            )
        times = dict(read.time)
        if time is not None:
            table, point, column = time.partition(".")
            if not point:
                raise UsageError(f"--time {time!r} is not TABLE.COLUMN, such as events.time.")
            times[table] = column
        return Links(keys, tuple(dict.fromkeys((*read.keep, *self.keep))), times)


_OPTIONS = (
    click.option(
        "--key",
        "keys",
        multiple=True,
        metavar="KEY",
        help="Linked tables: PARENT.COLUMN=CHILD.COLUMN, such as users.id=events.user_id; a table is called "
        "as its file. Repeatable.",
    ),
    file_option("--links", "links_file", help="File of keys that 'tabllm schema A B -o links.toml' wrote."),
    click.option(
        "--keep",
        multiple=True,
        metavar="TABLE",
        help="Lookup table, such as countries, whose real rows are kept as they are. Repeatable.",
    ),
)


#: The options about keys; the command gets them as one argument, ``links``.
link_options = options_as("links", _OPTIONS, lambda keys, links_file, keep: AskedLinks(keys, links_file, keep))


def is_linked(run: str | Path | None) -> bool:
    """Whether ``run`` is the folder of a run of linked tables."""
    if run is None or not (Path(run) / "config.json").is_file():
        return False
    from tabular.registry import LINKED, read_config

    return bool(read_config(run)["model"] == LINKED)


def refuse(options: Mapping[str, Any]) -> None:
    """Raise :class:`UsageError` for an option that does not go with linked tables."""
    for option, value in options.items():
        if value:
            raise UsageError(f"{option} is for a single table and does not go with linked tables; leave it out.")


# -- fit ------------------------------------------------------------------------------------------------------
def fit_links(
    session: Session,
    files: tuple[str, ...],
    requested: AskedLinks,
    model: str,
    options: Mapping[str, Any],
    out: str,
    reading: Any,
    *,
    time: str | None,
    force: bool,
) -> None:
    """Learn the tables in ``files`` and write the run ``out``.

    Args:
        options: settings of the fit, those that were given.
    """
    from tabular.settings import settings_table
    from tabular.storage.rundir import check_run_directory, drop_partial, take_partial

    from ..links.model import LinkedTables
    from ..links.run_files import TableFile

    known = settings_table(LinkedTables)
    refuse({f"--{name.replace('_', '-')}": True for name in options if name not in known})
    links = requested.links(time)
    check_run_directory(out)
    claim(session, out, force=force, folder=True)
    found = _read(session, files, reading)
    tables = {name: each.table for name, each in found.items()}
    started = clock.perf_counter()
    linked = LinkedTables(model=model, **options)
    origins = {name: TableFile.of(file, found[name].form) for name, file in zip(found, files, strict=True)}
    with interruptible_fit(Path(out)):
        partial = take_partial(out)
        try:
            linked.fit(
                tables, links.keys, keep=links.keep, time=links.time, progress=session.reporter(), checkpoint=partial
            )
            linked.save(out, files=origins)
        finally:
            drop_partial(out, if_empty=True)
        drop_partial(out)
    took = seconds(clock.perf_counter() - started)
    rows = ", ".join(f"{len(table):,} of {name}" for name, table in tables.items())
    count = len(linked.graph.keys)
    keys = f"{count} key{'s' * (count != 1)}"
    session.say(f"Learned {len(tables)} tables by {keys} in {took} ({rows}); the run is {out}/.")
    session.suggest("tabllm", "sample", out, "-n", str(linked.rows), "-o", "synthetic")


def _read(session: Session, files: Iterable[str], reading: Any) -> dict[str, ReadFile]:
    """Name -> table; each is called as its file."""
    from tabular.io.origins import name_of

    found: dict[str, ReadFile] = {}
    for file in files:
        name = name_of(file)
        if name in found:
            raise UsageError(f"Two files are called {name}, and a table is called as its file; rename one.")
        found[name] = read(session, file, reading)
    return found


# -- schema ---------------------------------------------------------------------------------------------------
def propose_links(
    session: Session, files: tuple[str, ...], out: str | None, reading: Any, json_file: str | None, *, force: bool
) -> None:
    """Show which keys the tables in ``files`` seem to have, and write them to ``out``."""
    from tabular.links.links_file import Links, write_links
    from tabular.links.proposing import propose_keys

    if out is not None and out != STDOUT:
        session.check_file(out)
        claim(session, out, force=force)
    tables = {name: each.table for name, each in _read(session, files, reading).items()}
    found = propose_keys(tables)
    if session.draws(json_file):
        console = session.console()
        for each in found:
            says = "named alike" if each.alike else "found by its values"
            text = f"--key {plain(each.key.text)}"
            console.print(
                f"{escape(text)}  [dim]{100 * each.share:.1f} % of the child's values stand in the parent, {says}[/]",
                soft_wrap=True,
            )
        if not found:
            console.print("No column of one table holds the values of another's key; name keys with --key.")
    session.write_json(
        {"keys": [{"key": each.key.text, "share": each.share, "alike": each.alike} for each in found]}, json_file
    )
    joined = {name for each in found for name in (each.key.parent, each.key.child)}
    if alone := [name for name in tables if name not in joined]:
        session.say(f"No key was found for {', '.join(alone)}.")
    if out is not None:
        if out == STDOUT:
            raise UsageError("Links are written to a file: name one with -o, such as links.toml.")
        write_links(Links(tuple(each.key.text for each in found)), out)
        session.say(f"Wrote {out}: check the keys, and put lookup tables, such as countries, into keep.")
        session.suggest("tabllm", "fit", *files, "--links", out)


# -- sample ---------------------------------------------------------------------------------------------------
def sample_links(
    session: Session,
    run: str,
    rows: int | None,
    out: str,
    where: Sequence[str],
    *,
    seed: int | None,
    device: str,
    refine: bool | None,
    force: bool,
) -> None:
    """Write a file for each table of the run to the folder ``out``, as the files were written that were learned."""
    from tabular.io.writing import TableWriter
    from tabular.storage.rundir import atomic_directory

    from ..links.model import LinkedTables
    from ..links.run_files import TableFile

    if out == STDOUT:
        raise UsageError("Linked tables are several files: name a folder with -o.")
    claim(session, out, force=force, folder=True)
    linked = LinkedTables.load(run, device=device)
    started = clock.perf_counter()
    try:
        tables = linked.sample(rows, where=list(where) or None, seed=seed, refine=refine, progress=session.reporter())
        with atomic_directory(out) as folder:
            for name, table in tables.items():
                file = linked.files.get(name, TableFile(name))
                ending = ".xlsx" if file.ending == ".xls" else file.ending
                with TableWriter(folder / f"{name}{ending}", form=file.form) as writer:
                    writer.write(table)
    except KeyboardInterrupt:
        raise Interrupted(f"Interrupted; {out} was not written.") from None
    took = seconds(clock.perf_counter() - started)
    written = ", ".join(f"{len(table):,} rows of {name}" for name, table in tables.items())
    session.say(f"Wrote {written} to {out}/ in {took}.")
    if not where:
        session.suggest("tabllm", "eval", run, out)


# -- eval -----------------------------------------------------------------------------------------------------
def eval_links(
    session: Session,
    real: str,
    synthetic: tuple[str, ...],
    links_file: str | None,
    run: str | None,
    data: str | None,
    reading: Any,
    *,
    details: bool,
    limit: int,
    seed: int | None,
    json_file: str | None,
    html_file: str | None,
) -> None:
    """Compare folders of linked tables with a real one.

    Args:
        real: a folder of tables, or a run, whose files are found.
        links_file, run: either says which keys there are.
    """
    from eval.links import compare_links
    from eval.links.terminal import render_links
    from tabular.io.origins import is_there

    from ..links.model import LinkedTables

    learned = real if is_linked(real) else run
    linked = LinkedTables.load(learned) if learned is not None and is_linked(learned) else None
    if is_linked(real) and linked is not None:
        at = {
            name: str(Path(data) / Path(file.path).name) if data else file.path for name, file in linked.files.items()
        }
        if lost := [file for file in at.values() if not is_there(file)]:
            raise UsageError(f"The file {lost[0]} that {real} learned is not there; name its folder with --data.")
        ours = {name: read(session, file, reading).table for name, file in at.items()}
    else:
        if data is not None:
            raise UsageError("--data names the folder that a run learned; give the run as the first argument.")
        ours = _folder(session, real, reading)
    graph = _graph(links_file, ours) if linked is None else linked.graph
    made = {folder: _folder(session, folder, reading) for folder in synthetic}
    if not made:
        if linked is None:
            raise UsageError(f"There is nothing to compare {real} with; name a folder of synthetic tables.")
        made = {f"sampled from {real}": linked.sample(seed=seed, progress=session.reporter())}
    reports = {
        name: compare_links(ours, tables, graph, seed=seed or 0, progress=session.reporter())
        for name, tables in made.items()
    }
    if session.draws(json_file):
        console = session.console()
        for name, report in reports.items():
            if len(reports) > 1:
                console.print(escape(plain(name)), style="bold")
            render_links(report, console, details=details, limit=limit)
    if html_file:
        from eval.facts.provenance import provenance
        from eval.links.page import write_links_html

        facts = {"real tables": real, "synthetic tables": ", ".join(made), "command": session.command}
        write_links_html(reports, html_file, facts=provenance(facts).facts)
    found = {name: report.to_dict() for name, report in reports.items()}
    session.write_json(next(iter(found.values())) if len(found) == 1 else found, json_file)


def _graph(links_file: str | None, tables: Mapping[str, pd.DataFrame]) -> TableGraph:
    from tabular.links.graph import TableGraph
    from tabular.links.keys import parse_key
    from tabular.links.links_file import read_links

    assert links_file is not None
    links = read_links(links_file)
    columns = {name: [str(column) for column in table] for name, table in tables.items()}
    keys = [parse_key(text, columns) for text in links.keys]
    joined = {name for key in keys for name in (key.parent, key.child)}
    return TableGraph.of({name: columns[name] for name in columns if name in joined}, keys, links.keep)


def _folder(session: Session, folder: str, reading: Any) -> dict[str, pd.DataFrame]:
    """Name -> table, of the tables in ``folder``."""
    from tabular.io.files import FORMATS
    from tabular.io.origins import name_of

    path = Path(folder)
    if not path.is_dir():
        raise UsageError(f"{folder} is no folder of tables; linked tables are compared folder by folder.")
    files = sorted(
        file
        for file in path.iterdir()
        if file.is_file() and not file.name.startswith(".") and set(file.suffixes) & set(FORMATS)
    )
    if not files:
        raise UsageError(f"{folder} holds no tables.")
    return {name_of(file): read_more(session, str(file), reading) for file in files}


def describe_links(run: str) -> dict[str, Any]:
    """What there is to know of a run of linked tables."""
    from ..links.model import LinkedTables

    linked: LinkedTables = LinkedTables.load(run)
    return linked.describe()
