"""Models so small that they are made in a test: GPT-2 and Llama, with a tokenizer of bytes."""

from __future__ import annotations

import functools
import json
import shutil
import tempfile
from pathlib import Path

WIDTH, LAYERS, CONTEXT, VOCABULARY = 64, 2, 128, 300


@functools.cache
def _made(kind: str, width: int) -> Path:
    import atexit

    import torch
    from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    torch.manual_seed(0)
    ends = {"bos_token_id": 0, "eos_token_id": 0}
    if kind == "gpt2":
        model = GPT2LMHeadModel(
            GPT2Config(vocab_size=VOCABULARY, n_positions=CONTEXT, n_embd=width, n_layer=LAYERS, n_head=2, **ends)
        )
    else:
        model = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=VOCABULARY,
                hidden_size=width,
                intermediate_size=2 * width,
                num_hidden_layers=LAYERS,
                num_attention_heads=4,
                num_key_value_heads=2,
                max_position_embeddings=CONTEXT,
                **ends,
            )
        )
    model.save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=_bytes_tokenizer(), bos_token="<s>", eos_token="<s>").save_pretrained(
        folder
    )
    return folder


def _bytes_tokenizer():
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {word: index for index, word in enumerate(["<s>", *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def make_model(folder: Path, kind: str = "gpt2", *, width: int = WIDTH, **config) -> Path:
    """A model in ``folder``; ``config`` changes entries of its config.json, ``None`` takes them out."""
    shutil.copytree(_made(kind, width), folder)
    (folder / "model.safetensors").chmod(0o644)
    if config:
        path = folder / "config.json"
        changed = {**json.loads(path.read_text()), **config}
        path.write_text(json.dumps({name: value for name, value in changed.items() if value is not None}))
    return folder


def model_files(kind: str = "gpt2", **config) -> dict[str, bytes]:
    """The files of :func:`make_model` by their names."""
    with tempfile.TemporaryDirectory() as folder:
        made = make_model(Path(folder) / "model", kind, **config)
        return {path.name: path.read_bytes() for path in made.iterdir()}


def split_weights(folder: Path) -> None:
    """Put a model's weights into two files and an index."""
    from safetensors.numpy import load_file, save_file

    whole = load_file(folder / "model.safetensors")
    names = sorted(whole)
    files = {}
    for number, part in enumerate((names[::2], names[1::2]), 1):
        file = f"model-{number:05}-of-00002.safetensors"
        save_file({name: whole[name] for name in part}, folder / file)
        files |= dict.fromkeys(part, file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": files}))
    (folder / "model.safetensors").unlink()
