"""An adapter alone, beside its model in peft and in mlx-lm, gives the logits of the run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tabllm.lm.adapter_export import export_adapter
from tabllm.lm.pretrained import PretrainedLM
from tabular.errors import UsageError

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(Path(__file__).parents[1]))
    from lm_models import KINDS, folder_of, table

IDS = np.array([[0, 5, 9, 12, 7]])
ALL = np.arange(300)


@pytest.fixture(scope="module")
def bases(tmp_path_factory):
    """Kind -> a model as it lies on the hub, which mlx-lm reads too: GPT-2's names are without ``transformer.``."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    from tabllm.lm.engines.pytorch.export import write_model

    made = {}
    for kind in KINDS:
        made[kind] = tmp_path_factory.mktemp("bases") / kind
        shutil.copytree(folder_of(kind), made[kind])
    # mlx-lm names its layers otherwise than transformers.
    made["gpt_neox"] = shutil.copytree(folder_of("llama"), tmp_path_factory.mktemp("bases") / "gpt_neox")
    config = AutoConfig.for_model(
        "gpt_neox",
        hidden_size=64,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=96,
        vocab_size=300,
        bos_token_id=0,
        eos_token_id=0,
        initializer_range=0.15,
    )
    torch.manual_seed(0)
    write_model(AutoModelForCausalLM.from_config(config, dtype=torch.float32), made["gpt_neox"])
    write_model(AutoModelForCausalLM.from_pretrained(made["gpt2"], dtype=torch.float32), made["gpt2"])
    return made


def fitted(base: Path, **options) -> PretrainedLM:
    options = {
        "engine": "torch",
        "device": "cpu",
        "steps": 1,
        "batch_size": 8,
        "rank": 4,
        "serialization": "csv",
        **options,
    }
    return PretrainedLM(base=str(base), **options).fit(table(60))


def changed(run: Path) -> None:
    """Replace a run's adapter by another one: after one step it would hardly change a logit."""
    rng = np.random.default_rng(0)
    arrays = load_file(run / "trained.safetensors")
    moved = {name: (value + rng.normal(0, 0.1, value.shape)).astype(np.float32) for name, value in arrays.items()}
    save_file(moved, run / "trained.safetensors")


def logits_of_transformers(base: Path, adapter: Path | None) -> np.ndarray:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    if adapter is not None:
        model = PeftModel.from_pretrained(model, adapter)
    with torch.inference_mode():
        return model(input_ids=torch.from_numpy(IDS)).logits[..., ALL].numpy()


def logits_of_mlx_lm(base: Path, adapter: Path | None) -> np.ndarray:
    mlx_lm = pytest.importorskip("mlx_lm", reason="mlx-lm is not installed here")
    import mlx.core as mx

    model, _ = mlx_lm.load(str(base), adapter_path=None if adapter is None else str(adapter))
    return np.array(model(mx.array(IDS)))[..., ALL]


LOGITS = {"peft": logits_of_transformers, "mlx": logits_of_mlx_lm}


@pytest.mark.parametrize(
    ("engine", "kind", "tuning", "options"),
    [
        ("torch", "gpt2", "lora", {}),
        ("torch", "gpt2", "dora", {}),
        ("torch", "llama", "lora", {}),
        ("torch", "llama", "dora", {"rank": 3, "lora_scale": 0.7, "lora_layers": 1}),
        ("mlx", "gpt2", "dora", {}),
        ("torch", "gpt_neox", "lora", {}),
        ("mlx", "gpt2", "lora", {"rank": 3, "lora_scale": 0.7, "lora_layers": 1}),
        ("mlx", "llama", "lora", {}),
    ],
)
def test_base_and_adapter_elsewhere_give_the_logits_of_the_run(bases, tmp_path, engine, kind, tuning, options):
    if engine == "mlx":
        pytest.importorskip("mlx_lm", reason="mlx-lm is not installed here")
    run = tmp_path / "run"
    fitted(bases[kind], engine=engine, tuning=tuning, **options).save(run)
    changed(run)
    mine = PretrainedLM.load(run, engine=engine, device="cpu").parts()[1].logits(IDS, ALL)
    for form, logits in LOGITS.items():
        assert export_adapter(run, tmp_path / form, form) == kind
        np.testing.assert_allclose(logits(bases[kind], tmp_path / form), mine, atol=2e-3)
        assert np.abs(logits(bases[kind], None) - mine).max() > 0.3, "the adapter changes nothing"


def test_the_config_names_the_model_and_its_commit(bases, tmp_path):
    run = tmp_path / "run"
    fitted(bases["gpt2"], tuning="lora").save(run)
    config = json.loads((run / "config.json").read_text())
    config["base"] |= {"repo": "openai-community/gpt2", "revision": "607a30d783dfa663caf39e06633721c8d4cfcd7e"}
    (run / "config.json").write_text(json.dumps(config))
    for form, name in (("peft", "base_model_name_or_path"), ("mlx", "model")):
        export_adapter(run, tmp_path / form, form)
        written = json.loads((tmp_path / form / "adapter_config.json").read_text())
        assert (written[name], written["revision"]) == (config["base"]["repo"], config["base"]["revision"])
        assert config["base"]["repo"] in (tmp_path / form / "README.md").read_text()


def test_what_is_no_adapter_is_refused_with_the_way_out(bases, tmp_path):
    from tabllm import TableLM

    TableLM(epochs=1, device="cpu", engine="torch", steps=1).fit(table(60)).save(tmp_path / "nano")
    cases = {
        "full": {"tuning": "full"},
        "random": {"tuning": "lora", "random_weights": True},
        "own": {"tuning": "lora", "serialization": "table"},
    }
    for name, options in cases.items():
        fitted(bases["llama"], **options).save(tmp_path / name)
    said = {
        "nano": "no pretrained model",
        "full": "without --adapter",
        "random": "without --adapter",
        "own": "tokens of the table's own",
    }
    for name, words in said.items():
        with pytest.raises(UsageError, match=words):
            export_adapter(tmp_path / name, tmp_path / "out", "peft")
    assert not (tmp_path / "out").exists()


def test_layers_that_mlx_lm_does_not_have_are_noticed(bases, tmp_path):
    pytest.importorskip("mlx_lm", reason="mlx-lm is not installed here")
    run = tmp_path / "run"
    fitted(bases["llama"], tuning="lora").save(run)
    arrays = load_file(run / "trained.safetensors")
    save_file(
        {name.replace("up_proj", "in_proj"): value for name, value in arrays.items()}, run / "trained.safetensors"
    )
    with pytest.raises(UsageError, match=r"has no layer 'model\.layers\.0\.mlp\.in_proj'.* --adapter peft"):
        export_adapter(run, tmp_path / "out", "mlx")
    assert not (tmp_path / "out").exists()


def test_the_adapter_of_weights_in_mlx_form_is_not_written_for_peft(bases, tmp_path):
    run = tmp_path / "run"
    fitted(bases["llama"], tuning="lora").save(run)
    config = json.loads((run / "config.json").read_text())
    config["fit"] |= {"packed": True, "precision": "4bit"}
    (run / "config.json").write_text(json.dumps(config))
    with pytest.raises(UsageError, match="--adapter mlx"):
        export_adapter(run, tmp_path / "out", "peft")
    export_adapter(run, tmp_path / "out", "mlx")
    assert "weights of 4bit" in (tmp_path / "out" / "README.md").read_text()
