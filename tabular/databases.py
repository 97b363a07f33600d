"""Reads a table from a database: SQLite by Python's own library, DuckDB and what DuckDB can attach by DuckDB."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import parse_qs, unquote

import pandas as pd

from .arrow_files import read_arrow_table
from .column_names import check_names
from .errors import TableError, UsageError
from .file_form import FileForm, ReadFile
from .natural_columns import natural_column
from .passwords import without_password

__all__ = ["read_database"]

_TABLES = "select name from sqlite_master where type in ('table', 'view') and name not like 'sqlite_%'"
#: Databases that DuckDB reads through an extension: its name there.
_ATTACHED = {"postgres": "postgres", "postgresql": "postgres", "mysql": "mysql"}


def read_database(url: str, rows: int | None) -> ReadFile:
    """The table that ``url`` names: ``sqlite:///file.db?table=clicks``, ``duckdb:///file.db?query=select ...``.

    Raises:
        UsageError: if the URL, the file or the table is not there, or DuckDB is not installed.
        TableError: if the query fails.
    """
    scheme, _, rest = url.partition("://")
    scheme, (place, _, query) = scheme.lower(), rest.partition("?")
    asked = parse_qs(query)
    tables, queries = asked.pop("table", []), asked.pop("query", [])
    if scheme in _ATTACHED:
        return _by_duckdb(url, f"{scheme}://{place}", _ATTACHED[scheme], _statement(url, tables, queries), rows)
    path = Path(unquote(place).removeprefix("/") if not place.startswith("//") else unquote(place)[1:])
    if not path.is_file():
        raise UsageError(f"There is no database {path}; an absolute path has four slashes ({scheme}:////tmp/file.db).")
    if scheme == "sqlite":
        return _by_sqlite(url, path, tables, queries, rows)
    return _by_duckdb(url, str(path), None, _statement(url, tables, queries), rows)


def _statement(url: str, tables: list[str], queries: list[str]) -> str:
    if len(tables) + len(queries) != 1:
        raise UsageError(f"{url} must say which table is meant: add ?table=NAME, or ?query=SELECT ...")
    if queries:
        return queries[0].strip().rstrip(";")
    quoted = ".".join('"' + part.replace('"', '""') + '"' for part in tables[0].split("."))
    return f"select * from {quoted}"


def _by_sqlite(url: str, path: Path, tables: list[str], queries: list[str], rows: int | None) -> ReadFile:
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            known = [name for (name,) in database.execute(_TABLES)]
            notes = []
            if not tables and not queries and len(known) == 1:
                tables = known
                notes = [f"Read the table {known[0]!r}."]
            if tables and not queries and tables[0] not in known:
                raise UsageError(f"{path} has no table {tables[0]!r}; it has {', '.join(map(repr, known)) or 'none'}.")
            cursor = database.execute(_statement(url, tables, queries))
            names = [str(column[0]) for column in cursor.description or ()]
            found = cursor.fetchall() if rows is None else cursor.fetchmany(rows)
    except sqlite3.Error as error:
        raise TableError(f"{url} cannot be read ({error}).") from None
    check_names(names, url)
    cells = list(zip(*found, strict=True)) or [()] * len(names)
    table = pd.DataFrame({name: natural_column(column) for name, column in zip(names, cells, strict=True)},
                         index=pd.RangeIndex(len(found)))  # fmt: skip
    return ReadFile(table, FileForm("csv"), tuple(notes))


def _by_duckdb(url: str, place: str, extension: str | None, statement: str, rows: int | None) -> ReadFile:
    try:
        import duckdb
    except ImportError:
        raise UsageError(f"{url} needs DuckDB to be read: pip install duckdb.") from None
    try:
        with duckdb.connect() if extension else duckdb.connect(place, read_only=True) as database:
            if extension:
                address = place.replace("'", "''")
                database.execute(f"install {extension}; load {extension}; attach '{address}' as source "
                                 f"(type {extension}, read_only); use source")  # fmt: skip
            limit = "" if rows is None else f" limit {int(rows)}"
            content = database.sql(f"select * from ({statement}){limit}").to_arrow_table()
    except duckdb.Error as error:
        reason = without_password(re.sub(r"\s+", " ", str(error)))[:200]
        raise TableError(f"{url} cannot be read ({reason}).") from None
    check_names(content.column_names, url)
    return read_arrow_table(content, "arrow", url)
