"""The readers that are tried: each makes one mutated input from a seed, and feeds it to the code."""

from __future__ import annotations

import json
import random
import shutil
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

import tabllm  # noqa: F401 (registers its generators)
from tabular.encoding.arrays import from_arrays, to_arrays
from tabular.io.reading import check_table, read_table
from tabular.plain_json import parse_json
from tabular.preparing.inference import infer_schema
from tabular.preparing.schema_fit import schema_and_arrays
from tabular.progress import Reporter
from tabular.schema import Schema
from tabular.where.conditions import parse_where

from .mutations import ODD, mutated_bytes, mutated_json, mutated_text, mutated_tree

__all__ = ["TARGETS", "Target", "sample_table"]

CONDITIONS = (
    "age>=30 and device in [ios, android]",
    "clicked=1",
    "device not in [web]",
    "age between 30 and 40",
    "30 <= age < 40",
    "device is missing",
    "score is not missing; day > 2020-03-01",
    "`price`<$1,000.00",
    "device='ios' and rate<0.5",
    "day between 2020-01-01 and 2020-06-30 && device!=web",
    'device="ios"',
)


def sample_table(rows: int = 40) -> pd.DataFrame:
    """A small table with a column of every kind."""
    rng = np.random.default_rng(0)
    days = pd.to_datetime("2020-01-01") + pd.to_timedelta(rng.integers(0, 300, rows), "D")
    return pd.DataFrame(
        {
            "age": rng.integers(18, 90, rows),
            "rate": rng.random(rows).round(4),
            "day": days,
            "price": [f"${x:,.2f}" for x in rng.exponential(2000, rows)],
            "paid": [f"{day:%d/%m/%Y}" for day in days],
            "device": rng.choice(["ios", "android", "web"], rows),
            "clicked": rng.random(rows) < 0.3,
            "score": np.where(rng.random(rows) < 0.2, np.nan, rng.integers(0, 100, rows)),
            "code": [f"user_{i}" for i in range(rows)],
            "one": 1,
            "said": [" ".join(rng.choice(["lorem", "ipsum", "dolor", "sit", "amet"], 6)) for _ in range(rows)],
        }
    )


class Target(ABC):
    """One kind of input.

    Attributes:
        share: of all inputs, in parts; what is cheap is tried more often.
    """

    name: ClassVar[str]
    share: ClassVar[float]

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.table = sample_table()
        self.schema = infer_schema(self.table)

    @abstractmethod
    def make(self, rng: random.Random) -> Any:
        """A mutated input."""

    @abstractmethod
    def feed(self, made: Any, rng: random.Random) -> None:
        """Read it; what is raised tells how that went."""


class SchemaTarget(Target):
    name = "schema"
    share = 42.0

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.tree = json.loads(json.dumps(self.schema.to_dict()))

    def make(self, rng: random.Random) -> Any:
        return mutated_json(self.tree, rng) if rng.random() < 0.2 else mutated_tree(self.tree, rng)

    def feed(self, made: Any, rng: random.Random) -> None:
        tree = parse_json(made.decode("utf-8", "replace")) if isinstance(made, bytes) else made
        schema = Schema.from_dict(tree)
        if rng.random() < 0.01:
            _, arrays = schema_and_arrays(self.table, schema, rare_below=0, progress=Reporter())
            to_arrays(from_arrays(arrays, schema), schema, unseen="missing")


class ConditionTarget(Target):
    name = "conditions"
    share = 40.0

    def make(self, rng: random.Random) -> Any:
        if rng.random() < 0.2:
            name = rng.choice([*self.schema.names, rng.choice(("", "Age", "x"))])
            pick = [*ODD, "ios", 30, pd.Timestamp("2020-03-01"), pd.NA, np.float64(3), (1, 2), ("a", "b"), {1}, ">=30"]
            return {name: rng.choice((rng.choice(pick), [rng.choice(pick), rng.choice(pick)]))}
        return mutated_text(" and ".join(rng.sample(CONDITIONS, rng.choice((1, 1, 2)))), rng)

    def feed(self, made: Any, rng: random.Random) -> None:
        parse_where(made, self.schema)


class SettingsTarget(Target):
    name = "settings"
    share = 3.0
    tree: ClassVar[Any] = {
        "model": "tvae",
        "settings": {
            "epochs": 10,
            "batch_size": 100,
            "embedding_dim": 32,
            "compress_dims": [64, 64],
            "decompress_dims": [64],
            "learning_rate": 0.001,
            "l2scale": 1e-5,
            "loss_factor": 2,
            "numbers": "modes",
            "calibrate": True,
        },
    }

    def make(self, rng: random.Random) -> bytes:
        return mutated_json(self.tree, rng)

    def feed(self, made: bytes, rng: random.Random) -> None:
        from tabllm.tuning.settings import read_settings
        from tabular.registry import create

        path = self.folder / "best.json"
        path.write_bytes(made)
        settings = read_settings(path)
        settings.check("tvae", path)
        create("tvae", **settings.options)


class TableTarget(Target):
    """A table in a file: read, inferred and brought to arrays and back."""

    ending: ClassVar[str]

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        part = self.table.head(14)
        self.tables = [part.iloc[:, place : place + 3] for place in range(0, len(part.columns), 3)]

    def feed(self, made: bytes, rng: random.Random) -> None:
        path = self.folder / f"table{self.ending}"
        path.write_bytes(made)
        table = check_table(read_table(path))
        if rng.random() < 0.2:  # which takes twenty times as long
            schema = infer_schema(table)
            from_arrays(to_arrays(table, schema), schema)


class CsvTarget(TableTarget):
    name = "csv"
    share = 6.0
    ending = ".csv"

    def make(self, rng: random.Random) -> bytes:
        return mutated_bytes(rng.choice(self.tables).to_csv(index=False, sep=rng.choice(",;\t")).encode(), rng)


class JsonLinesTarget(TableTarget):
    name = "json lines"
    share = 4.0
    ending = ".jsonl"

    def make(self, rng: random.Random) -> bytes:
        rows = json.loads(rng.choice(self.tables).to_json(orient="records", date_format="iso"))
        if rng.random() < 0.8:
            rows[rng.randrange(len(rows))] = mutated_tree(rows[0], rng)
        data = "\n".join(json.dumps(row) for row in rows).encode()
        return mutated_bytes(data, rng) if rng.random() < 0.4 else data


class ParquetTarget(TableTarget):
    name = "parquet"
    share = 1.5
    ending = ".parquet"

    def make(self, rng: random.Random) -> bytes:
        import pyarrow as pa
        import pyarrow.parquet as pq

        content = pa.Table.from_pandas(rng.choice(self.tables))
        if rng.random() < 0.5:
            known = json.loads(content.schema.metadata[b"pandas"])
            content = content.replace_schema_metadata({b"pandas": mutated_json(known, rng)})
        buffer = pa.BufferOutputStream()
        pq.write_table(content, buffer)
        data = buffer.getvalue().to_pybytes()
        return mutated_bytes(data, rng) if rng.random() < 0.6 else data


class RunTarget(Target):
    """A run folder in which one file is mutated: loaded, and at times sampled."""

    share = 0.25
    options: ClassVar[dict[str, Any]] = {}

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.run = folder / "run"
        self.fit(self.run)
        read = (".json", ".jsonl", ".safetensors")
        self.files = [path for path in sorted(self.run.rglob("*")) if path.suffix in read]
        self.known = {path: path.read_bytes() for path in self.files}

    def fit(self, run: Path) -> None:
        from tabular.registry import create

        create(self.name.removeprefix("run "), device="cpu", **self.options).fit(self.table).save(run)

    def make(self, rng: random.Random) -> tuple[str, bytes]:
        path = rng.choice(self.files)
        known = self.known[path]
        if path.suffix == ".json" and rng.random() < 0.8:
            made = mutated_json(json.loads(known), rng)
        elif path.suffix == ".safetensors" and rng.random() < 0.6:  # its header, a JSON object behind eight bytes
            size = int.from_bytes(known[:8], "little")
            header = mutated_json(json.loads(known[8 : 8 + size]), rng)
            made = len(header).to_bytes(8, "little") + header + known[8 + size :]
        else:
            made = mutated_bytes(known, rng)
        return str(path.relative_to(self.run)), made

    def feed(self, made: tuple[str, bytes], rng: random.Random) -> None:
        from tabular.registry import load_run

        path = self.run / made[0]
        path.write_bytes(made[1])
        try:
            model = load_run(self.run, device="cpu")
            model.describe()
            if rng.random() < 0.25:
                model.sample(3, seed=0)
        finally:
            path.write_bytes(self.known[path])


def _run_target(model: str, **settings: Any) -> type[RunTarget]:
    """The runs of one generator."""
    return type(f"Run{model.title()}", (RunTarget,), {"name": f"run {model}", "options": settings})


class LanguageModelTarget(RunTarget):
    """The run folder of a language model without weights: what is read before any weights are."""

    name = "run lm"

    def fit(self, run: Path) -> None:
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

        from tabllm.lm.run_files import LmRun, write_lm_run
        from tabllm.lm.serialization.text import TextCodec
        from tabllm.lm.serialization.tokenizer import TextTokenizer

        model = self.folder / "model"
        model.mkdir()
        made = Tokenizer(models.BPE())
        made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        made.decoder = decoders.ByteLevel()
        alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
        trainer = trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet, show_progress=False)
        made.train_from_iterator([], trainer)
        made.save(str(model / "tokenizer.json"))
        (model / "config.json").write_text('{"model_type": "gpt2", "bos_token_id": 0}')
        arrays, pieces = to_arrays(self.table, self.schema), TextTokenizer.load(model)
        codec = TextCodec.fit(arrays, self.schema, pieces, serialization="compact")
        base = {"name": "tiny", "repo": None, "revision": None, "path": str(model)}
        fit = {"base": "tiny", "tuning": "lora", "precision": "fp32", "rank": 4, "serialization": "compact", "seed": 0}
        weights = {"layer.lora_a": np.zeros((4, 4), np.float32)}
        history = [{"step": 1, "train_loss": 1.0}]
        write_lm_run(run, LmRun(self.schema, codec, base, {"seed": 0}, fit, history, weights, model), "lm", None)

    def feed(self, made: tuple[str, bytes], rng: random.Random) -> None:
        from tabllm.lm.run_files import read_lm_run

        path = self.run / made[0]
        path.write_bytes(made[1])
        try:
            read_lm_run(self.run)
        finally:
            path.write_bytes(self.known[path])


class CheckpointTarget(Target):
    """The file that an interrupted fit leaves."""

    name = "checkpoint"
    share = 0.5

    def __init__(self, folder: Path) -> None:
        from tabular.storage.checkpoint import Checkpoint

        super().__init__(folder)
        self.checkpoint = Checkpoint(folder / "partial", "mark")
        facts = {"step": 3, "seconds": 0.5, "history": [{"step": 3, "train_loss": 1.0}]}
        self.checkpoint.write({"a": np.ones((3, 4), np.float32)}, {"b": np.zeros(5)}, facts)
        self.known = self.checkpoint.path.read_bytes()

    def make(self, rng: random.Random) -> bytes:
        return mutated_bytes(self.known, rng)

    def feed(self, made: bytes, rng: random.Random) -> None:
        self.checkpoint.path.write_bytes(made)
        self.checkpoint.read()


class StudyTarget(Target):
    """The database of a search."""

    name = "study"
    share = 0.02

    def __init__(self, folder: Path) -> None:
        from tabllm.tuning.storage import open_study

        super().__init__(folder)
        open_study(folder / "tune", {"model": "tvae", "table": "x"})
        self.known = (folder / "tune" / "study.db").read_bytes()

    def make(self, rng: random.Random) -> bytes:
        return mutated_bytes(mutated_bytes(self.known, rng), rng)

    def feed(self, made: bytes, rng: random.Random) -> None:
        from tabllm.tuning.storage import finished, open_study

        shutil.rmtree(self.folder / "tune")
        (self.folder / "tune").mkdir()
        (self.folder / "tune" / "study.db").write_bytes(made)
        finished(open_study(self.folder / "tune", {"model": "tvae", "table": "x"}))


class ReportTarget(Target):
    """The report of an evaluation, as JSON."""

    name = "report"
    share = 0.5

    def __init__(self, folder: Path) -> None:
        from eval.comparison import compare

        super().__init__(folder)
        report = compare(self.table, self.table.sample(frac=1, random_state=0), target="device")
        self.tree = json.loads(json.dumps(report.to_dict()))

    def make(self, rng: random.Random) -> Any:
        return mutated_tree(self.tree, rng)

    def feed(self, made: Any, rng: random.Random) -> None:
        from eval.facts.report import Report

        Report.from_dict(made)


TARGETS: dict[str, type[Target]] = {
    target.name: target
    for target in (
        SchemaTarget,
        ConditionTarget,
        SettingsTarget,
        CsvTarget,
        JsonLinesTarget,
        ParquetTarget,
        _run_target("nano", steps=2, layers=1, width=8, heads=2),
        _run_target("tvae", steps=2, embedding_dim=4, compress_dims=(8,), decompress_dims=(8,)),
        _run_target("ctgan", steps=2, embedding_dim=4, generator_dim=(8,), discriminator_dim=(8,), batch_size=20),
        _run_target("tabddpm", steps=2, d_layers=(8,), num_timesteps=4, target="device"),
        _run_target("tabcascade", steps=2, width=8, depth=1, flow_steps=2),
        LanguageModelTarget,
        CheckpointTarget,
        StudyTarget,
        ReportTarget,
    )
}
