"""The diffusion of TabDDPM against what it must be in cases that can be worked out."""

from __future__ import annotations

import pytest
import torch

from tabular.neural.encoding.spans import Spans
from tabular.neural.networks.denoiser import Denoiser

SIZES = [3, 2]
CPU = torch.device("cpu")


@pytest.fixture
def network() -> Denoiser:
    torch.manual_seed(0)
    return Denoiser(2, Spans(SIZES, CPU), (), widths=(16, 8), dropout=0.0, times=20, taken=20)


def posterior_by_enumeration(network, likely, at, now, then):
    """Sum over x_0 of p(x_0) q(x_then | x_now, x_0) for one span of K classes, by Bayes' rule."""
    kept_now, kept_then = network.kept[now].double(), network.kept[then].double()
    k = len(likely)

    def transition(kept):
        return kept * torch.eye(k, dtype=torch.float64) + (1 - kept) / k

    to_then, onward, to_now = transition(kept_then), transition(kept_now / kept_then), transition(kept_now)
    joint = to_then * onward[:, at][None, :] / to_now[:, at][:, None]  # [x_0, x_then]
    return likely @ joint


@pytest.mark.parametrize(("now", "then"), [(20, 19), (10, 3), (2, 1)])
def test_the_posterior_of_classes_is_that_of_bayes(network, now, then):
    logits = torch.randn(1, 5)
    codes = torch.tensor([[2, 0]])
    found = network._posterior(logits, codes, now, then)
    for part, raw, at in zip(found.split(SIZES, 1), logits.split(SIZES, 1), codes[0].tolist(), strict=True):
        expected = posterior_by_enumeration(network, raw[0].double().softmax(0), at, now, then)
        torch.testing.assert_close(part[0].double() / part.sum(), expected, rtol=1e-4, atol=1e-6)


def test_noise_has_the_stated_share_of_the_signal(network):
    scalars, codes = torch.full((40_000, 2), 2.0), torch.tensor([[1, 1]]).expand(40_000, -1)
    generator = torch.Generator().manual_seed(0)
    for moment in (1, 8, 20):
        at, noise, changed = network.noisy(scalars, codes, torch.full((40_000,), moment), generator)
        kept = float(network.kept[moment])
        torch.testing.assert_close(at, kept**0.5 * scalars + (1 - kept) ** 0.5 * noise)
        for place, size in enumerate(SIZES):
            same = (changed[:, place] == 1).float().mean().item()
            assert same == pytest.approx(kept + (1 - kept) / size, abs=0.01)
    assert network.kept[0] == 1
    assert network.kept[20] < 1e-3


def test_a_denoiser_that_knows_the_noise_gives_back_the_clean_numbers(network):
    clean = torch.randn(5000, 2, generator=torch.Generator().manual_seed(1)).clamp(-4, 4)
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(5000, 2, generator=generator)
    for now in range(20, 0, -1):
        kept = network.kept[now]
        x = network._denoised(x, (x - kept.sqrt() * clean) / (1 - kept).sqrt(), now, now - 1, generator)
    torch.testing.assert_close(x, clean, rtol=1e-3, atol=1e-3)


def test_a_guided_span_is_never_noised():
    spans = Spans(SIZES, CPU)
    network = Denoiser(1, spans, (0,), widths=(8,), dropout=0.1, times=5, taken=3)
    network.shares.copy_(torch.tensor([0.0, 0.0, 1.0, 0.5, 0.5]))
    codes = torch.tensor([[2, 0]]).expand(500, -1)
    generator = torch.Generator().manual_seed(0)
    _, _, changed = network.noisy(torch.zeros(500, 1), codes, torch.full((500,), 5), generator)
    assert (changed[:, 0] == 2).all()
    assert 0.4 < (changed[:, 1] == 1).float().mean() < 0.6
    with torch.no_grad():
        logits, _ = network.propose(100, generator, None)
    assert (spans.draw(logits, generator)[:, 0] == 2).all()
