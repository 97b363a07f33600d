"""Names, folders, facts and quantized copies of pretrained models, without a network."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tabllm.decoding.precisions import PRECISIONS
from tabllm.hub.catalog import CATALOG
from tabllm.hub.errors import ModelError
from tabllm.hub.facts import read_facts
from tabllm.hub.folder import ModelFolder, locate, resolve
from tabllm.hub.names import hub_name, is_commit, is_model_name
from tabular.errors import EngineError, OutputError, UsageError

HERE = Path(__file__).parents[1]


@pytest.fixture(scope="module", autouse=True)
def helpers():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(HERE))
        yield


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """The working directory, with a model called ``tiny``."""
    from tiny_models import make_model

    monkeypatch.chdir(tmp_path)
    make_model(tmp_path / "tiny")
    return tmp_path


def make(path: str, *arguments, **options) -> Path:
    from tiny_models import make_model

    return make_model(Path(path), *arguments, **options)


class TestNames:
    @pytest.mark.parametrize("name", [*CATALOG, "gpt2@main", "org/name", "org/name@refs/pr/6", "./x", "~/x", "/x/y/z"])
    def test_what_can_be_meant(self, name):
        assert is_model_name(name)

    @pytest.mark.parametrize("name", ["nano", "gpt22", "", "a b/c", "org/", "-x/y", "org/na me", "table.csv"])
    def test_what_cannot(self, name):
        assert not is_model_name(name)

    def test_a_folder_with_a_config_can(self, here):
        assert is_model_name("tiny")
        (here / "photos").mkdir()
        assert not is_model_name("photos")

    def test_a_revision_may_stand_behind_the_name(self):
        assert hub_name("org/name@v1").revision == "v1"
        assert hub_name("gpt2@v1").repo == "openai-community/gpt2"
        assert hub_name("gpt2", "v1") == hub_name("gpt2@v1")
        with pytest.raises(UsageError, match="contradict"):
            hub_name("gpt2@v1", "v2")

    def test_a_short_name_means_one_commit(self):
        for name, entry in CATALOG.items():
            meant = hub_name(name)
            assert meant.pinned
            assert meant.revision == entry.revision
            assert is_commit(entry.revision) or (entry.ref and len(entry.revision) >= 7)
            assert not hub_name(name, "main").pinned
        assert hub_name("deepseek-coder-1.3b@5c35001") == hub_name("deepseek-coder-1.3b")

    def test_an_unknown_short_name_gets_the_list(self):
        with pytest.raises(UsageError, match=r"did you mean 'distilgpt2'\? Others are gpt2, deepseek"):
            resolve("distilgpt")
        with pytest.raises(UsageError, match=r"there are gpt2, distilgpt2, deepseek-coder-1\.3b, .*hub ids"):
            resolve("xyz")


class TestLocalFolders:
    def test_a_folder_is_taken_as_it_is(self, here):
        assert resolve("tiny") == ModelFolder(here / "tiny", "tiny", None, None)
        assert locate("./tiny").path == here / "tiny"

    def test_a_folder_wins_over_the_hub(self, here):
        make("gpt2")
        make("org/name")
        assert resolve("gpt2").repo is None
        assert resolve("org/name").path == here / "org" / "name"

    def test_a_run_that_is_called_gpt2_does_not(self, here):
        (here / "gpt2").mkdir()
        (here / "gpt2" / "config.json").write_text('{"model": "nano"}')
        (here / "gpt2" / "schema.json").write_text("{}")
        with pytest.raises(ModelError, match="tabllm models pull gpt2"):
            locate("gpt2", revision="0" * 40)

    def test_a_run_is_told_from_a_model(self, here):
        run = here / "visits-run"
        run.mkdir()
        (run / "config.json").write_text('{"model": "lm", "version": 1}')
        (run / "schema.json").write_text("{}")
        with pytest.raises(ModelError, match="visits-run is a run that 'tabllm fit' wrote"):
            resolve("visits-run")
        make("visits-run/model")
        with pytest.raises(ModelError, match="visits-run/model"):
            resolve("visits-run")
        assert resolve("visits-run/model").path == run / "model"

    def test_a_folder_has_no_revisions(self, here):
        with pytest.raises(UsageError, match="no revisions"):
            resolve("tiny", revision="main")

    def test_no_such_folder(self, here):
        with pytest.raises(UsageError, match=r"\./nope is not there"):
            resolve("./nope")

    @pytest.mark.parametrize(
        ("damage", "told"),
        [
            (lambda folder: (folder / "config.json").unlink(), "no config.json"),
            (
                lambda folder: (folder / "config.json").write_text('{"model_type"'),
                "config.json of ./tiny cannot be read",
            ),
            (lambda folder: (folder / "config.json").write_text("[]"), "no model_type"),
            (lambda folder: (folder / "model.safetensors").unlink(), "no weights as safetensors"),
            (lambda folder: (folder / "tokenizer.json").unlink(), "no tokenizer"),
            (lambda folder: _cut(folder / "model.safetensors", 100_000), "cut short: .* of .* bytes"),
            (lambda folder: _cut(folder / "model.safetensors", 20), "header is damaged"),
            (lambda folder: _cut(folder / "model.safetensors", 0), "header is damaged"),
            (lambda folder: (folder / "model.safetensors").write_bytes(b"\xff" * 64), "header is damaged"),
        ],
    )
    def test_what_is_damaged(self, here, damage, told):
        damage(here / "tiny")
        with pytest.raises(ModelError, match=told):
            resolve("./tiny")

    def test_only_pickled_weights(self, here):
        (here / "tiny" / "model.safetensors").rename(here / "tiny" / "pytorch_model.bin")
        with pytest.raises(ModelError, match=r"only as pytorch_model\.bin.*tabllm models import"):
            resolve("tiny")

    def test_a_missing_shard(self, here):
        from tiny_models import split_weights

        whole = read_facts(here / "tiny")
        split_weights(here / "tiny")
        assert resolve("tiny").path == here / "tiny"
        assert read_facts(here / "tiny").parameters == whole.parameters
        (here / "tiny" / "model-00002-of-00002.safetensors").unlink()
        with pytest.raises(ModelError, match=r"incomplete: model-00002-of-00002\.safetensors"):
            resolve("tiny")

    def test_an_index_cannot_name_files_elsewhere(self, here):
        (here / "tiny" / "model.safetensors").rename(here / "model.safetensors")
        index = here / "tiny" / "model.safetensors.index.json"
        index.write_text('{"weight_map": {"a": "../model.safetensors"}}')
        with pytest.raises(ModelError, match="incomplete"):
            resolve("tiny")

    @pytest.mark.parametrize(
        ("config", "told"),
        [
            ({"architectures": ["T5ForConditionalGeneration"], "model_type": "t5"}, "T5ForConditionalGeneration"),
            ({"architectures": None, "model_type": "bert"}, "bert"),
            ({"architectures": "GPT2"}, "architectures"),
            ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, "gptq"),
        ],
    )
    def test_another_kind_of_model(self, here, config, told):
        make("other", **config)
        with pytest.raises(ModelError, match=told):
            resolve("other")

    def test_an_old_config_without_classes_is_known_by_its_type(self, here):
        make("old", architectures=None)
        assert resolve("old").path == here / "old"


def _cut(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])


class TestFacts:
    def test_gpt2(self, here):
        facts = read_facts("tiny")
        width, layers, context, vocabulary = 64, 2, 128, 300
        block = 12 * width * width + 13 * width
        assert facts.parameters == (vocabulary + context) * width + layers * block + 2 * width
        assert facts.matrices == (vocabulary + context) * width + layers * 12 * width * width
        assert (facts.architecture, facts.layers, facts.width, facts.heads) == ("gpt2", layers, width, 2)
        assert (facts.kv_heads, facts.inner, facts.vocabulary, facts.context) == (2, 4 * width, vocabulary, context)
        assert (facts.tied, facts.dtype, facts.bits, facts.group_size) == (True, "fp32", None, None)
        assert facts.disk == (here / "tiny" / "model.safetensors").stat().st_size

    def test_llama(self, here):
        facts = read_facts(make("llama", "llama"))
        width = 64
        block = 2 * width * width + 2 * width * (width // 2) + 3 * width * 2 * width + 2 * width
        assert facts.parameters == 2 * 300 * width + 2 * block + width
        assert (facts.architecture, facts.heads, facts.kv_heads, facts.inner) == ("llama", 4, 2, 128)
        assert (facts.context, facts.tied) == (128, False)

    def test_the_counts_are_those_of_the_model(self, here):
        from transformers import AutoModelForCausalLM

        for folder in (Path("tiny"), make("llama", "llama")):
            model = AutoModelForCausalLM.from_pretrained(folder)
            assert read_facts(folder).parameters == model.num_parameters()

    def test_masks_and_a_stored_copy_of_the_embedding_do_not_count(self, here):
        from safetensors.numpy import load_file, save_file

        before = read_facts("tiny").parameters
        weights = load_file("tiny/model.safetensors")
        name = next(name for name in weights if name.endswith("wte.weight"))
        weights["lm_head.weight"] = weights[name].copy()
        weights["transformer.h.0.attn.bias"] = weights[name][:4, :4].copy()
        save_file(weights, "tiny/model.safetensors")
        assert read_facts("tiny").parameters == before

    def test_a_stretched_context_is_not_stretched_twice(self, here):
        folder = make("stretched", "llama", rope_scaling={"type": "linear", "factor": 4.0})
        assert read_facts(folder).context == 128

    @pytest.mark.parametrize(("used", "context"), [({}, 32), ({"use_sliding_window": False}, 128)])
    def test_a_row_must_fit_the_window_of_sliding_attention(self, here, used, context):
        make("windowed", "llama", sliding_window=32, **used)
        assert read_facts("windowed").context == context

    def test_old_names_of_gpt2(self, here):
        assert read_facts(make("old", n_positions=None, n_ctx=96, tie_word_embeddings=None)).context == 96
        assert read_facts("old").tied

    def test_memory(self, here):
        facts = read_facts("tiny")
        fp32, fp16, bf16, eight, four = (facts.memory(precision) for precision in PRECISIONS)
        small = facts.parameters - facts.matrices
        assert (fp32, fp16, bf16) == (4 * facts.parameters, 2 * facts.parameters, 2 * facts.parameters)
        assert eight == facts.matrices * (1 + 4 / 64) + 2 * small
        # Rows of tokens keep 8 bits in a small model.
        assert four == facts.matrices * (0.5 + 4 / 64) + 2 * small + facts.vocabulary * facts.width / 2
        with pytest.raises(UsageError, match="'3bit'"):
            facts.memory("3bit")

    def test_a_config_that_lacks_a_size(self, here):
        with pytest.raises(ModelError, match="vocab_size"):
            read_facts(make("lacking", vocab_size=None))
        with pytest.raises(ModelError, match="num_attention_heads"):
            read_facts(make("worse", n_head="two"))


class TestQuantize:
    @pytest.fixture(autouse=True)
    def needs_mlx(self):
        pytest.importorskip("mlx_lm")

    @pytest.mark.parametrize("kind", ["gpt2", "llama"])
    @pytest.mark.parametrize("bits", [4, 8])
    def test_the_copy_is_what_mlx_lm_reads_and_says_nearly_the_same(self, here, kind, bits, capfd):
        import mlx.core as mx
        import numpy as np
        import torch
        from mlx_lm.utils import load_model
        from transformers import AutoModelForCausalLM, AutoTokenizer

        from tabllm.hub.quantize import quantize_folder

        source = make("source", kind)
        quantize_folder(source, here / "small", bits=bits)
        assert capfd.readouterr().out == ""
        before, after = read_facts(source), read_facts(resolve("small").path)
        assert (after.bits, after.group_size, after.dtype) == (bits, 64, "bf16")
        assert (after.parameters, after.matrices) == (before.parameters, before.matrices)
        header = 30_000
        assert after.memory(f"{bits}bit") <= after.disk <= after.memory(f"{bits}bit") + header
        assert json.loads(Path("small/config.json").read_text())["quantization"]["bits"] == bits
        assert not {path.name for path in here.iterdir()} - {"tiny", "source", "small"}

        text = AutoTokenizer.from_pretrained("small").encode("age=30")
        assert text == AutoTokenizer.from_pretrained("source").encode("age=30")
        model, _ = load_model(Path("small"))
        said = np.array(model(mx.array([text])).astype(mx.float32))[0]
        meant = AutoModelForCausalLM.from_pretrained("source")(torch.tensor([text])).logits[0].detach().numpy()
        assert np.corrcoef(said.ravel(), meant.ravel())[0, 1] > (0.97 if bits == 4 else 0.999)

    def test_what_cannot_be(self, here):
        from tabllm.hub.quantize import quantize_folder

        out = here / "small"
        with pytest.raises(UsageError, match="4 or 8 bits, not 3"):
            quantize_folder(Path("tiny"), out, bits=3)
        with pytest.raises(UsageError, match="not 48"):
            quantize_folder(Path("tiny"), out, bits=4, group_size=48)
        with pytest.raises(UsageError, match=r"128 do not divide the width 64 .*--group-size 64"):
            quantize_folder(Path("tiny"), out, bits=4, group_size=128)
        with pytest.raises(UsageError, match=r"64 do not divide the width 48 .*cannot be quantized"):
            quantize_folder(make("odd", width=48), out, bits=4)
        for place in ("tiny", "tiny/small", "."):
            with pytest.raises(UsageError, match="is the model itself"):
                quantize_folder(Path("tiny"), Path(place), bits=4)
        assert not out.exists()
        quantize_folder(Path("tiny"), out, bits=8)
        with pytest.raises(UsageError, match="8 bits already"):
            quantize_folder(out, here / "smaller", bits=4)

    def test_a_model_that_mlx_lm_does_not_know(self, here):
        from tabllm.hub.quantize import quantize_folder

        strange = make("strange", model_type="strange")
        with pytest.raises(ModelError, match="Model type strange not supported"):
            quantize_folder(strange, here / "small", bits=4)

    def test_mlx_is_not_installed(self, here, monkeypatch):
        import sys

        from tabllm.hub.quantize import quantize_folder

        monkeypatch.setitem(sys.modules, "mlx_lm.utils", None)
        with pytest.raises(EngineError, match=r"pip install 'mlx\[cpu\]' mlx-lm"):
            quantize_folder(Path("tiny"), here / "small", bits=4)

    def test_no_room(self, here, monkeypatch):
        from tabllm.hub import quantize

        monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10, 10, 0))
        with pytest.raises(OutputError, match=r"0\.00 GB are free"):
            quantize.quantize_folder(Path("tiny"), here / "small", bits=4)

    def test_after_an_error_the_old_copy_is_as_it_was(self, here, monkeypatch):
        from tabllm.hub import quantize

        quantize.quantize_folder(Path("tiny"), here / "small", bits=8)

        def fail(*arguments):
            raise KeyboardInterrupt

        monkeypatch.setattr(quantize, "_copy_others", fail)
        with pytest.raises(KeyboardInterrupt):
            quantize.quantize_folder(Path("tiny"), here / "small", bits=4)
        assert read_facts("small").bits == 8
        assert {path.name for path in here.iterdir()} == {"tiny", "small"}
