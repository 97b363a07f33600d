"""``scripts/bench_device.py``: it goes on where it stopped, and a line that fails leaves the others."""

import argparse
import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))

import bench_device
from device_bench.plan import TINY, Line, lines_for

from tabllm.bench import machine


@pytest.fixture
def arguments(tmp_path):
    return argparse.Namespace(device="cpu", tiny=True, json=tmp_path / "found.json", limit=60)


def test_a_line_that_fails_leaves_the_others_and_is_tried_again(arguments, monkeypatch):
    tried = []

    def fails_first(line, given):
        tried.append(line.name)
        fails = line.name == "gpt2 fp32 fit" and tried.count(line.name) == 1
        return {"error": "no memory"} if fails else {"rows_per_second": 1.5, "machine": {"processor": "a chip"}}

    monkeypatch.setattr(bench_device, "here", fails_first)
    names = [line.name for line in lines_for("cpu")]
    bench_device.run(arguments)
    found = json.loads(arguments.json.read_text())
    assert list(found["lines"]) == names
    assert [name for name, line in found["lines"].items() if "error" in line] == ["gpt2 fp32 fit"]
    assert found["machine"] == {"processor": "a chip"}
    assert found["tiny"]
    bench_device.run(arguments)
    assert tried == [*names, "gpt2 fp32 fit"]
    assert not any("error" in line for line in json.loads(arguments.json.read_text())["lines"].values())


def test_a_file_of_another_device_or_of_other_versions_is_not_gone_on_with(arguments, monkeypatch):
    monkeypatch.setattr(bench_device, "here", lambda line, given: {"rows_per_second": 1.0})
    bench_device.run(arguments)
    with pytest.raises(SystemExit, match="something else"):
        bench_device.begun(arguments.json, "mlx", True)
    monkeypatch.setattr(bench_device, "LIBRARIES", ("numpy",))
    with pytest.raises(SystemExit, match="other versions"):
        bench_device.begun(arguments.json, "cpu", True)


def test_a_process_that_fails_says_why(arguments):
    found = bench_device.apart(Line("fit", "no such model"), arguments)
    assert found["error"].startswith("exit code 1: ")
    assert "StopIteration" in found["error"]


def test_a_process_that_takes_too_long_is_ended(arguments):
    arguments.limit = 0
    assert bench_device.apart(Line("nano"), arguments) == {"error": "took more than 0 seconds"}


def test_every_line_of_a_device_has_a_name_of_its_own():
    for device in ("mlx", "cuda", "cpu"):
        names = [line.name for line in lines_for(device)]
        assert len(set(names)) == len(names)
        assert {name.removesuffix(" peer sample") for name in names if name.endswith("peer sample")} == {
            name.removesuffix(" peer fit") for name in names if name.endswith("peer fit")
        }


@pytest.fixture
def short_probes(monkeypatch):
    for name in ("EDGE", "GPU_EDGE", "PROBE_SECONDS"):  # measure() sets them for tiny shapes
        monkeypatch.setattr(machine, name, getattr(machine, name))


@pytest.mark.parametrize("device", ["cpu", "mlx"])
def test_a_language_model_and_its_peer_learn_and_make_the_same_rows(device, tmp_path, short_probes, capsys):
    if device == "mlx":
        pytest.importorskip("mlx_lm")
    found = {
        kind: bench_device.measure(Line(kind, "gpt2", "fp32", "full"), TINY, device, tmp_path, True)
        for kind in ("fit", "peer fit", "sample", "peer sample")
    }
    assert all(line["rows_per_second"] > 0 for line in found.values())
    assert found["fit"]["batch"] == found["peer fit"]["batch"] == TINY.batch
    assert found["sample"]["batch"] == found["peer sample"]["batch"] == TINY.block
    assert found["fit"]["tokens_per_row"] == pytest.approx(found["peer sample"]["tokens_per_row"], rel=0.1)
    assert found["fit"]["share"] > 0
    assert found["sample"]["peak"]["gigabytes"] > 0
    json.dumps(found, allow_nan=False)
    assert str(tmp_path) not in json.dumps(found), "the file is sent to others"
