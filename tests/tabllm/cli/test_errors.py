"""Whatever is wrong with the input is said in one line that names it, with the right exit code."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest


@pytest.fixture
def here(tmp_path, monkeypatch, toy):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(outcome, code: int, *named: str) -> None:
    """The command ended with ``code`` and one line that holds every text of ``named``."""
    message = outcome.message
    assert outcome.code == code, message
    assert message.startswith("Error: ")
    assert len(message) < 400
    for text in named:
        assert text in message, f"{text!r} is not in {message!r}"


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", ["empty"]),
        (b"age,city\n", ["header", "no rows"]),
        (b"age,city\n30,Bern\n", ["1 row", "2 are needed"]),
        (b"age:city\n30:Bern\n31:Chur\n", ["1 column", "--delimiter ':'"]),
        ("age,city\n30,\u041a\u0438\u0435\u0432\n31,Bern\n".encode("cp1251"), ["UTF-8", "--encoding"]),
        (b"age,city\n30,Bern\n31,Basel,9\n32,Chur\n", ["line 3"]),
        (b"age,city\n,\n,\n,\n", ["missing"]),
    ],
    ids=["empty", "header-only", "one-row", "one-column", "not-utf8", "ragged", "all-missing"],
)
def test_a_file_that_is_no_table(here, run_tabllm, content, named):
    Path("bad.csv").write_bytes(content)
    outcome = run_tabllm("fit", "bad.csv", "-m", "toy")
    refused(outcome, 1, *named)
    assert not Path("bad-run").exists()


@pytest.mark.parametrize("content", [b"", b"age,city\n", b"age,city\n1,2,3\n"])
@pytest.mark.parametrize("command", ["schema", "eval"])
def test_every_command_that_reads_names_the_file(here, run_tabllm, command, content):
    Path("bad.csv").write_bytes(content)
    Path("good.csv").write_text("age,city\n30,Bern\n31,Chur\n")
    arguments = ("bad.csv",) if command == "schema" else ("good.csv", "bad.csv")
    refused(run_tabllm(command, *arguments), 1, "bad.csv")


def test_a_wholly_missing_column_is_no_error(visits, visits_table, toy, run_tabllm):
    visits_table.assign(gap=None).to_csv("gaps.csv", index=False)
    assert run_tabllm("fit", "gaps.csv", "-m", "toy").code == 0
    assert run_tabllm("sample", "gaps-run", "-n", 5, "-o", "-").out.startswith("age,device,spend,clicked,gap\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ("fit", "nope.csv"),
        ("schema", "nope.csv"),
        ("eval", "nope.csv", "nope.csv"),
        ("eval", "visits.csv", "nope.csv"),
        ("eval", "visits.csv", "visits.csv", "--holdout", "nope.csv"),
        ("impute", "visits-run", "nope.csv", "-o", "o.csv"),
    ],
)
def test_no_such_file(run, run_tabllm, arguments):
    if arguments[0] == "fit":
        arguments = (*arguments, "-m", "toy")
    refused(run_tabllm(*arguments), 2, "nope.csv")


def test_a_misspelt_file_is_guessed(visits, toy, run_tabllm):
    refused(run_tabllm("fit", "vists.csv", "-m", "toy"), 2, "vists.csv", "visits.csv")


def test_a_folder_for_a_file(here, run_tabllm):
    Path("data").mkdir()
    refused(run_tabllm("fit", "data", "-m", "toy"), 2, "data is a folder")


@pytest.mark.parametrize(
    ("where", "named"),
    [
        ("colour=red", ["'colour'"]),
        ("device=toaster", ["device", "toaster"]),
        ("age>=900", ["age", "900"]),
        ("clicked=maybe", ["clicked", "maybe"]),
        ("age", ["age"]),
        ("age>=x", ["age", "x"]),
    ],
)
def test_a_condition_that_cannot_be(run, run_tabllm, where, named):
    refused(run_tabllm("sample", run, "-w", where, "-o", "s.csv"), 2, *named)
    assert sorted(entry.name for entry in Path().iterdir()) == ["visits-run", "visits.csv"]


@pytest.mark.parametrize("command", [("sample", "RUN", "-o", "s.csv"), ("info", "RUN")])
class TestARunThatIsNotWhole:
    """The command is refused, and nothing is written."""

    def call(self, run_tabllm, command, folder):
        return run_tabllm(*[folder if word == "RUN" else word for word in command])

    def test_missing(self, here, run_tabllm, command):
        refused(self.call(run_tabllm, command, "nope"), 2, "nope", "tabllm fit")

    def test_another_folder(self, here, run_tabllm, command):
        Path("photos").mkdir()
        refused(self.call(run_tabllm, command, "photos"), 2, "photos is not a run directory")

    def test_a_file(self, run, run_tabllm, command):
        refused(self.call(run_tabllm, command, "visits.csv"), 2, "visits.csv")

    @pytest.mark.parametrize("name", ["config.json", "schema.json", "table.parquet"])
    @pytest.mark.parametrize("damage", ["removed", "cut"])
    def test_truncated(self, run, run_tabllm, command, name, damage):
        if damage == "removed":
            (run / name).unlink()
        else:
            content = (run / name).read_bytes()
            (run / name).write_bytes(content[: len(content) // 2])
        refused(self.call(run_tabllm, command, run), 1, str(run), name)

    def test_newer(self, run, run_tabllm, command):
        config = json.loads((run / "config.json").read_text())
        (run / "config.json").write_text(json.dumps({**config, "version": 99}))
        refused(self.call(run_tabllm, command, run), 1, "visits-run", "newer", "99", "upgrade tabllm")


@pytest.mark.parametrize(
    "arguments",
    [
        ("sample", "visits-run", "-o", "visits.csv/s.csv"),
        ("sample", "visits-run", "-o", "no/such/s.csv"),
        ("sample", "visits-run", "-o", "visits-run"),
        ("impute", "visits-run", "visits.csv", "-o", "visits.csv/s.csv"),
        ("fit", "visits.csv", "-m", "toy", "-o", "visits.csv/run"),
        ("schema", "visits.csv", "-o", "visits.csv/schema.json"),
        ("schema", "visits.csv", "--json", "no/such/facts.json"),
        ("eval", "visits.csv", "visits.csv", "--json", "visits-run"),
        ("info", "visits-run", "--json", "visits.csv/facts.json"),
    ],
)
def test_output_that_cannot_be_written(run, run_tabllm, arguments):
    before = sorted(Path().rglob("*"))
    refused(run_tabllm(*arguments), 1, arguments[-1].split("/")[0])
    assert sorted(Path().rglob("*")) == before


def test_an_ending_that_is_not_known(run, run_tabllm):
    refused(run_tabllm("sample", run, "-o", "synthetic.docx"), 2, "synthetic.docx", ".csv")


@pytest.mark.parametrize(
    ("moment", "arguments"),
    [
        ("fit", ("fit", "visits.csv", "-m", "toy", "-o", "new-run")),
        ("save", ("fit", "visits.csv", "-m", "toy", "-o", "new-run")),
        ("sample", ("sample", "visits-run", "-o", "s.csv")),
    ],
)
def test_a_full_disk(run, toy, run_tabllm, moment, arguments):
    toy.trouble[moment] = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    refused(run_tabllm(*arguments), 1, "disk is full")
    assert not Path("s.csv").exists()
    assert not Path("new-run").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_behind_standard_output(run):
    for arguments in (["sample", str(run), "-o", "-"], ["--quiet", "schema", "visits.csv", "--json", "-"]):
        with open("/dev/full", "w") as full:
            done = tabllm_process(*arguments, stdout=full)
        assert done.returncode == 1, done.stderr
        assert done.stderr.count("\n") == 1
        assert "disk is full" in done.stderr


def test_a_reader_that_has_enough_is_no_error(run):
    from toy import tabllm_command

    child = subprocess.Popen(
        tabllm_command("--quiet", "sample", str(run), "-n", "200000", "-o", "-"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout.readline().startswith("age,")
    child.stdout.close()
    assert child.stderr.read() == ""
    child.stderr.close()
    assert child.wait() == 141


def test_no_memory(run, toy, run_tabllm):
    toy.trouble["sample"] = MemoryError()
    refused(run_tabllm("sample", run, "-o", "s.csv"), 1, "not enough memory")
    shutil.rmtree("s.csv.partial")
    toy.trouble["sample"] = RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried ...")
    refused(run_tabllm("sample", run, "-o", "s.csv"), 1, "not enough memory")


def test_the_unexpected_is_one_sentence_and_a_traceback_with_debug(run, toy, run_tabllm):
    toy.trouble["sample"] = ZeroDivisionError("a bug\nin two lines")
    refused(run_tabllm("sample", run, "-o", "s.csv"), 1, "ZeroDivisionError: a bug", "--debug")
    for arguments in (("--debug", "sample", run, "-o", "s.csv"), ("sample", run, "-o", "s.csv", "--debug")):
        shown = run_tabllm(*arguments)
        assert shown.code == 1
        assert "Traceback" in shown.err
        assert shown.err.splitlines()[-1].startswith("Error: ")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("smaple",), ["'smaple'", "'sample'"]),
        (("fit",), ["DATA"]),
        (("sample", "visits-run"), ["--out"]),
        (("sample", "visits-run", "-n", "0", "-o", "s.csv"), ["--rows", "0 is not in the range"]),
        (("sample", "visits-run", "-n", "many", "-o", "s.csv"), ["--rows", "'many'"]),
        (("fit", "visits.csv", "-m", "nanoo", "-f"), ["'nanoo'", "nano"]),
        (("fit", "visits.csv", "-m", "toy", "-f", "--engine", "abacus"), ["abacus"]),
        (("fit", "visits.csv", "-m", "toy", "-f", "--engine", "torch"), ["'toy'", "'engine'"]),
        (("fit", "visits.csv", "-m", "toy", "-f", "--kind", "age"), ["COLUMN=KIND"]),
        (("fit", "visits.csv", "-m", "toy", "-f", "--kind", "age=x", "--schema", "s.json"), ["--kind", "--schema"]),
        (("impute", "visits-run", "visits.csv", "-o", "o.csv"), ["'toy'", "cannot complete", "nano"]),
        (("eval", "visits.csv", "visits.csv", "--target", "colour"), ["colour"]),
        (("eval", "visits.csv", "visits.csv", "--protect", "colour"), ["colour", "device"]),
        (("eval", "visits.csv", "visits.csv", "--protocol", "best"), ["best", "report"]),
        (("fit", "visits.csv", "--bogus"), ["--bogus"]),
    ],
)
def test_a_command_that_cannot_be_meant(run, run_tabllm, arguments, named):
    refused(run_tabllm(*arguments), 2, *named)


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (("--kind", "age=colour"), 2, ["'age'", "'colour'", "categorical"]),
        (("--kind", "colour=text"), 2, ["'colour'"]),
        (("--schema", "nope.json"), 2, ["nope.json"]),
        (("--schema", "visits.csv"), 1, ["visits.csv"]),
    ],
)
def test_a_schema_that_cannot_be(run, run_tabllm, arguments, code, named):
    refused(run_tabllm("fit", "visits.csv", "-m", "toy", "-f", *arguments), code, *named)


def test_ctrl_c_in_fit_leaves_a_checkpoint(visits, toy, run_tabllm):
    toy.trouble["fit"] = KeyboardInterrupt()
    outcome = run_tabllm("fit", visits, "-m", "toy")
    assert outcome.code == 130
    assert outcome.message == (
        "Interrupted; visits-run.partial/ holds a checkpoint: the same command goes on from there."
    )
    assert not Path("visits-run").exists()


def test_ctrl_c_early_in_fit_leaves_nothing(visits, toy, run_tabllm):
    toy.trouble["before checkpoint"] = KeyboardInterrupt()
    outcome = run_tabllm("fit", visits, "-m", "toy")
    assert outcome.code == 130
    assert "nothing is left" in outcome.message
    assert [entry.name for entry in Path().iterdir()] == ["visits.csv"]


def test_ctrl_c_before_a_fit_begins_says_nothing_of_an_earlier_checkpoint(visits, toy, run_tabllm):
    toy.trouble["fit"] = KeyboardInterrupt()
    run_tabllm("fit", visits, "-m", "toy")
    toy.trouble = {"before checkpoint": KeyboardInterrupt()}
    outcome = run_tabllm("fit", visits, "-m", "toy")
    assert outcome.message == "Interrupted; visits-run.partial/ is as an earlier call left it."


@pytest.mark.parametrize("name", ["s.csv", "s.csv.gz", "s.jsonl", "s.parquet"])
def test_after_ctrl_c_in_sample_the_same_command_goes_on_to_the_same_file(run, toy, run_tabllm, name):
    run_tabllm("sample", run, "-n", "120", "-o", f"whole-{name}")
    Path(name).write_text("old\n")
    toy.trouble["sample"] = KeyboardInterrupt()
    outcome = run_tabllm("sample", run, "-n", "120", "-o", name, "--force")
    assert outcome.code == 130
    assert outcome.message == f"Interrupted; {name}.partial/ holds 50 rows: the same command goes on from there."
    assert Path(name).read_text() == "old\n"
    del toy.trouble["sample"]
    outcome = run_tabllm("sample", run, "-n", "120", "-o", name, "--force")
    assert outcome.code == 0
    assert f"Going on after 50 rows in {name}.partial/." in outcome.err
    read = pd.read_parquet if name.endswith("parquet") else pd.read_json if "jsonl" in name else pd.read_csv
    options = {"lines": True} if "jsonl" in name else {}
    pd.testing.assert_frame_equal(read(name, **options), read(f"whole-{name}", **options))
    assert not Path(f"{name}.partial").exists()


def test_what_an_interrupted_sample_left_is_not_taken_for_another_one(run, toy, run_tabllm):
    toy.trouble["sample"] = KeyboardInterrupt()
    run_tabllm("sample", run, "-n", "120", "-o", "s.csv")
    del toy.trouble["sample"]
    outcome = run_tabllm("sample", run, "-n", "120", "-o", "s.csv", "--seed", "5")
    assert "Going on" not in outcome.err
    run_tabllm("sample", run, "-n", "120", "-o", "other.csv", "--seed", "5")
    assert Path("s.csv").read_bytes() == Path("other.csv").read_bytes()


def test_ctrl_c_in_sample_to_standard_output_leaves_nothing(run, toy, run_tabllm):
    toy.trouble["sample"] = KeyboardInterrupt()
    outcome = run_tabllm("sample", run, "-o", "-")
    assert outcome.code == 130
    assert outcome.err.splitlines()[-1] == "Interrupted."
    assert sorted(entry.name for entry in Path().iterdir()) == ["visits-run", "visits.csv"]


@pytest.mark.parametrize("moment", ["fit", "sample"])
def test_a_real_ctrl_c(run, moment):
    import signal

    from toy import tabllm_command

    arguments = (
        ["fit", "visits.csv", "-m", "toy", "-o", "new-run"] if moment == "fit" else ["sample", str(run), "-o", "s.csv"]
    )
    child = subprocess.Popen(
        tabllm_command(*arguments), stderr=subprocess.PIPE, text=True, env={**os.environ, "TOY_WAITS_AT": moment}
    )
    assert child.stderr.readline() == "waiting\n"
    child.send_signal(signal.SIGINT)
    said = child.stderr.read()
    child.stderr.close()
    assert child.wait() == 130
    assert said.startswith("Interrupted; ")
    assert said.count("\n") == 1
    left = {entry.name for entry in Path().iterdir()} - {"visits-run", "visits.csv"}
    assert left == ({"new-run.partial"} if moment == "fit" else {"s.csv.partial"})


def tabllm_process(*arguments: str, stdout) -> subprocess.CompletedProcess[str]:
    from toy import tabllm_command

    return subprocess.run(tabllm_command(*arguments), stdout=stdout, stderr=subprocess.PIPE, text=True)
