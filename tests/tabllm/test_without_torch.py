"""What MLX computes needs no PyTorch, and what needs PyTorch says so."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

with pytest.MonkeyPatch.context() as _patch:
    _patch.syspath_prepend(str(Path(__file__).parent))
    from lm_models import folder_of as model_folder

ROOT = Path(__file__).resolve().parents[2]

#: A Python in which torch is not installed.
BLOCK = """
import importlib.util, sys
class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")
sys.meta_path.insert(0, NoTorch())
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name == "torch" else found(name, package)
"""


def python(program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", BLOCK + program], capture_output=True, text=True, cwd=folder)


def test_nano_is_fitted_kept_and_sampled_by_mlx_alone(tmp_path):
    pytest.importorskip("mlx", reason="MLX is not installed here")
    done = python(
        """
import pandas as pd
from tabllm import TableLM
from tabular import load_run
table = pd.DataFrame({"device": ["ios", "web"] * 20, "clicked": [0, 1] * 20})
TableLM(steps=1, layers=1, width=16, heads=2).fit(table).save("run")
print(len(load_run("run").sample(3)), load_run("run").engine_)
""",
        tmp_path,
    )
    assert done.stdout.strip() == "3 mlx", done.stderr


def test_a_language_model_is_fitted_kept_and_sampled_by_mlx_alone(tmp_path):
    pytest.importorskip("mlx_lm", reason="mlx-lm is not installed here")
    done = python(
        f"""
import pandas as pd
from tabllm.lm.pretrained import PretrainedLM
from tabular import load_run
table = pd.DataFrame({{"device": ["ios", "web"] * 20, "clicked": [0, 1] * 20}})
PretrainedLM(base={str(model_folder("llama"))!r}, steps=1, batch_size=4).fit(table).save("run")
print(len(load_run("run").sample(3)), load_run("run").engine_)
""",
        tmp_path,
    )
    assert done.stdout.strip() == "3 mlx", done.stderr


@pytest.mark.parametrize("model", ["tvae", "ctgan", "tabddpm", "tabcascade"])
def test_a_generator_of_torch_says_what_to_install(tmp_path, model):
    done = python(f"from tabular import create\ncreate({model!r})", tmp_path)
    assert done.stderr.endswith(f"EngineError: The model {model!r} needs PyTorch: pip install torch.\n")


def test_info_loads_no_model(tmp_path, run_tabllm):
    pytest.importorskip("mlx", reason="MLX is not installed here")
    table = tmp_path / "t.csv"
    table.write_text("a,b\n" + "".join(f"{i % 5},{i % 3}\n" for i in range(40)))
    run = tmp_path / "run"
    assert run_tabllm("fit", table, "--steps", 1, "-o", run).code == 0
    whole = run_tabllm("info", run).out
    watch = "import atexit; atexit.register(lambda: print('LOADED', *sys.modules))"
    done = python(f"{watch}\nfrom tabllm.cli.main import main; main(['info', {str(run)!r}])", ROOT)
    assert done.returncode == 0, done.stderr
    shown, _, loaded = done.stdout.rpartition("LOADED")
    assert not set(loaded.split()) & {"torch", "mlx", "sklearn", "scipy"}
    assert shown.split()[:2] == whole.split()[:2]
