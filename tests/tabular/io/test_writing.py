"""A table is written part by part, and its file appears whole or not at all."""

from __future__ import annotations

import errno
import os
import stat

import numpy as np
import pandas as pd
import pytest

from tabular import OutputError, TableWriter, UsageError, check_output, read_table
from tabular.io.writing import EXCEL_ROWS
from tabular.storage.locking import claimed

FIRST = pd.DataFrame({"n": [0.1, 1e-7, np.nan], "i": [1, 2, 3], "s": ["a", "ß, x", 'q"'], "b": [True, False, True]})
SECOND = pd.DataFrame({"n": [0.1 + 0.2], "i": [2**53 + 1], "s": [None], "b": [False]})


@pytest.mark.parametrize(
    "name",
    [
        "a.csv",
        "a.tsv",
        "a.csv.gz",
        "a.csv.bz2",
        "a.csv.xz",
        "a.csv.zst",
        "a.jsonl",
        "a.jsonl.gz",
        "a.parquet",
        "a.xlsx",
    ],
)
def test_what_is_written_in_parts_is_read_as_one(tmp_path, name):
    with TableWriter(tmp_path / name) as writer:
        writer.write(FIRST)
        writer.write(SECOND)
    assert writer.rows == 4
    found = read_table(tmp_path / name)
    expected = pd.concat([FIRST, SECOND], ignore_index=True)
    assert found["s"].isna().tolist() == [False, False, False, True]
    # A sheet keeps 15 digits of a number.
    exact = not name.endswith("xlsx")
    pd.testing.assert_frame_equal(found[["n", "i", "b"]], expected[["n", "i", "b"]], check_exact=exact, rtol=1e-15)
    assert os.listdir(tmp_path) == [name]


def test_floats_are_written_with_the_fewest_digits(tmp_path):
    with TableWriter(tmp_path / "a.csv") as writer:
        writer.write(pd.DataFrame({"x": [0.1, 1 / 3, 5.0], "y": np.array([0.1, 0.25, 1], dtype="float32")}))
    assert (tmp_path / "a.csv").read_text() == "x,y\n0.1,0.1\n0.3333333333333333,0.25\n5.0,1.0\n"


def test_a_dash_is_standard_output(capsys):
    with TableWriter("-") as writer:
        writer.write(SECOND[["i"]])
        writer.write(SECOND[["i"]])
    assert capsys.readouterr().out == "i\n9007199254740993\n9007199254740993\n"


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.parquet", "a.xlsx"])
def test_after_an_error_the_old_file_is_as_it_was(tmp_path, name, error):
    (tmp_path / name).write_text("old")
    with pytest.raises(error), TableWriter(tmp_path / name) as writer:  # noqa: PT012
        writer.write(FIRST)
        raise error
    assert (tmp_path / name).read_text() == "old"
    assert os.listdir(tmp_path) == [name]


def test_a_full_disk_is_told_in_one_sentence(tmp_path, monkeypatch):
    def full(*args, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", full)
    with pytest.raises(OutputError, match="disk is full"), TableWriter(tmp_path / "a.csv") as writer:
        writer.write(FIRST)
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the system has no /dev/full")
def test_a_disk_that_is_full_only_at_the_end_is_told_too(tmp_path, monkeypatch):
    writer = TableWriter(tmp_path / "a.csv")
    with claimed(tmp_path / "a.csv"):  # so that the link is not taken for what a killed program left
        os.symlink("/dev/full", writer._hidden)
        with pytest.raises(OutputError, match="disk is full"), writer:
            writer.write(FIRST)
        assert os.listdir(tmp_path) == [".a.csv.lock"]


def test_a_file_that_appears_meanwhile_is_kept_where_overwriting_is_not_allowed(tmp_path):
    writer = TableWriter(tmp_path / "a.csv", overwrite=False)
    with pytest.raises(OutputError, match="made by another program meanwhile"), writer:  # noqa: PT012
        writer.write(FIRST)
        (tmp_path / "a.csv").write_text("theirs")
    assert os.listdir(tmp_path) == ["a.csv"]
    assert (tmp_path / "a.csv").read_text() == "theirs"


def test_outputs_that_cannot_be_are_refused_before_the_work(tmp_path):
    with pytest.raises(OutputError, match="There is no folder"):
        check_output(tmp_path / "no" / "a.csv")
    with pytest.raises(OutputError, match="is a folder"):
        check_output(tmp_path)
    with pytest.raises(UsageError, match="not known"):
        check_output(tmp_path / "a.doc")
    with pytest.raises(UsageError, match=r"\.xlsx"):
        check_output(tmp_path / "a.xls")
    (tmp_path / "a.csv").write_text("old")
    with pytest.raises(OutputError, match="exists"):
        check_output(tmp_path / "a.csv", overwrite=False)
    check_output("-")


def test_an_unwritable_folder_is_refused_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write anywhere
    with pytest.raises(OutputError, match="may not be written"):
        check_output(tmp_path / "a.csv")


def test_a_table_too_long_for_a_sheet_is_refused(tmp_path):
    with pytest.raises(OutputError, match="1,048,575 rows"), TableWriter(tmp_path / "a.xlsx") as writer:  # noqa: PT012
        writer.write(pd.DataFrame({"x": np.zeros(EXCEL_ROWS)}))
        writer.write(pd.DataFrame({"x": [0.0]}))
    assert os.listdir(tmp_path) == []


def test_parquet_takes_a_column_whose_first_part_is_all_missing(tmp_path):
    with TableWriter(tmp_path / "a.parquet") as writer:
        writer.write(pd.DataFrame({"s": pd.Series([None, None], dtype=object)}))
        writer.write(pd.DataFrame({"s": pd.Series(["x", None], dtype=object)}))
    assert read_table(tmp_path / "a.parquet")["s"].isna().tolist() == [True, True, False, True]


def test_dates_are_written_readably(tmp_path):
    days = pd.DataFrame({"d": pd.to_datetime(["2024-01-31", None]), "z": pd.to_datetime(["2024-01-31"] * 2, utc=True)})
    for name in ("a.jsonl", "a.xlsx", "a.csv", "a.parquet"):
        with TableWriter(tmp_path / name) as writer:
            writer.write(days)
        assert str(read_table(tmp_path / name)["d"][0]).startswith("2024-01-31")


def test_a_replaced_file_keeps_its_permissions(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("old")
    path.chmod(0o600)
    with TableWriter(path) as writer:
        writer.write(FIRST)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
