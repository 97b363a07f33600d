import json

import numpy as np
import pandas as pd
import pytest

from tabular.errors import OutputError
from tabular.io.resuming import ResumableWriter
from tabular.storage.locking import claimed

PARTS = [
    pd.DataFrame({"age": [30, 41], "city": ["Köln", "Graz, old"], "gone": [np.nan, np.nan]}),
    pd.DataFrame({"age": [22], "city": ["Wien"], "gone": [1.5]}),
    pd.DataFrame({"age": [70, 71], "city": [None, 'a "b"'], "gone": [np.nan, 2.5]}),
]
READ = {
    "csv": pd.read_csv,
    "csv.gz": pd.read_csv,
    "csv.xz": pd.read_csv,
    "parquet": pd.read_parquet,
    "jsonl": lambda path: pd.read_json(path, lines=True),
    "tsv": lambda path: pd.read_csv(path, sep="\t"),
}


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
    state.write_text(json.dumps({**known, "parts": known["parts"][:1]}))
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

    monkeypatch.setattr("tabular.io.resuming.ResumableWriter._join", full)
    with pytest.raises(OutputError, match="The disk is full"):
        write(tmp_path / "made.csv", PARTS)
    assert (tmp_path / "made.csv.partial").is_dir(), "what was made is kept for the next try"


def interrupted(path):
    with pytest.raises(KeyboardInterrupt):
        write(path, PARTS, stop_after=2)
    return path.with_name(path.name + ".partial")


@pytest.mark.parametrize("damage", [b"", b"other bytes", None])
@pytest.mark.parametrize("ending", ["csv", "csv.gz", "parquet", "jsonl"])
def test_a_damaged_part_and_those_after_it_are_made_again(tmp_path, ending, damage):
    """A power cut leaves a part empty or full of something else, as a disk does that lies about what it wrote."""
    whole, path = tmp_path / f"whole.{ending}", tmp_path / f"made.{ending}"
    write(whole, PARTS)
    for number, rows in ((1, 2), (0, 0)):
        part = interrupted(path) / f"{number:06d}.{ending}"
        part.unlink() if damage is None else part.write_bytes(damage)
        writer = write(path, PARTS)
        assert (writer.resumed, writer.rows) == (rows, 5)
        assert writer.notes[0].startswith(f"Part {number + 1} of 2 in {path}.partial/ is damaged")
        pd.testing.assert_frame_equal(READ[ending](path), READ[ending](whole))
        path.unlink()


@pytest.mark.parametrize("state", ["{", "[]", '{"mark": 1}', '{"mark": "x", "parts": [{"rows": "2"}]}', "[" * 9999])
def test_a_state_that_cannot_be_read_is_told_and_begun_anew(tmp_path, state):
    path = tmp_path / "made.csv"
    (interrupted(path) / "state.json").write_text(state)
    writer = write(path, PARTS)
    assert writer.resumed == 0
    assert "state.json is damaged" in writer.notes[0]
    assert len(pd.read_csv(path)) == 5


def test_a_file_of_too_few_rows_is_not_written(tmp_path):
    for path in (tmp_path / "made.csv", tmp_path / "made.xlsx"):
        writer = ResumableWriter(path, {}, rows=5)
        with pytest.raises(OutputError, match="2 rows were made, and 5 were wanted"), writer:
            writer.write(PARTS[0])
        assert not path.exists()


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_parts_that_are_changed_before_they_are_joined_are_not_written(tmp_path, ending):
    path = tmp_path / f"made.{ending}"
    with pytest.raises(OutputError, match="were changed meanwhile"), ResumableWriter(path, {}) as writer:  # noqa: PT012
        for part in PARTS[:2]:
            writer.write(part)
        first, second = sorted(writer._folder.glob(f"0*.{ending}"))
        second.write_bytes(first.read_bytes())
    assert not path.exists()


def test_a_part_is_on_the_disk_before_it_is_counted(tmp_path, monkeypatch):
    from tabular.storage import placing

    synced, sync = [], placing._sync
    monkeypatch.setattr(placing, "_sync", lambda path: (synced.append(path.name.lstrip(".").split(".")[0]), sync(path)))
    with ResumableWriter(tmp_path / "made.csv", {}) as writer:
        writer.write(PARTS[0])
        assert synced == ["000000", "made", "state", "made"], "the part, its folder, the state, its folder"


def test_a_folder_that_tabllm_did_not_write_is_never_wiped(tmp_path):
    folder = tmp_path / "made.csv.partial"
    folder.mkdir()
    (folder / "state.json").write_text("{}")
    with pytest.raises(OutputError, match=r"made\.csv\.partial/ is not a folder that tabllm wrote"):
        write(tmp_path / "made.csv", PARTS)
    assert (folder / "state.json").read_text() == "{}"


def test_a_file_that_another_program_made_meanwhile_is_kept_and_so_are_the_parts(tmp_path):
    path = tmp_path / "made.csv"
    writer = ResumableWriter(path, {"seed": 1})
    with claimed(path, replace=False), pytest.raises(OutputError, match="made by another program"), writer:  # noqa: PT012
        writer.write(PARTS[0])
        path.write_text("theirs")
    assert path.read_text() == "theirs"
    assert write(path, PARTS[:1]).resumed == 2


def test_a_full_disk_at_any_write_keeps_what_was_counted(tmp_path, monkeypatch):
    import errno
    import os

    path, calls, fsync = tmp_path / "made.csv", [0], os.fsync
    for at in range(1, 13):
        calls[0] = 0

        def full(descriptor, at=at):
            calls[0] += 1
            if calls[0] == at:
                raise OSError(errno.ENOSPC, "No space left on device")
            fsync(descriptor)

        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(OutputError, match="The disk is full"):
            write(path, PARTS)
        monkeypatch.undo()
        assert write(path, PARTS).rows == 5
        assert pd.read_csv(path)["age"].tolist() == [30, 41, 22, 70, 71]
        assert [entry.name for entry in tmp_path.iterdir()] == ["made.csv"]
        path.unlink()
