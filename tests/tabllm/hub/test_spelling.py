"""What is written of a model whose config transformers 5 wrote is read alike by transformers and by mlx-lm."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from tabllm.hub.quantize import quantize_folder

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(Path(__file__).parents[1]))
    from lm_models import ROPE, ROPE_5, both_engines, engine_of, folder_of, full_logits, spell_rope

ROW = list(range(1, 40))  # so long that a position turned wrongly shows


@pytest.fixture
def llama(tmp_path):
    """A Llama with rotary settings that are not mlx-lm's defaults, as transformers 5 spells them."""
    folder = shutil.copytree(folder_of("llama"), tmp_path / "llama")
    spell_rope(folder, ROPE_5)
    return folder


def logits_of_mlx_lm(folder: Path) -> np.ndarray:
    mlx_lm = pytest.importorskip("mlx_lm", reason="mlx-lm is not installed here")
    import mlx.core as mx

    model, _ = mlx_lm.load(str(folder))
    return np.array(model(mx.array([ROW])).astype(mx.float32))[0]


@both_engines
def test_an_exported_llama_is_read_alike(llama, tmp_path, engine_name):
    real = full_logits(llama, [ROW])[0]
    engine_of(engine_name, llama).export(tmp_path / "plain")
    for path in llama.glob("tokenizer*"):
        shutil.copy(path, tmp_path / "plain")
    np.testing.assert_allclose(full_logits(tmp_path / "plain", [ROW])[0], real, atol=1e-3)
    np.testing.assert_allclose(logits_of_mlx_lm(tmp_path / "plain"), real, atol=1e-3)


def test_a_quantized_llama_turns_positions_as_the_original(llama, tmp_path):
    pytest.importorskip("mlx_lm", reason="mlx-lm is not installed here")
    quantize_folder(llama, tmp_path / "new", bits=8, group_size=32)
    spell_rope(llama, ROPE)
    quantize_folder(llama, tmp_path / "old", bits=8, group_size=32)
    np.testing.assert_array_equal(logits_of_mlx_lm(tmp_path / "new"), logits_of_mlx_lm(tmp_path / "old"))
