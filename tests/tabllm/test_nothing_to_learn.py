"""Tables of identifiers and values of persons alone: every generator makes rows of them, and none trains."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from eval import compare
from eval.judging.verdicts import verdicts
from tabllm.codec.rows import RowCodec
from tabular import create, infer_schema, load_run, to_arrays
from tabular.progress import Reporter

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(Path(__file__).parent))
    from lm_models import folder_of

NAMES = ("nano", "ctgan", "tvae", "tabddpm", "tabcascade", "gpt2", "gpt2-table")


class Notes(Reporter):
    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, text: str) -> None:
        self.said.append(text)


def people(rows: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    given = rng.choice(["ann", "bob", "eve"], rows)
    return pd.DataFrame(
        {
            "id": np.arange(100, 100 + rows),
            "email": [f"{name}.li{n}@firm.ch" for name, n in zip(given, rng.permutation(9000)[:rows], strict=True)],
            "plan": ["basic"] * rows,
        }
    )


def generator(name: str):
    if name.startswith("gpt2"):
        serialization = "table" if name == "gpt2-table" else "compact"
        return create(str(folder_of("gpt2")), serialization=serialization, engine="torch", device="cpu")
    return create(name, device="cpu")


@pytest.mark.parametrize("name", NAMES)
def test_every_generator_makes_rows_by_their_forms_without_training(name, tmp_path):
    real, notes = people(), Notes()
    model = generator(name).fit(real, progress=notes)
    assert sum("Training is skipped" in note for note in notes.said) == 1
    assert model.describe()["steps"] == 1
    made = model.sample(90)
    assert list(made.columns) == list(real.columns)
    assert made["id"].tolist() == list(range(160, 250))
    assert made["email"].str.fullmatch(r"[a-z]+\.[a-z]+\d+@[a-z.]+").all()
    assert made["email"].is_unique
    assert not made["email"].isin(real["email"]).any()
    assert set(made["plan"]) == {"basic"}
    model.save(tmp_path / "run")
    pd.testing.assert_frame_equal(load_run(tmp_path / "run", device="cpu").sample(90), made)


@pytest.mark.parametrize("name", ["nano", "gpt2"])
def test_missing_identifiers_are_filled_in(name):
    holes = people().astype({"email": object}).head(5)
    holes.loc[3, "email"] = None
    filled = generator(name).fit(people()).complete(holes)
    assert "@" in filled.loc[3, "email"]
    assert filled.drop(index=3).equals(holes.drop(index=3))


@pytest.mark.parametrize("column", ["id", "email"])
def test_a_table_may_have_one_column(column):
    real = people()[[column]]
    made = generator("nano").fit(real).sample(30)
    assert list(made.columns) == [column]
    assert made[column].is_unique


def test_only_a_table_of_which_nothing_is_learned_gets_a_filler():
    real = people()
    schema = infer_schema(real)
    codec = RowCodec.fit(to_arrays(real, schema), schema, bins=10)
    assert (codec.learned, codec.table.sizes) == ([], [2])
    real["y"] = [0, 1] * 30
    schema = infer_schema(real)
    assert list(RowCodec.fit(to_arrays(real, schema), schema, bins=10).table.codecs) == ["y"]


def test_the_report_judges_such_a_table_by_form():
    real = people()[["id", "email"]]
    report = compare(real, generator("nano").fit(real).sample(60))
    columns, *others = verdicts(report)
    assert (columns.level, columns.figure) == ("good", "2 of the right form")
    assert {verdict.level for verdict in others} == {"open"}
    assert report.privacy.copies.synthetic_percent == 0
    assert compare(real, real.copy()).privacy.copies.synthetic_percent == 100
