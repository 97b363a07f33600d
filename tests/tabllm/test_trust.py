"""What a stranger's model or run may do here: nothing but be read. And what our runs tell of this machine."""

from __future__ import annotations

import json
import re
import shutil
import socket
from pathlib import Path

import pandas as pd
import pytest

from tabllm.hub.errors import ModelError
from tabllm.hub.folder import resolve
from tabllm.lm.bases import ENVIRONMENT
from tabllm.lm.pretrained import PretrainedLM
from tabular.errors import RunError, TabllmError
from tabular.registry import load_run

HERE = Path(__file__).parent
with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(HERE))
    from lm_models import folder_of

TABLE = pd.DataFrame({"device": ["ios", "web", "tv"] * 20, "age": range(20, 80)})

MAPS = {"AutoConfig": "evil.EvilConfig", "AutoModelForCausalLM": "evil.EvilModel"}


@pytest.fixture
def base(tmp_path) -> Path:
    return shutil.copytree(folder_of("gpt2"), tmp_path / "models" / "base")


def fit(base: Path, run: Path, **options) -> Path:
    given = {"engine": "torch", "device": "cpu", "steps": 2, "batch_size": 8, "rank": 2, "tuning": "lora", **options}
    PretrainedLM(base=str(base), **given).fit(TABLE).save(run)
    return run


def rows(run: Path) -> pd.DataFrame:
    return load_run(run, device="cpu", engine="torch").sample(10, seed=1)


def edit(path: Path, **changes) -> None:
    path.write_text(json.dumps({**(json.loads(path.read_text()) if path.exists() else {}), **changes}))


class TestCode:
    @pytest.fixture
    def sentinel(self, base, monkeypatch) -> Path:
        """A file that exists once the model's own code has run; every question is answered with yes."""
        sentinel = base.parent / "ran"
        code = f"open({str(sentinel)!r}, 'w').close()\nfrom transformers import GPT2Config as C, GPT2LMHeadModel as M\n"
        code += "class EvilConfig(C):\n    model_type = 'evil'\nclass EvilModel(M):\n    config_class = EvilConfig\n"
        code += "Model = ModelArgs = M\n"
        (base / "evil.py").write_text(code)
        monkeypatch.setattr("builtins.input", lambda *_: "y")
        return sentinel

    @pytest.mark.parametrize(
        ("file", "entry"),
        [
            ("config.json", {"auto_map": MAPS}),
            ("config.json", {"text_config": {"auto_map": MAPS}}),
            ("config.json", {"model_file": "evil.py"}),
            ("config.4.0.0.json", {"auto_map": MAPS}),
            ("tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["evil.EvilTokenizer", None]}}),
            ("generation_config.json", {"auto_map": MAPS}),
        ],
    )
    def test_a_folder_that_names_code_is_refused_and_so_is_a_run_that_holds_it(
        self, base, sentinel, tmp_path, file, entry
    ):
        run = fit(base, tmp_path / "run")
        for folder in (base, run / "model"):
            edit(folder / file, **entry)
        with pytest.raises(ModelError, match=rf"{file} of .*base names Python code to run \((auto_map|model_file)\)"):
            resolve(str(base))
        with pytest.raises(TabllmError, match="never run"):
            load_run(run, device="cpu", engine="torch")
        assert not sentinel.exists()

    def test_the_loader_does_not_run_it_either(self, base, sentinel):
        from tabllm.lm.engines.loading import make_lm

        edit(base / "config.json", model_type="evil", architectures=["EvilForCausalLM"], auto_map=MAPS)
        with pytest.raises(RunError):
            make_lm("torch", "cpu", base, precision="fp32")
        assert not sentinel.exists()

    def test_neither_does_quantizing(self, base, sentinel, tmp_path):
        from tabllm.hub.quantize import quantize_folder

        edit(base / "config.json", model_file="evil.py")
        with pytest.raises(ModelError, match=r"config\.json of .*base names Python code to run \(model_file\)"):
            quantize_folder(base, tmp_path / "small", bits=4)
        assert not sentinel.exists()

    def test_no_other_models_weights_are_taken(self, base):
        edit(base / "adapter_config.json", base_model_name_or_path="someone/else")
        with pytest.raises(ModelError, match="merge the adapter"):
            resolve(str(base))

    def test_no_mlx_lm_that_runs_a_models_file_unasked_is_allowed(self):
        from packaging.requirements import Requirement

        lines = re.findall(r'"(mlx-lm[^"]*)"', (HERE.parents[1] / "pyproject.toml").read_text())
        assert len(lines) == 4
        for allowed in (Requirement(line).specifier for line in lines):
            assert "0.32.0" in allowed
            assert not [version for version in ("0.30.7", "0.31.0", "0.31.3") if version in allowed]


class TestNetwork:
    @pytest.mark.parametrize("revision", [None, "main", "0" * 40])
    def test_info_of_a_strangers_run_asks_nobody(self, base, tmp_path, run_tabllm, monkeypatch, revision):
        run = fit(base, tmp_path / "run")
        config = json.loads((run / "config.json").read_text())
        edit(
            run / "config.json",
            base={"name": "a/b", "repo": "a/b", "revision": revision, "path": "/nowhere"},
            fit={**config["fit"], "base": "a/b"},
        )
        asked = []

        def refuse(*arguments, **_):
            asked.append(arguments)
            raise OSError("no network in this test")

        monkeypatch.setattr(socket, "getaddrinfo", refuse)
        monkeypatch.setattr(socket.socket, "connect", refuse)
        told = run_tabllm("info", run)
        assert told.code == 0, told.err
        assert "a/b" in told.out
        assert not asked

    def test_info_needs_no_base(self, base, tmp_path, run_tabllm):
        run = fit(base, tmp_path / "run")
        shutil.rmtree(base)
        assert run_tabllm("info", run).code == 0


class TestWhereABaseLies:
    @pytest.mark.parametrize("tuning", ["full", "lora"])
    def test_a_run_holds_no_path_of_this_machine(self, base, tmp_path, tuning):
        run = fit(base, tmp_path / "run", tuning=tuning)
        held = b"".join(path.read_bytes() for path in run.rglob("*") if path.is_file())
        assert str(tmp_path).encode() not in held
        assert json.loads((run / "config.json").read_text())["base"]["name"] == "base"

    def test_the_base_is_found_where_it_was_after_the_run_has_moved(self, base, tmp_path):
        run = fit(base, tmp_path / "deep" / "down" / "run")
        expected = rows(run)
        pd.testing.assert_frame_equal(rows(run.rename(tmp_path / "run2")), expected)

    def test_the_base_is_found_after_both_have_moved(self, base, tmp_path):
        run = fit(base, tmp_path / "run")
        expected = rows(run)
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        base.parent.rename(elsewhere / "models")
        pd.testing.assert_frame_equal(rows(run.rename(elsewhere / "run")), expected)

    @pytest.mark.parametrize("named", ["base", "."])
    def test_a_variable_names_its_folder(self, base, tmp_path, monkeypatch, named):
        run = fit(base, tmp_path / "run")
        expected = rows(run)
        (tmp_path / "far").mkdir()
        base.rename(tmp_path / "far" / "base")
        with pytest.raises(RunError, match=rf"belongs to the model 'base'.*{ENVIRONMENT}"):
            rows(run)
        monkeypatch.setenv(ENVIRONMENT, str(tmp_path / "far" / named))
        pd.testing.assert_frame_equal(rows(run), expected)

    def test_another_model_in_its_place_is_not_taken(self, base, tmp_path):
        from safetensors.numpy import load_file, save_file

        run = fit(base, tmp_path / "run")
        weights = load_file(base / "model.safetensors")
        save_file({name: value + 1 for name, value in weights.items()}, base / "model.safetensors")
        with pytest.raises(RunError, match="not here with the same content"):
            rows(run)

    def test_a_run_of_an_older_version_is_read_and_loses_its_path_when_saved_again(self, base, tmp_path):
        run = fit(base, tmp_path / "run")
        expected = rows(run)
        config = json.loads((run / "config.json").read_text())
        old = {"name": str(base), "repo": None, "revision": None, "path": str(base)}
        edit(run / "config.json", base=old, fit={**config["fit"], "base": str(base)})
        pd.testing.assert_frame_equal(rows(run), expected)
        load_run(run, device="cpu", engine="torch").save(tmp_path / "again")
        assert str(tmp_path) not in (tmp_path / "again" / "config.json").read_text()
        pd.testing.assert_frame_equal(rows(tmp_path / "again"), expected)
