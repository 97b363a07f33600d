"""Every command that reads a table takes the options about the file, and leaves out what it is told to."""

import click
import pandas as pd
import pytest

from tabllm.cli.main import cli

READING = {"--delimiter", "--encoding", "--skip-rows", "--comment", "--null", "--sheet", "--format"}
COMMANDS = ["augment", "bench", "compare", "ctr", "eval", "fit", "impute", "make", "rules", "schema", "score", "tune"]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_that_reads_a_table_takes_the_options_about_it(name):
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    options = {spelling for parameter in command.params for spelling in parameter.opts}
    assert options >= READING | {"--drop"}


def test_imputing_leaves_out_a_column_and_reads_the_file_as_it_is_told(tmp_path, run_tabllm):
    frame = pd.DataFrame({"a": [1, 2, 3, 4] * 10, "b": ["x", "y"] * 20})
    frame.to_csv(tmp_path / "a.csv", index=False)
    run, holes, filled = tmp_path / "run", tmp_path / "holes.txt", tmp_path / "filled.csv"
    assert run_tabllm("-q", "fit", tmp_path / "a.csv", "--steps", 2, "-o", run).code == 0
    holes.write_text("# made by hand\na;note;b\n1;one;none\n4;two;y\n")
    reading = ["--comment", "#", "--delimiter", ";", "--null", "none", "--format", "csv"]
    assert run_tabllm("-q", "impute", run, holes, "--drop", "note", *reading, "-o", filled).code == 0
    back = pd.read_csv(filled, sep=None, engine="python")
    assert list(back) == ["a", "b"]
    assert back["a"].tolist() == [1, 4]
    assert back["b"].isin(["x", "y"]).all()
    assert back["b"][1] == "y"
