import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest

from tabllm.bench import standin
from tabllm.lm.export import export_model, row_pattern
from tabllm.lm.pretrained import PretrainedLM
from tabular.errors import UsageError

TINY = {"n_embd": 32, "n_head": 4, "n_layer": 2, "n_positions": 128, "n_ctx": 128, "vocab_size": 1600}


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "device": rng.choice(["ios", "android", "web (old)"], 300),
            "clicked": rng.integers(0, 2, 300),
            "spend": np.round(rng.normal(0, 50, 300), 2),
            "day": rng.choice(pd.date_range("2024-01-01", periods=300).strftime("%Y-%m-%d"), 300),
        }
    )


@pytest.fixture(scope="module")
def base(tmp_path_factory, table):
    from transformers import AutoConfig, AutoModelForCausalLM

    folder = tmp_path_factory.mktemp("base")
    texts = [f" {value}" for name in table for value in table[name]]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(standin.SHAPES, "gpt2", {**standin.SHAPES["gpt2"], **TINY})
        standin.write_standin("gpt2", texts, folder)
    AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder)).save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    ("engine", "precision", "tuning"),
    [("torch", "fp32", "full"), ("torch", "fp32", "lora"), ("mlx", "fp32", "lora"), ("mlx", "4bit", "lora")],
)
def test_transformers_loads_what_was_exported_with_the_same_logits(base, table, tmp_path, engine, precision, tuning):
    if engine == "mlx":
        pytest.importorskip("mlx_lm")
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = PretrainedLM(
        base=str(base), engine=engine, device="cpu", precision=precision, tuning=tuning, steps=3, batch_size=8
    ).fit(table)
    export_model(model, tmp_path / "plain")
    codec, lm, _ = model.parts()
    ids = np.array([[codec.tokenizer.begin, 5, 9, 12, 7]])
    import torch

    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "plain", dtype=torch.float32)
    theirs = loaded(torch.from_numpy(ids)).logits[..., :300].detach().numpy()
    np.testing.assert_allclose(lm.logits(ids, np.arange(300)), theirs, atol=1e-3)
    # Sampling goes on as before: nothing of the model was changed by writing it.
    np.testing.assert_allclose(lm.logits(ids, np.arange(300)), theirs, atol=1e-3)
    assert AutoTokenizer.from_pretrained(tmp_path / "plain").encode("ios")


@pytest.mark.parametrize("serialization", ["compact", "great", "csv"])
def test_the_pattern_in_the_readme_is_kept_by_every_row(base, table, serialization):
    model = PretrainedLM(base=str(base), engine="torch", device="cpu", steps=2, serialization=serialization).fit(table)
    codec, _, _ = model.parts()
    from tabllm.lm.training.batches import BatchMaker
    from tabular.encoding.arrays import to_arrays

    choices = codec.encode(to_arrays(table, model.schema))
    batch = BatchMaker(codec).make(choices, np.tile(np.arange(len(codec.names)), (len(choices), 1)))
    texts = codec.tokenizer.texts([row[:length] for row, length in zip(batch.ids.tolist(), batch.lengths, strict=True)])
    pattern = re.compile(row_pattern(codec))
    assert all(pattern.fullmatch(text) for text in texts), [t for t in texts if not pattern.fullmatch(t)][:3]
    assert not pattern.fullmatch(texts[0] + " x")


def test_what_cannot_be_exported_is_said(base, table, tmp_path):
    model = PretrainedLM(base=str(base), engine="torch", device="cpu", steps=1, serialization="table").fit(table)
    with pytest.raises(UsageError, match="tokens of the table's own"):
        export_model(model, tmp_path / "plain")
    from tabllm import TableLM

    with pytest.raises(UsageError, match="'nano' has no pretrained model"):
        export_model(TableLM(), tmp_path / "plain")
    assert not (tmp_path / "plain").exists()


def test_a_tokenizer_of_bytes_is_not_named_as_llamas(base, table, tmp_path):
    """As DeepSeek-coder's is, whose tokenizer_config.json names Llama's class."""
    shutil.copytree(base, tmp_path / "base")
    settings = tmp_path / "base" / "tokenizer_config.json"
    settings.write_text(json.dumps({**json.loads(settings.read_text()), "tokenizer_class": "LlamaTokenizerFast"}))
    model = PretrainedLM(base=str(tmp_path / "base"), engine="torch", device="cpu", steps=1, batch_size=8).fit(table)
    export_model(model, tmp_path / "plain")
    named = json.loads((tmp_path / "plain" / "tokenizer_config.json").read_text())
    assert named["tokenizer_class"] == "PreTrainedTokenizerFast"
    assert named["bos_token"] == "<|endoftext|>"
