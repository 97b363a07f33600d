"""Models are pulled from a hub, here one on this machine, by the real client in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

import pytest

from tabllm.hub.catalog import CATALOG

HERE = Path(__file__).parents[1]
NAME = "ours/tiny"


@pytest.fixture(scope="module", autouse=True)
def helpers():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(HERE))
        yield


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    from tiny_models import model_files

    return {**model_files(), "README.md": b"A tiny model.\n", "LICENSE": b"Yours.\n"}


@pytest.fixture
def hub():
    from hub_server import Hub

    hub = Hub()
    yield hub
    hub.close()


@dataclass
class Pull:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def message(self) -> str:
        """The one line of an error."""
        assert self.code != 0, self.err
        assert self.out == ""
        assert self.err.count("\n") == 1, self.err
        assert len(self.err) < 450
        return self.err

    def refused(self, code: int, *named: str) -> None:
        assert self.code == code, self.err
        assert self.message.startswith("Error: ")
        for text in named:
            assert text in self.err, f"{text!r} is not in {self.err!r}"


@dataclass
class Machine:
    """A machine with a hub and a cache of its own."""

    url: str
    home: Path
    env: dict[str, str] = field(default_factory=dict)

    def start(self, *arguments: str, **env: str) -> subprocess.Popen:
        settings = {
            "HF_ENDPOINT": self.url,
            "HF_HOME": str(self.home),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_ETAG_TIMEOUT": "5",
            "PYTHONPATH": str(HERE.parents[1]),
            "OMP_NUM_THREADS": "1",
            **env,
        }
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
        return subprocess.Popen(
            [sys.executable, "-m", "tabllm", *arguments],
            env={**kept, **settings},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.home.parent,
        )

    def run(self, *arguments: str, **env: str) -> Pull:
        child = self.start(*arguments, **env)
        out, err = child.communicate(timeout=50)
        return Pull(child.returncode, out, err)

    def pull(self, *arguments: str, **env: str) -> Pull:
        return self.run("models", "pull", *arguments, **env)

    def snapshot(self, commit: str, name: str = NAME) -> Path:
        return self.home / "hub" / f"models--{name.replace('/', '--')}" / "snapshots" / commit


@pytest.fixture
def machine(hub, tmp_path) -> Machine:
    return Machine(hub.url, tmp_path / "home")


def test_a_pull_fetches_what_is_needed_and_says_what_to_type_next(hub, machine, files):
    others = {"pytorch_model.bin": b"x", "model.onnx": b"x", "onnx/config.json": b"{}", "run.py": b"x"}
    repo = hub.repo(NAME, {**files, **others})
    done = machine.pull(NAME)
    assert (done.code, done.out) == (0, "")
    here = machine.snapshot(repo.refs["main"])
    assert {path.name for path in here.iterdir()} == set(files)
    assert all((here / name).read_bytes() == data for name, data in files.items())
    assert str(here) in done.err
    assert f"tabllm fit DATA -m {NAME}" in done.err
    assert "Traceback" not in done.err
    assert "%" not in done.err, "no bar where there is no terminal"


def test_a_second_pull_fetches_nothing_but_what_is_new(hub, machine, files):
    repo = hub.repo(NAME, files)
    assert machine.pull(NAME).code == 0
    hub.fetched.clear()
    assert machine.pull(NAME).code == 0
    assert not hub.fetched
    commit = repo.push({**files, "README.md": b"A better text.\n"})
    assert machine.pull(NAME).code == 0
    assert dict(hub.fetched) == {"README.md": 1}
    assert (machine.snapshot(commit) / "README.md").read_text() == "A better text.\n"


def test_a_cut_connection_goes_on_where_it_was_cut(hub, machine, files):
    long = files["model.safetensors"] + bytes(12 << 20)  # the client writes 10 MiB at a time
    repo = hub.repo(NAME, {**files, "model.safetensors": long})
    hub.cuts["model.safetensors"] = [11 << 20]
    done = machine.pull(NAME)
    assert done.code == 0, done.err
    assert hub.ranges == [f"bytes={10 << 20}-"]
    assert (machine.snapshot(repo.refs["main"]) / "model.safetensors").read_bytes() == long


def test_after_an_interrupted_pull_the_next_one_fetches_the_rest(hub, machine, files):
    hub.repo(NAME, files)
    hub.cuts["model.safetensors"] = [0] * 20
    machine.pull(NAME).refused(1, "broke off", NAME, "same command")
    assert "incomplete" in machine.run("models", "list").out
    hub.fetched.clear()
    hub.cuts.clear()
    assert machine.pull(NAME).code == 0
    assert dict(hub.fetched) == {"model.safetensors": 1}


def test_ctrl_c_ends_a_pull_in_one_line(hub, machine, files):
    hub.repo(NAME, files)
    hub.stalls["model.safetensors"] = threading.Event()
    child = machine.start("models", "pull", NAME)
    while not hub.fetched["model.safetensors"]:
        assert child.poll() is None
    child.send_signal(signal.SIGINT)
    hub.stalls.pop("model.safetensors").set()
    out, err = child.communicate(timeout=30)
    assert (child.returncode, out) == (130, "")
    assert err.startswith("Interrupted; ")
    assert err.count("\n") == 1
    assert machine.pull(NAME).code == 0


def test_what_was_pulled_is_used_without_the_network(hub, machine, files):
    hub.repo(NAME, files)
    machine.pull(NAME, HF_HUB_OFFLINE="1").refused(1, "HF_HUB_OFFLINE", NAME, "tabllm models pull")
    assert hub.asked == 0
    assert machine.pull(NAME).code == 0
    asked = hub.asked
    assert machine.pull(NAME, HF_HUB_OFFLINE="1").code == 0
    assert hub.asked == asked
    hub.close()
    done = machine.pull(NAME)
    assert done.code == 0
    assert "is taken from the cache" in done.err
    assert "cannot be reached" in " ".join(done.err.split())


def test_a_commit_is_pinned_and_then_not_asked_for(hub, machine, files):
    repo = hub.repo(NAME, {**files, "README.md": b"old"})
    old = repo.refs["main"]
    repo.push(files)
    done = machine.pull(NAME, "--revision", old)
    assert done.code == 0
    assert f"-m {NAME}@{old}" in done.err
    assert (machine.snapshot(old) / "README.md").read_text() == "old"
    asked = hub.asked
    assert machine.pull(f"{NAME}@{old}").code == 0
    assert hub.asked == asked


@pytest.mark.parametrize("name", [NAME, "gpt2"])
def test_no_network(hub, machine, name):
    hub.close()
    machine.pull(name).refused(1, hub.url, "cannot be reached", name, "copy the folder")


def test_no_such_model(machine):
    machine.pull("ours/nothing").refused(1, "ours/nothing", "private", "hf auth login")


def test_no_such_revision(hub, machine, files):
    hub.repo(NAME, files)
    machine.pull(NAME, "--revision", "v9").refused(1, NAME, "'v9'")


def test_a_gated_model(hub, machine, files):
    hub.repo(NAME, files).gated = True
    machine.pull(NAME).refused(1, "gated", f"{hub.url}/{NAME}", "hf auth login")


def test_a_hub_that_is_down(hub, machine, files):
    hub.repo(NAME, files).status = 500
    machine.pull(NAME).refused(1, hub.url, "500", "later")


def test_no_room(hub, machine, files):
    hub.repo(NAME, files).claims["model.safetensors"] = 10**16
    machine.pull(NAME).refused(1, "10,000,000.00 GB", "HF_HOME")
    assert not hub.fetched


@pytest.mark.parametrize(
    ("without", "named"),
    [
        ("model.safetensors", ["safetensors", "pytorch_model.bin"]),
        ("tokenizer.json", ["tokenizer"]),
        ("config.json", ["config.json"]),
    ],
)
def test_a_repository_that_lacks_something(hub, machine, files, without, named):
    kept = {name: data for name, data in files.items() if name != without}
    hub.repo(NAME, {**kept, "pytorch_model.bin": b"x"})
    machine.pull(NAME).refused(1, NAME, *named)
    assert not hub.fetched


def test_another_kind_of_model_is_refused_before_it_is_fetched(hub, machine, files):
    hub.repo(NAME, {**files, "config.json": b'{"model_type": "bert", "architectures": ["BertForMaskedLM"]}'})
    machine.pull(NAME).refused(1, NAME, "BertForMaskedLM", "causal")
    assert not hub.fetched


def test_the_hubs_own_conversion_stands_in_for_pickled_weights(hub, machine, files):
    pickled = {name: data for name, data in files.items() if name != "model.safetensors"}
    repo = hub.repo(NAME, {**pickled, "pytorch_model.bin": b"x"})
    made = repo.push(files, "refs/pr/7")
    request = {
        "title": "Adding `safetensors` variant of this model",
        "num": 7,
        "author": {"name": "stranger"},
        "createdAt": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "status": "open",
        "repo": {"name": NAME, "type": "model"},
        "isPullRequest": True,
    }
    repo.requests.append(request)
    machine.pull(NAME).refused(1, "safetensors")
    request["author"]["name"] = "SFconvertbot"
    assert machine.pull(NAME).code == 0
    assert (machine.snapshot(made) / "model.safetensors").exists()
    assert machine.pull(NAME, HF_HUB_OFFLINE="1").code == 0


def test_the_list_tells_what_is_pulled(hub, machine, files):
    import json

    hub.repo(NAME, files)
    hub.repo("distilbert/distilgpt2", {}).commits[CATALOG["distilgpt2"].revision] = files  # not where main is
    assert machine.pull(NAME).code == 0
    assert machine.pull("distilgpt2").code == 0
    done = machine.run("models", "list", "--json", "-")
    state = {row["name"]: row["state"] for row in json.loads(done.out)}
    assert state == dict.fromkeys(CATALOG, "not pulled") | {"distilgpt2": "pulled", NAME: "pulled"}
    told = machine.run("models", "info", "distilgpt2", "--json", "-")
    assert json.loads(told.out)["repo"] == "distilbert/distilgpt2"
    machine.run("models", "info", "gpt2").refused(1, "gpt2", "tabllm models pull gpt2")


def test_a_short_name_of_a_conversion_takes_its_commit_and_no_other(hub, machine, files):
    name, entry = "deepseek-coder-1.3b", CATALOG["deepseek-coder-1.3b"]
    pickled = {file: data for file, data in files.items() if file != "model.safetensors"}
    repo = hub.repo(entry.repo, {**pickled, "pytorch_model.bin": b"x"})
    machine.pull(name).refused(1, entry.ref, entry.revision, "models import")  # there is no conversion
    repo.push(files, entry.ref)
    machine.pull(name).refused(1, entry.ref, entry.revision, "models import")  # there is another one
    assert not hub.fetched
    commit = entry.revision + "0" * 33
    repo.commits[commit] = files
    repo.history[entry.ref].insert(0, commit)  # the ref has gone on since
    assert machine.pull(name).code == 0
    assert (machine.snapshot(commit, entry.repo) / "model.safetensors").exists()
    asked = hub.asked
    assert machine.pull(name).code == 0
    assert machine.pull(name, HF_HUB_OFFLINE="1").code == 0
    assert hub.asked == asked


def test_pickled_weights_are_pulled_and_written_as_safetensors(hub, machine, files, tmp_path):
    import io

    import torch
    from safetensors.torch import load

    buffer = io.BytesIO()
    torch.save(load(files["model.safetensors"]), buffer)
    pickled = {name: data for name, data in files.items() if name != "model.safetensors"}
    hub.repo(NAME, {**pickled, "pytorch_model.bin": buffer.getvalue()})
    machine.pull(NAME).refused(1, f"tabllm models import {NAME} -o FOLDER")
    done = machine.run("models", "import", NAME, "-o", "made")
    assert done.code == 0, done.err
    assert "tabllm fit DATA -m ./made" in done.err
    made = tmp_path / "made"
    assert load((made / "model.safetensors").read_bytes()).keys() == load(files["model.safetensors"]).keys()
    assert machine.run("models", "info", "./made").code == 0
    assert (made / "LICENSE").read_bytes() == files["LICENSE"]
