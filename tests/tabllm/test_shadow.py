"""Shadow models find a generator that repeats what it learned, and are refused where they would say nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tabllm.shadow import generator_of_run, shadow_attacks
from tabular.errors import UsageError
from tabular.preparing.inference import infer_schema


def test_a_parrot_is_found_and_a_fresh_sample_is_not(toy, visits_table):
    real, held, fresh = visits_table.iloc[:120], visits_table.iloc[120:200], visits_table.iloc[200:]
    parrot = real.sample(300, replace=True, random_state=1)
    found = shadow_attacks(
        real, held, {"parrot": parrot, "fresh": fresh}, schema=infer_schema(visits_table), fits=4, model="toy"
    )
    assert found["parrot"].attack.auc.low > 0.6
    assert found["fresh"].attack.auc.low < 0.5
    assert (found["parrot"].members, found["parrot"].strangers, found["parrot"].model) == (60, 60, "toy")


def test_held_out_rows_of_unknown_categories_are_not_asked_about(toy, visits_table):
    real = visits_table[visits_table["device"] != "desktop"]
    found = shadow_attacks(real, visits_table, {"a": real}, schema=infer_schema(real), fits=4, model="toy")
    assert found["a"].strangers <= len(real)
    few = visits_table[visits_table["device"] == "desktop"]
    with pytest.raises(UsageError, match="at least 20 held-out rows"):
        shadow_attacks(real, few, {"a": real}, schema=infer_schema(real), fits=4, model="toy")


def test_the_shadow_models_of_a_run_are_of_its_kind_but_a_private_run_has_none(tmp_path):
    config = {"model": "nano", "options": {"width": 32, "seed": 5, "epochs": None, "privacy": None, "unknown": 1}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert generator_of_run(tmp_path) == ("nano", {"width": 32})
    config["options"]["privacy"] = {"epsilon": 3}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(UsageError, match="private run"):
        generator_of_run(tmp_path)


def test_eval_reports_them_for_every_table_of_a_run(run, run_tabllm, visits_table, monkeypatch):
    monkeypatch.setattr("eval.preparing.features.TREES", 3)
    visits_table.sample(100, random_state=3).to_csv("held.csv", index=False)
    visits_table.to_csv("other.csv", index=False)
    call = ("eval", run, "visits.csv", "other.csv", "--holdout", "held.csv", "--json", "r.json", "--html", "r.html")
    done = run_tabllm(*call, "--shadow", 4)
    assert done.code == 0, done.err
    first, _ = json.loads(Path("r.json").read_text("utf-8"))["reports"]
    assert (first["privacy"]["shadow"]["fits"], first["privacy"]["shadow"]["model"]) == (4, "toy")
    assert "by shadow models" in done.out
    assert "4 fits of toy" in Path("r.html").read_text("utf-8")
    one = run_tabllm("eval", run, "other.csv", "--holdout", "held.csv", "--shadow", 4, "--details")
    assert "Shadow models" in one.out
    assert "held-out rows" in run_tabllm("eval", "visits.csv", "other.csv", "--shadow").message
