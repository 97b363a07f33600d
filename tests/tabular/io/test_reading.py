"""Files become tables, and broken ones are told in one sentence that names the way out."""

from __future__ import annotations

import bz2
import gzip
import lzma

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tabular import TableError, UsageError, check_table, read_table
from tabular.io.formats.text_layout import sniff_delimiter


@pytest.fixture
def written(tmp_path):
    def write(name: str, content: str | bytes):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "a,b\n1,x\n"),
        ("a.csv", "\ufeffa,b\n1,x\n"),
        ("a.csv", "\na,b\n\n1,x\n\n"),
        ("a.csv", "a;b\n1;x\n"),
        ("a.tsv", "a\tb\n1\tx\n"),
        ("a.txt", "a|b\n1|x\n"),
        ("a.CSV", '"a","b"\r\n1,"x"\r\n'),
        ("a.csv.gz", gzip.compress(b"a,b\n1,x\n", mtime=0)),
        ("a.csv.bz2", bz2.compress(b"a,b\n1,x\n")),
        ("a.csv.xz", lzma.compress(b"a,b\n1,x\n")),
        ("a.csv.zst", pa.compress(b"a,b\n1,x\n", codec="zstd", asbytes=True)),
        ("a.jsonl", '{"a": 1, "b": "x"}\n\n'),
        ("a.ndjson.gz", gzip.compress(b'{"a": 1, "b": "x"}\n', mtime=0)),
    ],
)
def test_every_text_format_gives_the_same_table(written, name, content):
    pd.testing.assert_frame_equal(read_table(written(name, content)), pd.DataFrame({"a": [1], "b": ["x"]}))


def test_parquet_and_excel_are_read(tmp_path):
    table = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    table.to_parquet(tmp_path / "a.parquet")
    table.set_index("b").to_parquet(tmp_path / "indexed.parquet")
    table.to_excel(tmp_path / "a.xlsx", index=False)
    pd.testing.assert_frame_equal(read_table(tmp_path / "a.parquet"), table)
    pd.testing.assert_frame_equal(read_table(tmp_path / "a.xlsx"), table)
    assert list(read_table(tmp_path / "indexed.parquet").columns) == ["b", "a"]
    assert len(read_table(tmp_path / "a.parquet", rows=1)) == len(read_table(tmp_path / "a.xlsx", rows=1)) == 1


def test_plain_numbers_have_the_dtypes_of_pandas(shared_data):
    path = shared_data("adult") / "adult_train.csv.gz"
    pd.testing.assert_frame_equal(read_table(path), pd.read_csv(path, keep_default_na=False, na_values=[""]))
    pd.testing.assert_frame_equal(read_table(path, rows=100), pd.read_csv(path, nrows=100))


@pytest.mark.parametrize(
    ("head", "delimiter"),
    [
        ("a,b\n1,2\n", ","),
        ("a;b;c\n1,5;2,5;3\n", ";"),
        ("a\tb\n1, 2\t3\n", "\t"),
        ("a|b\n1,2|3,4\n", "|"),
        ("a,b\n'x; y',1\n'p; q',2\n", ","),
        ("name\nfoo\nbar\n", ","),
    ],
)
def test_the_delimiter_is_the_one_that_parts_all_lines_alike(head, delimiter):
    assert sniff_delimiter(head) == delimiter


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.csv", "", "is empty"),
        ("blank.csv", "\n\n", "is empty"),
        ("empty.jsonl", "\n", "is empty"),
        ("header.csv", "a,b\n", "has a header but no rows"),
        ("cyrillic.csv", "\u0433\u043e\u0434,n\n\u041c\u0430\u0439,1\n".encode("cp1251"), "--encoding, such as cp1251"),
        ("long.csv", "a,b\n1,2\n1,2,3\n", "line 3 has 3 fields, but the header has 2"),
        ("all_long.csv", "a,b\n1,2,3\n4,5,6\n", "line 2 has 3 fields, but the header has 2"),
        ("short.csv", 'a,b,c\n"x\ny",2,3\n1,2\n', "line 4 has 2 fields, but the header has 3"),
        ("open.csv", 'a,b\n"1,2\n3,4\n', "never closed"),
        ("junk.csv.gz", b"not gzip", "damaged"),
        ("cut.csv.gz", gzip.compress(np.random.default_rng(0).bytes(5000), mtime=0)[:999], "damaged or cut short"),
        ("junk.csv.xz", b"xx", "damaged"),
        ("junk.parquet", b"PAR1xxxx", "not a readable Parquet file"),
        ("junk.xlsx", b"PK\x03\x04junk", "damaged"),
        ("half.jsonl", '{"a":1}\n{"a":\n', "line 2 is not JSON"),
        ("list.jsonl", "[1]\n", "line 1 is not an object"),
    ],
)
def test_content_that_is_no_table_is_told(written, name, content, message):
    with pytest.raises(TableError, match=message) as caught:
        read_table(written(name, content))
    assert name in str(caught.value)


def test_rows_that_end_in_missing_cells_are_not_ragged(written):
    assert read_table(written("a.csv", "a,b,c\n1,2,\n3,4,\n")).shape == (2, 3)


def test_rows_after_the_wanted_ones_are_not_looked_at(written):
    assert read_table(written("a.csv", "a,b\n1,\n1,2,3\n"), rows=1).shape == (1, 2)


def test_paths_that_cannot_be_meant_are_usage_errors(tmp_path, written):
    written("tabel.csv", "a\n1\n")
    with pytest.raises(UsageError, match=r"did you mean .*tabel\.csv"):
        read_table(tmp_path / "table.csv")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="is a folder without a table"):
        read_table(tmp_path / "empty")
    with pytest.raises(UsageError, match=r"\.csv, \.tsv"):
        read_table(written("a.doc", "x"))
    with pytest.raises(UsageError, match="one character"):
        read_table(written("b.csv", "a\n1\n"), delimiter="::")


def test_a_table_to_learn_from_has_rows_columns_and_names():
    with pytest.raises(TableError, match="1 row;"):
        check_table(pd.DataFrame({"a": [1], "b": [1]}))
    for name, cells in (("a~b", ["1~2", "3~4"]), ("a::b", ["x::1", "y::2"]), ("a b", ["x 1", "y 2"])):
        with pytest.raises(TableError, match="--delimiter"):
            check_table(pd.DataFrame({name: cells}))
    with pytest.raises(TableError, match=r"looks like several .* write it with commas"):
        check_table(pd.DataFrame({"a   b": ["x   1", "y  12"]}))
    for name, cells in (
        ("a", [1, 2]),
        ("full name", ["Ann Li", "Bob Ray"]),
        ("a:b", ["1", "2:3"]),
        ("room", ["Hall 1", "Hall 2"]),
        ("x y", ["Hall 1", "Hall"]),
    ):
        assert len(check_table(pd.DataFrame({name: cells}))) == 2
    with pytest.raises(TableError, match="more than once"):
        check_table(pd.DataFrame([[1, 2], [3, 4]], columns=["a", "a"]))
    with pytest.raises(TableError, match="missing"):
        check_table(pd.DataFrame({"a": [None, None], "b": [None, None]}))
    with pytest.raises(TableError, match="several levels"):
        check_table(pd.DataFrame([[1, 2], [3, 4]], columns=pd.MultiIndex.from_tuples([("a", "b"), ("a", "c")])))
    checked = check_table(pd.DataFrame([[1, 2], [3, 4]], index=[5, 9]))
    assert (list(checked.columns), list(checked.index)) == (["0", "1"], [0, 1])
