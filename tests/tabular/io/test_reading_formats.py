"""Parquet, Feather, Excel, JSON, parts of a table and databases: every column is held or left out with a sentence."""

from __future__ import annotations

import datetime
import decimal
import json
import sqlite3
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

from tabular import TableError, TableWriter, UsageError, from_arrays, infer_schema, read_table, to_arrays
from tabular.encoding.arrow_columns import arrow_to_pandas, pandas_to_arrow
from tabular.io.file_form import FileForm, ReadOptions
from tabular.io.origins import name_of
from tabular.io.reading import read_file
from tabular.io.resuming import ResumableWriter

ROWS = 30
DAY = datetime.date(2024, 1, 31)
COLUMNS = {
    "int64 with gaps": pa.array([None, 2**60 + 1, *range(ROWS - 2)], pa.int64()),
    "uint64": pa.array([2**64 - 1, None] * (ROWS // 2), pa.uint64()),
    "int8": pa.array([1, 2] * (ROWS // 2), pa.int8()),
    "bool with gaps": pa.array([True, None] * (ROWS // 2)),
    "half float": pa.array(np.float16([0.5, 0.25] * (ROWS // 2))),
    "decimal": pa.array([decimal.Decimal("1.25"), None] * (ROWS // 2), pa.decimal128(12, 2)),
    "wide decimal": pa.array([decimal.Decimal(3), decimal.Decimal(4)] * (ROWS // 2), pa.decimal256(40, 3)),
    "list": pa.array([[1, 2], [], None] * (ROWS // 3), pa.list_(pa.int32())),
    "struct": pa.array(
        [{"a": 1, "b": [DAY]}, {"a": None, "b": None}] * (ROWS // 2),
        pa.struct([("a", pa.int64()), ("b", pa.list_(pa.date32()))]),
    ),
    "map": pa.array([[("k", 1.5)], []] * (ROWS // 2), pa.map_(pa.string(), pa.float64())),
    "time": pa.array([datetime.time(8, 30), None] * (ROWS // 2), pa.time32("s")),
    "time in ns": pa.array([1_000_000_000, 2_000_000_000] * (ROWS // 2), pa.time64("ns")),
    "duration": pa.array([1500, None] * (ROWS // 2), pa.duration("ms")),
    "zone": pa.array([0, 86_400] * (ROWS // 2), pa.timestamp("s", tz="Europe/Rome")),
    "date": pa.array([DAY, None] * (ROWS // 2)),
    "date64": pa.array([DAY, None] * (ROWS // 2), pa.date64()),
    "dictionary": pa.array(["b", "a", None] * (ROWS // 3)).dictionary_encode(),
    "dictionary of doubles": pa.array([1.5, 2.5] * (ROWS // 2)).dictionary_encode(),
    "ordered": pa.DictionaryArray.from_arrays(
        pa.array([0, 2] * (ROWS // 2), pa.int8()), ["low", "mid", "high"], ordered=True
    ),
    "uuid": pa.array([bytes(range(16)), bytes(16)] * (ROWS // 2), pa.binary(16)),
    "bytes": pa.array([b"ab", b"\xff\x00"] * (ROWS // 2)),
    "string view": pa.array(["x", "y"] * (ROWS // 2), pa.string_view()),
    "null": pa.nulls(ROWS),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_arrow_columns_come_back_with_type_and_values(name):
    content = pa.table({"c": COLUMNS[name], "n": range(ROWS)})
    table, notes = arrow_to_pandas(content)
    assert notes == []
    back = pandas_to_arrow(table, content.schema)
    assert back.schema.field("c").type == COLUMNS[name].type
    assert back["c"].to_pylist() == COLUMNS[name].to_pylist()


@pytest.mark.parametrize("name", COLUMNS)
def test_arrow_columns_are_held_by_the_schema(name):
    content = pa.table({"c": COLUMNS[name], "n": range(ROWS)})
    table, _ = arrow_to_pandas(content)
    schema = infer_schema(table)
    assert schema.names == ["c", "n"]
    made = from_arrays(to_arrays(table, schema), schema)
    assert pandas_to_arrow(made, content.schema).schema.types == content.schema.types


def test_a_column_that_cannot_be_held_costs_no_other(tmp_path):
    union = pa.UnionArray.from_sparse(pa.array([0, 1], pa.int8()), [pa.array([1, 2]), pa.array(["a", "b"])])
    table, notes = arrow_to_pandas(pa.table({"u": union, "pictures": [b"\xff" * 99, b"\xff"], "n": [1, 2]}))
    assert list(table.columns) == ["n"]
    assert ["'u'" in notes[0], "'pictures'" in notes[1]] == [True, True]


@pytest.mark.parametrize("name", ["a.parquet", "a.feather"])
def test_parts_of_arrow_files_are_joined_with_the_types_of_the_source(tmp_path, name):
    content = pa.table({"i": pa.array([1, None] * 5, pa.int32()), "l": [["a"], []] * 5, "s": ["x", None] * 5})
    (pq.write_table if name == "a.parquet" else lambda table, path: feather.write_feather(table, str(path)))(
        content, tmp_path / name
    )
    found = read_file(tmp_path / name)
    with ResumableWriter(tmp_path / f"b{name}", {}, form=FileForm.from_dict(found.form.to_dict())) as writer:
        writer.write(found.table[:1])
        writer.write(found.table[1:])
    again = read_file(tmp_path / f"b{name}")
    assert again.form == found.form
    pd.testing.assert_frame_equal(again.table, found.table)


@pytest.fixture
def book(tmp_path):
    import openpyxl

    def book(**sheets):
        made = openpyxl.Workbook()
        made.remove(made.active)
        for name, rows in sheets.items():
            sheet = made.create_sheet(name)
            for row in rows:
                sheet.append(row)
        made.save(tmp_path / "a.xlsx")
        return made, tmp_path / "a.xlsx"

    return book


def test_a_sheet_of_a_file_without_sheets_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n1,2\n3,4\n")
    with pytest.raises(UsageError, match=r"a\.csv has no sheets"):
        read_file(tmp_path / "a.csv", options=ReadOptions(sheet="March"))


def test_cells_of_a_sheet_are_what_they_are_there(book):
    moment = datetime.datetime(2024, 1, 31, 12)
    rows = [
        ["zip", "n", "x", "ok", "at", "na"],
        ["00501", 1, 1.5, True, moment, "NA"],
        ["02134", None, 2, False, None, "b"],
    ]
    _, path = book(S=rows)
    found = read_table(path)
    assert found["zip"].tolist() == ["00501", "02134"]
    assert [str(found[name].dtype) for name in ("n", "x", "ok")] == ["Int64", "float64", "bool"]
    assert found["na"].tolist() == ["NA", "b"]
    assert found["at"][0] == moment


def test_the_sheet_with_the_table_is_read_below_its_titles_and_said(book):
    data = [
        ["Report", None, None],
        [None, None, None],
        ["name", "EUR", "USD"],
        *[[f"c{k}", k, k * 1.1] for k in range(30)],
        ["Total", 435, None],
    ]
    _, path = book(Readme=[["made", "by"], ["me", 1]], Data=data)
    found = read_file(path)
    assert list(found.table.columns) == ["name", "EUR", "USD"]
    assert len(found.table) == 30
    assert "'Data'" in found.notes[0]
    assert found.form.sheet == "Data"
    assert read_file(path, ReadOptions(sheet="1")).table.shape == (1, 2)
    with pytest.raises(UsageError, match="no sheet 'Dat'; it has 'Readme', 'Data'"):
        read_file(path, ReadOptions(sheet="Dat"))


def test_cells_merged_downwards_hold_the_value_of_the_first(book):
    made, path = book(S=[["region", "n"], ["north", 1], [None, 2], ["south", 3]])
    made["S"].merge_cells("A2:A3")
    made.save(path)
    assert read_table(path)["region"].tolist() == ["north", "north", "south"]


def test_text_that_begins_like_a_formula_stays_text(tmp_path):
    table = pd.DataFrame({"label": ["=1+1", "ok", "#N/A"], "n": [1, 2, 3]})
    with TableWriter(tmp_path / "a.xlsx") as writer:
        writer.write(table)
    pd.testing.assert_frame_equal(read_table(tmp_path / "a.xlsx"), table)


RECORDS = [{"a": 1, "b": "x"}, {"a": None, "b": "y"}, {"a": 2**60 + 1, "b": "z"}]


@pytest.mark.parametrize(
    "content",
    [
        json.dumps(RECORDS),
        json.dumps(RECORDS, indent=2),
        "\n".join(map(json.dumps, RECORDS)),
        json.dumps({"data": RECORDS, "page": 1}),
        json.dumps({"a": [row["a"] for row in RECORDS], "b": ["x", "y", "z"]}),
        json.dumps({name: {str(i): row[name] for i, row in enumerate(RECORDS)} for name in "ab"}),
        json.dumps({"columns": ["a", "b"], "index": [0, 1, 2], "data": [list(row.values()) for row in RECORDS]}),
        json.dumps([["a", "b"], *[list(row.values()) for row in RECORDS]]),
        json.dumps({f"r{i}": row for i, row in enumerate(RECORDS)}),
    ],
)
def test_json_of_every_orientation_is_one_table(tmp_path, content):
    (tmp_path / "a.json").write_text(content)
    found = read_table(tmp_path / "a.json")
    assert found["b"].tolist() == ["x", "y", "z"]
    assert found["a"].dropna().tolist() == [1, 2**60 + 1]


def test_json_is_written_as_one_list(tmp_path):
    with TableWriter(tmp_path / "a.json") as writer:
        writer.write(pd.DataFrame({"a": [1], "l": [["x"]]}))
        writer.write(pd.DataFrame({"a": [2], "l": [[]]}))
    assert json.loads((tmp_path / "a.json").read_text()) == [{"a": 1, "l": ["x"]}, {"a": 2, "l": []}]


def test_parts_are_one_table_whose_types_all_parts_decide(tmp_path):
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "_SUCCESS").write_text("")
    (folder / "a.csv").write_text("zip,n\n10001,1\n")
    (folder / "b.csv").write_text("n,zip\n2,02134\n")
    for origin in (folder, str(folder / "*.csv")):
        found = read_table(origin)
        assert found["zip"].tolist() == ["10001", "02134"]
        assert found["n"].tolist() == [1, 2]
        assert name_of(origin) == "logs"
    (folder / "c.csv").write_text("n,code\n2,02134\n")
    with pytest.raises(TableError, match=r"c\.csv has no column 'zip', which .*a\.csv has"):
        read_table(folder)


def test_tables_of_sqlite_are_read_and_what_is_not_there_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    database = sqlite3.connect("a.db")
    database.executescript(
        "create table clicks (id integer, ad text); insert into clicks values (1, '007'), (null, 'b')"
    )
    database.close()
    for query in ("?table=clicks", "?query=select%20*%20from%20clicks", ""):
        found = read_table(f"sqlite:///a.db{query}")
        assert (found["id"].dtype.name, found["ad"].tolist()) == ("Int64", ["007", "b"])
    assert len(read_table(f"sqlite:///{tmp_path}/a.db?table=clicks")) == 2
    with pytest.raises(UsageError, match="no table 'views'; it has 'clicks'"):
        read_table("sqlite:///a.db?table=views")
    with pytest.raises(UsageError, match=r"no database b\.db"):
        read_table("sqlite:///b.db?table=clicks")


def test_duckdb_that_is_not_installed_is_told_with_the_way_out(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "duckdb", None)
    (tmp_path / "a.db").write_text("")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="pip install duckdb"):
        read_table("duckdb:///a.db?table=clicks")


class FakeDuckDB:
    """What is executed, and errors where a test wants them."""

    class Error(Exception):
        """As DuckDB's."""

    def __init__(self, failing=()):
        self.failing, self.ran, self.connected = failing, [], []

    def connect(self, place, read_only):
        self.connected.append((place, read_only))
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """Nothing is held."""

    def execute(self, statement):
        self.ran.append(statement)
        if any(statement.startswith(each) for each in self.failing):
            raise self.Error(f"IO Error: Unable to connect: {statement}")

    def sql(self, statement):
        self.ran.append(statement)
        return self

    def to_arrow_table(self):
        return pa.table({"id": [1, 2], "ad": ["007", "b"]})


@pytest.mark.parametrize(
    ("url", "attached"),
    [
        (
            "postgres://ann:s3cret@db.example.com:5432/shop",
            "host='db.example.com' port='5432' user='ann' password='s3cret' dbname='shop'",
        ),
        ("postgresql://ann:s/3@c%20ret@host/shop", "host='host' user='ann' password='s/3@c ret' dbname='shop'"),
        ("postgres:///shop", "dbname='shop'"),
        ("postgres://[::1]:5433/shop", "host='::1' port='5433' dbname='shop'"),
        (
            "mysql://ann:s'3\"cret@host:3306/shop",
            'host="host" port="3306" user="ann" password="s\'3\\"cret" database="shop"',
        ),
    ],
)
def test_a_server_is_attached_by_its_settings(monkeypatch, url, attached):
    fake = FakeDuckDB()
    monkeypatch.setitem(sys.modules, "duckdb", fake)
    found = read_table(f"{url}?table=web.clicks", rows=9)
    kind = "mysql" if url.startswith("mysql") else "postgres"
    address = attached.replace("'", "''")
    assert fake.ran == [
        f"load {kind}",
        f"attach '{address}' as source (type {kind}, read_only); use source",
        'select * from (select * from "web"."clicks") limit 9',
    ]
    assert (fake.connected, found["ad"].tolist()) == ([(":memory:", False)], ["007", "b"])


def test_settings_of_a_server_beside_the_table_reach_it(monkeypatch):
    fake = FakeDuckDB()
    monkeypatch.setitem(sys.modules, "duckdb", fake)
    read_table("postgres://host/shop?table=a&sslmode=require", rows=1)
    assert "sslmode=''require''" in fake.ran[1]


def test_an_extension_that_cannot_be_fetched_is_told_in_a_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "duckdb", FakeDuckDB(failing=("load", "install")))
    with pytest.raises(UsageError, match="'install mysql' in DuckDB once") as caught:
        read_table("mysql://ann:s3cret@host/shop?table=a")
    assert "s3cret" not in str(caught.value)
    fetched = FakeDuckDB(failing=("load",))
    monkeypatch.setitem(sys.modules, "duckdb", fetched)
    read_table("mysql://host/shop?table=a")
    assert fetched.ran[:2] == ["load mysql", "install mysql; load mysql"]


@pytest.mark.parametrize("url", ["postgres://ann:s3/cret@host/shop?table=a", "mysql://ann:s3%20cret@host/shop?table=a"])
def test_a_server_that_refuses_is_told_without_its_password(monkeypatch, url):
    monkeypatch.setitem(sys.modules, "duckdb", FakeDuckDB(failing=("attach",)))
    with pytest.raises(TableError, match="Unable to connect") as caught:
        read_table(url)
    assert "cret" not in str(caught.value)


def test_a_password_of_a_database_is_in_no_message():
    with pytest.raises(UsageError) as caught:
        read_table("postgres://ann:secret@localhost/shop")
    assert "secret" not in str(caught.value)
    assert "postgres://ann@localhost/shop must say which table" in str(caught.value)
