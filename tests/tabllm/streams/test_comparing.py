"""What ``eval`` compares of tables that are read by parts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tabllm.cli.by_parts import Size
from tabllm.streams import comparing
from tabllm.streams.comparing import drawn_of_run, drawn_rows, drawn_with_schema
from tabular.errors import TableError
from tabular.io.file_form import ReadOptions
from tabular.io.reading import check_table, read_table
from tabular.preparing.source import find_rows, read_source
from tabular.progress import Reporter
from tabular.streams.limits import Limits

ROWS = 300


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    """Blocks of some ten rows, of which a fifth of the table is drawn."""
    monkeypatch.setattr(comparing, "Limits", lambda seed: Limits(block_bytes=1024, sample_rows=60, seed=seed))


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A table whose columns follow a rule."""
    rng = np.random.default_rng(0)
    low = rng.integers(0, 500, ROWS)
    file = tmp_path_factory.mktemp("data") / "spans.csv"
    frame = pd.DataFrame({"low": low, "high": low + rng.integers(1, 90, ROWS), "word": rng.choice(list("abc"), ROWS)})
    frame.to_csv(file, index=False)
    return file


def test_rows_are_drawn_and_the_notes_say_of_how_many(path):
    found = drawn_rows(str(path), ReadOptions(), 0, Reporter())
    whole = check_table(read_table(path))
    assert len(found.rows) == 60
    assert len(found.rows.merge(whole.drop_duplicates())) == 60
    assert found.rows.dtypes.equals(whole.dtypes)
    assert any("60 of 300 rows are compared, drawn at random" in note for note in found.notes)
    assert not found.rows.equals(drawn_rows(str(path), ReadOptions(), 1, Reporter()).rows)


def test_the_schema_is_of_all_rows_with_rules_that_all_keep(path):
    found = drawn_with_schema(str(path), ReadOptions(), 0, Reporter(), find_rules=True)
    assert found.schema["high"].maximum == read_table(path)["high"].max()
    assert any("low" in rule.text for rule in found.schema.rules)
    assert not drawn_with_schema(str(path), ReadOptions(), 0, Reporter(), find_rules=False).schema.rules


def test_a_run_that_was_fitted_by_parts_is_judged_by_parts(path, tmp_path, run_tabllm):
    run = tmp_path / "run"
    done = run_tabllm("fit", path, "-o", run, "--steps", 1, "--max-memory", "1kB", "--holdout", "20%")
    assert done.code == 0
    assert "is read by parts: reading whole would take about" in done.err
    assert "Expected peak of memory: " in done.err
    assert "Learned 240 rows of 3 columns" in done.err
    source = read_source(run)
    learned, held = drawn_of_run(run, source, path, 0, Reporter())
    all_learned, all_held = find_rows(run)
    assert (len(all_learned), len(all_held)) == (240, 60)
    assert len(learned.rows.merge(all_learned.drop_duplicates())) == len(learned.rows) == 60
    pd.testing.assert_frame_equal(held.rows, all_held, check_dtype=False)
    with path.open("a", encoding="utf-8") as file:
        file.write("1,2,a\n")
    with pytest.raises(TableError, match="is not as it was when"):
        drawn_of_run(run, source, path, 0, Reporter())


@pytest.mark.parametrize(("text", "size"), [("3GB", 3e9), ("800 mb", 8e8), ("1.5G", 1.5e9), ("10kB", 1e4), ("7", 7)])
def test_a_size_is_a_number_with_a_unit(text, size):
    assert Size().convert(text, None, None) == size


def test_a_size_that_is_none_is_refused(run_tabllm):
    assert "such as 3GB" in run_tabllm("fit", "t.csv", "--max-memory", "lots").message


def test_what_needs_all_rows_is_refused_where_they_are_too_many(path, run_tabllm):
    refused = run_tabllm("fit", path, "--by", "word", "--time", "low", "--max-memory", "1kB")
    assert refused.code == 2
    assert "too large for --by, which needs all rows in memory" in refused.message
