"""What once went wrong: rows that a filter rules out, checkpoints and runs that do not belong together."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tabllm.lm.engines.base import Filter, Tuning
from tabllm.lm.pretrained import PretrainedLM
from tabllm.lm.sampling import sampler as sampler_module
from tabllm.lm.sampling.sampler import LmSampler
from tabllm.lm.serialization import fitting as fit_codec
from tabllm.lm.serialization.text import TextCodec
from tabllm.lm.serialization.tokenizer import TextTokenizer
from tabllm.lm.training.trainer import plan_training, train
from tabular.encoding.arrays import to_arrays
from tabular.errors import RunError, TableError
from tabular.preparing.inference import infer_schema
from tabular.progress import Reporter, Task
from tabular.registry import load_run
from tabular.where.conditions import parse_where

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(Path(__file__).parents[1]))
    from lm_models import VOCABULARY, engine_of, folder_of, loaded, tokenizer

ORDER = [0, 1, 2]


def coded(form: str = "csv") -> tuple[TextCodec, np.ndarray]:
    """Values that begin alike, numbers of one and two digits, and a coin."""
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
    arrays = to_arrays(frame, schema)
    codec = TextCodec.fit(arrays, schema, TextTokenizer(tokenizer(), 0), serialization=form)
    return codec, codec.encode(arrays)


def draw(filter: Filter, rows: int, where=None, **options) -> set[bytes]:
    """The different rows that were drawn."""
    engine, (codec, _) = loaded("torch", "gpt2"), coded()
    conditions = codec.conditions(parse_where(where, codec.schema))
    engine.filter = filter
    try:
        walk = LmSampler(engine, codec, **options)
        made = walk.sample(rows, ORDER, np.random.default_rng(1), conditions=conditions)
    finally:
        engine.filter = Filter()
    assert len(made) == rows
    for column, automaton in conditions.items():
        assert automaton.accepts(made[:, codec.spans[column]][:, : automaton.depth]).all()
    return {row.tobytes() for row in made}


@pytest.mark.parametrize(
    ("filter", "where"),
    [
        (Filter(top_k=2), "number in [8, 23]"),
        (Filter(top_k=3), ["number >= 9", "number <= 10"]),
        (Filter(top_p=0.8), "number >= 19"),
    ],
    ids=str,
)
@pytest.mark.parametrize("most_rows", [2, 1024])
def test_what_a_filter_rules_out_is_not_drawn_where_a_condition_leaves_other_ways(filter, where, most_rows):
    """Beginnings are evaluated two by two: those of which none can go on must not outweigh the others."""
    assert draw(filter, 500, where, most_rows=most_rows) <= draw(filter, 30_000)


def test_a_condition_that_a_filter_rules_out_altogether_is_kept_all_the_same(monkeypatch):
    monkeypatch.setattr(sampler_module, "MAX_CONDITIONED", 4)
    for filter in (Filter(top_k=1), Filter(temperature=1e-3)):
        for where in (["number = 23", "side = south"], "number is missing", "number <= 8"):
            draw(filter, 100, where)


class Pressing(Reporter):
    """Presses Ctrl-C after the first step, and keeps the notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def task(self, label, total, unit):
        from contextlib import nullcontext
        from signal import SIGINT, raise_signal

        class Counting(Task):
            def advance(self, amount=1, text=""):
                if amount:
                    raise_signal(SIGINT)

        return nullcontext(Counting())

    def note(self, message):
        self.notes.append(message)


def test_rows_that_are_written_otherwise_do_not_go_on_from_a_checkpoint(tmp_path):
    """``csv`` and ``great`` choose alike among tokens that are not the same."""
    (first, choices), (second, others) = coded("csv"), coded("great")
    assert (choices == others).all()
    plan = plan_training(len(choices), steps=3, batch_rows=8, learning_rate=1e-3, seed=0)
    for codec in (first, second):
        engine, reporter = engine_of("torch", folder_of("gpt2")), Pressing()
        with pytest.raises(KeyboardInterrupt):
            train(engine, codec, choices, plan, Tuning("lora", rank=2), progress=reporter, checkpoint=tmp_path)
        assert reporter.notes == []


# -- runs ---------------------------------------------------------------------------------------------------------
def visits() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "age": rng.integers(18, 60, 200),
            "device": rng.choice(["ios", "web"], 200),
            "clicked": rng.integers(0, 2, 200),
            "spend": rng.normal(50, 20, 200).round(2),
        }
    )
    table.loc[::7, "spend"] = np.nan
    return table


@pytest.fixture
def base(tmp_path) -> Path:
    return shutil.copytree(folder_of("gpt2"), tmp_path / "base")


def fit(base: Path, **options) -> PretrainedLM:
    given = {"engine": "torch", "device": "cpu", "steps": 3, "batch_size": 8, "rank": 2, **options}
    return PretrainedLM(base=str(base), **given).fit(visits())


def read(run: Path) -> PretrainedLM:
    return load_run(run, device="cpu", engine="torch")


def smaller(folder: Path, **config) -> None:
    """Put another GPT-2 into a folder."""
    from transformers import GPT2Config, GPT2LMHeadModel

    given = {"n_positions": 96, "n_embd": 32, "n_layer": 2, "n_head": 4, "vocab_size": VOCABULARY, **config}
    GPT2LMHeadModel(GPT2Config(bos_token_id=0, eos_token_id=0, **given)).save_pretrained(folder)


def test_a_run_of_random_weights_may_be_saved_again(base, tmp_path):
    fit(base, random_weights=True, tuning="lora").save(tmp_path / "a")
    again = read(tmp_path / "a")
    again.save(tmp_path / "b")
    pd.testing.assert_frame_equal(read(tmp_path / "b").sample(30, seed=1), again.sample(30, seed=1))


def test_a_run_that_is_saved_again_still_names_its_model_on_the_hub(base, tmp_path):
    fit(base, tuning="lora").save(tmp_path / "a")
    path = tmp_path / "a" / "config.json"
    config = json.loads(path.read_text())
    hub = {"name": "ours", "repo": "org/ours", "revision": "0" * 40}
    path.write_text(json.dumps({**config, "base": {**hub, "path": str(base)}}))
    read(tmp_path / "a").save(tmp_path / "b")
    assert json.loads((tmp_path / "b" / "config.json").read_text())["base"] == hub


def test_full_weights_without_the_tables_own_vocabulary_are_refused(base, tmp_path):
    fit(base, tuning="full", serialization="table").save(tmp_path / "run")
    (tmp_path / "run" / "trained.safetensors").unlink()
    with pytest.raises(RunError, match=r"lacks its file trained.safetensors"):
        read(tmp_path / "run")


@pytest.mark.parametrize("damage", ["one array less", "other shape", "another base"])
def test_adapters_that_do_not_fit_are_said_in_one_sentence(base, tmp_path, damage):
    from safetensors.numpy import load_file, save_file

    fit(base, tuning="lora").save(tmp_path / "run")
    path = tmp_path / "run" / "trained.safetensors"
    arrays = load_file(path)
    name = min(arrays)
    if damage == "another base":
        smaller(base)
    else:
        kept = {} if damage == "one array less" else {name: arrays[name][:3].copy()}
        save_file({key: value for key, value in arrays.items() if key != name} | kept, path)
    with pytest.raises(RunError, match=r"does not fit the model|not here with the same content"):
        read(tmp_path / "run").sample(5)


@pytest.mark.parametrize("form", ["compact", "csv", "great", "table"])
def test_rows_of_any_order_of_columns_fit_into_what_the_model_reads(base, form, monkeypatch):
    """Some rows are learned in another order, in which columns are named that are not in the usual one."""
    needed = []
    check = fit_codec.check_context

    def watched(codec, longest, context, serialization):
        try:
            check(codec, longest, context, serialization)
        finally:
            needed.append(codec.longest([*ORDER, 3]))

    monkeypatch.setattr(fit_codec, "check_context", watched)
    fit(base, serialization=form)
    for context in range(needed[0], needed[0] + 9):
        smaller(base, n_positions=context)
        try:
            made = fit(base, serialization=form, steps=10)
            break
        except TableError:
            pass
    else:
        pytest.fail("refused where there is room enough")
    holes = visits().head(40).astype(object)
    for column, every in zip(holes.columns, (2, 3, 5, 7), strict=True):
        holes.loc[::every, column] = None
    assert not made.complete(holes).isna().any(axis=None)
    assert len(made.sample(50, where=["age > 30", "spend >= 0"])) == 50
