"""The schema of a stream is that of the table in memory, though blocks, counts and the sample are tiny."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tabular.errors import RuleError, TableError
from tabular.io.reading import check_table, read_table
from tabular.preparing.inference import infer_schema
from tabular.rules.choice import RuleChoice
from tabular.rules.choosing import ruled
from tabular.schema import Schema
from tabular.streams.limits import Limits
from tabular.streams.schema import StreamedTable, stream_schema
from tabular.streams.stream import open_stream

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(Path(__file__).parents[2]))
    from real_tables import TABLES

#: Blocks of some ten rows; a sixth of the rows is drawn.
TINY = Limits(block_bytes=2048, block_rows=50, sample_rows=100, distinct=700)
ROWS = 600


def streamed(path, limits: Limits = TINY, **options) -> StreamedTable:
    return stream_schema(open_stream(path, limits=limits), **options)


def in_memory(path, **options) -> Schema:
    table = check_table(read_table(path))
    return ruled(table, infer_schema(table, **options), RuleChoice(), find=True)


def without_notes(schema: Schema) -> dict:
    """The schema as data, without what is said of a sample."""
    columns = tuple(replace(c, notes=tuple(n for n in c.notes if "drawn at random" not in n)) for c in schema)
    return replace(
        schema, columns=columns, notes=tuple(n for n in schema.notes if "drawn at random" not in n)
    ).to_dict()


def table(rows: int = ROWS) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    city = rng.choice(["Bern", "Genf", "Basel"], rows)
    return pd.DataFrame(
        {
            "row": np.arange(1, rows + 1),
            "user_id": [f"u-{i:05}" for i in range(rows)],
            "city": city,
            "country": np.where(city == "Basel", "north", "south"),
            "age": rng.integers(18, 90, rows),
            "income": np.round(rng.lognormal(8, 1, rows), 2),
            "spend": [f"${value:,.2f}" for value in rng.lognormal(5, 1, rows)],
            "day": [f"2026-03-{d:02}" for d in rng.integers(1, 29, rows)],
            "gap": np.where(rng.random(rows) < 0.2, None, rng.integers(0, 5, rows)),
            "mark": np.where(rng.random(rows) < 0.005, "n/a", rng.integers(100, 900, rows).astype(str)),
            "flag": rng.choice(["yes", "no"], rows),
            "same": "x",
            "empty": None,
        }
    )


def test_schema_of_a_stream_equals_that_of_the_table_in_memory(tmp_path):
    path = tmp_path / "t.csv"
    table().to_csv(path, index=False)
    found = streamed(path)
    assert len(found.sample) == 100
    assert without_notes(found.schema) == without_notes(in_memory(path))
    assert any("100 of 600 rows" in note for note in found.schema.notes)


@pytest.mark.parametrize(("folder", "file"), TABLES.items())
def test_schema_of_real_tables_is_the_same(shared_data, tmp_path, folder, file):
    path = tmp_path / "t.csv"
    read_table(shared_data(folder) / file, rows=3000, as_text=True).to_csv(path, index=False)
    found = streamed(path, Limits(block_bytes=1 << 14, sample_rows=1000, distinct=3000), find_rules=False).schema
    expected = infer_schema(check_table(read_table(path)))
    assert without_notes(found) == without_notes(expected)


def test_a_table_that_is_drawn_whole_has_the_schema_of_the_table_in_memory_to_the_letter(tmp_path):
    path = tmp_path / "t.csv"
    table(200).to_csv(path, index=False)
    found = streamed(path, replace(TINY, sample_rows=200, distinct=10))
    assert found.schema == in_memory(path)
    pd.testing.assert_frame_equal(found.sample, check_table(read_table(path)))


def test_parquet_keeps_its_types(tmp_path):
    path = tmp_path / "t.parquet"
    frame = table().assign(
        when=pd.date_range("2026-01-01", periods=ROWS, freq="h"),
        level=pd.Categorical(["low", "high", "mid"] * 200, categories=["low", "mid", "high"], ordered=True),
        whole=pd.array([None, *range(ROWS - 1)], dtype="Int64"),
    )
    frame["gap"] = frame["gap"].astype("Int64")
    frame.drop(columns=["empty"]).to_parquet(path)
    found, expected = without_notes(streamed(path).schema), without_notes(in_memory(path))
    assert found == expected


def test_what_the_last_block_has_first_is_in_the_schema(tmp_path):
    path = tmp_path / "t.csv"
    frame = table()
    frame["city"] = frame["city"].astype(object)
    frame.loc[ROWS - 1, ["city", "age", "country", "flag"]] = ["Chur", 104, "south", None]
    frame.to_csv(path, index=False)
    found = streamed(path).schema
    assert "Chur" in found["city"].categories
    assert found["age"].maximum == 104
    assert found["flag"].missing_rate == pytest.approx(1 / ROWS)
    assert without_notes(found)["columns"] == without_notes(in_memory(path))["columns"]


def test_a_last_cell_that_is_no_number_makes_its_column_one_of_text(tmp_path):
    path = tmp_path / "t.csv"
    frame = table()
    frame["age"] = frame["age"].astype(object)
    frame.loc[ROWS - 1, "age"] = "007"
    frame.to_csv(path, index=False)
    assert streamed(path).schema["age"] == in_memory(path)["age"]


def test_columns_of_too_many_values_are_told_by_a_sample_and_by_all_rows_where_it_counts(tmp_path):
    path = tmp_path / "t.csv"
    frame = table()
    frame.loc[ROWS - 1, "income"] = 1234567.125
    frame.to_csv(path, index=False)
    found, expected = streamed(path, replace(TINY, distinct=50)).schema, in_memory(path)
    for name in ("row", "user_id", "income", "spend", "day", "age"):
        got, want = found[name], expected[name]
        assert (got.kind, got.dtype, got.missing_rate) == (want.kind, want.dtype, want.missing_rate)
        assert (got.minimum, got.maximum, got.decimals, got.format) == (
            want.minimum,
            want.maximum,
            want.decimals,
            want.format,
        )
    assert found["income"].maximum == 1234567.125
    assert found["row"].pattern == expected["row"].pattern
    assert any("distinct values" in note for note in found["income"].notes)


def test_a_rule_that_one_row_outside_the_sample_breaks_is_not_kept(tmp_path):
    path = tmp_path / "t.csv"
    rng = np.random.default_rng(0)
    low = rng.integers(0, 500, ROWS)
    frame = pd.DataFrame({"low": low, "high": low + rng.integers(1, 300, ROWS), "word": rng.choice(list("abc"), ROWS)})
    frame.to_csv(path, index=False)
    kept = streamed(path).schema
    assert any("high" in rule.text and "low" in rule.text for rule in kept.rules)
    drawn = set(streamed(path).summary.numbers.tolist())
    outside = next(row for row in reversed(range(ROWS)) if row not in drawn)
    frame.loc[outside, "high"] = 0
    frame.to_csv(path, index=False)
    assert not any("high" in rule.text for rule in streamed(path).schema.rules)
    with pytest.raises(RuleError, match=rf"broken by 1 of 600 rows, first by row {outside + 1} "):
        streamed(path, rules=RuleChoice(add=("low < high",)))


def test_rows_that_repeat_the_header_are_missing(tmp_path):
    path = tmp_path / "t.csv"
    text = table().to_csv(index=False)
    header = text.splitlines()[0]
    path.write_text(text + header + "\n", encoding="utf-8")
    found, expected = streamed(path).schema, in_memory(path)
    assert without_notes(found)["notes"] == list(expected.notes)
    assert found["age"] == expected["age"]


def test_identifiers_of_persons_come_back_as_often_as_in_all_rows(tmp_path):
    path = tmp_path / "t.csv"
    rng = np.random.default_rng(1)
    users = rng.integers(0, 60, ROWS)
    pd.DataFrame({"email": [f"person{u}@example.org" for u in users], "n": rng.integers(0, 9, ROWS)}).to_csv(
        path, index=False
    )
    found, expected = streamed(path).schema["email"], in_memory(path)["email"]
    assert found.kind == expected.kind == "identifier"
    assert found.repeats == expected.repeats


def test_the_sample_does_not_depend_on_the_blocks(tmp_path):
    path = tmp_path / "t.csv"
    table().to_csv(path, index=False)
    one, other = streamed(path), streamed(path, replace(TINY, block_bytes=1 << 20))
    pd.testing.assert_frame_equal(one.sample, other.sample)
    another = streamed(path, replace(TINY, seed=1)).sample
    assert not another.equals(one.sample)


def test_a_header_without_rows_is_refused(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n", encoding="utf-8")
    with pytest.raises(TableError, match="has a header but no rows"):
        streamed(path)
