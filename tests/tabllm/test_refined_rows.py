"""Rows of a generator, chosen by the margins of the table that it learned."""

import json

import numpy as np
import pandas as pd
import pytest

from tabllm.nano.table_lm import TableLM
from tabular.encoding.arrays import to_arrays
from tabular.errors import UsageError
from tabular.neural.tvae import TVAE
from tabular.registry import load_run


def clicks(rows: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    age = rng.integers(18, 80, rows)
    device = np.where(rng.random(rows) < (age - 18) / 70, "desktop", "phone")
    day = rng.integers(1, 8, rows)
    return pd.DataFrame({"id": np.arange(1000, 1000 + rows), "age": age, "device": device, "day": day})


@pytest.fixture(scope="module")
def table():
    return clicks(1200)


@pytest.fixture(scope="module", params=["nano", "tvae"])
def fitted(request, table):
    if request.param == "nano":
        return TableLM(steps=40, layers=1, width=32, engine="torch", device="cpu").fit(table)
    return TVAE(epochs=2, device="cpu").fit(table)


def distance(fitted, rows):
    """Chi-square of the rows' counts against the table's, by cell."""
    margins = fitted._margins
    cells = margins.cells_of(to_arrays(rows, fitted.schema, unseen="missing"))
    wanted = margins.wanted(len(rows))
    return float(((np.bincount(cells.ravel(), minlength=len(wanted)) - wanted) ** 2 / (wanted + 1)).mean())


def test_refined_rows_have_the_margins_of_the_table(fitted, table):
    plain, refined = (fitted.sample(1000, seed=3, refine=refine) for refine in (False, True))
    assert len(refined) == len(plain) == 1000
    assert distance(fitted, refined) < 0.8 * distance(fitted, plain)
    # Identifiers go on from the table's, without a gap where a row was not taken.
    assert refined["id"].tolist() == plain["id"].tolist()
    pd.testing.assert_frame_equal(refined, fitted.sample(1000, seed=3, refine=True))


def test_few_rows_are_drawn_as_they_come(fitted):
    pd.testing.assert_frame_equal(fitted.sample(50, refine=True), fitted.sample(50, refine=False))


def test_a_run_keeps_its_margins(fitted, tmp_path):
    fitted.save(tmp_path / "run")
    back = load_run(tmp_path / "run", device="cpu")
    pd.testing.assert_frame_equal(back.sample(300, seed=1, refine=True), fitted.sample(300, seed=1, refine=True))
    assert "margins.json" in (tmp_path / "run" / "README.md").read_text()
    (tmp_path / "run" / "margins.json").unlink()  # as a run of an older release
    with pytest.raises(UsageError, match="keeps no counts"):
        load_run(tmp_path / "run", device="cpu").sample(300, refine=True)


def test_on_the_command_line(fitted, tmp_path, run_tabllm):
    fitted.save(tmp_path / "run")
    common = ["sample", str(tmp_path / "run"), "-n", "300", "--seed", "1", "--device", "cpu"]
    for name, options in (("yes", ["--refine"]), ("no", ["--no-refine"])):
        done = run_tabllm(*common, "-o", tmp_path / f"{name}.csv", *options)
        assert done.code == 0, done.err
    yes, no = (pd.read_csv(tmp_path / f"{name}.csv") for name in ("yes", "no"))
    assert distance(fitted, yes) < distance(fitted, no)
    for options in (["--refine", "-w", "device=phone"], ["--refine", "--balance", "device"]):
        done = run_tabllm(*common, "-o", tmp_path / "x.csv", *options)
        assert done.code == 2
        assert "--refine" in done.err
        assert not (tmp_path / "x.csv").exists()


def test_a_private_run_keeps_no_counts(table, tmp_path):
    from tabular.dp.settings import Privacy

    model = TVAE(epochs=1, device="cpu", privacy=Privacy(epsilon=3.0, public_schema=True)).fit(table.drop(columns="id"))
    model.save(tmp_path / "run")
    assert not (tmp_path / "run" / "margins.json").exists()
    assert json.loads((tmp_path / "run" / "config.json").read_text())["fit"]["privacy"]
    with pytest.raises(UsageError, match="private"):
        model.sample(300, refine=True)
