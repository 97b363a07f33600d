"""A table that is read by parts has the cells that it has when it is read whole."""

from __future__ import annotations

import gzip
import lzma
import os
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from tabular.errors import TableError, UsageError
from tabular.io.file_form import ReadOptions
from tabular.io.reading import read_file
from tabular.streams.limits import Limits, whole_bytes
from tabular.streams.parts import Reread
from tabular.streams.stream import Stream, open_stream

#: Blocks of some ten rows.
TINY = Limits(block_bytes=256, block_rows=50)
ROWS = 300


def whole(stream: Stream) -> tuple[pd.DataFrame, int]:
    """(the cells as text, how many blocks they came in)."""
    for _ in range(4):
        try:
            blocks = list(stream.blocks())
            break
        except Reread:
            continue
    table = pa.concat_tables(blocks, promote_options="permissive").to_pandas()
    return table.astype(object).where(table.notna(), None), len(blocks)


def check_same_cells(path, options: ReadOptions | None = None) -> Stream:
    stream = open_stream(path, options, TINY)
    cells, blocks = whole(stream)
    read = read_file(path, options, as_text=True)
    expected = read.table.astype(object).where(read.table.notna(), None)
    empty = [name for name in stream.nameless if cells[name].isna().all()]
    pd.testing.assert_frame_equal(cells.drop(columns=empty), expected, check_dtype=False)
    assert blocks > 3
    assert set(read.notes) - set(stream.notes) <= {note for note in read.notes if "neither a name nor a value" in note}
    return stream


def lines(rows: int = ROWS) -> list[str]:
    return ["name,amount,day", *(f"user {i},{i * 7 % 100},2026-03-{i % 28 + 1:02}" for i in range(rows))]


TEXTS = {
    "plain.csv": "\n".join(lines()),
    "crlf.csv": "\r\n".join(lines()) + "\r\n",
    "quoted.csv": "\n".join(line.replace("user 7,", '"user, ""7""\nof two lines",') for line in lines()),
    "gaps.csv": "\n".join(line.replace("user 5,", ",") for line in lines()),
    "blank_lines.csv": "\n".join([*lines()[:100], "", "", *lines()[100:]]),
    "title.csv": "A report of users\n\n" + "\n".join(lines()),
    "sep.csv": "sep=;\n" + "\n".join(lines()).replace(",", ";"),
    "tabs.tsv": "\n".join(lines()).replace(",", "\t"),
    "short_rows.csv": "\n".join([*lines(), "notes of the file"]),
    "notes.csv": "\n".join([*lines(), "", "Source: us"]),
    "total.csv": "\n".join([*lines(), f"Total,{sum(i * 7 % 100 for i in range(ROWS))},"]),
    "total_above.csv": "\n".join([lines()[0], f"Total,{sum(i * 7 % 100 for i in range(ROWS))},", *lines()[1:]]),
    "one_column.csv": "\n".join(["n", *map(str, range(ROWS))]),
    "nameless.csv": "\n".join([",amount,day,", *(f"{line}," for line in lines()[1:])]),
    "twice.csv": "\n".join(["name,amount,name", *lines()[1:]]),
    "comment.csv": "\n".join([*lines()[:50], "# a remark", *lines()[50:]]),
}


@pytest.mark.parametrize("name", TEXTS)
def test_text_read_by_parts_has_the_cells_that_it_has_when_it_is_read_whole(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(TEXTS[name].encode())
    check_same_cells(path, ReadOptions(comment="#") if name.startswith("comment") else None)


@pytest.mark.parametrize(("encoding", "text"), [("utf-16", "Zoë"), ("utf-8-sig", "Zoë"), ("cp1252", "Zoë")])
def test_other_encodings_are_read_by_parts_too(tmp_path, encoding, text):
    path = tmp_path / "users.csv"
    path.write_bytes("\n".join([*lines(), f"{text},1,2026-01-01"]).encode(encoding))
    stream = check_same_cells(path)
    assert stream.form == read_file(path).form


def test_compressed_text_and_missing_words_are_read_by_parts(tmp_path):
    path = tmp_path / "users.csv.gz"
    path.write_bytes(gzip.compress("\n".join(lines()).encode()))
    check_same_cells(path, ReadOptions(nulls=("7", "user 3")))


def test_a_folder_of_parts_is_one_table(tmp_path):
    folder = tmp_path / "parts"
    folder.mkdir()
    (folder / "a.csv").write_text("\n".join(lines()), encoding="utf-8")
    (folder / "b.csv").write_text("day,amount,name\n2026-01-01,5,last\n", encoding="utf-8")
    check_same_cells(folder)
    (folder / "c.csv").write_text("day,amount\n2026-01-01,5\n", encoding="utf-8")
    with pytest.raises(TableError, match="no column 'name'"):
        open_stream(folder)


def test_parquet_is_read_by_parts_with_its_types(tmp_path):
    path = tmp_path / "users.parquet"
    frame = pd.DataFrame({"n": range(ROWS), "x": [i / 7 for i in range(ROWS)], "word": ["a", None, "c"] * (ROWS // 3)})
    frame.to_parquet(path)
    blocks = list(open_stream(path, limits=TINY).blocks())
    assert len(blocks) == 6
    pd.testing.assert_frame_equal(pa.concat_tables(blocks).to_pandas(), frame)
    assert whole_bytes(path) > 1000


def assert_refused_alike(path: Path) -> None:
    """Read whole or by parts, the file is refused in the same sentence."""
    with pytest.raises(TableError) as expected:
        read_file(path)
    with pytest.raises(TableError) as found:
        whole(open_stream(path, limits=TINY))
    assert str(found.value) == str(expected.value)


@pytest.mark.parametrize(
    "wrong",
    ["user 999,5", "user 999,5,2026-01-01,more", 'user 999,"never closed,2026-01-01'],
    ids=["too short", "too long", "open quote"],
)
def test_a_wrong_row_in_the_last_block_is_told_in_the_same_sentence(tmp_path, wrong):
    path = tmp_path / "users.csv"
    path.write_text("\n".join([*lines(), wrong, *lines(3)[1:]]), encoding="utf-8")
    assert_refused_alike(path)


def test_a_file_that_changes_or_vanishes_between_passes_is_told_of(tmp_path):
    path = tmp_path / "users.csv"
    path.write_text("\n".join(lines()), encoding="utf-8")
    stream = open_stream(path, limits=TINY)
    assert whole(stream)[1] > 3
    with path.open("a", encoding="utf-8") as file:
        file.write("\none more,1,2026-01-01")
    with pytest.raises(TableError, match=r"users.csv was changed while it was read by parts"):
        whole(stream)
    os.remove(path)
    with pytest.raises(TableError, match=r"users.csv vanished while it was read by parts"):
        whole(stream)


@pytest.mark.parametrize("name", ["t.csv.gz", "t.csv.xz", "t.parquet"])
def test_a_damaged_file_is_told_of_in_the_same_sentence(tmp_path, name):
    path = tmp_path / name
    packed = {"gz": gzip.compress, "xz": lzma.compress, "parquet": bytes}[name.rpartition(".")[2]]
    path.write_bytes(packed("\n".join(lines(5000)).encode())[:-40])
    assert whole_bytes(path) > 0
    assert_refused_alike(path)


def test_what_is_read_whole_alone_is_refused(tmp_path):
    path = tmp_path / "users.jsonl"
    path.write_text('{"a": 1}\n', encoding="utf-8")
    with pytest.raises(UsageError, match="convert it to Parquet"):
        open_stream(path)


def test_memory_of_a_whole_text_file_is_a_multiple_of_its_bytes(tmp_path):
    plain, packed = tmp_path / "a.csv", tmp_path / "a.csv.gz"
    text = "\n".join(lines()).encode()
    plain.write_bytes(text)
    packed.write_bytes(gzip.compress(text))
    assert whole_bytes(plain) == whole_bytes(packed) >= 5 * len(text)
