"""A run directory appears whole or not at all."""

from __future__ import annotations

import json
import os

import pytest

from tabular import OutputError, atomic_directory, write_json


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
    assert os.listdir(tmp_path / "run") == ["config.json"]
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
