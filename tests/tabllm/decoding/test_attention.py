"""Attention over all rows at once gives what torch's own kernel gives, and is taken for short rows alone."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

from tabllm.decoding import attention
from tabllm.decoding.attention import batched_attention


@pytest.fixture
def qkv() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(3, 2, 7, 4, generator=generator, requires_grad=True) for _ in range(3)]


def test_output_and_gradients_are_those_of_the_kernel_for_processors(qkv):
    found = []
    for way in (batched_attention(qkv[0]), sdpa_kernel(SDPBackend.FLASH_ATTENTION)):
        with way:
            out = scaled_dot_product_attention(*qkv, is_causal=True)
        found.append((out, *torch.autograd.grad(out.square().sum(), qkv)))
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_it_is_taken_for_more_than_one_query_and_not_for_long_rows(monkeypatch, qkv):
    monkeypatch.setattr(attention, "MOST_QUERIES", 7)
    assert not isinstance(batched_attention(qkv[0]), nullcontext)
    assert isinstance(batched_attention(qkv[0][:, :, :1]), nullcontext)
    assert isinstance(batched_attention(torch.cat([qkv[0], qkv[0]], dim=2)), nullcontext)
    assert isinstance(batched_attention(qkv[0].to("meta")), nullcontext)


@pytest.mark.parametrize(
    ("device", "release", "wrong"),
    [
        ("mps", "2.8.0", True),
        ("mps", "2.11.1", True),
        ("mps", "2.12.0", False),
        ("mps", "2.7.1", False),
        ("cpu", "2.9.0", False),
        ("cuda", "2.9.0+cu128", False),
    ],
)
def test_the_releases_whose_attention_on_mps_mixes_up_strides_are_known(device, release, wrong):
    assert attention._mixes_up_strides(device, release) is wrong


@pytest.mark.parametrize("wrong", [False, True])
def test_permuted_arrays_are_laid_out_where_they_would_be_mixed_up(monkeypatch, qkv, wrong):
    monkeypatch.setattr(attention, "_mixes_up_strides", lambda device, release: wrong)
    permuted = [array.permute(2, 1, 0, 3) for array in qkv]
    assert all(array.is_contiguous() for array in attention.laid_out(*permuted)) is wrong
    torch.testing.assert_close(attention.attend(*permuted), scaled_dot_product_attention(*permuted, is_causal=True))
