"""Reads a table from a database: SQLite by Python's own library, DuckDB and what DuckDB can attach by DuckDB."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

import pandas as pd

from ...columns.names import check_names
from ...errors import TableError, UsageError
from ...passwords import without_password
from ..file_form import FileForm, ReadFile
from .arrow_files import read_arrow_table
from .natural_columns import natural_column

__all__ = ["read_database"]

_TABLES = "select name from sqlite_master where type in ('table', 'view') and name not like 'sqlite_%'"
#: Databases that DuckDB reads through an extension: its name there.
_ATTACHED = {"postgres": "postgres", "postgresql": "postgres", "mysql": "mysql"}
_HOST = re.compile(r"(?P<host>\[[^]]*\]|[^:]*)(?::(?P<port>\d+))?")


def read_database(url: str, rows: int | None) -> ReadFile:
    """The table that ``url`` names: ``sqlite:///file.db?table=clicks``, ``duckdb:///file.db?query=select ...``.

    Raises:
        UsageError: if the URL, the file or the table is not there, or DuckDB is not installed.
        TableError: if the query fails.
    """
    scheme, _, rest = url.partition("://")
    scheme, (target, _, query) = scheme.lower(), rest.partition("?")
    requested = parse_qs(query)
    tables, queries = requested.pop("table", []), requested.pop("query", [])
    if scheme in _ATTACHED:
        server = _Server.at(target, {name: values[-1] for name, values in requested.items()}, _ATTACHED[scheme])
        return _by_duckdb(url, ":memory:", server, _statement(url, tables, queries), rows)
    path = Path(unquote(target).removeprefix("/") if not target.startswith("//") else unquote(target)[1:])
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
    table = pd.DataFrame(
        {name: natural_column(column) for name, column in zip(names, cells, strict=True)},
        index=pd.RangeIndex(len(found)),
    )
    return ReadFile(table, FileForm("csv"), tuple(notes))


@dataclass(frozen=True)
class _Server:
    """A database that DuckDB reads through ``extension``, and what its connection string says."""

    extension: str
    settings: dict[str, str]

    @classmethod
    def at(cls, address: str, more: dict[str, str], extension: str) -> _Server:
        """The server of ``user:password@host:port/name``. Its password may hold ``/``, ``?`` and ``@`` as they are.

        Args:
            more: other settings, such as ``sslmode``.
        """
        person, _, host_part = address.rpartition("@")
        user, _, password = person.partition(":")
        hosts, _, name = host_part.partition("/")
        found = [_HOST.fullmatch(host) for host in hosts.split(",")]
        named = {
            "host": ",".join(match["host"].strip("[]") for match in found if match),
            "port": ",".join(match["port"] or "" for match in found if match),
            "user": user,
            "password": password,
            "dbname" if extension == "postgres" else "database": name,
        }
        settings = {setting: unquote(value) for setting, value in named.items() if value.strip(",")}
        return cls(extension, {**settings, **more})

    def connection(self) -> str:
        """The settings as ``key=value``, which both extensions take; that of MySQL takes no URL."""
        quote = "'" if self.extension == "postgres" else '"'
        return " ".join(
            f"{setting}={quote}" + value.replace("\\", r"\\").replace(quote, f"\\{quote}") + quote
            for setting, value in self.settings.items()
        )

    def without_secret(self, text: str) -> str:
        """``text`` without the password, however it is written there."""
        secret = self.settings.get("password")
        return text if not secret else text.replace(secret, "***")


def _attach(database: Any, server: _Server, url: str) -> None:
    """Open ``server`` in DuckDB, whose extension is fetched once where it is not there.

    Raises:
        UsageError: if the extension is not there and cannot be fetched.
    """
    import duckdb

    try:
        database.execute(f"load {server.extension}")
    except duckdb.Error:
        try:
            database.execute(f"install {server.extension}; load {server.extension}")
        except duckdb.Error:
            raise UsageError(
                f"{url} is read through DuckDB's extension {server.extension!r}, which is not installed and could not "
                f"be fetched; run 'install {server.extension}' in DuckDB once where there is a network, or export the "
                "table to a file."
            ) from None
    address = server.connection().replace("'", "''")
    database.execute(f"attach '{address}' as source (type {server.extension}, read_only); use source")


def _by_duckdb(url: str, target: str, server: _Server | None, statement: str, rows: int | None) -> ReadFile:
    try:
        import duckdb
    except ImportError:
        raise UsageError(f"{url} needs DuckDB to be read: pip install duckdb.") from None
    try:
        with duckdb.connect(target, read_only=server is None) as database:
            if server is not None:
                _attach(database, server, url)
            limit = "" if rows is None else f" limit {int(rows)}"
            content = database.sql(f"select * from ({statement}){limit}").to_arrow_table()
    except duckdb.Error as error:
        reason = without_password(re.sub(r"\s+", " ", str(error)))
        reason = (reason if server is None else server.without_secret(reason))[:200]
        raise TableError(f"{url} cannot be read ({reason}).") from None
    check_names(content.column_names, url)
    return read_arrow_table(content, "arrow", url)
