"""A fit says which relation between two columns its model lost."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tabllm import TableLM
from tabllm.codec.table import TableCodec
from tabllm.nano.config import NanoConfig, initial_weights
from tabllm.nano.engines.torch_engine import TorchEngine
from tabllm.nano.relations import checked_fields, lost_relations, rows_to_check, sentence
from tabular.encoding.arrays import to_arrays
from tabular.preparing.inference import infer_schema
from tabular.progress import Reporter


class Notes(Reporter):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        self.notes.append(message)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Numbers that go together, one that goes with the size of another whatever its sign, and a category that
    follows a number."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=3000).round(3)
    table = pd.DataFrame(
        {
            "x": x,
            "y": (x + 0.5 * rng.normal(size=3000)).round(3),
            "square": (x**2 + 0.2 * rng.normal(size=3000)).round(3),
            "side": np.where(x > 0, "right", "left"),
            "noise": rng.choice(list("abc"), 3000),
        }
    )
    table.loc[::20, "y"] = np.nan
    return table


def tokens(table: pd.DataFrame) -> tuple[TableCodec, np.ndarray]:
    schema = infer_schema(table)
    arrays = to_arrays(table, schema)
    codec = TableCodec.fit(arrays, schema)
    return codec, codec.encode(arrays)


def shuffled(codec: TableCodec, rows: np.ndarray, column: str) -> np.ndarray:
    rows, (field,) = rows.copy(), codec.fields_of(column)
    rows[:, field] = np.random.default_rng(1).permutation(rows[:, field])
    return rows


def test_fields_behind_the_last_one_that_is_compared_need_not_be_drawn(table, monkeypatch):
    monkeypatch.setattr("tabllm.nano.relations.MAX_COLUMNS", 4)
    codec, rows = tokens(table)
    compared = checked_fields(codec)
    first = codec.fields[compared[0]].column
    lost = lost_relations(codec, rows, shuffled(codec, rows, first)[:, : compared[-1] + 1])
    assert compared == [0, 1, 2, 3]
    assert first in lost[0]["columns"]


def test_fewer_rows_of_many_fields_are_drawn_to_be_compared(table, monkeypatch):
    monkeypatch.setattr("tabllm.nano.relations.CHECKED_CELLS", 90)
    monkeypatch.setattr("tabllm.nano.relations.MAX_COLUMNS", 3)
    codec, rows = tokens(table)
    config = NanoConfig(tuple(codec.sizes), width=16, layers=1, heads=2)
    engine = TorchEngine(config, initial_weights(config, codec.log_frequencies(rows), seed=0))
    assert rows_to_check(engine, codec, np.random.default_rng(0)).shape == (30, 3)


def test_two_halves_of_a_table_have_the_same_relations(table):
    codec, rows = tokens(table)
    assert lost_relations(codec, rows[:1500], rows[1500:]) == []


@pytest.mark.parametrize(
    ("column", "partner", "measure"),
    [("y", "x", "Spearman's correlation"), ("side", "x", "Cramér's V"), ("square", "x", "Cramér's V")],
)
def test_a_shuffled_column_has_lost_its_relations(table, column, partner, measure):
    codec, rows = tokens(table)
    lost = lost_relations(codec, rows, shuffled(codec, rows, column))
    assert all(column in found["columns"] for found in lost)
    (found,) = [found for found in lost if partner in found["columns"]]
    assert found["measure"] == measure
    assert abs(found["synthetic"]) < 0.1 < found["real"]
    assert "noise" not in {name for found in lost for name in found["columns"]}
    assert sentence(lost).count("\n") == 0


def test_a_relation_that_turned_its_sign_is_lost(table):
    codec, rows = tokens(table[["x", "y"]].dropna())
    turned = rows.copy()
    turned[:, 0] = rows[:, 0].max() - rows[:, 0]
    (found,) = lost_relations(codec, rows, turned)
    assert found["real"] > 0.8
    assert found["synthetic"] < -0.8


def test_a_fit_that_lost_a_relation_says_so_and_keeps_it_in_its_facts(table, tmp_path):
    reporter = Notes()
    model = TableLM(steps=2, width=16, layers=1, heads=2).fit(table[["x", "y"]], progress=reporter)
    assert len(reporter.notes) == 1
    assert "'x' and 'y'" in reporter.notes[0] or "'y' and 'x'" in reporter.notes[0]
    model.save(tmp_path / "run")
    (found,) = TableLM.load(tmp_path / "run").facts["lost_relations"]
    assert sorted(found["columns"]) == ["x", "y"]


def test_a_fit_that_lost_none_says_nothing():
    coin = np.arange(400) % 2
    reporter = Notes()
    table = pd.DataFrame({"coin": coin, "same": np.where(coin, "head", "tail")})
    model = TableLM(steps=250, width=16, layers=1, heads=2)
    model.fit(table, schema=infer_schema(table), progress=reporter)  # without rules: 'same' is learned
    assert reporter.notes == []
    assert model.facts["lost_relations"] == []


def test_a_private_fit_compares_nothing(table):
    from tabular.dp.settings import Privacy

    privacy = Privacy(epsilon=3.0, public_schema=True, noise_seed=1)
    reporter = Notes()
    model = TableLM(steps=2, width=16, layers=1, heads=2, privacy=privacy).fit(table[["x", "y"]], progress=reporter)
    assert "lost_relations" not in model.facts
    assert not [note for note in reporter.notes if "relation" in note]
