"""Fit, sample, impute, schema, info and eval do what they say, with any generator."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from tabular.schema import Schema


def test_fit_names_the_run_after_the_table_and_says_what_to_type_next(visits, toy, run_tabllm):
    done = run_tabllm("fit", visits, "-m", "toy")
    assert done.code == 0
    assert done.out == ""
    assert "Learned 300 rows of 4 columns" in done.err
    assert "tabllm sample visits-run -n 300 -o synthetic.csv" in done.err
    assert Path("visits-run/config.json").is_file()
    assert not Path("visits-run.partial").exists()


def test_fit_learns_from_a_seeded_draw_of_rows(visits, toy, run_tabllm):
    for out, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert run_tabllm("fit", visits, "-m", "toy", "--rows", 50, "--seed", seed, "-o", out).code == 0
    a, b, c = (pd.read_parquet(f"{name}/table.parquet") for name in "abc")
    assert len(a) == 50
    assert a.equals(b)
    assert not a.equals(c)


def test_fit_takes_a_column_for_what_the_user_says(visits, toy, run_tabllm):
    assert run_tabllm("fit", visits, "-m", "toy", "--kind", "age=categorical", "--kind", "clicked=integer").code == 0
    schema = Schema.from_json("visits-run/schema.json")
    assert (schema["age"].kind, schema["clicked"].kind) == ("categorical", "integer")


def test_an_edited_schema_is_kept_to(visits, toy, run_tabllm):
    assert run_tabllm("schema", visits, "-o", "visits.schema.json").code == 0
    data = json.loads(Path("visits.schema.json").read_text())
    data["columns"][2]["maximum"] = 50.0
    Path("visits.schema.json").write_text(json.dumps(data))
    assert run_tabllm("fit", visits, "-m", "toy", "--schema", "visits.schema.json").code == 0
    assert Schema.from_json("visits-run/schema.json")["spend"].maximum == 50.0


def test_fit_takes_up_a_checkpoint_and_clears_it(visits, toy, run_tabllm):
    toy.trouble["fit"] = KeyboardInterrupt()
    assert run_tabllm("fit", visits, "-m", "toy").code == 130
    toy.trouble.clear()
    done = run_tabllm("fit", visits, "-m", "toy")
    assert done.code == 0
    assert "Going on" not in done.err, "only the training itself knows; the toy begins anew"
    assert not Path("visits-run.partial").exists()


def test_sample_makes_as_many_rows_as_the_table_had(run, run_tabllm, visits_table):
    done = run_tabllm("sample", run, "-o", "synthetic.csv")
    assert done.code == 0
    made = pd.read_csv("synthetic.csv")
    assert made.shape == visits_table.shape
    assert list(made) == list(visits_table)
    assert "Wrote 300 rows to synthetic.csv" in done.err
    assert "tabllm eval visits-run synthetic.csv" in done.err


@pytest.mark.parametrize("name", ["s.csv", "s.tsv", "s.csv.gz", "s.parquet", "s.jsonl"])
def test_the_ending_decides_the_format(run, run_tabllm, name):
    from tabular.io.reading import read_table

    assert run_tabllm("sample", run, "-n", 120, "-o", name).code == 0
    assert len(read_table(name)) == 120


def test_conditions_all_hold(run, run_tabllm):
    done = run_tabllm("sample", run, "-n", 200, "-w", "clicked=1", "--where", "device in [ios, android]", "-o", "s.csv")
    assert done.code == 0
    made = pd.read_csv("s.csv")
    assert len(made) == 200
    assert set(made["clicked"]) == {1}
    assert set(made["device"]) <= {"ios", "android"}


def test_the_same_seed_gives_the_same_file(run, run_tabllm):
    for name, seed in (("a.csv", 5), ("b.csv", 5), ("c.csv", 6)):
        assert run_tabllm("sample", run, "--seed", seed, "-o", name).code == 0
    a, b, c = (Path(f"{name}.csv").read_text() for name in "abc")
    assert a == b
    assert a != c


def test_rows_on_standard_output_are_nothing_but_csv(run, run_tabllm):
    done = run_tabllm("sample", run, "-n", 3, "-o", "-")
    assert done.out.splitlines()[0] == "age,device,spend,clicked"
    assert len(done.out.splitlines()) == 4
    assert "standard output" in done.err


def test_impute_fills_in_what_is_missing(visits, toy, run_tabllm):
    assert run_tabllm("fit", visits, "-m", "filler", "-o", "run").code == 0
    holes = int(pd.read_csv(visits)["age"].isna().sum())
    # The toy saves itself under its own name; a run of the filler is one that can fill.
    config = json.loads(Path("run/config.json").read_text())
    assert config["model"] == "filler"
    done = run_tabllm("impute", "run", visits, "-o", "filled.csv")
    assert f"Filled {holes} cells in 300 rows" in done.err
    assert not pd.read_csv("filled.csv").isna().any(axis=None)


def test_what_exists_is_replaced_only_with_force(run, visits, run_tabllm):
    Path("synthetic.csv").write_text("mine\n")
    refused = run_tabllm("sample", run, "-o", "synthetic.csv")
    assert refused.code == 2
    assert "synthetic.csv exists already; add --force" in refused.message
    assert Path("synthetic.csv").read_text() == "mine\n"
    assert run_tabllm("sample", run, "-o", "synthetic.csv", "--force").code == 0
    assert len(pd.read_csv("synthetic.csv")) == 300
    assert "visits-run exists already; add --force" in run_tabllm("fit", visits, "-m", "toy").message
    assert run_tabllm("fit", visits, "-m", "toy", "--force").code == 0


def test_force_never_replaces_a_folder_that_is_no_run(visits, toy, run_tabllm):
    Path("photos").mkdir()
    Path("photos/cat.jpg").write_text("cat")
    assert "photos is not empty and not a run" in run_tabllm("fit", visits, "-m", "toy", "-o", "photos", "-f").message
    assert Path("photos/cat.jpg").read_text() == "cat"


def test_eval_reports_and_writes_json(run, visits, run_tabllm):
    assert run_tabllm("sample", run, "-o", "synthetic.csv").code == 0
    done = run_tabllm("eval", visits, "synthetic.csv", "--target", "clicked", "--json", "report.json")
    assert done.code == 0
    assert "Real against synthetic" in done.out
    assert json.loads(Path("report.json").read_text())["target"] == "clicked"


def test_eval_looks_at_groups_with_the_models_of_the_report(visits, run_tabllm):
    options = ("--holdout", visits, "--target", "clicked", "--protect", "device", "--protect", "age")
    done = run_tabllm("eval", visits, visits, *options, "--protocol", "report", "--details", "--json", "report.json")
    assert done.code == 0
    assert "Groups of device" in done.out
    assert "protocol report" in " ".join(done.out.split())
    facts = json.loads(Path("report.json").read_text())
    assert [column["name"] for column in facts["bias"]["columns"]] == ["device", "age"]
    assert facts["utility"]["protocol"] == "report"


def test_info_tells_model_and_columns(run, run_tabllm):
    done = run_tabllm("info", run)
    assert "toy" in done.out
    assert "spend" in done.out


def test_doctor_tells_engine_and_packages(run_tabllm):
    done = run_tabllm("doctor")
    assert done.code == 0
    assert "auto takes" in done.out
    assert "torch" in done.out
