"""The password of a database's address is used to read the table, and stands nowhere afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from tabular.errors import TableError, UsageError
from tabular.io import reading
from tabular.io.file_form import FileForm, ReadFile
from tabular.passwords import without_password

URL = "postgresql://me:s3cr@t/word@host:5432/shop?table=visits&password=s3cr-too"
PARTS = ("s3cr", "t/word")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (URL, "postgresql://me@host:5432/shop?table=visits&password=***"),
        ("tabllm fit 'mysql://me:pa?ss@host/shop?table=a' -q", "tabllm fit 'mysql://me@host/shop?table=a' -q"),
        ("POSTGRES://:only@host/shop", "POSTGRES://@host/shop"),
        ("duckdb:md:shop?motherduck_token=abc", "duckdb:md:shop?motherduck_token=***"),
        ("postgresql://me@host/shop?table=a", "postgresql://me@host/shop?table=a"),
        ("sqlite:////tmp/shop.db?query=select '@'", "sqlite:////tmp/shop.db?query=select '@'"),
        ("duckdb:///C:/shop@home.db?table=a", "duckdb:///C:/shop@home.db?table=a"),
        ("https://example.org:80/@me", "https://example.org:80/@me"),
        ("a token=abc of a table", "a token=abc of a table"),
    ],
)
def test_only_the_password_goes(url, shown):
    assert without_password(url) == shown


@pytest.fixture
def database(monkeypatch, tmp_path, visits_table, toy):
    """A database that answers with the visits; the addresses that it was asked for."""
    asked = []

    def read(url, rows):
        asked.append(url)
        return ReadFile(visits_table if rows is None else visits_table.head(rows), FileForm("csv"), (f"Read {url}.",))

    monkeypatch.setattr(reading, "read_database", read)
    monkeypatch.setattr("eval.preparing.features.TREES", 3)
    monkeypatch.chdir(tmp_path)
    return asked


@pytest.mark.parametrize(
    "line",
    [
        ["schema", "URL", "--json", "-"],
        ["fit", "URL", "-m", "toy", "--holdout", "20%", "-o", "run"],
        ["make", "URL", "-m", "toy"],
        ["eval", "URL", "URL", "--holdout", "URL", "--html", "p.html", "--json", "r.json", "--details"],
        ["compare", "URL", "-m", "toy", "--html", "p.html", "--json", "c.json", "--markdown", "c.md"],
        ["augment", "URL", "--target", "clicked", "--raise-to", "20%", "-m", "toy", "-o", "h.csv"],
    ],
    ids=lambda line: line[0],
)
def test_no_output_and_no_file_holds_it(line, database, run_tabllm, monkeypatch):
    line = [URL if word == "URL" else word for word in line]
    monkeypatch.setattr("sys.argv", ["tabllm", *line])
    done = run_tabllm(*line)
    assert done.code == 0, done.err
    assert URL in database  # it was needed
    files = [path for path in Path().rglob("*") if path.is_file()]
    written = {str(path): path.read_bytes().decode(errors="replace") for path in files}
    for name, text in {**written, "out": done.out, "err": done.err}.items():
        assert not any(part in text or part in name for part in PARTS), name
    if Path("p.html").exists():
        assert "postgresql://me@host" in Path("p.html").read_text()


@pytest.mark.parametrize("error", [UsageError, TableError, RuntimeError])
def test_no_error_holds_it(error, database, run_tabllm, monkeypatch):
    def read(url, rows):
        raise error(f"no answer from {url}")

    monkeypatch.setattr(reading, "read_database", read)
    monkeypatch.setattr("sys.argv", ["tabllm", "fit", URL])
    for line in (["fit", URL], ["--debug", "fit", URL], ["fit", URL, "--holdout", "300"]):
        done = run_tabllm(*line)
        assert done.code
        assert not any(part in done.err + done.out for part in PARTS), done.err
