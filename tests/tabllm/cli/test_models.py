"""``tabllm models`` says what there is, and refuses in one line; pulling is tested in ``test_hub_server.py``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tabllm.hub.catalog import CATALOG

HERE = Path(__file__).parents[1]


@pytest.fixture
def tiny(tmp_path, monkeypatch) -> Path:
    """``tiny``, a model in the working directory; the hub's cache is empty."""
    from huggingface_hub import constants

    monkeypatch.syspath_prepend(str(HERE))
    from tiny_models import make_model

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    make_model(tmp_path / "tiny")
    return Path("tiny")


def refused(outcome, code: int, *named: str) -> None:
    assert outcome.code == code, outcome.err
    assert outcome.message.startswith("Error: ")
    for text in named:
        assert text in outcome.message


def test_the_group_says_what_it_can_do(run_tabllm):
    for arguments in (("models",), ("models", "--help")):
        shown = run_tabllm(*arguments)
        assert shown.code == 0
        for command in ("list", "pull", "info", "quantize"):
            assert f"\n  {command} " in shown.out
    assert "Models:\n  models " in run_tabllm("--help").out


def test_the_list_without_a_cache(tiny, run_tabllm):
    shown = run_tabllm("models", "list")
    assert shown.code == 0
    for name in ("gpt2", "distilgpt2", "deepseek-coder-1.3b"):
        assert f"\n{name} " in shown.out
    assert "1.35 B" in shown.out
    assert shown.out.count("not pulled") == len(CATALOG)
    assert "not pinned" not in shown.out
    assert {"607a30d", "5c35001"} <= set(shown.out.split())
    rows = json.loads(run_tabllm("models", "list", "--json", "-").out)
    assert [row["repo"] for row in rows][:1] == ["openai-community/gpt2"]
    assert rows[0]["parameters"] == 124_439_808


def test_what_is_in_the_cache_is_listed_and_other_kinds_are_not(tiny, run_tabllm, tmp_path):
    from tiny_models import make_model

    for repo, config in {
        "openai-community--gpt2": {},
        "ours--other": {},
        "ours--bert": {"architectures": ["BertModel"]},
    }.items():
        snapshots = tmp_path / "hub" / f"models--{repo}" / "snapshots"
        snapshots.mkdir(parents=True)
        make_model(snapshots / ("0" * 40), **config)
    (tmp_path / "hub" / "models--ours--other" / "snapshots" / ("0" * 40) / "model.safetensors").unlink()
    rows = json.loads(run_tabllm("models", "list", "--json", "-").out)
    states = {row["name"]: row["state"] for row in rows}
    assert states.pop("gpt2") == "pulled"
    assert states == {name: "not pulled" for name in CATALOG if name != "gpt2"} | {"ours/other": "incomplete"}
    assert "incomplete" in run_tabllm("models", "list").out


def test_info_draws_facts_and_memory(tiny, run_tabllm):
    shown = run_tabllm("models", "info", tiny)
    assert shown.code == 0
    for text in ("gpt2", "128 tokens", "the embedding", "fp32", "bf16", "8bit", "4bit"):
        assert text in shown.out
    facts = json.loads(run_tabllm("models", "info", tiny, "--json", "-").out)
    assert facts["parameters"] == 127_488
    assert facts["memory"]["fp32"] == 4 * 127_488
    assert facts["path"] == str(tiny.absolute())


def test_a_folder_needs_no_pull(tiny, run_tabllm):
    done = run_tabllm("models", "pull", tiny)
    assert done.code == 0
    assert "nothing to pull" in done.err
    assert "tabllm fit DATA -m tiny" in done.err
    assert run_tabllm("--quiet", "models", "pull", tiny).err == ""


def test_quantize_and_what_to_type_next(tiny, run_tabllm):
    pytest.importorskip("mlx_lm")
    done = run_tabllm("models", "quantize", tiny, "--bits", 4, "-o", "small", "--group-size", 32)
    assert (done.code, done.out) == (0, "")
    assert "4 bits a weight" in done.err
    assert "tabllm fit DATA -m ./small" in done.err
    facts = json.loads(run_tabllm("models", "info", "small", "--json", "-").out)
    assert (facts["bits"], facts["group_size"]) == (4, 32)
    assert "4 bits in groups of 32" in run_tabllm("models", "info", "small").out
    refused(run_tabllm("models", "quantize", tiny, "--bits", 8, "-o", "small"), 2, "small exists already", "--force")
    assert run_tabllm("models", "quantize", tiny, "--bits", 8, "-o", "small", "--force").code == 0


@pytest.mark.parametrize(
    ("code", "arguments", "named"),
    [
        (2, ("pull", "gpt3"), ["'gpt3'", "'gpt2'"]),
        (2, ("pull",), ["NAME"]),
        (2, ("pull", "tiny", "--revision", "main"), ["tiny", "no revisions"]),
        (2, ("pull", "gpt2@a", "--revision", "b"), ["contradict"]),
        (1, ("pull", "gpt2"), ["HF_HUB_OFFLINE", "gpt2"]),
        (1, ("info", "org/name"), ["org/name", "tabllm models pull org/name"]),
        (2, ("info", "./nope"), ["./nope"]),
        (1, ("info", "."), ["config.json"]),
        (2, ("quantize", "tiny", "--bits", "3", "-o", "small"), ["--bits", "'3'"]),
        (2, ("quantize", "tiny", "--bits", "4"), ["--out"]),
        (2, ("quantize", "tiny", "--bits", "4", "-o", "small", "--group-size", "128"), ["128", "--group-size 64"]),
        (2, ("lst",), ["'lst'", "'list'"]),
    ],
)
def test_what_is_refused(tiny, run_tabllm, code, arguments, named):
    if arguments[0] == "quantize":
        pytest.importorskip("mlx_lm")
    refused(run_tabllm("models", *arguments), code, *named)


@pytest.mark.parametrize(
    "arguments", [["--help"], ["models"], ["models", "pull", "--help"], ["models", "pull", "gpt3"]]
)
def test_help_does_not_wait_for_the_hubs_client(arguments):
    program = (
        "import atexit, sys; atexit.register(lambda: print('LOADED', *sys.modules))\n"
        f"from tabllm.cli.main import main; main({arguments!r})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=HERE.parents[1])
    loaded = set(done.stdout.rpartition("LOADED")[2].split())
    assert "tabllm.cli.main" in loaded
    assert not loaded & {"huggingface_hub", "mlx", "mlx_lm", "torch", "transformers", "tqdm"}
