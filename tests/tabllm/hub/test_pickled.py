"""Pickled weights become safetensors of the same numbers, and nothing that such a file says is run."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest

from tabllm.hub.errors import ModelError
from tabllm.hub.model_files.check import check_folder
from tabllm.hub.pickled import import_pickled
from tabular.errors import EngineError, UsageError

torch = pytest.importorskip("torch")

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(Path(__file__).parents[1]))
    from tiny_models import make_model


@pytest.fixture
def weights(tmp_path):
    """The weights of ``tmp_path / "tiny"``, a Llama whose files hold none any more."""
    from safetensors.torch import load_file

    folder = make_model(tmp_path / "tiny", "llama")
    found = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    return found


def config_of(folder: Path) -> dict:
    return json.loads((folder / "config.json").read_text())


def test_one_file_and_several_hold_the_same_numbers(weights, tmp_path):
    from safetensors.torch import load_file

    tiny = tmp_path / "tiny"
    torch.save(weights, tiny / "pytorch_model.bin", _use_new_zipfile_serialization=False)  # as before PyTorch 1.6
    import_pickled(str(tiny), tmp_path / "one")
    (tiny / "pytorch_model.bin").unlink()
    names = sorted(weights)
    parts = {f"pytorch_model-0000{n}-of-00002.bin": names[n - 1 :: 2] for n in (1, 2)}
    for file, part in parts.items():
        torch.save({name: weights[name].bfloat16() for name in part}, tiny / file)
    index = {"weight_map": {name: file for file, part in parts.items() for name in part}}
    (tiny / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    import_pickled(str(tiny), tmp_path / "two")
    one = load_file(tmp_path / "one" / "model.safetensors")
    two = {name: value for path in (tmp_path / "two").glob("*.safetensors") for name, value in load_file(path).items()}
    assert one.keys() == two.keys() == weights.keys()
    for name, value in weights.items():
        assert torch.equal(one[name], value)
        assert torch.equal(two[name], value.bfloat16())
    assert not list((tmp_path / "two").glob("pytorch*"))
    check_folder(tmp_path / "two", "two")


def test_a_head_that_is_the_embedding_is_written_once_and_other_views_are_whole(weights, tmp_path):
    from safetensors.torch import load_file

    tiny = tmp_path / "tiny"
    config = config_of(tiny)
    both = torch.randn(2, 4)
    tensors = {**weights, "lm_head.weight": weights["model.embed_tokens.weight"], "first": both[0], "second": both[1]}
    torch.save(tensors, tiny / "pytorch_model.bin")
    for told, kept in ((None, False), (True, False), (False, True)):
        config.pop("tie_word_embeddings", None)
        (tiny / "config.json").write_text(
            json.dumps(config if told is None else {**config, "tie_word_embeddings": told})
        )
        import_pickled(str(tiny), tmp_path / "made")
        made = load_file(tmp_path / "made" / "model.safetensors")
        assert ("lm_head.weight" in made) == kept
        assert config_of(tmp_path / "made")["tie_word_embeddings"] is not kept
        assert torch.equal(made["second"], both[1])


class Code:
    """Unpickled without care, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_what_holds_code_or_is_no_model_is_refused(weights, tmp_path):
    tiny, file, out = tmp_path / "tiny", tmp_path / "tiny" / "pytorch_model.bin", tmp_path / "made"
    torch.save({**weights, "more": Code(tmp_path / "ran")}, file)
    with pytest.raises(ModelError, match=r"pytorch_model\.bin of .* holds more than numbers"):
        import_pickled(str(tiny), out)
    file.write_bytes(pickle.dumps(Code(tmp_path / "ran")))
    with pytest.raises(ModelError, match="holds more than numbers, or is damaged"):
        import_pickled(str(tiny), out)
    assert not (tmp_path / "ran").exists()
    torch.save(list(weights.values()), file)
    with pytest.raises(ModelError, match="no table of a model's weights"):
        import_pickled(str(tiny), out)
    torch.save(weights, file)
    file.write_bytes(file.read_bytes()[:5000])
    with pytest.raises(ModelError, match=r"pytorch_model\.bin of .*pull or copy it again|damaged"):
        import_pickled(str(tiny), out)
    file.rename(tiny / "model.bin")
    with pytest.raises(ModelError, match=r"no weights as pytorch_model\.bin"):
        import_pickled(str(tiny), out)
    (tiny / "pytorch_model.bin.index.json").write_text('{"weight_map": {"a": "../other.bin"}}')
    with pytest.raises(ModelError, match=r"incomplete: \.\./other\.bin"):
        import_pickled(str(tiny), out)
    with pytest.raises(ModelError, match="needs no import"):
        import_pickled(str(make_model(tmp_path / "whole")), out)
    with pytest.raises(UsageError, match="no revisions"):
        import_pickled(str(tiny), out, revision="main")
    assert not out.exists()


def test_a_pytorch_that_runs_such_code_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(torch, "__version__", "2.5.1+cpu")
    with pytest.raises(EngineError, match=r"torch>=2\.6"):
        import_pickled(str(tmp_path), tmp_path / "made")
