"""How much of a long text a language model learns, and what it says of the rest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabllm.lm.serialization.context import most_tokens
from tabllm.lm.serialization.text import SERIALIZATIONS, TextCodec
from tabllm.lm.serialization.text_bounds import LEAST_TOKENS, MOST_TOKENS, default_bound, fair_bounds
from tabllm.lm.serialization.tokenizer import TextTokenizer
from tabular.encoding.arrays import to_arrays
from tabular.errors import TableError
from tabular.preparing.inference import infer_schema
from tabular.progress import Reporter
from tabular.registry import create, load_run

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(Path(__file__).parents[1]))
    from lm_models import folder_of, tokenizer

PIECES = TextTokenizer(tokenizer(), 0)


def table(*lengths: int) -> pd.DataFrame:
    """Sixty rows with a column of letters for each of ``lengths``, the last row's being so long."""
    rng = np.random.default_rng(0)
    texts = {
        f"note{number}": [
            "".join(rng.choice([*"abcdef "], max(4, rng.integers(length // 2, length)))) for _ in range(59)
        ]
        + ["x" * (length - 1)]
        for number, length in enumerate(lengths)
    }
    return pd.DataFrame({"paid": ["yes", "no", "no"] * 20, **texts})


def written(frame, context, serialization="compact", **options):
    schema = infer_schema(frame, overrides={name: "text" for name in frame if name.startswith("note")})
    arrays = to_arrays(frame, schema)
    codec, cut = TextCodec.fit_within(arrays, schema, PIECES, serialization=serialization, context=context, **options)
    return codec, cut, codec.decode(codec.encode(arrays), np.random.default_rng(0), start=0, seed=0, allowed={})


def test_texts_are_written_whole_where_the_model_can_read_them():
    frame = table(300, 30)
    codec, cut, rows = written(frame, 1024)
    assert cut == []
    assert [codec.cells[f"note{number}"].longest for number in (0, 1)] == [300, 30]
    assert rows["note0"][59] == frame["note0"][59]


@pytest.mark.parametrize("serialization", SERIALIZATIONS)
def test_texts_share_what_the_model_reads_and_those_that_are_cut_are_told(serialization):
    frame = table(300, 30, 200)
    codec, cut, rows = written(frame, 200, serialization)
    assert most_tokens(codec) <= 200
    bounds = [codec.cells[f"note{number}"].longest for number in range(3)]
    assert bounds[1] == 30, "a short one is not cut for the long ones"
    assert abs(bounds[0] - bounds[2]) <= 1
    assert [each.column for each in cut] == ["note0", "note2"]
    assert cut[0].cut == sum(len(PIECES.ids(" " + " ".join(text.split()))) > bounds[0] for text in frame["note0"])
    assert (cut[0].texts, cut[0].longest) == (60, 300)
    assert f"{cut[0].cut} of 60 texts of 'note0' have more than {bounds[0]} tokens" in cut[0].sentence()
    assert rows["note0"][59] == "x" * (bounds[0] - 1)  # and the blank before it


def test_a_bound_that_is_asked_for_is_kept():
    codec, cut, _ = written(table(300), 1024, max_cell_tokens=100)
    assert codec.cells["note0"].longest == cut[0].bound == 100


def test_one_text_that_is_far_longer_than_the_others_does_not_set_the_bound():
    usual = np.full(1000, 20)
    assert default_bound(usual) == 20
    assert default_bound(np.append(usual, 50)) == 50
    assert default_bound(np.append(usual, 5000)) == 64
    assert default_bound(np.append(usual * 10, 5000)) == 400
    assert default_bound(usual * 1000) == MOST_TOKENS
    assert default_bound(np.empty(0, np.int64)) == 1


@given(st.lists(st.integers(1, 500), min_size=1, max_size=6), st.integers(-50, 2000))
def test_fair_bounds_fill_the_room_and_none_gets_more_than_it_wants(wanted, room):
    bounds = fair_bounds(wanted, room)
    assert all(min(want, LEAST_TOKENS) <= bound <= want for want, bound in zip(wanted, bounds, strict=True))
    if sum(wanted) <= room:
        assert bounds == wanted
    elif room >= len(wanted) * LEAST_TOKENS:
        assert room - len(wanted) < sum(bounds) <= room
        assert all(bound >= max(bounds) - 1 for want, bound in zip(wanted, bounds, strict=True) if bound < want)


def test_a_fit_tells_keeps_and_samples_within_the_bound(tmp_path):
    notes = []
    reporter = Reporter()
    reporter.note = notes.append
    frame = table(90)
    options = {"base": str(folder_of("gpt2")), "engine": "torch", "steps": 1, "batch_size": 4, "seed": 1}
    model = create("lm", max_cell_tokens=40, **options).fit(frame, progress=reporter)
    assert any("texts of 'note0' have more than 40 tokens" in note for note in notes)
    model.save(tmp_path / "run")
    again = load_run(tmp_path / "run", engine="torch", device="cpu")
    assert again.settings()["max_cell_tokens"] == 40
    assert again.sample(20)["note0"].dropna().str.len().max() <= 40
    notes.clear()
    create("lm", **options).fit(frame, progress=reporter)
    assert not any("more than" in note for note in notes), "by itself it takes what the model reads"
    with pytest.raises(TableError, match="the model reads 96"):
        create("lm", max_cell_tokens=1000, **options).fit(table(200))
