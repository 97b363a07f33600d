"""Any text comes back as it was, and no text becomes a formula."""

from __future__ import annotations

import pandas as pd
import pytest

from tabular import OutputError, TableWriter, read_table

#: Every control character, what str.splitlines splits at, and what formats use themselves.
CHARACTERS = [*map(chr, range(0xA1)), "\u2028", "\u2029", "\ufeff", "\r\n", "\n\r", '"\r', "_x000D_", "_x005F_x000D_"]


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.csv.gz", "a.jsonl", "a.parquet", "a.xlsx"])
def test_every_character_comes_back(tmp_path, name):
    texts = [text for c in CHARACTERS for text in (f"a{c}b", f"{c}x", f"y{c}")]
    table = pd.DataFrame({"k": [f"k{i}" for i in range(len(texts))], "text": texts, "n": range(len(texts))})
    with TableWriter(tmp_path / name) as writer:
        writer.write(table)
    pd.testing.assert_frame_equal(read_table(tmp_path / name), table, check_dtype=False)


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.parquet", "a.xlsx"])
@pytest.mark.parametrize("character", ["\r", "\n", "\x0b", "\x1c", "\x85", "\u2028", "=", '"', "_x000D_"])
def test_so_do_names(tmp_path, name, character):
    table = pd.DataFrame({f"{character}a": ["p", "q"], f"b{character}": [1, 2]})
    with TableWriter(tmp_path / name) as writer:
        writer.write(table)
    assert list(read_table(tmp_path / name)) == list(table)


@pytest.mark.parametrize("separator", ["\x0b", "\x1c", "\x85", "\u2028"])
def test_a_character_that_ends_no_line_does_not_hide_the_delimiter(tmp_path, separator):
    path = tmp_path / "a.csv"
    path.write_text("a;b\n" + f"1,5{separator}x,y;2\n" * 20, encoding="utf-8")
    assert list(read_table(path)) == ["a", "b"]


@pytest.mark.parametrize("dtype", [object, "category"])
def test_text_that_looks_like_a_formula_or_an_error_stays_text_in_a_sheet(tmp_path, dtype):
    openpyxl = pytest.importorskip("openpyxl")
    texts = ["=1+1", '=HYPERLINK("http://x")', "+1+1", "-x", "@SUM(1)", "#DIV/0!", "plain"]
    with TableWriter(tmp_path / "a.xlsx") as writer:
        writer.write(pd.DataFrame({"=name": pd.Series(texts, dtype=dtype), "n": range(7)}))
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx").active
    assert [(cell.value, cell.data_type) for cell in sheet["A"]] == [(text, "s") for text in ["=name", *texts]]
    assert [cell.data_type for cell in sheet["B"][1:]] == ["n"] * 7
    found = read_table(tmp_path / "a.xlsx")["=name"]
    assert found.drop(5).tolist() == [*texts[:5], "plain"]


def test_text_that_is_too_long_for_a_cell_is_refused_by_column_and_row(tmp_path):
    told = r"32,767 characters, and the column 'note' has 32,768 in row 2"
    with pytest.raises(OutputError, match=told), TableWriter(tmp_path / "a.xlsx") as writer:
        writer.write(pd.DataFrame({"note": ["x", "x" * 32_768], "n": [1, 2]}))


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet", "a.xlsx"])
def test_half_a_character_is_told_in_one_sentence(tmp_path, name):
    told = r"cannot hold '\\ud800', half of a character"
    with pytest.raises(OutputError, match=told), TableWriter(tmp_path / name) as writer:
        writer.write(pd.DataFrame({"a": pd.Series(["x\ud800"], dtype=object), "b": [1]}))
    assert not any(tmp_path.iterdir())
