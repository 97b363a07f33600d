"""Products on a processor: as wide as it goes, as exact as float32, and nothing left behind."""

from __future__ import annotations

import pytest
import torch

from tabular.machine import devices
from tabular.machine.devices import full_width_products

products = torch.backends.mkldnn.matmul
ZEN5 = {"cpu_name": "AMD EPYC", "avx512_bw": True, "amx_tile": False}


@pytest.fixture
def processor(monkeypatch):
    def be(*, exact=True, **facts):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: facts)
        monkeypatch.setattr(devices, "_stays_exact", lambda products: exact)

    return be


def test_oneDNN_is_asked_on_an_AMD_processor_with_AVX_512_and_only_within(processor):
    processor(**ZEN5)
    before = products.fp32_precision

    with full_width_products():
        inside = products.fp32_precision
        with full_width_products():
            assert products.fp32_precision == inside
        assert products.fp32_precision == inside

    assert (before, inside, products.fp32_precision) == ("none", "bf16", "none")


def test_an_error_puts_it_back(processor):
    processor(**ZEN5)

    @full_width_products()
    def failing():
        assert products.fp32_precision == "bf16"
        raise ValueError("here")

    for _ in range(2):
        with pytest.raises(ValueError, match="here"):
            failing()
        assert products.fp32_precision == "none"


@pytest.mark.parametrize(
    "facts",
    [
        {"cpu_name": "Intel(R) Xeon(R) Platinum", "avx512_bw": True, "amx_tile": False},
        {**ZEN5, "avx512_bw": False},
        {**ZEN5, "amx_tile": True},
        {"cpu_name": "Apple M2 Pro"},
        {},
    ],
    ids=["Intel", "AVX2", "AMX", "Apple", "unknown"],
)
def test_nothing_is_done_on_other_processors(processor, facts):
    processor(**facts)
    with full_width_products():
        assert products.fp32_precision == "none"


def test_a_processor_that_rounds_against_expectation_is_left_alone(processor):
    processor(**ZEN5, exact=False)
    with full_width_products():
        assert products.fp32_precision == "none"


def test_what_the_caller_has_set_stays(processor):
    processor(**ZEN5)
    products.fp32_precision = "ieee"
    try:
        with full_width_products():
            assert products.fp32_precision == "ieee"
        assert products.fp32_precision == "ieee"
    finally:
        products.fp32_precision = "none"


@pytest.mark.parametrize("transposed", [False, True])
def test_products_stay_as_exact_as_float32_whatever_the_processor_says_of_itself(transposed, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: ZEN5)
    generator = torch.Generator().manual_seed(0)
    left, right = (torch.randn(size, generator=generator) for size in [(500, 190), (190, 128)])
    if transposed:
        left = left.T.contiguous().T
    exact = left.double() @ right.double()

    with full_width_products():
        found = left @ right

    # 190 products of about 1 added up in float32; in bfloat16 the error is 0.2.
    assert float((found - exact).abs().max()) < 3e-4
    assert float((left.bfloat16() @ right.bfloat16() - exact).abs().max()) > 0.05
