"""No cell of a text file changes on its way through: as read and written, and as numbers and back."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tabular import Schema, from_arrays, infer_schema, read_table, to_arrays
from tabular.io.files import file_format
from tabular.io.reading import read_as_text
from tabular.io.writing import TableWriter
from tabular.parts import parts_of
from tabular.progress import Reporter
from tabular.sampling.batches import BaseCodec
from tabular.sampling.imputing import fill_in, in_given_text

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(Path(__file__).parents[1]))
    patch.syspath_prepend(str(Path(__file__).parents[2]))
    from real_tables import TABLES
    from text_forms import FORMS, ROWS


def write(path: Path, table: pd.DataFrame) -> None:
    table.to_csv(path, index=False)


def cells(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def written(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    with TableWriter(path) as writer:
        writer.write(table)
    return cells(path)


def test_no_text_changes_that_is_read_and_written(tmp_path):
    given = pd.DataFrame(FORMS)
    write(tmp_path / "given.csv", given)
    out = written(read_table(tmp_path / "given.csv"), tmp_path / "out.csv")
    for name in FORMS:
        assert out[name].tolist() == FORMS[name], name


@pytest.mark.parametrize("name", FORMS)
def test_no_text_changes_that_is_read_by_a_schema_and_made_anew(tmp_path, name):
    write(tmp_path / "given.csv", pd.DataFrame({"x": FORMS[name], "y": FORMS["whole"]}))
    table = read_table(tmp_path / "given.csv")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        schema = Schema.from_dict(infer_schema(table).to_dict())
        made = from_arrays(to_arrays(table, schema), schema)
    out = written(made, tmp_path / "out.csv")["x"]
    marks = set(schema["x"].marks)
    # Which of the missing cells a mark stands in is not kept, but how many.
    assert [text for text in out if text and text not in marks] == [t for t in FORMS[name] if t and t not in marks]
    assert sum(out.isin(marks)) == pytest.approx(sum(text in marks for text in FORMS[name]), abs=2)


class Known(BaseCodec):
    """Draws the very values of a table."""

    def __init__(self, schema, drawn):
        super().__init__(schema, {})
        self.parts, self.names = parts_of(schema, "nothing"), schema.names
        self.drawn = drawn

    learned = property(lambda self: self.names)

    def encode(self, arrays):
        return np.zeros((ROWS, 1), np.int64)

    def decode_parts(self, drawn, rng, *, allowed):
        return dict(self.drawn)


@pytest.mark.parametrize("name", FORMS)
def test_drawn_cells_are_written_as_the_column_is_and_filled_ones_are_left(tmp_path, name):
    """What is drawn for a hole is the value that stood there, so its text must come back."""
    given = pd.DataFrame({"x": FORMS[name], "y": FORMS["whole"]})
    write(tmp_path / "given.csv", given)
    full = read_table(tmp_path / "given.csv")
    schema = infer_schema(full)
    drawn = to_arrays(full, schema)
    hole = np.arange(ROWS) % 5 == 1
    holes = given.assign(x=given["x"].mask(hole, ""))
    write(tmp_path / "holes.csv", holes)
    table = read_table(tmp_path / "holes.csv")
    codec = Known(schema, drawn)
    filled = fill_in(table, codec, seed=0, progress=Reporter(), complete=lambda rows, missing, rng: rows)
    text = read_as_text(tmp_path / "holes.csv", file_format(Path("out.csv")))
    out = written(in_given_text(filled, text, schema), tmp_path / "out.csv")["x"]
    kept = holes["x"] != ""
    assert out[kept].tolist() == given["x"][kept].tolist()
    if schema["x"].kind != "identifier":  # new ones are made for these
        missing = given["x"].isin(["", *schema["x"].marks])
        assert out[hole & ~missing].tolist() == given["x"][hole & ~missing].tolist()


@pytest.mark.parametrize("name", TABLES)
def test_no_text_of_a_real_table_changes(shared_data, tmp_path, name):
    path = shared_data(name) / TABLES[name]
    table, given = read_table(path), cells(path)
    pd.testing.assert_frame_equal(written(table, tmp_path / "out.csv"), given)
    schema = infer_schema(table)
    pd.testing.assert_frame_equal(written(from_arrays(to_arrays(table, schema), schema), tmp_path / "again.csv"), given)
