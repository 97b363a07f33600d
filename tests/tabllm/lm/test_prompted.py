"""Rows of a language model that was shown examples and trained on nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tabllm.lm.prompted import PROMPT_ROWS, PromptedLM
from tabllm.lm.sampling.sampler import LmSampler
from tabular.errors import TableError, UsageError
from tabular.progress import Reporter

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(Path(__file__).parents[1]))
    from lm_models import folder_of, full_logits, loaded, softmax, text_codec

TABLE = pd.DataFrame(
    {"side": ["north", "south", "east"] * 20, "count": [1, 2, 3, 4] * 15, "size": np.arange(60) / 2 + 10}
)


def shown(engine="torch", **options) -> PromptedLM:
    given = {"base": str(folder_of("gpt2")), "engine": engine, "device": "cpu", "examples": 2, **options}
    return PromptedLM(**given).fit(TABLE)


def prompt_of(model: PromptedLM, order=(0, 1, 2), where=None, seed=0) -> str:
    from tabular.where.conditions import parse_where

    rows = model._examples_for(parse_where(where, model.schema))
    tokens = model._prompt(rows, order, np.random.default_rng(seed))
    return model._shown[0].tokenizer.texts([tokens])[0]


@pytest.mark.parametrize("engine", ["torch", "mlx"])
@pytest.mark.parametrize("serialization", ["compact", "great", "csv"])
def test_rows_hold_values_of_the_table_alone_and_are_the_same_for_a_seed(engine, serialization):
    model = shown(engine, serialization=serialization, examples=1)
    rows = model.sample(40, seed=3)
    assert len(rows) == 40
    assert set(rows["side"]) <= set(TABLE["side"])
    assert set(rows["count"]) <= {1, 2, 3, 4}
    assert rows["size"].between(10, 39.5).all()
    pd.testing.assert_frame_equal(rows, model.sample(40, seed=3))
    assert not rows.equals(model.sample(40, seed=4))


@pytest.mark.parametrize("merge", [True, False])
@pytest.mark.parametrize("engine_name", ["torch", "mlx"])
def test_what_stands_before_the_rows_counts_as_if_the_model_had_read_it_all(engine_name, merge):
    codec, _ = text_codec("csv")
    sampler = LmSampler(loaded(engine_name, "gpt2"), codec, merge=merge)
    sampler.prefix = np.array([0, 7, 30, 7, 99], np.int64)
    rows = sampler.sample(4000, range(3), np.random.default_rng(0))
    level = codec.automata[0].levels[0]
    (logits,) = full_logits(folder_of("gpt2"), [[*sampler.prefix, *codec.lead(0, None)]])
    expected = softmax(np.where(level.known[0], logits[-1][level.tokens], -np.inf))
    drawn = np.bincount(rows[:, 0], minlength=len(level.tokens)) / len(rows)
    # Blocks of rows are balanced each by itself.
    np.testing.assert_allclose(drawn, expected, atol=5e-3)


def test_a_prompt_is_a_header_and_rows_of_the_table():
    model = shown()
    header, *lines = prompt_of(model).split("\n")
    assert header == ", ".join(model._shown[0].names)
    assert len(lines) == 2
    written = {tuple(map(str, row)) for row in TABLE[model._shown[0].names].itertuples(index=False)}
    for line in lines:
        assert tuple(part.strip() for part in line.split(",")) in written
    assert prompt_of(model) != prompt_of(model, seed=1)
    assert "," not in prompt_of(shown(serialization="great", examples=1)).partition("\n")[0], "no header"


def test_every_batch_is_shown_other_rows(monkeypatch):
    model, prompts = shown(), []
    draw = PromptedLM._prompt

    def kept(self, *arguments):
        prompts.append(draw(self, *arguments).tolist())
        return np.array(prompts[-1])

    monkeypatch.setattr(PromptedLM, "_prompt", kept)
    rows = model.sample(2 * PROMPT_ROWS, seed=1)
    assert len(prompts) == 2
    assert prompts[0] != prompts[1]
    later = pd.concat(list(model.sample_batches(2 * PROMPT_ROWS, seed=1, done=PROMPT_ROWS)), ignore_index=True)
    pd.testing.assert_frame_equal(later, rows[PROMPT_ROWS:].reset_index(drop=True))


def test_conditions_hold_for_the_rows_and_for_the_examples():
    model = shown()
    assert set(model.sample(20, where="side=east")["side"]) == {"east"}
    assert "north" not in prompt_of(model, where="side=east")
    assert "south" not in prompt_of(model, where="side=east")


def test_a_prompt_has_as_many_examples_as_the_model_can_read(monkeypatch):
    notes = []
    reporter = Reporter()
    reporter.note = notes.append
    model = PromptedLM(base=str(folder_of("gpt2")), engine="torch", device="cpu", examples=50)
    model.fit(TABLE, progress=reporter)
    assert any("a prompt holds about" in note for note in notes)
    assert 1 <= prompt_of(model).count("\n") < 50
    model._room = 1
    with pytest.raises(TableError, match="No row of the table fits"):
        model.sample(3)


@pytest.mark.parametrize("wrong", [{"serialization": "table"}, {"examples": 0}, {"seed": -1}, {"temperature": 0.0}])
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(UsageError):
        PromptedLM(**wrong).check()


def test_nothing_is_kept(tmp_path):
    with pytest.raises(UsageError, match="not saved"):
        shown().save(tmp_path / "run")
    with pytest.raises(UsageError, match="call fit"):
        PromptedLM().sample(1)
    with pytest.raises(UsageError, match="refine"):
        shown().sample(1, refine=True)


def test_the_command_line_samples_a_table_without_a_run(tmp_path, monkeypatch, run_tabllm):
    monkeypatch.chdir(tmp_path)
    TABLE.to_csv("sides.csv", index=False)
    model = f"{folder_of('gpt2')}"
    done = run_tabllm(
        "sample",
        "--prompt-only",
        "sides.csv",
        "-m",
        model,
        "-n",
        10,
        "--engine",
        "torch",
        "--examples",
        2,
        "-w",
        "count>=2",
        "-o",
        "made.csv",
    )
    assert done.code == 0, done.err
    made = pd.read_csv("made.csv")
    assert len(made) == 10
    assert (made["count"] >= 2).all()
    assert "tabllm eval sides.csv made.csv" not in done.err, "conditions change what is to be compared"
    for arguments in (
        ("sides.csv", "-o", "x.csv", "-m", "gpt2"),
        ("sides.csv", "-o", "x.csv", "--prompt-only"),
        ("sides.csv", "-o", "x.csv", "--prompt-only", "-m", "nano"),
        ("sides.csv", "-o", "x.csv", "--prompt-only", "-m", model, "--balance", "side"),
        ("lost.csv", "-o", "x.csv", "--prompt-only", "-m", model),
    ):
        refused = run_tabllm("sample", *arguments)
        assert refused.code == 2, refused.err
        assert refused.message
