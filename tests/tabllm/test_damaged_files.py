"""Files that were damaged, or made by a stranger: each command says in one sentence what is wrong."""

import json
import struct
import tracemalloc

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import tabllm  # noqa: F401 (registers its generators)
from tabllm.tuning.settings import read_settings
from tabular.errors import RunError, TableError, UsageError
from tabular.io.reading import random_rows, read_table
from tabular.registry import create, load_run
from tabular.storage.checkpoint import Checkpoint

TINY = {
    "nano": {"steps": 2, "layers": 1, "width": 8, "heads": 2},
    "tvae": {"steps": 2, "embedding_dim": 4, "compress_dims": (8,), "decompress_dims": (8,)},
    "tabddpm": {"steps": 2, "d_layers": (8,), "num_timesteps": 4},
    "tabcascade": {"steps": 2, "width": 8, "depth": 1, "flow_steps": 2},
}
TABLE = pd.DataFrame({"device": ["ios", "web", "tv"] * 20, "age": np.arange(60) % 37, "rate": np.linspace(0, 1, 60)})


@pytest.fixture(scope="module", params=TINY)
def fitted(request, tmp_path_factory):
    """A run of each generator, and its files as they were."""
    run = tmp_path_factory.mktemp("runs") / request.param
    create(request.param, device="cpu", **TINY[request.param]).fit(TABLE).save(run)
    return run, {path: path.read_bytes() for path in run.iterdir()}


@pytest.fixture
def run(fitted):
    yield fitted[0]
    for path, known in fitted[1].items():
        path.write_bytes(known)


def edit(path, change):
    """Change the JSON data in a file."""
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


def refused(run):
    """The sentence that loading the run ends in."""
    with pytest.raises(RunError) as caught:
        load_run(run, device="cpu")
    message = str(caught.value)
    assert str(run) in message
    assert "\n" not in message
    return message


def test_a_run_that_declares_a_thousand_million_classes_is_refused_before_memory_is_taken(run):
    def change(codec):
        entry = (codec.get("columns") or codec["fields"])["device"]
        entry["codes" if "codes" in entry else "classes"] = 10**9

    edit(run / "codec.json", change)
    tracemalloc.start()
    assert "1,000,000,000 categories" in refused(run)
    assert tracemalloc.get_traced_memory()[1] < 50e6
    tracemalloc.stop()


def test_a_network_larger_than_its_weights_is_refused_before_memory_is_taken(run):
    def change(config):
        shape = config.get("architecture", config["options"])
        for name in ("width", "embedding_dim"):
            if name in shape:
                shape[name] = 10**6
        if "d_layers" in shape:
            shape["d_layers"] = [10**6, 10**6]

    load_run(run, device="cpu")  # what PyTorch imports for it is no memory of a network
    edit(run / "config.json", change)
    tracemalloc.start()
    assert "model.safetensors" in refused(run)
    assert tracemalloc.get_traced_memory()[1] < 50e6
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("file", "change", "told"),
    [
        ("config.json", lambda data: data["fit"].update(seed="0"), "seed '0'"),
        ("config.json", lambda data: data["fit"].update(seed=-1), "seed -1"),
        ("config.json", lambda data: data.update(model=["nano"]), "names no model"),
        ("config.json", lambda data: data.update(fit=[]), "fit"),
        ("config.json", lambda data: data.update(options=7), "options"),
        ("config.json", lambda data: data["options"].update(batch_size="many"), "batch_size"),
        ("codec.json", lambda data: data.clear(), "codec.json"),
        ("codec.json", lambda data: (data.get("columns") or data["fields"]).pop("age"), "damaged"),
        ("codec.json", lambda data: (data.get("columns") or data["fields"]).update(age=7), "codec.json"),
        ("schema.json", lambda data: data["columns"][1].update(decimals="2"), "decimals"),
        ("schema.json", lambda data: data["columns"].pop(), "schema.json"),
    ],
)
def test_a_field_of_another_type_is_named(run, file, change, told):
    edit(run / file, change)
    assert told in refused(run)


@pytest.mark.parametrize("file", ["config.json", "codec.json", "schema.json", "model.safetensors", "history.jsonl"])
@pytest.mark.parametrize("content", [b"", b"{", b"[" * 50_000, b'{"a": ' + b"9" * 5000 + b"}", b"\xff\xfe", b"[1]"])
def test_a_file_with_anything_in_it_is_told_in_a_sentence(run, file, content):
    if file == "history.jsonl" and not content:
        pytest.skip("a fit may have no history")
    (run / file).write_bytes(content)
    assert file in refused(run)


def test_weights_that_are_no_numbers_are_refused(run):
    path = run / "model.safetensors"
    data = bytearray(path.read_bytes())
    (size,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + size])
    begin = next(entry["data_offsets"][0] for entry in header.values() if entry["dtype"] == "F32")
    data[8 + size + begin : 8 + size + begin + 4] = struct.pack("<f", float("nan"))
    path.write_bytes(data)
    assert "not finite" in refused(run)


@pytest.mark.parametrize(
    "facts", ["7", "{}", '{"step": "3"}', '{"step": -1, "seconds": 0, "history": []}', "[" * 50_000]
)
def test_a_checkpoint_whose_facts_are_damaged_is_none(tmp_path, facts):
    from safetensors.numpy import save_file

    checkpoint = Checkpoint(tmp_path, "mark")
    save_file({"a": np.ones(3)}, checkpoint.path, {"fingerprint": "mark", "facts": facts})
    assert checkpoint.read() is None


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"epochs": "10"}, "epochs must be a finite number above 0 or None, not '10'"),
        ({"epochs": True}, "None, not True"),
        ({"batch_size": 2.5}, "batch_size must be a whole number above 0, not 2.5"),
        ({"batch_size": 10**30}, "batch_size must be below 2**63"),
        ({"compress_dims": [64, "64"]}, "[64, '64']"),
        ({"compress_dims": []}, "one or more, not []"),
        ({"numbers": "logs"}, "must be one of modes, quantiles, bins"),
        ({"calibrate": "yes"}, "True or False"),
        ({"loss_factor": [2]}, "above 0, not [2]"),
    ],
)
def test_settings_of_another_type_are_named(tmp_path, settings, told):
    path = tmp_path / "best.json"
    path.write_text(json.dumps({"model": "tvae", "settings": settings}))
    with pytest.raises(UsageError) as caught:
        read_settings(path).check("tvae", path)
    assert told in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"epochs": ' + "9" * 5000 + "}", '{"epochs": NaN}', '{"a": "\\ud800"}']
)
def test_settings_that_are_no_plain_json_are_refused(tmp_path, text):
    (tmp_path / "best.json").write_text(text)
    with pytest.raises(UsageError, match=r"best\.json cannot be read as JSON"):
        read_settings(tmp_path / "best.json")


@pytest.mark.parametrize(
    ("cell", "told"),
    [('"\\ud800"', "half a character"), ("9" * 5000, "4,300 digits"), ("[" * 100_000, "nested too deeply")],
)
def test_json_lines_that_cannot_be_kept_are_refused_with_their_line(tmp_path, cell, told):
    path = tmp_path / "rows.jsonl"
    path.write_text(f'{{"a": 1}}\n{{"a": {cell}}}\n')
    with pytest.raises(TableError, match=f"line 2 .*{told}"):
        read_table(path)


@pytest.mark.parametrize(
    "metadata",
    [
        b"[]",
        b"{",
        b'{"index_columns": 7}',
        b'{"index_columns": ["x"], "columns": [1]}',
        b'{"index_columns": [{"kind": "range", "name": null, "start": 0, "stop": 1' + b"0" * 30 + b', "step": 1}], '
        b'"column_indexes": [], "columns": []}',
    ],
)
def test_a_parquet_file_with_damaged_metadata_of_pandas_is_refused(tmp_path, metadata):
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"a": [1, 2]}).replace_schema_metadata({b"pandas": metadata}), path)
    with pytest.raises(TableError, match=r"rows\.parquet"):
        read_table(path)


def test_a_cell_of_more_than_131072_characters_is_read(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text(f'a,b\n{"x" * 200_000},1\n"y",\n')
    assert len(read_table(path)["a"][0]) == 200_000


def test_rows_are_drawn_by_seeds_beyond_32_bits():
    drawn = random_rows(TABLE, 10, 5_000_000_000)
    assert drawn.equals(random_rows(TABLE, 10, 5_000_000_000))
    assert not drawn.equals(random_rows(TABLE, 10, 5_000_000_001))
    assert random_rows(TABLE, 10, 7).equals(TABLE.sample(10, random_state=7).sort_index().reset_index(drop=True))


@pytest.mark.parametrize("name", ["x" * 5_000, "~nobody-of-this-name/x", "a\0b"], ids=["long", "home", "nul"])
def test_a_run_of_a_model_that_no_file_can_be_called_names_none(tmp_path, name):
    (tmp_path / "config.json").write_text(json.dumps({"version": 1, "model": name}))
    with pytest.raises((RunError, UsageError)):
        load_run(tmp_path)


def test_a_parquet_file_of_text_that_is_not_utf8_is_refused(tmp_path):
    path = tmp_path / "rows.parquet"
    text = pa.StringArray.from_buffers(2, pa.py_buffer(np.array([0, 1, 2], np.int32)), pa.py_buffer(b"a\xff"))
    pq.write_table(pa.table({"a": text}), path)
    with pytest.raises(TableError, match=r"rows\.parquet"):
        read_table(path)
