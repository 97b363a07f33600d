"""Operations on all spans at once, against the same done span by span."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tabular.neural.encoding import spans as spans_module
from tabular.neural.encoding.calibration import matching_bias
from tabular.neural.encoding.spans import Spans
from tabular.neural.layers.first_layer import FirstLayer
from tabular.neural.layers.gates import Gates
from tabular.neural.layers.latent import Posterior

SIZES = [3, 1, 70, 2, 17, 4]
CPU = torch.device("cpu")


@pytest.fixture(params=["in a matrix", "too many for one"])
def spans(request, monkeypatch) -> Spans:
    if request.param == "too many for one":
        monkeypatch.setattr(spans_module, "MOST_IN_MATRIX", 0)
    return Spans(SIZES, CPU)


def split(values: torch.Tensor) -> tuple[torch.Tensor, ...]:
    return values.split(SIZES, dim=1)


def test_softmax_and_best_are_those_of_each_span(spans):
    logits = torch.randn(50, spans.width) * 5
    expected = torch.cat([part.log_softmax(1) for part in split(logits)], dim=1)
    torch.testing.assert_close(spans.log_softmax(logits), expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(spans.best(logits), torch.stack([part.argmax(1) for part in split(logits)], dim=1))


def test_a_span_far_below_the_others_does_not_underflow(spans):
    logits = torch.cat([torch.full((2, size), 1e4 * (-1) ** place) for place, size in enumerate(SIZES)], dim=1)
    found = spans.softmax(logits)
    for part, size in zip(split(found), SIZES, strict=True):
        torch.testing.assert_close(part, torch.full((2, size), 1 / size))
    assert spans.log_likelihood(logits, spans.best(logits)).isfinite()


def test_likelihood_and_its_gradient_are_those_of_cross_entropy(spans):
    logits = torch.randn(20, spans.width, requires_grad=True)
    codes = torch.stack([torch.randint(size, (20,)) for size in SIZES], dim=1)
    pairs = zip(split(logits), codes.T, strict=True)
    expected = -sum(torch.nn.functional.cross_entropy(part, code, reduction="sum") for part, code in pairs)
    found = spans.log_likelihood(logits, codes)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-4)
    for value in (found, expected):
        value.backward()
    twice, logits.grad = logits.grad, None
    expected_once = torch.autograd.grad(spans.log_softmax(logits).gather(1, codes + spans.offsets).sum(), logits)[0]
    torch.testing.assert_close(twice, 2 * expected_once, rtol=1e-4, atol=1e-5)


def random_codes(rows: int) -> torch.Tensor:
    return torch.stack([torch.randint(size, (rows,)) for size in SIZES], dim=1)


def test_the_first_layer_is_a_linear_layer_on_one_hot_classes(spans):
    layer, scalars, codes = FirstLayer(2, spans, 5), torch.randn(9, 2), random_codes(9)
    found = layer(scalars, codes)
    rows = torch.cat([scalars, spans.one_hot(codes)], dim=1)
    expected = rows @ torch.cat([layer.scalars, layer.classes]) + layer.bias
    torch.testing.assert_close(found, expected)
    weights = [layer.scalars, layer.classes, layer.bias]
    for ours, theirs in zip(*(torch.autograd.grad(y.square().sum(), weights) for y in (found, expected)), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_gates_say_the_same_of_codes_as_of_one_hot_classes(spans):
    gates = Gates(np.array([[0, 2], [-1, 0], [4, 16]]), spans)
    codes = random_codes(200)
    found = gates.of_codes(codes)
    torch.testing.assert_close(found, gates(spans.one_hot(codes)))
    assert found[:, 1].all()
    assert 0 < found[:, 0].mean() < 1
    one_hot = spans.one_hot(codes).requires_grad_()
    given, of_gates = torch.randn(200, spans.width), torch.randn(200, 3)
    expected = given + torch.autograd.grad((gates(one_hot) * of_gates).sum(), one_hot)[0]
    torch.testing.assert_close(gates.add_gradient(given, of_gates), expected)


def test_a_bias_makes_the_mean_probability_of_each_class_its_share(spans):
    probabilities = spans.softmax(torch.randn(300, spans.width))
    shares = spans.softmax(torch.randn(1, spans.width))[0]
    bias = matching_bias(spans, shares, probabilities)
    balanced = spans.softmax(probabilities.log() + bias)
    torch.testing.assert_close(balanced.mean(dim=0), shares, rtol=1e-3, atol=1e-4)


def test_draw_and_divergence_of_the_autoencoder_are_those_of_differentiating():
    code = torch.randn(7, 6, requires_grad=True)
    draw, divergence = Posterior.apply(code, torch.Generator().manual_seed(2))
    mean, log_variance = code.chunk(2, dim=1)
    noise = torch.randn(7, 3, generator=torch.Generator().manual_seed(2))
    normal = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    expected = torch.distributions.kl_divergence(normal, torch.distributions.Normal(0.0, 1.0)).sum()
    torch.testing.assert_close(draw, mean + noise * normal.scale)
    torch.testing.assert_close(divergence, expected)
    ours = torch.autograd.grad((draw * noise.exp()).sum() + 3 * divergence, code)[0]
    theirs = torch.autograd.grad(((mean + noise * normal.scale) * noise.exp()).sum() + 3 * expected, code)[0]
    torch.testing.assert_close(ours, theirs)


def test_draws_follow_the_probabilities_and_the_seed(spans):
    logits = torch.randn(1, spans.width).expand(20_000, -1)
    codes = spans.draw(logits, torch.Generator().manual_seed(1))
    shares = spans.one_hot(codes).mean(dim=0)
    assert (shares - spans.softmax(logits[:1])[0]).abs().max() < 0.015
    assert torch.equal(codes, spans.draw(logits, torch.Generator().manual_seed(1)))
    assert not torch.equal(codes, spans.draw(logits, torch.Generator().manual_seed(2)))
    torch.testing.assert_close(spans.one_hot_counts(codes), spans.one_hot(codes).sum(dim=0))


def test_draws_by_weights_follow_their_shares_and_never_take_a_class_of_none(spans):
    weights = torch.rand(1, spans.width) * torch.tensor([10.0 ** (place - 3) for place in spans.span_of.tolist()])
    weights[0, [0, 5, 73, 80, 96]] = 0.0
    codes = spans.draw_by(weights.expand(40_000, -1), torch.Generator().manual_seed(1))
    shares = spans.one_hot(codes).mean(dim=0)
    expected = torch.cat([part[0] / part.sum() for part in split(weights)])
    torch.testing.assert_close(shares, expected, atol=0.012, rtol=0)
    assert (shares[weights[0] == 0] == 0).all()


def test_no_spans_at_all():
    spans = Spans([], CPU)
    empty = torch.empty(4, 0)
    assert spans.draw(empty, torch.Generator()).shape == spans.draw_by(empty, torch.Generator()).shape == (4, 0)
    assert spans.log_softmax(empty).shape == (4, 0)
    assert spans.log_likelihood(empty, empty.long()) == 0


def test_the_likelihood_of_one_span_s_class_and_its_gradient_are_those_of_cross_entropy(spans):
    logits = torch.randn(40, spans.width, requires_grad=True)
    classes = torch.randint(spans.width, (40,))
    expected = -spans.log_softmax(logits).gather(1, classes[:, None]).mean()
    before = torch.randn(40, spans.width)
    gradient = before.clone()
    found = spans.add_condition_loss(spans.weights(logits.detach()), classes, gradient)
    torch.testing.assert_close(found, expected.detach())
    torch.testing.assert_close(gradient - before, torch.autograd.grad(expected, logits)[0], rtol=1e-4, atol=1e-6)


def test_the_gumbel_softmax_and_its_gradient_are_those_of_the_paper(spans):
    logits = (torch.randn(40, spans.width) * 3).requires_grad_()
    found = spans.gumbel_softmax(spans.weights(logits.detach()), torch.Generator().manual_seed(5))
    draws = spans.gumbel(40, torch.Generator().manual_seed(5))
    expected = spans.softmax((logits + draws) / 0.2)
    torch.testing.assert_close(found, expected.detach(), rtol=1e-3, atol=1e-5)
    weights = torch.randn(40, spans.width)
    gradient = torch.autograd.grad((expected * weights).sum(), logits)[0]
    torch.testing.assert_close(spans.gumbel_softmax_backward(found, weights), gradient, rtol=1e-3, atol=1e-4)


def test_the_gumbel_softmax_bears_logits_far_apart(spans):
    found = spans.gumbel_softmax(spans.weights(torch.randn(40, spans.width) * 1e4), torch.Generator().manual_seed(5))
    assert found.isfinite().all()
    assert spans.gumbel_softmax_backward(found, 2 * found).isfinite().all()
    torch.testing.assert_close(spans.sums(found), torch.ones(40, len(spans)))


def test_a_likelihood_bears_logits_far_apart(spans):
    codes = torch.stack([torch.arange(40) % size for size in spans.sizes], dim=1)
    logits = (1 - 2 * spans.one_hot(codes)) * 1e4  # all that was seen is taken for next to impossible
    gradient, *found = spans.likelihood_gradient(logits, codes)
    likely = spans.likelihood_of(*found)
    bounded = logits.clamp(-60, 60)
    expected = spans.log_softmax(bounded).gather(1, codes + spans.offsets).sum()
    torch.testing.assert_close(likely, expected)
    assert gradient.isfinite().all()
    asked = codes[:, 0] + spans.offsets[0]
    unlikely = spans.add_condition_loss(spans.weights(logits), asked, gradient)
    torch.testing.assert_close(unlikely, -spans.log_softmax(bounded).gather(1, asked[:, None]).mean())
    assert gradient.isfinite().all()
