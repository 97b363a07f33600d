"""A fit's losses while it goes on: the file that a killed one leaves, and TensorBoard's event files."""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from tabllm.training_log import logged, tag_of
from tabular.errors import EngineError, OutputError
from tabular.progress import Reporter
from tabular.registry import create
from tabular.storage.rundir import HISTORY, holds


class Killed(Reporter):
    """Ends the fit at its second evaluation, as a kill would."""

    seen = 0

    def evaluated(self, entry):
        self.seen += 1
        if self.seen == 2:
            raise MemoryError


def lines(folder):
    return [json.loads(line) for line in (Path(folder) / HISTORY).read_text().splitlines()]


@pytest.mark.parametrize(
    "settings",
    [("nano", {"steps": 30, "layers": 1, "width": 16}), ("tvae", {"steps": 60}), ("lm", {"steps": 3, "batch_size": 8})],
)
def test_a_killed_fit_leaves_its_losses(visits_table, tmp_path, settings, monkeypatch):
    name, options = settings
    if name == "lm":
        monkeypatch.syspath_prepend(str(Path(__file__).parent))
        from lm_models import folder_of

        options |= {"base": str(folder_of("gpt2")), "engine": "torch"}
    partial = tmp_path / "run.partial"
    with pytest.raises(MemoryError):
        create(name, **options).fit(visits_table, progress=Killed(), checkpoint=partial)
    assert len(lines(partial)) == 2
    assert all(np.isfinite(entry["train_loss"]) for entry in lines(partial))
    if name == "lm":
        assert not holds(partial), "losses alone are nothing to go on from"
        assert lines(partial)[1]["learning_rate"] > 0
        assert lines(partial)[1]["tokens_per_second"] > 0


def events(folder):
    """(step, tag, value) of every scalar, in the format of TFRecord: length, checksum, event, checksum."""
    from tensorboardX.proto.event_pb2 import Event

    found = []
    for path in sorted(Path(folder).glob("events.*")):
        data, at = path.read_bytes(), 0
        while at < len(data):
            (length,) = struct.unpack_from("<Q", data, at)
            event = Event.FromString(data[at + 12 : at + 12 + length])
            found += [(event.step, value.tag, value.simple_value) for value in event.summary.value]
            at += length + 16
    return found


def test_the_event_file_has_the_numbers_of_the_history(visits, run_tabllm):
    done = run_tabllm("fit", visits, "-m", "nano", "--steps", 60, "--log", "tensorboard")
    assert done.code == 0, done.err
    expected = [
        (entry["step"], tag_of(name), np.float32(value))
        for entry in lines("visits-run")
        for name, value in entry.items()
        if name != "step"
    ]
    assert len(expected) > 6
    assert events("runs/visits-run") == expected


def test_a_log_that_cannot_be_is_refused_before_the_fit(visits, run_tabllm):
    refused = run_tabllm("fit", visits, "--log", "wandb")
    assert refused.code == 2
    assert "tensorboard:DIR" in refused.message


def test_without_its_package_one_sentence_names_it(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(EngineError, match="pip install tensorboardX"), logged("tensorboard", Reporter(), tmp_path):
        pass


def test_a_log_where_a_file_stands_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file"), logged(f"tensorboard:{tmp_path / 'file'}", Reporter(), tmp_path):
        pass
