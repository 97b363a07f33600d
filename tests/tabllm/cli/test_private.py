"""Differential privacy on the command line."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest

FEW = ("--steps", 2, "--batch-size", 30, "--device", "cpu")


@pytest.mark.parametrize("model", ["nano", "tvae", "tabddpm"])
def test_a_private_run_shows_what_was_spent(visits, run_tabllm, model):
    asked = ("--dp-epsilon", 2, "--dp-public-schema", "--dp-noise-seed", 0)
    done = run_tabllm("fit", visits, "-m", model, *FEW, *asked, "-o", "run")
    assert done.code == 0, done.err
    shown = run_tabllm("info", "run").out
    assert "differential privacy" in shown
    assert "opacus" in shown
    told = json.loads(run_tabllm("info", "run", "--json", "-").out)["privacy"]
    assert 1.8 < told["epsilon"] <= 2
    assert told["steps"] == 2
    assert run_tabllm("sample", "run", "-n", 20, "-o", "made.csv").code == 0


def test_a_schema_file_is_the_word_for_what_is_public(visits, run_tabllm):
    done = run_tabllm("fit", visits, *FEW, "--dp-epsilon", 2, "-o", "run")
    assert done.code == 2
    assert "--schema FILE" in done.message
    assert run_tabllm("schema", visits, "-o", "public.json").code == 0
    done = run_tabllm("fit", visits, *FEW, "--dp-epsilon", 2, "--schema", "public.json", "-o", "run")
    assert done.code == 0, done.err


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (
            ("-m", "ctgan", "--dp-epsilon", 1, "--dp-public-schema"),
            "'ctgan' cannot be fitted",
        ),
        (("--dp-epsilon", -1, "--dp-public-schema"), "must be above 0"),
        (("--dp-clip", 1), "--dp-epsilon E"),
        (("--dp-epsilon", 1, "--dp-public-schema", "--engine", "mlx"), "--engine torch"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_line(visits, run_tabllm, arguments, named):
    done = run_tabllm("fit", visits, *arguments)
    assert done.code == 2
    assert named in done.message


def test_a_draw_of_rows_by_a_public_seed_is_refused(visits, run_tabllm):
    done = run_tabllm("fit", visits, *FEW, "--rows", 50, "--dp-epsilon", 2, "--dp-public-schema")
    assert done.code == 2
    assert "--train-rows draws rows by a public seed" in done.message


def test_a_schema_file_without_columns_makes_nothing_public(visits, run_tabllm, tmp_path):
    (tmp_path / "empty.json").write_text('{"version": 1, "rows": 0, "notes": [], "columns": []}')
    done = run_tabllm("fit", visits, *FEW, "--dp-epsilon", 2, "--schema", tmp_path / "empty.json", "-o", "run")
    assert done.code in (1, 2)
    assert "column" in done.message
    assert not Path("run").exists()


def test_a_run_whose_noise_can_be_computed_back_is_told_of(visits, run_tabllm):
    done = run_tabllm("fit", visits, *FEW, "--dp-epsilon", 2, "--dp-public-schema", "-o", "run")
    assert done.code == 0, done.err
    assert "computed back" not in run_tabllm("info", "run").err
    path = Path("run/config.json")
    config = json.loads(path.read_text())
    del config["fit"]["privacy"]["noise_generator"]
    path.write_text(json.dumps(config))
    shown = run_tabllm("info", "run")
    assert shown.code == 0
    assert "can be computed back by trying 4 billion seeds" in shown.err


def test_a_full_disk_at_the_end_costs_no_second_histogram(visits, run_tabllm, monkeypatch):
    from tabular.dp import session
    from tabular.storage import rundir

    released, noisy = [], session.noisy_histograms
    monkeypatch.setattr(session, "noisy_histograms", lambda *given: released.append(noisy(*given)) or released[-1])

    def full(*arguments):
        raise OSError(errno.ENOSPC, "no space left")

    asked = ("--dp-epsilon", 2, "--dp-public-schema", "--dp-schema-share", 0.9, "-o", "run")
    command = ("--quiet", "fit", visits, *FEW, *asked)
    with monkeypatch.context() as broken:
        broken.setattr(rundir, "place_folder", full)
        assert "disk is full" in run_tabllm(*command).message.lower()
    done = run_tabllm(*command)
    assert done.code == 0, done.err
    assert not Path("run.partial").exists()
    for column, histogram in released[0].items():
        assert histogram.counts.tolist() == released[1][column].counts.tolist()
