"""A fit that reads a table by parts learns what a fit of the table in memory learns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tabllm.nano.table_lm import TableLM
from tabllm.streams.fitting import RowChoice, StreamedFit, learning_from, streamed_fit
from tabllm.streams.memory import expected_peak, in_words, must_be_streamed
from tabllm.streams.shards import TokenRows
from tabular.encoding.arrays import to_arrays
from tabular.errors import UsageError
from tabular.io.file_form import ReadOptions
from tabular.io.reading import check_table, read_table
from tabular.preparing.inference import infer_schema
from tabular.preparing.source import find_rows, save_run
from tabular.progress import Reporter
from tabular.registry import create
from tabular.rules.choice import RuleChoice
from tabular.rules.choosing import ruled
from tabular.streams.limits import Limits
from tabular.streams.stream import open_stream

ROWS = 300
#: Blocks of some ten rows.
TINY = Limits(block_bytes=1024, block_rows=50)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A small table of several kinds."""
    rng = np.random.default_rng(0)
    city = rng.choice(["Bern", "Genf", "Basel"], ROWS)
    frame = pd.DataFrame(
        {
            "city": city,
            "canton": np.where(city == "Genf", "GE", "other"),
            "age": rng.integers(18, 90, ROWS),
            "spend": np.round(rng.lognormal(3, 1, ROWS), 2),
            "gap": np.where(rng.random(ROWS) < 0.1, None, rng.integers(0, 400, ROWS)),
        }
    )
    file = tmp_path_factory.mktemp("data") / "visits.csv"
    frame.to_csv(file, index=False)
    return file


def fitted_by_parts(path, run, limits: Limits = TINY, rows: RowChoice | None = None, model: str = "nano"):
    found = streamed_fit(open_stream(path, limits=limits), run, rows or RowChoice())
    synthesizer = create(model, steps=2)
    with learning_from(synthesizer, found.table, run, Reporter()):
        synthesizer.fit(found.table.sample, schema=found.table.schema)
    return synthesizer, found


def test_nano_learns_the_same_weights_from_the_disk_as_from_memory(path, tmp_path):
    table = check_table(read_table(path))
    expected = TableLM(steps=2).fit(table, schema=ruled(table, infer_schema(table), RuleChoice(), find=True))
    found, _ = fitted_by_parts(path, tmp_path / "run")
    for name, value in expected._engine.numpy_weights().items():
        np.testing.assert_array_equal(found._engine.numpy_weights()[name], value)
    pd.testing.assert_frame_equal(found.sample(20), expected.sample(20))
    assert found.schema == expected.schema
    assert not list(tmp_path.iterdir())


class TestTokens:
    @pytest.fixture(scope="class")
    @staticmethod
    def known(path, tmp_path_factory) -> tuple[TableLM, StreamedFit]:
        """A fit by a sample of a fifth of the rows, in which no cell of ``gap`` happens to be missing."""
        run = tmp_path_factory.mktemp("runs") / "run"
        return fitted_by_parts(path, run, replace(TINY, sample_rows=60))

    def test_all_rows_are_encoded_though_the_vocabulary_is_of_a_sample(self, known, path, tmp_path):
        model, found = known
        tokens = TokenRows(found.table, tmp_path / "t", Reporter()).tokens(model._codec, 1)
        arrays = to_arrays(check_table(read_table(path)), model.schema)
        np.testing.assert_array_equal(tokens, model._codec.encode(arrays))
        assert tokens.dtype == np.int16
        assert model.schema.rows == ROWS

    def test_of_more_rows_than_are_drawn_some_are_encoded(self, known, tmp_path):
        model, found = known
        few = TokenRows(found.table, tmp_path / "t", Reporter(), most=40)
        assert len(few.tokens(model._codec, 10)) == 40
        assert len(few.tokens(model._codec, 100)) == 100
        assert len(few.tokens(model._codec, 1000)) == ROWS

    def test_a_cell_that_is_missing_outside_the_sample_has_a_token(self, known):
        _, found = known
        rows = TokenRows(found.table, None, Reporter())
        arrays = to_arrays(found.table.sample, found.table.schema)
        arrays["gap"] = np.nan_to_num(arrays["gap"])
        assert np.isnan(rows.with_missing(arrays)["gap"]).sum() == 1
        assert not np.isnan(arrays["gap"]).any()


def test_rows_that_are_held_back_are_found_again(path, tmp_path):
    run = tmp_path / "run"
    model, found = fitted_by_parts(path, run, rows=RowChoice(holdout=0.2, train_rows=100, seed=3))
    save_run(model, run, found.source)
    learned, held = find_rows(run, path)
    assert (found.held, len(held), model.schema.rows) == (60, 60, 100)
    pd.testing.assert_frame_equal(learned, found.table.sample, check_dtype=False)


def test_single_rows_of_people_are_not_held_back(tmp_path):
    path = tmp_path / "visits.csv"
    pd.DataFrame({"email": [f"a{i % 50}@example.org" for i in range(200)], "n": range(200)}).to_csv(path, index=False)
    with pytest.raises(UsageError, match="of one person, by 'email'"):
        streamed_fit(open_stream(path, limits=TINY), tmp_path / "run", RowChoice(holdout=10))


def test_other_generators_learn_the_sample_and_say_so(path, tmp_path):
    found = streamed_fit(open_stream(path, limits=replace(TINY, sample_rows=60)), tmp_path / "run", RowChoice())
    told: list[str] = []

    class Notes(Reporter):
        def note(self, message: str) -> None:
            told.append(message)

    with learning_from(create("tvae"), found.table, tmp_path / "run", Notes()):
        pass
    assert told == ["tvae learns 60 rows, drawn at random of 300; nano draws from all of them."]


def test_a_table_is_read_by_parts_where_it_would_take_more_than_is_allowed(path, tmp_path):
    assert must_be_streamed([path], ReadOptions(), None) is None
    assert must_be_streamed([path], ReadOptions(), 10**9) is None
    why = must_be_streamed([path], ReadOptions(), 10_000)
    assert why == f"reading whole would take about {in_words(6 * path.stat().st_size)} of memory, and 10 kB is allowed"
    assert must_be_streamed(["-"], ReadOptions(), 10) is None
    assert expected_peak(open_stream(path)) > 4e8
