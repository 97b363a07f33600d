import json

import numpy as np
import pandas as pd
import pytest

from tabllm.bench import machine, standin
from tabllm.bench.counts import Roof, Work, decode_work, must_multiply_update, update_work
from tabllm.bench.machine import Peaks, describe_machine, gpu_cores, measure_peaks
from tabllm.bench.run import bench_models, bench_training
from tabllm.bench.sampling import must_move, must_multiply
from tabllm.lm.engines.base import Shape
from tabllm.lm.engines.loading import make_lm
from tabllm.lm.sampling.sampler import Counter
from tabllm.lm.serialization.tokenizer import TextTokenizer
from tabular.errors import UsageError

TINY = {"n_embd": 64, "n_head": 4, "n_layer": 2, "n_positions": 128, "n_ctx": 128, "vocab_size": 1600}


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    return pd.DataFrame({"device": rng.choice(["ios", "android", "web"], 300), "clicked": rng.integers(0, 2, 300)})


@pytest.fixture(autouse=True)
def short_probes(monkeypatch):
    monkeypatch.setattr(machine, "EDGE", 128)
    monkeypatch.setattr(machine, "COPIED", 1 << 16)
    monkeypatch.setattr(machine, "PROBE_SECONDS", 0.01)


@pytest.fixture
def tiny_gpt2(monkeypatch):
    monkeypatch.setitem(standin.SHAPES, "gpt2", {**standin.SHAPES["gpt2"], **TINY})


@pytest.mark.parametrize("engine", ["torch", "mlx"])
def test_every_precision_and_form_gives_a_line(tiny_gpt2, table, engine):
    precisions = ["fp32", "bf16"]
    if engine == "mlx":
        pytest.importorskip("mlx_lm")
        precisions += ["8bit", "4bit"]
    result = bench_models(
        table,
        model="gpt2",
        random_weights=True,
        precisions=precisions,
        serializations=["compact", "table"],
        batches=[8, 32],
        rows=60,
        steps=2,
        engine=engine,
        device="cpu",
    )
    lines = result["speeds"]
    assert len(lines) == len(precisions) * 2 * 2
    assert {line["precision"] for line in lines} == set(precisions) == set(result["peaks"])
    for line in lines:
        assert line["rows"] == 60
        assert line["rows_per_second"] == pytest.approx(60 / line["seconds"], rel=0.01)
        own = line["sampled_per_second"] + line["forced_per_second"]
        assert own == pytest.approx(line["tokens_per_row"] * line["rows_per_second"], rel=0.01)
        assert line["evaluated_per_row"] < line["tokens_per_row"], "sixty rows of six kinds share their beginnings"
        assert line["share"] > 0
        assert line["bandwidth_share"] > 0
        assert line["first_row_ms"] > 0
    json.dumps(result, allow_nan=False)


def test_what_must_be_multiplied_is_counted_by_hand(tiny_gpt2, tmp_path):
    standin.write_standin("gpt2", ["a", "b"], tmp_path)
    engine = make_lm("torch", "cpu", tmp_path, precision="fp32", random=0)
    width = TINY["n_embd"]
    block = 12 * width * width  # queries, keys, values 3, output 1, MLP 4 + 4
    assert engine.shape.body == 2 * block
    counter = Counter(calls=2, tokens=5, drawn=2, keys=9, read=8, head=7)
    assert must_move(engine, counter) == 2 * 2 * block * 4 + (8 + 5) * 2 * 2 * width * 4
    attention = 2 * 2 * width * 9  # scores and mix, in two layers
    assert must_multiply(engine, counter) == 2 * (5 * 2 * block + attention + 7 * width)


def test_an_update_is_counted_by_hand():
    shape = Shape(layers=2, width=8, heads=2, kv_heads=2, head_width=4, context=64, body=100, parameters=200)
    # Rows of 3 and 4 tokens: 6 + 10 pairs; scores and mix in two layers of width 8, forward and twice backward.
    attention = 3 * 2 * 2 * 8 * 16
    counted = must_multiply_update(shape, [3, 4], targets=5, used=9, method="full")
    assert counted == 2 * (7 * 3 * 100 + attention + 3 * 5 * 9 * 8)
    counted = must_multiply_update(shape, [3, 4], targets=5, used=9, method="lora", adapters=10)
    assert counted == 2 * (7 * (2 * 100 + 3 * 10) + attention + 2 * 5 * 9 * 8)
    work = update_work(shape, [3, 4], precision="4bit", method="lora", targets=5, used=9, trained=10)
    assert work == Work(counted, 2 * 100 * 0.5625 + 10 * 36)


def test_a_call_in_sampling_is_counted_by_hand():
    shape = Shape(layers=2, width=8, heads=2, kv_heads=1, head_width=4, context=64, body=100, parameters=200)
    work = decode_work(shape, precision="fp16", rows=10, length=20, head=5, number_bytes=2)
    assert work.flop == 2 * (10 * 100 + 2 * 2 * 8 * 10 * 20 + 10 * 5 * 8)
    assert work.bytes == 100 * 2 + 10 * 21 * (2 * 2 * 4 * 2) + 5 * 8 * 4
    assert work.seconds(Roof(1e12, 1e3)) == work.bytes / 1e3
    assert work.bound(Roof(1e12, 1e3)) == "memory"
    assert work.bound(Roof(1.0, 1e12)) == "compute"


@pytest.mark.parametrize(("engine", "precision", "tuning"), [("torch", "fp32", "full"), ("mlx", "4bit", "lora")])
def test_updates_are_timed(tiny_gpt2, table, engine, precision, tuning):
    if engine == "mlx":
        pytest.importorskip("mlx_lm")
    found = bench_training(
        table,
        model="gpt2",
        random_weights=True,
        precision=precision,
        tuning=tuning,
        batch=4,
        updates=2,
        engine=engine,
        device="cpu",
    )
    line = found["training"]
    assert line["rows_per_second"] == pytest.approx(8 / line["seconds"])
    assert line["tokens_per_second"] == pytest.approx(line["tokens_per_row"] * line["rows_per_second"])
    assert line["share"] > 0
    assert (line["tuning"], line["precision"]) == (tuning, precision)


def test_the_cores_of_a_macs_gpu_are_read_from_what_the_system_says():
    assert gpu_cores('{"SPDisplaysDataType": [{"_name": "Apple M2 Pro", "sppci_cores": "16"}]}') == 16
    for said in ("", "{}", "[]", '{"SPDisplaysDataType": [{"_name": "a"}]}', '{"SPDisplaysDataType": ["a"]}'):
        assert gpu_cores(said) is None


def test_the_standin_of_gpt2_has_gpt2s_size(tmp_path):
    standin.write_standin("gpt2", ["age", "click"], tmp_path)
    engine = make_lm("torch", "cpu", tmp_path, precision="fp32", random=0)
    assert engine.shape.parameters == 124_439_808
    assert TextTokenizer.load(tmp_path).ids("age")


def test_the_standin_of_deepseek_coder_has_its_config(tmp_path):
    standin.write_standin("deepseek-coder-1.3b", ["age"], tmp_path)
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(tmp_path)
    assert (config.vocab_size, config.num_hidden_layers, config.hidden_size) == (32256, 24, 2048)
    assert config.rope_parameters["rope_type"] == "linear"
    assert config.rope_parameters["factor"] == 4.0


def test_a_shape_that_is_not_known_is_refused(tmp_path, table):
    with pytest.raises(UsageError, match="gpt2, distilgpt2, deepseek-coder"):
        bench_models(table, model="org/other", random_weights=True)
    with pytest.raises(UsageError, match="serialization 'xml'"):
        bench_models(table, model="gpt2", random_weights=True, serializations=["xml"])


def test_peaks_are_measured_in_the_engine():
    peak = measure_peaks("torch", "cpu", "fp32")
    assert 1 < peak.gflops < 1e6
    assert 0.1 < peak.gigabytes < 1e5
    assert Peaks(1.0, 5.0).higher(Peaks(2.0, 3.0)) == Peaks(2.0, 5.0)
    assert describe_machine("torch", "cpu")["cores"] >= 1


def test_the_command_writes_its_figures(tiny_gpt2, table, tmp_path, monkeypatch, run_tabllm):
    monkeypatch.chdir(tmp_path)
    table.to_csv("visits.csv", index=False)
    arguments = ("bench", "--random-weights", "--data", "visits.csv", "-n", "20", "--steps", "1", "--device", "cpu")
    shown = run_tabllm(*arguments, "--engine", "torch", "--json", "speeds.json")
    assert shown.code == 0, shown.err
    assert "rows/s" in shown.out
    assert "of peak, %" in shown.out
    assert max(map(len, shown.out.splitlines())) <= 80
    assert json.loads((tmp_path / "speeds.json").read_text())["speeds"][0]["rows"] == 20
