"""Models with room for wide rows, a small table whose every row can be listed, and the slow truth about both."""

from __future__ import annotations

import atexit
import contextlib
import functools
import itertools
import os
import shutil
import signal
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from lm_models import VOCABULARY, full_logits, softmax, tokenizer
from lm_text import paths, row_ids
from scipy.stats import chi2

from tabllm.lm.pieces import Pieces
from tabllm.lm.text_codec import TextCodec
from tabular.arrays import to_arrays
from tabular.inference import infer_schema
from tabular.progress import Reporter, Task


@functools.cache
def wide_folder(kind: str = "gpt2", context: int = 512) -> Path:
    """A GPT-2 or a Llama that reads ``context`` tokens."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    common = {"vocab_size": VOCABULARY, "bos_token_id": 0, "eos_token_id": 0}
    with torch.random.fork_rng():
        torch.manual_seed(1)
        if kind == "gpt2":
            model = GPT2LMHeadModel(GPT2Config(n_positions=context, n_embd=32, n_layer=2, n_head=4, **common))
        else:
            rope = {"rope_type": "linear", "factor": 4.0, "rope_theta": 100000.0}
            config = LlamaConfig(
                hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
                num_key_value_heads=2, max_position_embeddings=context, rope_parameters=rope, **common,
            )  # fmt: skip
            model = LlamaForCausalLM(config)
        model.save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer(), bos_token="<s>", eos_token="<s>").save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def gpt2() -> Path:
    return wide_folder("gpt2")


@pytest.fixture(scope="session")
def llama() -> Path:
    return wide_folder("llama")


# -- every row of a small table ---------------------------------------------------------------------------------------
@functools.cache
def small_codec(serialization: str = "csv") -> TextCodec:
    """Values that begin alike, numbers of one and two digits, some of them missing, and a coin."""
    rng = np.random.default_rng(0)
    number = pd.Series(rng.integers(7, 24, 300), dtype="Int64")
    number[rng.random(300) < 0.1] = pd.NA
    frame = pd.DataFrame(
        {
            "coin": rng.choice(["heads", "tails"], 300),
            "side": rng.choice(["north", "northern", "south"], 300),
            "number": number,
        }
    )
    schema = infer_schema(frame, overrides={"number": "integer"})
    return TextCodec.fit(to_arrays(frame, schema), schema, Pieces(tokenizer(), 0), serialization=serialization)


@functools.cache
def every_row(serialization: str = "csv") -> np.ndarray:
    """int32[rows, width]: the choices of every row that the codec can write."""
    columns = [paths(automaton) for automaton in small_codec(serialization).automata]
    return np.array([np.concatenate(parts) for parts in itertools.product(*columns)], np.int32)


@functools.cache
def step_shares(folder: Path, serialization: str, order: tuple[int, ...]) -> np.ndarray:
    """float64[rows, columns]: for each of :func:`every_row` each column's probability after those before it.

    From transformers' own logits of the whole row over the whole vocabulary, token by token.
    """
    codec, rows = small_codec(serialization), every_row(serialization)
    written = [row_ids(codec, row, order) for row in rows]
    shares = np.ones((len(rows), len(codec.names)))
    for row, ids, logits, share in zip(rows, written, full_logits(folder, written), shares, strict=True):
        place, before = 0, None
        for column in order:
            place += len(codec.lead(column, before))
            before, state = column, 0
            for level, choice in zip(codec.automata[column].levels, row[codec.spans[column]], strict=True):
                if choice < 0:
                    break
                assert ids[place] == level.tokens[choice]
                allowed = np.where(level.known[state], logits[place - 1, level.tokens], -np.inf)
                share[column] *= softmax(allowed)[choice]
                state, place = level.step[state, choice], place + 1
    return shares


def joint(folder: Path, serialization: str, order: Iterable[int]) -> np.ndarray:
    """float64[rows]: the probability of each of :func:`every_row`."""
    shares = step_shares(folder, serialization, tuple(order)).prod(axis=1)
    assert shares.sum() == pytest.approx(1, abs=1e-4)
    return shares / shares.sum()


def counted(rows: np.ndarray, serialization: str = "csv") -> np.ndarray:
    """int64[rows]: how often each of :func:`every_row` was drawn; all that was drawn is one of them."""
    place = {row.tobytes(): number for number, row in enumerate(every_row(serialization))}
    return np.bincount([place[row.tobytes()] for row in np.ascontiguousarray(rows, np.int32)], minlength=len(place))


def assert_drawn_from(counts: np.ndarray, shares: np.ndarray) -> None:
    """Pearson's chi-square of the rows that are expected five times or more, the others taken together."""
    expected = shares * counts.sum()
    assert not counts[shares == 0].any()
    often = expected >= 5
    found = np.append(counts[often], counts[~often].sum())
    wanted = np.append(expected[often], expected[~often].sum())
    found, wanted = found[wanted > 1e-6], wanted[wanted > 1e-6]
    freedom = max(len(found) - 1, 1)
    chi_square = ((found - wanted) ** 2 / wanted).sum()
    assert chi_square < chi2.isf(1e-5, freedom), (chi_square, freedom)


# -- an impatient person ----------------------------------------------------------------------------------------------
class Pressing(Reporter):
    """Keeps the notes, counts the steps, and presses Ctrl-C once after ``stop_after`` of them."""

    def __init__(self, stop_after: int = -1) -> None:
        self.stop_after, self.done = stop_after, 0.0
        self.notes: list[str] = []

    @contextlib.contextmanager
    def task(self, label, total, unit):
        outer = self

        class Counting(Task):
            def advance(self, amount=1, text=""):
                outer.done += amount
                if outer.done == outer.stop_after:
                    os.kill(os.getpid(), signal.SIGINT)

        yield Counting()

    def note(self, message):
        self.notes.append(message)
