import json

import numpy as np
import pandas as pd
import pytest

from tabular.errors import OutputError
from tabular.resuming import ResumableWriter

PARTS = [
    pd.DataFrame({"age": [30, 41], "city": ["Köln", "Graz, old"], "gone": [np.nan, np.nan]}),
    pd.DataFrame({"age": [22], "city": ["Wien"], "gone": [1.5]}),
    pd.DataFrame({"age": [70, 71], "city": [None, 'a "b"'], "gone": [np.nan, 2.5]}),
]
READ = {
    "csv": pd.read_csv, "csv.gz": pd.read_csv, "csv.xz": pd.read_csv, "parquet": pd.read_parquet,
    "jsonl": lambda path: pd.read_json(path, lines=True), "tsv": lambda path: pd.read_csv(path, sep="\t"),
}  # fmt: skip


def write(path, parts, identity=None, stop_after=None):
    with ResumableWriter(path, identity or {"seed": 1}) as writer:
        skipped, resumed = 0, writer.resumed
        for number, part in enumerate(parts):
            skipped += len(part)
            if skipped <= resumed:
                continue
            if number == stop_after:
                raise KeyboardInterrupt
            writer.write(part)
    return writer


@pytest.mark.parametrize("ending", list(READ))
def test_parts_become_one_file(tmp_path, ending):
    path = tmp_path / f"made.{ending}"
    assert write(path, PARTS).rows == 5
    made = READ[ending](path)
    assert made["age"].tolist() == [30, 41, 22, 70, 71]
    assert made["gone"].tolist()[2] == 1.5
    assert made["gone"].isna().tolist() == [True, True, False, True, False]
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("ending", list(READ))
def test_an_interrupted_file_goes_on_and_is_the_same(tmp_path, ending):
    whole, path = tmp_path / f"whole.{ending}", tmp_path / f"made.{ending}"
    write(whole, PARTS)
    with pytest.raises(KeyboardInterrupt):
        write(path, PARTS, stop_after=2)
    assert not path.exists()
    writer = write(path, PARTS)
    assert writer.resumed == 3
    pd.testing.assert_frame_equal(READ[ending](path), READ[ending](whole))
    assert not writer._folder.exists()


def test_parts_of_something_else_are_thrown_away(tmp_path):
    path = tmp_path / "made.csv"
    with pytest.raises(KeyboardInterrupt):
        write(path, PARTS, {"seed": 1}, stop_after=2)
    writer = write(path, PARTS[:1], {"seed": 2})
    assert writer.resumed == 0
    assert len(pd.read_csv(path)) == 2


def test_a_part_that_was_not_yet_counted_is_made_again(tmp_path):
    """A kill may come between a part and the state that counts it."""
    path = tmp_path / "made.csv"
    with pytest.raises(KeyboardInterrupt):
        write(path, PARTS, stop_after=2)
    state = tmp_path / "made.csv.partial" / "state.json"
    known = json.loads(state.read_text())
    state.write_text(json.dumps({**known, "rows": known["rows"][:1]}))
    assert write(path, PARTS).resumed == 2
    assert pd.read_csv(path)["age"].tolist() == [30, 41, 22, 70, 71]


def test_a_damaged_state_is_begun_anew(tmp_path):
    path = tmp_path / "made.csv"
    with pytest.raises(KeyboardInterrupt):
        write(path, PARTS, stop_after=2)
    (tmp_path / "made.csv.partial" / "state.json").write_text("{")
    assert write(path, PARTS).resumed == 0


def test_nothing_is_left_if_no_part_was_done(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "made.csv", PARTS, stop_after=0)
    assert list(tmp_path.iterdir()) == []


def test_an_old_file_stays_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "made.csv"
    path.write_text("old\n")
    with pytest.raises(KeyboardInterrupt):
        write(path, PARTS, stop_after=2)
    assert path.read_text() == "old\n"
    write(path, PARTS)
    assert len(pd.read_csv(path)) == 5


def test_a_sheet_is_written_at_once(tmp_path):
    pytest.importorskip("openpyxl")
    path = tmp_path / "made.xlsx"
    with pytest.raises(KeyboardInterrupt):
        write(path, PARTS, stop_after=2)
    assert list(tmp_path.iterdir()) == []
    assert write(path, PARTS).resumed == 0
    assert len(pd.read_excel(path)) == 5


def test_standard_output_is_written_as_it_comes(capsys):
    write("-", PARTS[:1])
    assert capsys.readouterr().out.startswith("age,city,gone\n30,")


def test_a_full_disk_is_one_sentence(tmp_path, monkeypatch):
    import errno

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tabular.resuming.ResumableWriter._join", full)
    with pytest.raises(OutputError, match="The disk is full"):
        write(tmp_path / "made.csv", PARTS)
    assert (tmp_path / "made.csv.partial").is_dir(), "what was made is kept for the next try"
