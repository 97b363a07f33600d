"""Runs to a hub and back, by the real client against a hub on this machine."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml

from tabllm.hub.names import repository
from tabllm.sharing.errors import HubError
from tabllm.sharing.files import CHECKSUMS
from tabllm.sharing.pulling import pull_run
from tabllm.sharing.pushing import push_run
from tabular.errors import OutputError, UsageError
from tabular.registry import create, load_run

HERE = Path(__file__).parents[1]
NAME = "ada/visits"


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A run of nano, with a column of names and words that no card may show."""
    folder = tmp_path_factory.mktemp("runs") / "visits-run"
    table = pd.DataFrame({"city|town": ["Ulm", "Rome", "Oslo"] * 20, "age": range(20, 80), "paid": [1.5, 2.5] * 30})
    create("nano", steps=2, layers=1, width=16).fit(table).save(folder)
    config = json.loads((folder / "config.json").read_text())
    config["source"] = {"file": "../../home/ada/visits.csv"}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / ".visits.lock").touch()
    (folder / "fingerprint.json").write_text("{}")
    return folder


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A hub whose client is this process', with a cache of its own and a token that may write."""
    monkeypatch.syspath_prepend(str(HERE))
    from hub_server import Hub
    from huggingface_hub import constants

    hub = Hub()
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.url + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr("huggingface_hub.hf_api.api.endpoint", hub.url)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("HF_TOKEN", "hf_writer")
    monkeypatch.chdir(tmp_path)
    yield hub
    hub.close()


def files(hub, ref="main") -> dict[str, bytes]:
    repo = hub.repos[NAME]
    return repo.commits[repo.refs[ref]]


def test_a_run_goes_there_and_back(hub, run, run_tabllm):
    done = run_tabllm("push", run, NAME)
    assert done.code == 0, done.err
    assert "everybody can see it" in done.err
    assert "fingerprint.json" not in files(hub)
    assert not any(name.startswith(".visits") for name in files(hub))
    assert "visits.safetensors" not in hub.stored
    done = run_tabllm("pull", NAME)
    assert done.code == 0, done.err
    assert "nano, fitted to 60 rows of 3 columns" in done.err
    here = Path("visits")
    assert {path.name for path in here.iterdir()} == {path.name for path in run.iterdir()} - {
        ".visits.lock",
        "fingerprint.json",
    }
    pd.testing.assert_frame_equal(load_run(here).sample(20, seed=1), load_run(run).sample(20, seed=1))
    assert run_tabllm("pull", NAME).code == 2, "what stands there is not replaced"


def test_the_card_says_what_a_run_is_and_no_value_of_it(hub, run):
    push_run(run, repository(NAME))
    card = files(hub)["README.md"].decode()
    _, front, body = card.split("---\n", 2)
    facts = yaml.safe_load(front)
    assert facts["library_name"] == "tabllm"
    assert facts["license"] == "unknown"
    assert {"tabular", "synthetic-data", "nano"} <= set(facts["tags"])
    for text in (
        "60 rows",
        r"city\|town",
        "categorical",
        "steps: 2",
        "not differentially private",
        f"tabllm pull {NAME}",
        "tabllm sample",
    ):
        assert text in body
    for value in ("Ulm", "Rome", "Oslo", "2.5"):
        assert value not in card


def test_the_card_has_the_figures_of_the_report_of_this_very_run(hub, run, tmp_path):
    from eval.comparison import compare
    from tabllm.studies.workspace import fingerprint

    made = shutil.copytree(run, tmp_path / "made" / "run")
    rows = pd.DataFrame({"age": range(20, 80), "paid": [1.5, 2.5] * 30})
    facts = compare(rows, rows[::-1], seed=0).to_dict()
    (made / "fingerprint.json").write_text('{"fingerprint": "fit"}')
    for wanted, told in ((fingerprint(["another fit", 60]), False), (fingerprint(["fit", 60]), True)):
        (tmp_path / "made" / "report.json").write_text(json.dumps({"fingerprint": wanted, **facts}))
        push_run(made, repository(NAME))
        assert ("| Columns |" in files(hub)["README.md"].decode()) is told


def test_nothing_of_this_machine_goes_there(hub, run):
    push_run(run, repository(NAME))
    assert json.loads(files(hub)["config.json"])["source"] == {"file": "visits.csv"}
    assert not any(b"/home/ada" in content for content in files(hub).values())


def test_a_later_run_replaces_the_earlier_one_in_one_commit(hub, run, tmp_path):
    push_run(run, repository(NAME))
    other = shutil.copytree(run, tmp_path / "other")
    (other / "margins.json").unlink()
    before = len(hub.repos[NAME].commits)
    push_run(other, repository(NAME))
    assert "margins.json" not in files(hub)
    assert ".gitattributes" in files(hub)
    assert len(hub.repos[NAME].commits) == before + 1


def test_a_branch_is_pushed_to_and_pulled_from(hub, run, tmp_path):
    push_run(run, repository(NAME, "v2"))
    assert CHECKSUMS in files(hub, "v2")
    assert CHECKSUMS not in files(hub)
    assert pull_run(repository(f"{NAME}@v2"), tmp_path / "v2").facts["model"] == "nano"
    with pytest.raises(HubError, match="no revision 'v9'"):
        pull_run(repository(NAME, "v9"), tmp_path / "v9")


def test_a_private_run_is_private_or_not_pushed(hub, run):
    assert push_run(run, repository(NAME), private=True).private
    hub.repos[NAME].private = False
    with pytest.raises(HubError, match="everybody can see it"):
        push_run(run, repository(NAME), private=True)


def test_what_is_no_run_is_not_overwritten(hub, run):
    hub.repo(NAME, {"README.md": b"", "thesis.pdf": b"x"})
    with pytest.raises(HubError, match=r"no run \(thesis.pdf\)"):
        push_run(run, repository(NAME))


def test_a_file_that_belongs_to_no_run_is_not_pushed(hub, run, tmp_path):
    other = shutil.copytree(run, tmp_path / "other")
    (other / "rows.parquet").touch()
    with pytest.raises(HubError, match=r"rows\.parquet"):
        push_run(other, repository(NAME))
    assert not hub.repos


def test_a_token_is_needed_to_push(hub, run, run_tabllm, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_reader")
    refused = run_tabllm("push", run, NAME)
    assert refused.code == 1
    assert "status 403" in refused.err
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    refused = run_tabllm("push", run, NAME)
    assert refused.code == 1
    assert "hf auth login" in refused.message


def test_the_network_is_needed(hub, run, run_tabllm, monkeypatch):
    push_run(run, repository(NAME))
    pull_run(repository(NAME), "first")
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE" in run_tabllm("push", run, NAME).message
    assert run_tabllm("pull", NAME, "again").code == 0, "the cache has it"
    assert "cannot be reached" in run_tabllm("pull", "ada/other").message
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.hf_api.api.endpoint", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    refused = run_tabllm("push", run, NAME)
    assert refused.code == 1
    assert "cannot be reached" in refused.err


def test_what_cannot_be_pulled_is_said(hub, run, run_tabllm):
    assert run_tabllm("pull", "visits").code == 2
    assert "There is no repository ada/none" in run_tabllm("pull", "ada/none").message
    hub.repo("ada/down", {}).status = 500
    assert "status 500" in run_tabllm("pull", "ada/down").message
    hub.repo("ada/model", {"config.json": b"{}"})
    assert "holds no run" in run_tabllm("pull", "ada/model").message
    with pytest.raises(UsageError):
        repository("a b/c")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda files: files | {"model.pkl": b"x"}, "a pickle can run code"),
        (lambda files: files | {"model/pytorch_model.bin": b"x"}, "a pickle can run code"),
        (lambda files: files | {"deep/er/config.json": b"{}"}, "belongs to no run"),
        (lambda files: files | {"setup.py": b"x"}, r"setup\.py"),
        (lambda files: files | {"more.json": b"{}"}, "one too many"),
        (lambda files: {name: data for name, data in files.items() if name != "codec.json"}, "missing"),
        (lambda files: files | {"codec.json": b"{}"}, r"codec\.json of ada/visits does not have its checksum"),
        (lambda files: files | {CHECKSUMS: b"[]"}, "cannot be read"),
    ],
)
def test_a_repository_that_is_not_as_it_was_pushed_is_refused(hub, run, tmp_path, change, said):
    push_run(run, repository(NAME))
    hub.repos[NAME].push(change(files(hub)))
    with pytest.raises(HubError, match=said):
        pull_run(repository(NAME), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_pulled_run_that_is_damaged_is_refused_under_its_name(hub, run, tmp_path):
    import hashlib

    push_run(run, repository(NAME))
    content = dict(files(hub))
    content["schema.json"] = b"[]"
    sums = json.loads(content[CHECKSUMS])
    sums["files"]["schema.json"] = hashlib.sha256(b"[]").hexdigest()
    hub.repos[NAME].push(content | {CHECKSUMS: json.dumps(sums).encode()})
    with pytest.raises(HubError, match=r"ada/visits has no usable schema\.json"):
        pull_run(repository(NAME), tmp_path / "out")


def test_a_folder_that_is_no_run_is_not_replaced(hub, run, tmp_path):
    push_run(run, repository(NAME))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "letter.txt").touch()
    with pytest.raises(OutputError, match="not replaced"):
        pull_run(repository(NAME), tmp_path / "out")


def test_a_language_models_run_goes_there_and_back(hub, tmp_path, monkeypatch):
    from lm_models import folder_of

    table = pd.DataFrame({"device": ["ios", "web", "tv"] * 20, "age": range(20, 80)})
    options = {"base": str(folder_of("gpt2")), "engine": "torch", "steps": 1, "batch_size": 8}
    create("lm", **options).fit(table).save(tmp_path / "run")
    push_run(tmp_path / "run", repository(NAME))
    assert "model/model.safetensors" in files(hub)
    pulled = pull_run(repository(NAME), tmp_path / "back")
    assert pulled.facts["tuning"] == "full"
    rows = [load_run(tmp_path / name, device="cpu", engine="torch").sample(9, seed=1) for name in ("run", "back")]
    pd.testing.assert_frame_equal(*rows)
    hub.repos[NAME].push(files(hub) | {"model/config.json": b'{"auto_map": {"AutoConfig": "evil.Evil"}}'})
    with pytest.raises(HubError):
        pull_run(repository(NAME), tmp_path / "evil")
