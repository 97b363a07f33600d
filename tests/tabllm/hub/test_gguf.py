"""A GGUF file becomes a model's folder that says what the file's weights say."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tabllm.hub.errors import ModelError
from tabllm.hub.gguf import import_gguf
from tabllm.hub.model_files.check import check_folder
from tabllm.lm.serialization.tokenizer import TextTokenizer
from tabular.errors import UsageError

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(Path(__file__).parents[1]))
    from lm_models import CONTEXT, LAYERS, VOCABULARY, WIDTH, folder_of, tokenizer

HEADS, KV_HEADS, INNER = 4, 2, 96
OURS = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def paired(weight: np.ndarray, heads: int) -> np.ndarray:
    """Rows of a projection as llama.cpp orders them: the two numbers that rotate together stand together."""
    return weight.reshape(heads, 2, len(weight) // heads // 2, -1).swapaxes(1, 2).reshape(weight.shape)


@pytest.fixture
def file(tmp_path) -> Path:
    """The tests' Llama as a GGUF file in float32."""
    gguf = pytest.importorskip("gguf")
    from safetensors.numpy import load_file

    path = tmp_path / "tiny.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(10000.0)
    words = {index: word for word, index in tokenizer().get_vocab().items()}
    writer.add_vocab_size(VOCABULARY)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list([words.get(index, f"<unused{index}>") for index in range(VOCABULARY)])
    writer.add_token_types([3] + [1] * (VOCABULARY - 1))
    merges = json.loads(tokenizer().to_str())["model"]["merges"]
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in merges])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(0)
    weights = load_file(folder_of("llama") / "model.safetensors")
    for name, weight in weights.items():
        short = name.removeprefix("model.").removesuffix(".weight")
        named = {"embed_tokens": "token_embd", "norm": "output_norm", "lm_head": "output"}.get(short)
        if named is None:
            _, layer, part = short.split(".", 2)
            named = f"blk.{layer}.{OURS[part]}"
            if part.startswith("self_attn.q"):
                weight = paired(weight, HEADS)
            elif part.startswith("self_attn.k"):
                weight = paired(weight, KV_HEADS)
        writer.add_tensor(f"{named}.weight", np.ascontiguousarray(weight))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_the_folder_holds_the_files_weights(file, tmp_path):
    from safetensors.numpy import load_file

    import_gguf(file, tmp_path / "model")
    check_folder(tmp_path / "model", "model")
    made, mine = (load_file(folder / "model.safetensors") for folder in (tmp_path / "model", folder_of("llama")))
    assert made.keys() == mine.keys()
    for name, weight in mine.items():
        np.testing.assert_array_equal(made[name], weight, err_msg=name)
    text = "northern 2001"
    assert TextTokenizer.load(tmp_path / "model").ids(text) == tokenizer().encode(text).ids


def test_what_is_no_gguf_file_is_refused(file, tmp_path):
    with pytest.raises(UsageError, match="There is no file"):
        import_gguf(tmp_path / "nothing.gguf", tmp_path / "model")
    (tmp_path / "text.gguf").write_text("a,b\n")
    with pytest.raises(UsageError, match="does not begin with the letters GGUF"):
        import_gguf(tmp_path / "text.gguf", tmp_path / "model")
    (tmp_path / "cut.gguf").write_bytes(file.read_bytes()[:3000])
    with pytest.raises(ModelError, match=r"cut\.gguf cannot be read as a language model"):
        import_gguf(tmp_path / "cut.gguf", tmp_path / "model")
    assert not (tmp_path / "model").exists()
    with pytest.raises(UsageError, match="tabllm models import"):
        check_folder(file, str(file))
