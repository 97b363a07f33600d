"""Parts in this process: what is there counts, what is missing is made, and nothing else is touched."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from pyarrow import fs

from tabllm.cluster import InProcess, cutting, open_folder, run_job
from tabllm.cluster.folders import MANIFEST, LocalFolder, RemoteFolder
from tabllm.cluster.job import Work
from tabllm.cluster.tables import read_rows
from tabllm.scoring import Scorer
from tabular.errors import OutputError, RunError, TableError, UsageError
from tabular.progress import Reporter
from tabular.storage.rundir import mark_folder

#: Of ``nano`` in these tests.
PART_ROWS = 1000


@pytest.fixture(scope="module", autouse=True)
def small_parts():
    """Parts that are made at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tabllm.nano.table_lm.TableLM._part_rows", PART_ROWS)
        yield


class Notes(Reporter):
    def __init__(self):
        self.notes = []

    def note(self, message):
        self.notes.append(message)


class Counting(InProcess):
    """Remembers which parts were made, and stops as Ctrl-C does after ``stop`` of them."""

    def __init__(self, synthesizer, stop=None):
        super().__init__(synthesizer)
        self.made, self.stop = [], stop

    def run(self, work, parts):
        for facts in super().run(work, parts):
            self.made.append(facts.part)
            yield facts
            if len(self.made) == self.stop:
                raise KeyboardInterrupt


def hashes(folder) -> list[str]:
    return [entry["sha256"] for entry in json.loads((folder / MANIFEST).read_text())["parts"]]


@pytest.fixture(scope="module")
def whole(tmp_path_factory, small_run, loaded, small_parts):
    """A finished folder of three parts."""
    from tabllm.cluster.cutting import sample_job
    from tabllm.cluster.job import Work

    out = tmp_path_factory.mktemp("whole") / "rows"
    work = Work.of(sample_job(loaded, small_run, 2 * PART_ROWS + 10, settings={}), small_run, str(out))
    run_job(work, open_folder(str(out)), InProcess(loaded))
    return out


def test_the_parts_are_the_rows_of_one_file(whole, loaded):
    rows = pd.read_parquet(whole)
    assert len(rows) == 2 * PART_ROWS + 10
    assert rows["id"].is_unique
    pd.testing.assert_frame_equal(rows, loaded.sample(len(rows)), check_dtype=False)


def test_an_interrupted_job_goes_on_and_gives_the_same_files(whole, work_to, loaded, tmp_path):
    out = tmp_path / "rows"
    with pytest.raises(KeyboardInterrupt):
        run_job(work_to(out, parts=3), open_folder(str(out)), Counting(loaded, stop=1))
    assert json.loads((out / MANIFEST).read_text())["whole"] is False
    executor, notes = Counting(loaded), Notes()
    done = run_job(work_to(out, parts=3), open_folder(str(out)), executor, progress=notes)
    assert executor.made == [1, 2]
    assert (done.rows, done.resumed, done.parts) == (2 * PART_ROWS + 10, PART_ROWS, 3)
    assert notes.notes == [f"Going on after {PART_ROWS:,} rows in 1 part of {out}/."]
    assert hashes(out) == hashes(whole)
    assert (out / MANIFEST).read_bytes() == (whole / MANIFEST).read_bytes()


def test_damaged_and_vanished_parts_are_made_again(whole, work_to, loaded, tmp_path):
    import shutil

    out = shutil.copytree(whole, tmp_path / "rows")
    first = out / "part-000000.parquet"
    content = bytearray(first.read_bytes())
    content[100] ^= 1
    first.write_bytes(content)
    (out / "part-000002.parquet").unlink()
    executor, notes = Counting(loaded), Notes()
    run_job(work_to(out, parts=3), open_folder(str(out)), executor, progress=notes)
    assert executor.made == [0, 2]
    assert notes.notes[0] == f"1 part in {out}/ had been damaged: to be made again."
    assert hashes(out) == hashes(whole)


@pytest.mark.parametrize(("other", "said"), [({"seed": 1}, "--seed 0, not 1"), ({"parts": 2}, "-n 2,010, not")])
def test_parts_of_another_command_are_refused_and_replaced_by_force(whole, work_to, loaded, tmp_path, other, said):
    import shutil

    out = shutil.copytree(whole, tmp_path / "rows")
    work = work_to(out, **{"parts": 3, **other})
    executor = Counting(loaded, stop=1)
    with pytest.raises(OutputError, match=said):
        run_job(work, open_folder(str(out)), executor)
    assert hashes(out) == hashes(whole)
    with pytest.raises(KeyboardInterrupt):
        run_job(work, open_folder(str(out)), executor, force=True)
    assert executor.made == [0]
    assert sorted(path.name for path in out.glob("part*")) == ["part-000000.parquet"]


def test_a_damaged_manifest_and_parts_without_one_are_refused(whole, work_to, loaded, tmp_path):
    out = tmp_path / "rows"
    out.mkdir()
    (out / "part-000000.parquet").write_bytes(b"of somebody else")
    with pytest.raises(OutputError, match="not a folder that tabllm wrote"):
        run_job(work_to(out), open_folder(str(out)), InProcess(loaded), force=True)
    mark_folder(out)
    (out / MANIFEST).write_text("{")
    with pytest.raises(OutputError, match="is damaged"):
        run_job(work_to(out), open_folder(str(out)), InProcess(loaded))
    (out / MANIFEST).unlink()
    with pytest.raises(OutputError, match="without a manifest"):
        run_job(work_to(out), open_folder(str(out)), InProcess(loaded))
    assert (out / "part-000000.parquet").read_bytes() == b"of somebody else"


def test_a_run_that_was_fitted_anew_is_refused(small_run, work_to, loaded, tmp_path):
    from dataclasses import replace

    work = work_to(tmp_path / "rows")
    work = replace(work, job=replace(work.job, run="another"))
    with pytest.raises(RunError, match="was changed since the work began"):
        run_job(work, open_folder(work.out), InProcess())


def test_an_object_store_gets_the_same_parts(whole, work_to, loaded, tmp_path, monkeypatch):
    store = fs.SubTreeFileSystem(str(tmp_path), fs.LocalFileSystem())
    folder = RemoteFolder("s3://bucket/rows", store, "bucket/rows")
    work = work_to("s3://bucket/rows", parts=3)
    assert work.out == "s3://bucket/rows"

    monkeypatch.setattr("tabllm.cluster.working.open_folder", lambda out: folder)
    run_job(work, folder, InProcess(loaded))
    assert hashes(tmp_path / "bucket/rows") == hashes(whole)
    assert run_job(work, folder, InProcess(loaded)).resumed == work.job.rows


def test_a_uri_of_fsspec_is_opened():
    folder = open_folder("memory://rows")
    folder.put("part-000000.parquet", b"1234")
    assert folder.sizes() == {"part-000000.parquet": 4}
    assert folder.get("part-000001.parquet") is None
    assert folder.size("part-000001.parquet") is None
    folder.clear()
    assert folder.sizes() == {}


def test_a_full_disk_leaves_no_part(work_to, loaded, tmp_path, monkeypatch):
    import errno
    from pathlib import Path

    out, write = tmp_path / "rows", Path.write_bytes

    def full(self, content):
        if ".part-000001" in self.name:
            write(self, b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(self, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match="The disk is full"):
        run_job(work_to(out), open_folder(str(out)), InProcess(loaded))
    assert sorted(path.name for path in out.iterdir()) == [".tabllm", MANIFEST, "part-000000.parquet"]
    assert len(hashes(out)) == 1


class Late(LocalFolder):
    """A network file system that shows a part only when it is asked for it the third time, or never."""

    def __init__(self, out, after):
        super().__init__(out)
        self.asked, self.after = 0, after

    def size(self, name):
        self.asked += 1
        return super().size(name) if self.asked >= self.after else None


def test_a_network_file_system_may_show_a_part_late_but_must_show_it(work_to, loaded, tmp_path, monkeypatch):
    now = iter(range(10**6))
    monkeypatch.setattr("tabllm.cluster.driving.time.monotonic", lambda: float(next(now)))
    monkeypatch.setattr("tabllm.cluster.driving.time.sleep", lambda seconds: None)
    work = work_to(tmp_path / "rows", parts=1)
    folder = Late(work.out, 3)
    assert run_job(work, folder, InProcess(loaded)).rows == 10
    assert folder.asked == 3
    with pytest.raises(OutputError, match="is not seen on this machine"):
        run_job(work_to(tmp_path / "rows", parts=1, seed=1), Late(work.out, 10**6), InProcess(loaded), force=True)


def test_a_big_file_is_filled_in_part_by_part(small_run, loaded, tmp_path, monkeypatch):
    """Parts of 100 rows lie across row groups of 64; filled cells stay, and each part is the same when made alone."""
    monkeypatch.setattr(cutting, "TABLE_ROWS", 100)
    rows = loaded.sample(250)
    rows.loc[::3, "device"] = None
    holes = tmp_path / "holes.parquet"
    rows.to_parquet(holes, row_group_size=64, index=False)
    out = tmp_path / "filled"
    job = cutting.table_job("impute", loaded, small_run, str(holes), settings={})
    work = Work.of(job, small_run, str(out), table=str(holes))
    run_job(work, open_folder(str(out)), InProcess(loaded))
    filled = pd.read_parquet(out)
    assert len(filled) == 250
    assert not filled["device"].isna().any()
    there = rows["device"].notna()
    assert filled.loc[there, "device"].tolist() == rows.loc[there, "device"].tolist()
    assert filled["id"].tolist() == rows["id"].tolist()
    before = hashes(out)
    (out / "part-000001.parquet").unlink()
    executor = Counting(loaded)
    run_job(work, open_folder(str(out)), executor)
    assert executor.made == [1]
    assert hashes(out) == before


def test_a_table_that_cannot_be_cut_is_refused(small_run, loaded, tmp_path):
    (tmp_path / "t.csv").write_text("id,device\n1,web\n")
    (tmp_path / "t.parquet").write_text("none")
    for name, error, said in [
        ("t.csv", UsageError, "only Parquet can"),
        ("lost.parquet", UsageError, "There is no file"),
        ("t.parquet", TableError, "is not a readable Parquet file"),
    ]:
        with pytest.raises(error, match=said):
            cutting.table_job("impute", loaded, small_run, str(tmp_path / name), settings={})


def test_a_table_that_was_cut_short_meanwhile_is_told(tmp_path):
    pd.DataFrame({"a": [1, 2, 3]}).to_parquet(tmp_path / "t.parquet")
    assert read_rows(str(tmp_path / "t.parquet"), 1, 3)["a"].tolist() == [2, 3]
    with pytest.raises(TableError, match="had more when the work began"):
        read_rows(str(tmp_path / "t.parquet"), 2, 4)


def test_a_big_file_is_scored_part_by_part(small_run, loaded, tmp_path, monkeypatch):
    monkeypatch.setattr(cutting, "TABLE_ROWS", 100)
    rows, out = loaded.sample(150), tmp_path / "scored"
    rows.to_parquet(tmp_path / "t.parquet", index=False)
    job = cutting.table_job("score", loaded, small_run, str(tmp_path / "t.parquet"), settings={"dropped": ["id"]})
    work = Work.of(job, small_run, str(out), table=str(tmp_path / "t.parquet"))
    run_job(work, open_folder(str(out)), InProcess(loaded))
    found = pd.read_parquet(out)
    scores = Scorer(loaded, ("device", "clicked")).score(rows)
    assert list(found) == ["device", "clicked", "log_prob", "bits", "percentile", "least_likely"]
    assert found["bits"].to_numpy() == pytest.approx(scores.bits, rel=1e-4)
    assert set(found["least_likely"]) <= {"device", "clicked"}


def test_classes_of_a_big_file_are_predicted_part_by_part(small_run, loaded, tmp_path):
    rows, out = loaded.sample(50), tmp_path / "predicted"
    rows.to_parquet(tmp_path / "t.parquet", index=False)
    job = cutting.table_job("predict", loaded, small_run, str(tmp_path / "t.parquet"), settings={"target": "device"})
    work = Work.of(job, small_run, str(out), table=str(tmp_path / "t.parquet"))
    run_job(work, open_folder(str(out)), InProcess(loaded))
    found = pd.read_parquet(out)
    assert (found["device=ios"] + found["device=web"]).round(4).eq(1).all()
