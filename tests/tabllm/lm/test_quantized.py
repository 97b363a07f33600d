"""The whole way of quantized weights: quantize, fit, sample, resume, export, and read by other libraries."""

from __future__ import annotations

import json
from contextlib import nullcontext

import numpy as np
import pandas as pd
import pytest

from tabllm.bench import standin
from tabllm.hub.facts import read_facts
from tabllm.hub.folder import resolve
from tabllm.hub.model_files.packing import SMALL, packing
from tabllm.hub.quantize import quantize_folder
from tabllm.lm.engines.base import Tuning
from tabllm.lm.engines.loading import choose_engine, make_lm
from tabllm.lm.export import export_model
from tabllm.lm.pretrained import PretrainedLM
from tabular.errors import EngineError, TabllmError, UsageError
from tabular.registry import load_run

TINY = {
    "n_embd": 64,
    "n_head": 4,
    "n_layer": 2,
    "n_positions": 128,
    "n_ctx": 128,
    "vocab_size": 1600,
    "bos_token_id": 0,
    "eos_token_id": 0,
}
IDS = np.array([[0, 5, 9, 12, 7]])


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    return pd.DataFrame({"device": rng.choice(["ios", "android"], 200), "spend": np.round(rng.normal(0, 50, 200), 2)})


@pytest.fixture(scope="module")
def base(tmp_path_factory, table):
    """A GPT-2 in float32."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    folder = tmp_path_factory.mktemp("base") / "tiny"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(standin.SHAPES, "gpt2", {**standin.SHAPES["gpt2"], **TINY})
        standin.write_standin("gpt2", [f" {value}" for name in table for value in table[name]], folder)
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder)).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def packed(base):
    """A copy with weights of 4 bits, as mlx-lm reads them."""
    pytest.importorskip("mlx_lm", reason="mlx-lm is not installed here")
    quantize_folder(base, base.parent / "tiny-4bit", bits=4)
    return base.parent / "tiny-4bit"


def logits_elsewhere(folder):
    """Of transformers, and of mlx-lm where it is installed."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    yield model(torch.from_numpy(IDS)).logits[..., :300].detach().numpy()
    mlx_lm = pytest.importorskip("mlx_lm", reason="mlx-lm is not installed here")
    import mlx.core as mx

    yield np.array(mlx_lm.load(str(folder))[0](mx.array(IDS))[..., :300].astype(mx.float32))


def interrupted_fit(model, table, folder):
    """A fit that ends after its first update, and the same call again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tabular.training.loop.deferred_interrupt", lambda: nullcontext(lambda: True))
        with pytest.raises(KeyboardInterrupt):
            model.fit(table, checkpoint=folder)
    return model.fit(table, checkpoint=folder)


@pytest.mark.parametrize(
    ("engine", "precision", "tuning", "tolerance"),
    [
        ("mlx", "4bit", "lora", 1e-3),
        ("torch", "4bit", "lora", 1e-3),
        ("torch", "4bit", "dora", 1e-3),
        # bitsandbytes rounds what is multiplied with 8-bit weights to 8 bits as well.
        ("torch", "8bit", "lora", 2e-2),
    ],
)
def test_from_quantized_weights_to_a_model_that_others_read(
    base, request, table, tmp_path, engine, precision, tuning, tolerance
):
    if engine == "torch":
        pytest.importorskip("bitsandbytes", reason="bitsandbytes is not installed here")
    folder = request.getfixturevalue("packed") if engine == "mlx" else base
    options = {} if engine == "mlx" else {"engine": "torch", "precision": precision}
    model = PretrainedLM(base=str(folder), device="cpu", steps=4, batch_size=8, tuning=tuning, **options)
    interrupted_fit(model, table, tmp_path / "checkpoint")
    assert (model.facts["engine"], model.facts["precision"]) == (engine, precision)
    model.save(tmp_path / "run")
    again = load_run(tmp_path / "run", device="cpu", engine=engine)
    pd.testing.assert_frame_equal(again.sample(20), model.sample(20))
    mine = again.parts()[1].logits(IDS, np.arange(300))
    export_model(again, tmp_path / "plain")
    for theirs in logits_elsewhere(tmp_path / "plain"):
        np.testing.assert_allclose(theirs, mine, atol=tolerance)
    np.testing.assert_array_equal(again.parts()[1].logits(IDS, np.arange(300)), mine)  # writing changed nothing


@pytest.mark.parametrize("engine", ["torch", "mlx"])
@pytest.mark.parametrize("tuning", ["full", "lora"])
def test_an_exported_gpt2_is_read_by_transformers_and_by_mlx_lm(base, table, tmp_path, engine, tuning):
    if engine == "mlx":
        pytest.importorskip("mlx_lm", reason="mlx-lm is not installed here")
    model = PretrainedLM(base=str(base), engine=engine, device="cpu", steps=2, batch_size=8, tuning=tuning).fit(table)
    export_model(model, tmp_path / "plain")
    mine = model.parts()[1].logits(IDS, np.arange(300))
    for theirs in logits_elsewhere(tmp_path / "plain"):
        np.testing.assert_allclose(theirs, mine, atol=1e-3)


@pytest.mark.parametrize(("engine", "bits"), [("torch", 8), ("mlx", 4)])
def test_a_fine_tuned_model_is_written_quantized(base, table, tmp_path, engine, bits):
    mlx_lm = pytest.importorskip("mlx_lm", reason="mlx-lm is not installed here")
    import mlx.core as mx

    model = PretrainedLM(
        base=str(base), engine=engine, device="cpu", steps=3, batch_size=8, tuning="lora", learning_rate=0.05
    ).fit(table)
    mine = model.parts()[1].logits(IDS, np.arange(300))
    before = make_lm("torch", "cpu", base, precision="fp32").logits(IDS, np.arange(300))
    assert np.linalg.norm(mine - before) > np.linalg.norm(before), "the adapter changes nothing"
    out = tmp_path / "packed"
    export_model(model, out, bits=bits)
    assert list(tmp_path.iterdir()) == [out]
    assert (read_facts(out).bits, [path for path in out.iterdir() if path.is_dir()]) == (bits, [])
    assert "fine-tuned on a table" in (out / "README.md").read_text()
    theirs = np.array(mlx_lm.load(str(out))[0](mx.array(IDS))[..., :300].astype(mx.float32))
    # What is rounded away is small beside what was learned.
    assert np.linalg.norm(theirs - mine) < 0.05 * np.linalg.norm(mine - before)
    again = make_lm("mlx", "cpu", resolve(str(out)).path, precision=f"{bits}bit").logits(IDS, np.arange(300))
    np.testing.assert_allclose(again, theirs, atol=0.05)


def test_precision_is_what_the_folder_has(packed, table):
    with pytest.raises(UsageError, match=r"tiny-4bit have 4 bits .* --precision 4bit"):
        PretrainedLM(base=str(packed), precision="bf16", device="cpu", steps=1).fit(table)
    with pytest.raises(EngineError, match=r"only the engine mlx reads .*--precision 4bit"):
        PretrainedLM(base=str(packed), engine="torch", device="cpu", steps=1).fit(table)


@pytest.mark.parametrize(
    ("written", "named"),
    [
        ({"bits": 3, "group_size": 64}, "3 bits"),
        ({"bits": 6, "group_size": 64}, "6 bits"),
        ({"bits": 4, "group_size": 32, "mode": "mxfp4"}, "format mxfp4"),
        ({"bits": "4"}, "4 bits"),
    ],
)
def test_other_widths_are_refused_when_the_name_is_resolved(packed, tmp_path, written, named):
    for path in packed.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    config = json.loads((packed / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "quantization": written}))
    with pytest.raises(TabllmError, match=f"{named}.*take the original model"):
        resolve(str(tmp_path))


def test_packed_weights_choose_mlx_whatever_is_first_choice_here(monkeypatch):
    pytest.importorskip("mlx_lm", reason="mlx-lm is not installed here")
    monkeypatch.setattr("tabllm.decoding.backend.choose_torch_device", lambda device: "cuda")
    assert choose_engine("auto", "cuda", "4bit", packed=True)[0] == "mlx"
    assert choose_engine("auto", "auto", "4bit") == ("torch", "cuda")


@pytest.mark.parametrize(
    ("engine_name", "precision", "method"),
    [
        ("mlx", "4bit", "lora"),
        ("mlx", "4bit", "dora"),
        ("torch", "4bit", "lora"),
        ("torch", "8bit", "lora"),
        ("torch", "8bit", "dora"),
    ],
)
def test_a_quantized_model_is_sampled_densely_where_memory_allows(base, monkeypatch, engine_name, precision, method):
    library = {"mlx": "mlx_lm", "torch": "bitsandbytes"}[engine_name]
    pytest.importorskip(library, reason=f"{library} is not installed here")
    found = []
    for memory in (1e12, 1e3):
        monkeypatch.setattr("tabllm.lm.engines.memory.machine_memory", lambda *_, memory=memory: memory)
        engine = make_lm(engine_name, "cpu", base, precision=precision)
        engine.start_training(Tuning(method, rank=4), np.arange(9), np.ones((1, 9), bool), weight_decay=0.0)
        rng = np.random.default_rng(0)
        engine.load_trained(
            {
                name: value + rng.normal(0, 0.05, value.shape).astype(np.float32)
                for name, value in engine.trained().items()
            }
        )
        before = engine.logits(IDS, np.arange(300))
        engine.finish_training()
        found.append(engine.logits(IDS, np.arange(300)))
        # 8-bit products of bitsandbytes round what is multiplied as well.
        np.testing.assert_allclose(found[-1], before, atol=3e-2 if precision == "8bit" else 1e-3)
        assert (_packed_layers(engine) == 0) == (memory == 1e12)
    plain = make_lm(engine_name, "cpu", base, precision=precision).logits(IDS, np.arange(300))
    assert np.abs(found[0] - plain).max() > 0.05


def _packed_layers(engine):
    """Layers of a block whose weights are quantized."""
    if engine.name == "mlx":
        return sum("scales" in part for part in engine.model.layers[0].modules())
    return sum(type(weight).__name__ in ("Params4bit", "Int8Params") for weight in engine.model.parameters())


def test_positions_stay_plain_and_tokens_of_a_small_model_keep_8_bits(base, packed):
    for folder in (base, packed):
        body = make_lm("mlx", "cpu", folder, precision="4bit").model.model
        assert ("scales" in body.wpe, body.wte.bits, body.h[0].mlp.c_fc.bits) == (False, 8, 4)
    assert packing("model.embed_tokens", parameters=SMALL + 1, bits=4, group_size=64) is True


def test_loading_in_4_bits_holds_no_whole_model(base, monkeypatch):
    pytest.importorskip("mlx_lm", reason="mlx-lm is not installed here")
    import mlx.core as mx

    from tabllm.lm import mlx_rows

    monkeypatch.setattr(mlx_rows, "_SLICE_BYTES", 4096)
    before = mx.get_active_memory()
    mx.reset_peak_memory()
    engine = make_lm("mlx", "cpu", base, precision="4bit")
    peak, result = mx.get_peak_memory() - before, mx.get_active_memory() - before
    whole = 4 * engine.shape.parameters
    # The embedding, half of this model, is read some rows at a time.
    assert result < 0.3 * whole
    assert peak < 1.5 * result


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_a_matrix_read_by_rows_is_quantized_as_the_whole_one(tmp_path, dtype, monkeypatch):
    mx = pytest.importorskip("mlx.core", reason="mlx is not installed here")
    import mlx.nn as nn

    from tabllm.lm import mlx_rows

    monkeypatch.setattr(mlx_rows, "_SLICE_BYTES", 3000)
    whole = nn.Embedding(101, 64)
    whole.weight = mx.random.normal((101, 64), key=mx.random.key(0)).astype(getattr(mx, dtype))
    mx.save_safetensors(str(tmp_path / "a.safetensors"), {"other": mx.zeros(3), "wte.weight": whole.weight})
    expected = whole.to_quantized(group_size=32, bits=4)
    layer = nn.Embedding(101, 64)
    layer.weight = mx.zeros((101, 64), dtype=whole.weight.dtype)
    layer = layer.to_quantized(group_size=32, bits=4)
    assert mlx_rows.find_matrix([tmp_path / "a.safetensors"], ("other", "none.weight")) is None
    mlx_rows.quantize_rows(layer, mlx_rows.find_matrix([tmp_path / "a.safetensors"], ("wte.weight",)))
    for name in ("weight", "scales", "biases"):
        assert mx.array_equal(layer[name], expected[name]), name
