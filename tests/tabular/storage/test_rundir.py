"""A run directory appears whole or not at all."""

from __future__ import annotations

import errno
import json
import os

import numpy as np
import pytest

from tabular import OutputError, RunError, atomic_directory, write_json
from tabular.registry import read_config
from tabular.storage.locking import claimed
from tabular.storage.rundir import MARKER, check_readable, drop_partial, put_back, take_partial, work_folder


def make_run(path, model="nano"):
    with atomic_directory(path) as folder:
        write_json(folder / "config.json", {"model": model})


def test_a_run_takes_its_place_at_the_end(tmp_path):
    with atomic_directory(tmp_path / "runs" / "run") as folder:
        write_json(folder / "config.json", {"model": "nano"})
        assert not (tmp_path / "runs" / "run").exists()
    assert os.listdir(tmp_path / "runs") == ["run"]


def test_an_old_run_is_replaced_whole(tmp_path):
    make_run(tmp_path / "run")
    (tmp_path / "run" / "extra").write_text("old")
    make_run(tmp_path / "run", "ctgan")
    assert os.listdir(tmp_path) == ["run"]
    assert sorted(os.listdir(tmp_path / "run")) == [MARKER, "config.json"]
    assert json.loads((tmp_path / "run" / "config.json").read_text())["model"] == "ctgan"


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_after_an_error_the_old_run_is_as_it_was(tmp_path, error):
    make_run(tmp_path / "run")
    with pytest.raises(error), atomic_directory(tmp_path / "run") as folder:  # noqa: PT012
        write_json(folder / "config.json", {"model": "half"})
        raise error
    assert json.loads((tmp_path / "run" / "config.json").read_text())["model"] == "nano"
    assert os.listdir(tmp_path) == ["run"]


def test_what_is_no_run_is_never_replaced(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_text("x")
    with pytest.raises(OutputError, match="not a run"), atomic_directory(tmp_path / "photos"):
        pass
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="is a file"), atomic_directory(tmp_path / "file"):
        pass
    with pytest.raises(OutputError, match="is a file"), atomic_directory(tmp_path / "file" / "run"):
        pass
    assert (tmp_path / "photos" / "cat.jpg").exists()


def test_an_empty_directory_may_be_filled(tmp_path):
    (tmp_path / "run").mkdir()
    make_run(tmp_path / "run")
    assert (tmp_path / "run" / "config.json").exists()


def test_a_run_is_kept_where_overwriting_is_not_allowed(tmp_path):
    make_run(tmp_path / "run")
    with pytest.raises(OutputError, match="holds a run already"), atomic_directory(tmp_path / "run", overwrite=False):
        pass


def test_json_is_replaced_in_one_step_or_kept(tmp_path):
    write_json(tmp_path / "a.json", {"ä": 1})
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "a.json", {"x": float("nan")})
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"ä": 1}
    assert os.listdir(tmp_path) == ["a.json"]
    with pytest.raises(OutputError, match="could not be written"):
        write_json(tmp_path / "no" / "a.json", {})


def test_a_folder_is_replaced_only_if_tabllm_wrote_it(tmp_path):
    """A config.json alone says nothing: a web project has one, too."""
    web = tmp_path / "web"
    web.mkdir()
    for config in ({"compilerOptions": {}}, {"model": "tailwind"}, {"version": 2}, ["model", "version"]):
        write_json(web / "config.json", config)
        with pytest.raises(OutputError, match="not a run or model that tabllm wrote"), atomic_directory(web):
            pass
    write_json(web / "config.json", {"model": "nano", "version": 1})
    write_json(web / "schema.json", {})  # as releases wrote a run that set no marker
    make_run(web)
    assert sorted(os.listdir(web)) == [MARKER, "config.json"]


def test_a_run_that_another_program_made_meanwhile_is_not_replaced(tmp_path):
    run = tmp_path / "run"
    with claimed(run, replace=False):
        with pytest.raises(OutputError, match="by another program"), atomic_directory(run) as folder:  # noqa: PT012
            write_json(folder / "config.json", {"model": "mine"})
            run.mkdir()
            (run / MARKER).touch()
        assert os.listdir(run) == [MARKER]
        with pytest.raises(OutputError, match="not a run or model"), atomic_directory(run):
            (run / MARKER).rename(run / "photo.jpg")
    assert os.listdir(tmp_path) == ["run"]


@pytest.mark.parametrize("exchange", [True, False])
def test_a_run_stands_at_every_moment_of_its_replacement(tmp_path, monkeypatch, exchange):
    """Where folders cannot be exchanged, it comes back for whoever asks for it next."""
    from tabular.storage import placing

    make_run(tmp_path / "run", "old")
    seen, replace, remove = [], os.replace, placing.shutil.rmtree

    def look(*arguments, **options):
        put_back(tmp_path / "run")
        seen.append(read_config(tmp_path / "run")["model"])
        (replace if len(arguments) == 2 else remove)(*arguments, **options)

    class Killed(BaseException):
        pass

    def killed(*arguments):
        if str(arguments[1]).endswith("run"):
            raise Killed
        replace(*arguments)

    if exchange:
        monkeypatch.setattr(placing.shutil, "rmtree", look)
        make_run(tmp_path / "run", "new")
        assert set(seen) == {"new"}, "the old one is removed after the exchange"
    else:
        monkeypatch.setattr(placing, "_exchange", lambda one, other: False)
        make_run(tmp_path / "run", "new")
        assert read_config(tmp_path / "run")["model"] == "new"
        (tmp_path / "run").rename(tmp_path / ".run.0123abcd.old")  # a kill between the two renames
        assert read_config(tmp_path / "run")["model"] == "new"
        monkeypatch.setattr(placing.os, "replace", killed)
        with pytest.raises(Killed):
            make_run(tmp_path / "run", "third")
    assert os.listdir(tmp_path) == ["run"] or not exchange


def test_what_is_unfinished_goes_into_no_folder_of_somebody_else(tmp_path):
    run = tmp_path / "run"
    (tmp_path / "run.partial").mkdir()
    (tmp_path / "run.partial" / "thesis.tex").write_text("x")
    with pytest.raises(OutputError, match=r"run.partial/ is not a folder that tabllm wrote"):
        take_partial(run)
    drop_partial(run)
    assert os.listdir(tmp_path / "run.partial") == ["thesis.tex"]
    (tmp_path / "run.partial" / "thesis.tex").rename(tmp_path / "run.partial" / "checkpoint.safetensors")
    assert sorted(os.listdir(take_partial(run))) == [MARKER, "checkpoint.safetensors"], "of an earlier release"
    drop_partial(run, if_empty=True)
    assert (tmp_path / "run.partial").exists()
    drop_partial(run)
    assert os.listdir(tmp_path) == []


def test_a_work_folder_is_ours_and_holds_nothing_of_a_killed_call(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").touch()
    with pytest.raises(OutputError, match="not a folder that tabllm wrote"):
        work_folder(tmp_path / "photos").__enter__()
    with work_folder(tmp_path / "new" / "study"):
        pass
    assert sorted(os.listdir(tmp_path)) == ["photos"], "what stays empty goes again"
    with work_folder(tmp_path / "photos", "*.jpg"):
        (tmp_path / "photos" / ".run.0123abcd.part").mkdir()
    with work_folder(tmp_path / "photos") as notes:
        assert "Removed .run.0123abcd.part" in notes[0]
    assert sorted(os.listdir(tmp_path / "photos")) == [MARKER, "cat.jpg"]


@pytest.mark.parametrize("umask", [0o022, 0o027, 0o077])
def test_all_files_of_a_run_have_the_permissions_of_new_files(tmp_path, umask):
    from safetensors.numpy import save_file

    before = os.umask(umask)
    try:
        with atomic_directory(tmp_path / "run") as folder:
            write_json(folder / "config.json", {"model": "nano"})
            save_file({"weight": np.zeros(3)}, folder / "model.safetensors")
    finally:
        os.umask(before)
    files = [path for path in (tmp_path / "run").iterdir() if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o666 & ~umask}
    assert (tmp_path / "run").stat().st_mode & 0o777 == 0o777 & ~umask


def test_a_replaced_run_stays_as_private_as_it_was(tmp_path):
    make_run(tmp_path / "run")
    (tmp_path / "run").chmod(0o700)
    make_run(tmp_path / "run")
    assert (tmp_path / "run").stat().st_mode & 0o777 == 0o700


def test_a_file_that_may_not_be_read_is_told_as_such(tmp_path, monkeypatch):
    make_run(tmp_path / "run")
    access = os.access
    monkeypatch.setattr("os.access", lambda path, mode: path.name != "config.json" and access(path, mode))
    for read in (check_readable, read_config):
        with pytest.raises(RunError, match=r"run/config.json may not be read by you.*chmod -R a\+rX"):
            read(tmp_path / "run")


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_disk_that_is_full_at_the_end_leaves_the_old_run(tmp_path, monkeypatch, step):
    make_run(tmp_path / "run", "old")

    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OutputError, match="The disk is full"), atomic_directory(tmp_path / "run") as folder:  # noqa: PT012
        write_json(folder / "config.json", {"model": "new"})
        monkeypatch.setattr("tabular.storage.placing._exchange", lambda one, other: False)
        monkeypatch.setattr(f"tabular.storage.placing.os.{step}", full)
    monkeypatch.undo()
    assert read_config(tmp_path / "run")["model"] == "old"
    assert os.listdir(tmp_path) == ["run"]
