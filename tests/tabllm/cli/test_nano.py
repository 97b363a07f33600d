"""The command line with the real generator: one small fit, and everything that can be done with its run."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

pytest.importorskip("tabllm.nano.table_lm", reason="there is no TableLM yet")


@pytest.fixture(scope="module")
def fitted(tmp_path_factory) -> Path:
    """A folder with ``visits.csv`` and a run of ``nano``, fitted once."""
    from tabllm.cli.main import main

    folder = tmp_path_factory.mktemp("nano")
    ages = [18 + i % 60 if i % 10 else None for i in range(400)]
    devices = [("ios", "android", "desktop")[i % 3] for i in range(400)]
    visits = pd.DataFrame({"age": ages, "device": devices, "spend": [i % 97 / 4 for i in range(400)]})
    visits["clicked"] = (visits["spend"] > 20).astype(int)
    visits.to_csv(folder / "visits.csv", index=False)
    with pytest.raises(SystemExit) as exit_:
        main(["--quiet", "fit", str(folder / "visits.csv"), "-o", str(folder / "run"), "--epochs", "2"])
    assert not exit_.value.code
    return folder


def test_a_run_holds_no_pickle_and_no_checkpoint_is_left(here):
    assert not [path for path in Path().rglob("*") if path.suffix in {".pkl", ".pickle", ".pt", ".pth", ".bin"}]
    assert not Path("run.partial").exists()


def test_rows_that_keep_to_conditions(here, run_tabllm):
    done = run_tabllm("sample", "run", "-n", 300, "-w", "clicked=1", "-w", "device in [ios, android]", "-o", "s.csv")
    assert done.code == 0, done.err
    made = pd.read_csv("s.csv")
    assert made.shape == (300, 4)
    assert set(made["clicked"]) == {1}
    assert set(made["device"]) <= {"ios", "android"}


def test_the_same_seed_gives_the_same_rows(here, run_tabllm):
    for name in ("a.csv", "b.csv"):
        assert run_tabllm("sample", "run", "-n", 50, "--seed", 3, "-o", name).code == 0
    assert Path("a.csv").read_text() == Path("b.csv").read_text()


def test_missing_cells_are_filled_and_others_kept(here, run_tabllm):
    done = run_tabllm("impute", "run", "visits.csv", "-o", "filled.csv")
    assert done.code == 0, done.err
    before, after = pd.read_csv("visits.csv"), pd.read_csv("filled.csv")
    assert not after.isna().any(axis=None)
    known = before["age"].notna()
    assert (after["age"][known] == before["age"][known]).all()
    assert after.drop(columns="age").equals(before.drop(columns="age"))


def test_filled_cells_are_written_as_they_stand_in_the_file(here, run_tabllm):
    Path("holes.csv").write_text("age,device,spend,clicked,note\n30,ios,1.50,0,007\n,web,12.0,1,\n030,ios,,0,x\n")
    device = pd.read_csv("visits.csv")["device"][0]
    Path("holes.csv").write_text(Path("holes.csv").read_text().replace("web", device).replace("ios", device))
    done = run_tabllm("impute", "run", "holes.csv", "-o", "filled.csv")
    assert done.code == 0, done.err
    assert "Filled 2 cells" in done.err
    given, filled = (
        [line.split(",") for line in Path(name).read_text().splitlines()] for name in ("holes.csv", "filled.csv")
    )
    for before, after in zip(given, filled, strict=True):
        assert [cell for cell, known in zip(after, before, strict=True) if known] == [cell for cell in before if cell]
    assert filled[2][0].isdigit()
    assert float(filled[3][2]) > 0


def test_a_filled_cell_that_cannot_be_read_is_refused_and_nothing_is_written(here, run_tabllm):
    table = pd.read_csv("visits.csv").astype({"spend": object})
    table.loc[6, "spend"] = "$12.50"
    table.loc[7:8, "spend"] = "12,50"
    table.to_csv("other.csv", index=False)
    outcome = run_tabllm("impute", "run", "other.csv", "-o", "o.csv")
    assert outcome.code == 1
    assert "Column 'spend' holds '$12.50' in row 7" in outcome.message
    assert "2 more cells cannot be read" in outcome.message
    assert not Path("o.csv").exists()


def test_info_tells_the_model(here, run_tabllm):
    facts = json.loads(run_tabllm("info", "run", "--json", "-").out)
    assert facts["rows"] == 400
    assert [column["name"] for column in facts["schema"]["columns"]] == ["age", "device", "spend", "clicked"]
    assert "nano" in run_tabllm("info", "run").out


@pytest.mark.parametrize("name", ["config.json", "schema.json", "codec.json", "model.safetensors"])
@pytest.mark.parametrize("damage", ["removed", "cut", "emptied"])
def test_a_damaged_run_is_refused(here, run_tabllm, name, damage):
    path = Path("run") / name
    content = path.read_bytes()
    path.unlink()
    if damage != "removed":
        path.write_bytes(content[: len(content) // 2] if damage == "cut" else b"")
    outcome = run_tabllm("sample", "run", "-o", "s.csv")
    assert outcome.code == 1
    assert "run" in outcome.message
    assert "unexpected" not in outcome.message
    assert not Path("s.csv").exists()


def test_a_run_of_a_newer_version_is_refused(here, run_tabllm):
    config = json.loads(Path("run/config.json").read_text())
    Path("run/config.json").write_text(json.dumps({**config, "version": 99}))
    assert "newer" in run_tabllm("info", "run").message


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (("sample", "run", "-w", "colour=red", "-o", "s.csv"), 2, "colour"),
        (("sample", "run", "-w", "device=toaster", "-o", "s.csv"), 2, "toaster"),
        (("sample", "run", "-w", "age>=900", "-o", "s.csv"), 2, "900"),
        (("sample", "run", "--device", "abacus", "-o", "s.csv"), 2, "abacus"),
        (("fit", "visits.csv", "--device", "abacus", "-o", "new"), 2, "abacus"),
    ],
)
def test_what_cannot_be(here, run_tabllm, arguments, code, named):
    outcome = run_tabllm(*arguments)
    assert outcome.code == code, outcome.message
    assert named in outcome.message
    assert "unexpected" not in outcome.message


def test_a_table_that_does_not_fit_the_run(here, run_tabllm):
    Path("other.csv").write_text("a,b\n1,2\n3,4\n")
    outcome = run_tabllm("impute", "run", "other.csv", "-o", "o.csv")
    assert outcome.code == 1
    assert "unexpected" not in outcome.message
