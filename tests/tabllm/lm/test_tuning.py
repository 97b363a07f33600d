"""Settings of adapters: scale, dropout and layers mean the same on both engines."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tabllm.lm.engines.base import Tuning
from tabllm.lm.engines.tuning import choose_tuning
from tabllm.lm.engines.weight_names import is_adapter
from tabllm.lm.pretrained import PretrainedLM
from tabllm.lm.serialization.base import level_masks
from tabllm.lm.training.batches import BatchMaker
from tabular.errors import RunError, UsageError

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(Path(__file__).parents[1]))
    from lm_models import LAYERS, both_engines, both_kinds, engine_of, folder_of, table, text_codec

IDS, ALL = np.array([[0, 5, 9, 12, 7]]), np.arange(300)
methods = pytest.mark.parametrize("method", ["lora", "dora"])


def started(engine_name, kind, tuning):
    """(an engine whose adapters matter, what makes its batches)"""
    codec, _ = text_codec()
    maker, engine = BatchMaker(codec), engine_of(engine_name, folder_of(kind))
    engine.start_training(tuning, maker.used, level_masks(codec, maker.used), weight_decay=0.1)
    rng = np.random.default_rng(0)
    arrays = engine.trained()
    engine.load_trained(
        {name: (arrays[name] + rng.normal(0, 0.05, arrays[name].shape)).astype(np.float32) for name in sorted(arrays)}
    )
    return engine, maker


def batch_of(maker, number):
    return maker.make(text_codec()[1][number * 8 : number * 8 + 8], np.tile([0, 1, 2], (8, 1)))


def updated(engine, maker, numbers):
    for number in numbers:
        engine.train_step([batch_of(maker, number), batch_of(maker, number + 1)], 1e-3)
    return engine.trained()


def assert_close(first, second, tolerance=1e-6):
    assert sorted(first) == sorted(second)
    for name, value in first.items():
        assert np.abs(value - second[name]).max() <= tolerance, name


@both_engines
@methods
def test_dropout_is_drawn_by_seed_and_update(engine_name, method):
    tuning = Tuning(method, rank=4, dropout=0.3, seed=1)
    once = updated(*started(engine_name, "gpt2", tuning), range(2))
    assert_close(updated(*started(engine_name, "gpt2", tuning), range(2)), once, 0)
    for other in (Tuning(method, rank=4, dropout=0.3, seed=2), Tuning(method, rank=4, seed=1)):
        different = updated(*started(engine_name, "gpt2", other), range(2))
        assert max(np.abs(different[name] - value).max() for name, value in once.items()) > 1e-4
    # What goes on from a checkpoint drops what it would have dropped.
    engine, maker = started(engine_name, "gpt2", tuning)
    updated(engine, maker, range(1))
    half = engine.trained(), engine.training_state()
    engine, maker = started(engine_name, "gpt2", tuning)
    engine.load_trained(*half)
    assert_close(updated(engine, maker, range(1, 2)), once)


@both_engines
@methods
def test_computing_again_drops_the_same(engine_name, method):
    """With gradient checkpointing a block is computed twice, and gradients must be of the same numbers."""
    found = [
        updated(*started(engine_name, "llama", Tuning(method, rank=4, dropout=0.3, checkpointing=again)), range(2))
        for again in (False, True)
    ]
    assert_close(*found, 1e-5)


@both_engines
def test_only_updates_drop(engine_name):
    with_dropout, maker = started(engine_name, "gpt2", Tuning("lora", rank=4, dropout=0.5))
    without, _ = started(engine_name, "gpt2", Tuning("lora", rank=4))
    batch = batch_of(maker, 0)
    np.testing.assert_array_equal(with_dropout.losses(batch, 3), without.losses(batch, 3))
    np.testing.assert_array_equal(with_dropout.logits(IDS, ALL), without.logits(IDS, ALL))
    for engine in (with_dropout, without):
        engine.finish_training()
    np.testing.assert_array_equal(with_dropout.logits(IDS, ALL), without.logits(IDS, ALL))


@both_engines
@methods
def test_dropout_leaves_the_mean_of_a_layer(engine_name, method):
    """Were the layer's own product dropped as well, DoRA's rescaling of it would spread its output more."""
    engine, _ = started(engine_name, "llama", Tuning(method, rank=4, dropout=0.25))
    x = np.tile(np.random.default_rng(0).normal(0, 1, (1, 1, 64)).astype(np.float32), (1, 20_000, 1))
    if engine_name == "torch":
        layer = engine.model.model.layers[1].mlp.up_proj
        plain = layer(engine.put(x[:, :1])).detach().numpy()
        with engine.training.dropout.active(0):
            dropped = layer(engine.put(x)).detach().numpy()
    else:
        layer = engine.model.model.layers[1].mlp.up_proj
        plain = np.array(layer(engine.put(x[:, :1])))
        with engine.training.dropping(0):
            dropped = np.array(layer(engine.put(x)))
    arrays = {name.rpartition(".")[2]: value for name, value in engine.trained().items() if ".1.mlp.up_proj." in name}
    weight = _weight(engine, engine_name)
    ratio = 1.0
    if method == "dora":
        norm = np.linalg.norm(weight + 2 * (arrays["lora_a"] @ arrays["lora_b"]).T, axis=1)
        ratio = arrays["magnitude"] / norm
    # Each input is kept with 3/4, and is 4/3 as large then: a variance of 1/3 of its square.
    spread = np.sqrt(((2 * (x[0, 0, :, None] * arrays["lora_a"]) @ arrays["lora_b"]) ** 2).sum(axis=0) / 3) * ratio
    np.testing.assert_allclose(dropped.std(axis=1)[0], np.abs(spread), rtol=0.05)
    np.testing.assert_allclose(dropped.mean(axis=1), plain[:, 0], atol=6 * float(np.abs(spread).max()) / 20_000**0.5)


def _weight(engine, engine_name):
    layer = engine.model.model.layers[1].mlp.up_proj
    if engine_name == "torch":
        return layer.base_layer.weight.detach().numpy()
    return np.array(layer.linear.weight)


@both_kinds
@methods
def test_the_last_blocks_alone_have_adapters(kind, method):
    tuning = Tuning(method, rank=4, scale=0.7, layers=1)
    engines = [started(name, kind, tuning)[0] for name in ("torch", "mlx")]
    found = [engine.trained() for engine in engines]
    assert_close(*found, np.inf)  # the same names, at least
    assert {name.split(".")[2] for name in found[0] if is_adapter(name)} == {str(LAYERS - 1)}
    engines[1].load_trained(found[0])
    before = engines[0].logits(IDS, ALL)
    np.testing.assert_allclose(engines[1].logits(IDS, ALL), before, atol=1e-3)
    for engine in engines:
        engine.finish_training()
        np.testing.assert_allclose(engine.logits(IDS, ALL), before, atol=1e-3)


def fitted(kind="llama", **options):
    options = {"engine": "torch", "device": "cpu", "steps": 2, "batch_size": 8, "serialization": "csv", **options}
    return PretrainedLM(base=str(folder_of(kind)), **options).fit(table(60))


def test_a_run_keeps_them_and_an_old_run_has_the_defaults(tmp_path):
    made = fitted(tuning="lora", rank=3, lora_scale=0.7, lora_layers=1, lora_dropout=0.1, learning_rate=0.02)
    made.save(tmp_path / "run")
    assert made.facts["lora_layers"] == 1
    again = PretrainedLM.load(tmp_path / "run", engine="torch", device="cpu")
    np.testing.assert_allclose(again.parts()[1].logits(IDS, ALL), made.parts()[1].logits(IDS, ALL), atol=1e-5)
    assert (again.lora_scale, again.lora_dropout, again.lora_layers) == (0.7, 0.1, 1)

    default = fitted(tuning="lora", rank=3, learning_rate=0.02)
    default.save(tmp_path / "old")
    path = tmp_path / "old" / "config.json"
    config = json.loads(path.read_text())
    for part in (config["fit"], config["options"]):
        for name in ("lora_scale", "lora_layers", "lora_dropout"):
            del part[name]
    path.write_text(json.dumps(config))
    old = PretrainedLM.load(tmp_path / "old", engine="torch", device="cpu")
    np.testing.assert_allclose(old.parts()[1].logits(IDS, ALL), default.parts()[1].logits(IDS, ALL), atol=1e-5)
    config["fit"]["lora_scale"] = "2"
    path.write_text(json.dumps(config))
    with pytest.raises(RunError, match="lora_scale"):
        PretrainedLM.load(tmp_path / "old", engine="torch", device="cpu")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"lora_scale": 0}, "lora_scale must be above 0"),
        ({"lora_scale": float("inf")}, "lora_scale must be above 0"),
        ({"lora_dropout": 1.0}, "lora_dropout must be at least 0 and below 1"),
        ({"lora_dropout": float("nan")}, "lora_dropout must be"),
        ({"lora_layers": 0}, "lora_layers must be above 0"),
    ],
)
def test_what_no_model_can_have_is_refused_at_once(options, said):
    with pytest.raises(UsageError, match=said):
        PretrainedLM(engine="torch", device="cpu", **options).check()


def test_what_this_model_cannot_have_is_refused_when_it_is_known():
    with pytest.raises(UsageError, match="lora_layers is 3, and tiny has 2 blocks"):
        choose_tuning(Tuning("lora", layers=3), "fp32", 2, "tiny")
    for setting in ({"layers": 1}, {"dropout": 0.1}, {"scale": 1.0}):
        with pytest.raises(UsageError, match="take --tuning lora"):
            choose_tuning(Tuning("auto", **setting), "fp32", 2, "tiny")
        assert choose_tuning(Tuning("auto", **setting), "bf16", 2, "tiny").method == "lora"
    assert choose_tuning(Tuning("auto"), "fp32", 2, "tiny").method == "full"
