"""``scripts/bench_peers.py``: goes on where it stopped, ends what takes too long, and draws what was measured."""

import json
import sys
import time
from argparse import Namespace
from pathlib import Path

import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))

import bench_peers
import bench_sequences
from peers.catalogue import PEERS
from peers.drawing import markdown
from peers.environments import EnvironmentFailed, python_of
from peers.judging import spelled_alike
from peers.logs import LOG_PEERS
from peers.running import run_program


def result(peer, seed=0, **figures):
    return {"table": "adult", "peer": peer, "seed": seed, **figures}


def test_a_second_call_runs_what_is_missing_and_what_failed_only_when_asked(tmp_path):
    path = tmp_path / "peers.jsonl"
    lines = [result("nano", failed="no memory"), result("tvae", failed="too slow"), result("nano", detection=0.9)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    results = bench_peers.read_results(path)
    todo = Namespace(tables=["adult"], peers=["nano", "tvae", "ctgan"], seeds=[0], retry=False)
    assert list(bench_peers.to_do(todo, results)) == [("adult", "ctgan", 0)]
    todo.retry = True
    assert list(bench_peers.to_do(todo, results)) == [("adult", "tvae", 0), ("adult", "ctgan", 0)]


def test_a_program_is_killed_at_the_limit_with_what_it_started(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "open(sys.argv[1] + '/child', 'w').write(str(child.pid))\n"
        "child.wait()\n"
    )
    assert run_program(sys.executable, program, tmp_path, limit=1.5, threads=1) == {"failed": "did not end within 2 s"}
    child = Path(f"/proc/{(tmp_path / 'child').read_text()}/stat")
    if Path("/proc/self").exists():
        for _ in range(100):  # until the system has taken note of it
            if not child.exists() or child.read_text().split()[2] == "Z":
                return
            time.sleep(0.02)
        pytest.fail("the child lives on")


def test_a_program_that_fails_says_its_last_line(tmp_path):
    program = tmp_path / "program.py"
    program.write_text("raise ValueError('no such column')\n")
    found = run_program(sys.executable, program, tmp_path, limit=60, threads=1)
    assert found == {"failed": "ended with 1: ValueError: no such column"}


def test_an_environment_that_cannot_be_filled_is_told_and_made_anew_the_next_time(tmp_path):
    with pytest.raises(EnvironmentFailed, match=r"pip install --no-index no-such-package-at-all: .*no-such-package"):
        python_of("peer", (("--no-index", "no-such-package-at-all"),), tmp_path)
    assert not (tmp_path / "peer" / "installed").exists()
    assert python_of("", (), tmp_path) == sys.executable


def test_tables_show_medians_the_best_in_bold_and_failures():
    results = [
        *(result("nano", seed, detection=value, fit_seconds=1000) for seed, value in enumerate((0.9, 0.5, 0.95))),
        result("tvae", detection=0.4, fit_seconds=10),
        result("origami", failed="did not end within 60 s"),
    ]
    lines = markdown(results, ["adult"], "A machine.").splitlines()
    rows = {line.split(" | ")[0]: line for line in lines if line.startswith("| ")}
    assert "**0.900**" in rows["| tabllm nano (3)"]
    assert "| 1,000 |" in rows["| tabllm nano (3)"]
    assert "| 0.400 |" in rows["| tabllm tvae"]
    assert f"- {PEERS['origami'].label}: numbers in bins." in lines
    assert "did not end within 60 s" in rows[f"| {PEERS['origami'].label}"]
    assert "| 0.855 |" in rows["| TabPC, published"]
    assert {line.count(" | ") for line in rows.values()} == {12}


def test_every_peer_has_a_program():
    for peer in PEERS.values():
        assert (bench_peers.HERE / "programs" / f"{peer.program}.py").is_file(), peer.name


def test_programs_for_histories_are_told_which_columns_are_the_users_own():
    log = pd.DataFrame(
        {"user": list("aabb"), "at": pd.Timestamp("2026-01-01"), "page": list("xyxx"), "age": [1, 1, 2, 2]}
    )
    task = bench_sequences.task_of(log, "user", "at", 3, None)
    assert task["user_columns"] == ["age"]
    assert task["instants"]
    assert not bench_sequences.task_of(log.assign(at=range(4)), "user", "at", 3, None)["instants"]


def test_histories_that_a_peer_did_not_make_stand_in_the_table_with_the_reason():
    distance = {"value": 0.2, "floor": 0.1}
    report = {
        "real": {"users": 5, "events": 9},
        "questions": {"gaps": distance},
        "detection": 0.8,
        "detection_floor": 1,
    }
    done = {"log": "cdnow", "peer": "tabllm", "seconds": {"fit": 7, "sample": 1}, "peak_gb": 0.5, "report": report}
    drawn = bench_sequences.table_of([{"log": "cdnow", "peer": "par", "failed": "no memory"}, done])
    assert "| cdnow | PAR (sdv 2.0.0) | no memory |" in drawn
    assert "| 0.200 (0.100) | 0.800 (1.000) |" in drawn
    assert len({line.count("|") for line in drawn.splitlines()}) == 1
    for peer in LOG_PEERS.values():
        assert (Path(bench_sequences.HERE) / "programs" / f"{peer.program}.py").is_file()


def test_truth_values_of_a_peer_are_spelled_as_in_the_training_file():
    real = pd.DataFrame({"bought": ["TRUE", "FALSE", "TRUE"], "month": ["Feb", "Mar", "Feb"], "spent": [1.5, 2.0, 3.0]})
    for written in (["True", "False", "new"], [True, False, True]):
        made = pd.DataFrame({"bought": written, "month": ["feb", "Mar", "May"], "spent": [1.5, 2.0, 3.0]})
        alike = spelled_alike(made, real)
        assert alike["bought"].tolist()[:2] == ["TRUE", "FALSE"]
        assert alike["month"].tolist() == ["Feb", "Mar", "May"]
