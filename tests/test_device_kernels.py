"""``scripts/predict_device.py``: kernels are counted in MLX's graph, which is built and never computed."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))

mx = pytest.importorskip("mlx.core")
pytest.importorskip("mlx_lm")
kernels = pytest.importorskip("device_bench.kernels")


def test_views_are_no_kernels_and_each_operation_is_one():
    a = mx.ones((4, 4))
    mx.eval(a)
    assert kernels.count(a.T.reshape(2, 8)) == 0
    assert kernels.count(mx.exp(a @ a.T), mx.softmax(a, axis=-1)) == 3


@pytest.mark.parametrize(
    ("model", "precision", "tuning"), [("gpt2", "fp32", "full"), ("deepseek-coder-1.3b", "4bit", "lora")]
)
def test_every_block_launches_as_many_kernels_as_the_one_before(model, precision, tuning):
    updates = [kernels._update(model, precision, tuning, blocks) for blocks in (1, 2, 3)]
    calls = [kernels._call(model, precision, blocks) for blocks in (1, 2, 3)]
    assert kernels.kernels_of_update(model, precision, tuning, 3) == updates[2]
    assert kernels.kernels_of_call(model, precision, 3) == calls[2]
    for one, two, three in (updates, calls):
        assert three - two == two - one > 10
    assert updates[0] > 3 * calls[0], "forward, backward and the optimizer"


def test_a_call_of_gpt2_is_counted_by_hand():
    # Two norms, four products with biases, keys and values put in place, attention, an activation, two sums.
    block = 2 + 4 + 2 + 1 + 1 + 2
    found = kernels._call("gpt2", "fp32", 2) - kernels._call("gpt2", "fp32", 1)
    assert block <= found <= block + 6
