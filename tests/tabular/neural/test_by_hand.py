"""Derivatives that are written out, against differences and autograd, with the same draws."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.nn import functional

from tabular import infer_schema, to_arrays
from tabular.neural import ctgan
from tabular.neural.batch_parts import BatchGenerator, Part
from tabular.neural.ctgan import CTGAN
from tabular.neural.encoding.encoder import TableEncoder
from tabular.neural.encoding.spans import Spans
from tabular.neural.layers import by_hand
from tabular.neural.layers.batch_norm import SpreadBatchNorm
from tabular.neural.layers.by_hand import (
    BatchNorm,
    Concat,
    LeakyDropout,
    Linear,
    OneHotLinear,
    RoundedLinear,
    Sequential,
    fair_dropout,
    layers_of,
    round_width,
    tracked,
)
from tabular.neural.network import Data
from tabular.neural.networks import tvae_learner
from tabular.neural.networks.critic import Critic, CriticPass
from tabular.neural.networks.generator import GeneratorPass
from tabular.neural.tvae import TVAE
from tabular.neural.updates.optimizer import Adam
from tabular.training.processes import Processes

SIZES = [3, 1, 70, 2, 17, 4]
COLUMNS = {
    "mixed": ["device", "age", "spent", "score"],
    "numbers": ["score", "rate"],
    "categories": ["device", "plan"],
}


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "device": rng.choice(["ios", "android", "web"], 300),
            "plan": rng.choice(["free", "paid"], 300),
            "age": rng.integers(18, 90, 300),
            "spent": np.where(rng.random(300) < 0.6, 0.0, rng.gamma(2, 20, 300).round(2)),
            "score": np.where(rng.random(300) < 0.25, np.nan, rng.normal(0, 1, 300)),
            "rate": rng.normal(0, 1, 300),
        }
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("columns", COLUMNS.values(), ids=COLUMNS)
@pytest.mark.parametrize("widths", [(8,), (8, 6, 5)])
def test_the_update_of_the_autoencoder_is_down_the_gradient_of_its_loss(table, columns, widths, dtype, monkeypatch):
    monkeypatch.setattr(tvae_learner, "product_type", lambda device: dtype)
    table = table[columns]
    model = TVAE(compress_dims=widths, decompress_dims=widths[::-1], embedding_dim=4, batch_size=300, device="cpu")
    schema = infer_schema(table)
    arrays = to_arrays(table, schema)
    encoder = TableEncoder.fit(arrays, schema, "modes")
    codes, scalars = encoder.encode(arrays, np.random.default_rng(0))
    spans = Spans(encoder.sizes, torch.device("cpu"))
    data = Data(torch.from_numpy(codes), torch.from_numpy(np.nan_to_num(scalars)))
    network = model._new_network(encoder, spans)
    learner = tvae_learner.TvaeLearner(model, network, data)
    with torch.no_grad():  # one deviation within its bounds, the others beyond
        network.sigma.copy_(torch.tensor([0.3, 2.0, 0.001])[: len(network.sigma)])

    expected = network.loss(
        data.scalars, data.codes, learner.counts, model.loss_factor, torch.Generator().manual_seed(0)
    )
    learner.generator.manual_seed(0)
    found = learner.differentiate(data.scalars, data.codes, learner.counts)
    gradients = torch.autograd.grad(expected, learner.adam.weights, materialize_grads=True)
    if dtype == torch.float32:
        torch.testing.assert_close(found, expected.detach())
        assert_buffers_hold(learner.adam, gradients)
        return
    # bfloat16 has 8 bits; what is left of a sum over rows that cancel each other has fewer.
    torch.testing.assert_close(found, expected.detach(), rtol=0.01, atol=0.01)
    for weight, gradient in zip(learner.adam.weights, gradients, strict=True):
        assert (learner.adam.of(weight)[1] - gradient).norm() <= 0.15 * gradient.norm() + 1e-4


def test_an_update_that_reports_no_loss_is_the_same_update(table):
    def fitted(every):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tvae_learner, "REPORT_EVERY", every)
            return TVAE(steps=20, batch_size=50, device="cpu").fit(table)

    always, seldom = fitted(1), fitted(7)
    pd.testing.assert_frame_equal(always.sample(20), seldom.sample(20))
    assert all(np.isfinite(entry["train_loss"]) for entry in seldom.history)


def assert_buffers_hold(adam: Adam, gradients: tuple[torch.Tensor, ...]) -> None:
    for name, weight, expected in zip(adam.names, adam.weights, gradients, strict=True):
        torch.testing.assert_close(
            adam.of(weight)[1], expected, rtol=1e-3, atol=1e-5, msg=lambda text, name=name: f"{name}: {text}"
        )


class Written(torch.autograd.Function):
    """A layer whose derivatives autograd asks for, so that ``gradcheck`` compares them with differences."""

    @staticmethod
    def forward(ctx, forward, backward, buffers, x, *weights):
        ctx.backward_by_hand, ctx.buffers = backward, buffers
        return forward(x.detach().clone()).clone()

    @staticmethod
    def backward(ctx, grad):
        for buffer in ctx.buffers:
            buffer.fill_(torch.nan)  # must be written, not added to
        grad_input = ctx.backward_by_hand(grad.clone())
        return None, None, None, grad_input, *(buffer.clone() for buffer in ctx.buffers)


def assert_derivatives(forward, backward, x, weights, of) -> None:
    """Of a layer that ``of`` bound to ``weights``; gradcheck moves these where they lie."""
    buffers = [of(weight)[1] for weight in weights]
    assert torch.autograd.gradcheck(lambda *given: Written.apply(forward, backward, buffers, *given), (x, *weights))


def bound(*weights: torch.Tensor):
    """What layers are bound with: each weight and a gradient buffer of its own."""
    pairs = {id(weight): (weight.detach(), torch.zeros_like(weight).detach()) for weight in weights}
    return lambda weight: pairs[id(weight)]


def random(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64).requires_grad_()


def linear(inputs: int, outputs: int) -> nn.Linear:
    return nn.Linear(inputs, outputs, dtype=torch.float64)


@pytest.mark.parametrize("conditioned", [False, True])
def test_the_derivatives_of_a_linear_layer(conditioned):
    module, classes = linear(3, 2), random(5, 2)
    of = bound(*module.parameters(), classes)
    layer = Linear(module, of, classes if conditioned else None)
    layer.condition = torch.tensor([4, 0, 4, 1]) if conditioned else None
    weights = [*module.parameters(), *([classes] if conditioned else [])]
    x = random(4, 3)
    expected = module(x) + (classes[layer.condition] if conditioned else 0)
    torch.testing.assert_close(layer.forward(x), expected)
    assert_derivatives(layer.forward, layer.backward, x, weights, of)


@pytest.mark.parametrize("pac", [1, 2])
def test_the_derivatives_of_a_linear_layer_on_one_hot_rows(pac):
    scalars, classes, bias, conditions = weights = random(2, 3), random(6, 3), random(3), random(6, 3)
    of = bound(*weights)
    layer = OneHotLinear(of, *weights)
    indices, condition = torch.tensor([[0, 4], [2, 3], [0, 5]]), torch.randint(6, (3, pac))
    known, soft = torch.randn(3, 2).double(), torch.randn(3, 6).double()

    def forward(made):
        return layer.forward((known, indices), (made, soft), condition=condition)

    def backward(grad):
        layer.backward(grad)
        return layer.grad_rows(grad)[3:, :2]

    made = random(3, 2)
    one_hot, asked = (functional.one_hot(found, 6).double().sum(dim=1) for found in (indices, condition))
    rows = torch.cat([torch.cat([known, one_hot], dim=1), torch.cat([made, soft], dim=1)])
    expected = rows @ torch.cat([scalars, classes]) + bias + (asked @ conditions).repeat(2, 1)
    torch.testing.assert_close(forward(made), expected)
    assert_derivatives(forward, backward, made, weights, of)


@pytest.mark.parametrize("last", [Linear, RoundedLinear])
def test_the_derivatives_of_layers_one_after_the_other(last):
    module = nn.Sequential(linear(3, 4), nn.ReLU(), linear(4, 2))
    of = bound(*module.parameters())
    layers, x = layers_of(module, of, last=last), random(5, 3)
    torch.testing.assert_close(layers.forward(x.detach()), module(x))
    assert_derivatives(layers.forward, layers.backward, x, list(module.parameters()), of)


@pytest.mark.parametrize("spread", [False, True])
def test_the_derivatives_of_batch_normalisation_and_of_layers_side_by_side(spread):
    modules = [(linear(3, 4), nn.BatchNorm1d(4).double()), (linear(7, 2), nn.BatchNorm1d(2).double())]
    weights = [weight for pair in modules for module in pair for weight in module.parameters()]
    for weight in weights:
        nn.init.normal_(weight)
    of = bound(*weights)
    norm_of = partial(SpreadBatchNorm, processes=Processes()) if spread else BatchNorm
    layers = Concat([(Linear(layer, of), norm_of(norm, of)) for layer, norm in modules])
    x = expected = torch.randn(6, 3).double()
    for layer, norm in modules:
        expected = torch.cat([norm(layer(expected)).relu(), expected], dim=1)
    torch.testing.assert_close(layers.forward(x), expected)

    def backward(grad):
        layers.backward(grad)

    assert_derivatives(lambda _: layers.forward(x)[:, :6], backward, x, weights, of)


def test_rounded_layers_have_few_widths_and_multiply_in_them():
    found = [round_width(width) for width in range(1, 5_000)]
    assert len(set(found)) == 8 + 4 + 4 + 4 + 1  # to 512, 1,024, 2,048 and 4,096, and the next one
    assert all(width <= wide < max(width + 64, 1.25 * width) for width, wide in enumerate(found, start=1))
    module = linear(3, 70)
    layer = RoundedLinear(module, bound(*module.parameters()))
    assert layer.weight.shape == layer.grad_weight.shape == (128, 3)


@pytest.mark.parametrize("kind", [Linear, RoundedLinear])
@pytest.mark.parametrize("second", [False, True])
def test_both_derivatives_of_leaky_layers_with_dropout(second, kind):
    module, generator = linear(3, 4), torch.Generator()
    of = bound(*module.parameters())
    dropout = LeakyDropout(generator)
    layers, x = Sequential(dropout, kind(module, of), LeakyDropout(generator)), random(5, 3)

    def forward(x):
        generator.manual_seed(0)
        return layers.forward(x)

    if not second:
        assert_derivatives(forward, layers.backward, x, list(module.parameters()), of)
        assert {0.0, 2.0} == set(fair_dropout(x.shape, generator, x.device).unique().tolist())
        return

    def backward(grad):
        forward(x.detach().clone())
        return layers.backward(grad, None)

    assert_derivatives(backward, layers.second, random(5, 4), [module.weight], of)


def test_the_second_derivative_of_a_linear_layer_on_one_hot_rows():
    weights = scalars, classes, _ = random(2, 3), random(6, 3), random(3)
    of = bound(*weights)
    layer = OneHotLinear(of, *weights)
    assert_derivatives(layer.grad_rows, layer.second, random(4, 3), [scalars, classes], of)


@pytest.mark.parametrize("pac", [1, 2])
@pytest.mark.parametrize("scalars", [0, 3])
@pytest.mark.parametrize("conditions", [True, False])
@pytest.mark.parametrize("widths", [(8,), (16, 8, 6)])
def test_the_updates_of_critic_and_generator_are_down_the_gradients_of_their_losses(conditions, scalars, pac, widths):
    torch.manual_seed(0)
    rows = 24
    spans = Spans(SIZES, torch.device("cpu"))
    critic = Critic(scalars, spans, conditions=conditions, pac=pac, widths=widths)
    adam, draws = Adam(critic, rate=1e-3), BatchGenerator()
    by_hand, by_autograd = (CriticPass(critic, of, draws) for of in (adam.of, tracked))
    real = torch.randn(rows, scalars), torch.stack([torch.randint(size, (rows,)) for size in SIZES], dim=1)
    fake = torch.randn(rows, scalars), torch.rand(rows, spans.width)
    condition = torch.randint(spans.width, (rows,)) if conditions else None

    draws.manual_seed(3)
    found = by_hand.learn(real, fake, condition)
    draws.manual_seed(3)
    expected = by_autograd.loss(real, fake, condition)
    torch.testing.assert_close(found, expected.detach())
    assert_buffers_hold(adam, torch.autograd.grad(expected, adam.weights, materialize_grads=True))

    whole, losses, total = adam.gradient.clone(), [], torch.zeros_like(adam.gradient)
    for part in (Part(rows, index, 3, pac) for index in range(3)):
        draws.manual_seed(3)
        with draws.draws_for(part):
            given = None if condition is None else part.of(condition)
            losses.append(by_hand.learn(tuple(map(part.of, real)), tuple(map(part.of, fake)), given))
        total += adam.gradient
    torch.testing.assert_close(sum(losses), found)
    torch.testing.assert_close(total, whole, rtol=1e-4, atol=1e-5)

    draws.manual_seed(4)
    ours = by_hand.generator_loss_and_grads(fake, condition)
    draws.manual_seed(4)
    made = tuple(part.clone().requires_grad_() for part in fake)
    loss = by_autograd.generator_loss(made, condition)
    torch.testing.assert_close(ours, (loss.detach(), *torch.autograd.grad(loss, made)), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("columns", COLUMNS.values(), ids=COLUMNS)
@pytest.mark.parametrize("widths", [(8,), (8, 6, 5)])
def test_the_pass_of_the_generator_is_that_of_its_network_and_back_down_its_gradient(table, columns, widths):
    table = table[columns]
    schema = infer_schema(table)
    encoder = TableEncoder.fit(to_arrays(table, schema), schema, "modes")
    spans = Spans(encoder.sizes, torch.device("cpu"))
    network, same = (CTGAN(generator_dim=widths, embedding_dim=4)._new_network(encoder, spans) for _ in range(2))
    torch.manual_seed(0)
    guided = network.guided
    condition = torch.randint(spans.sizes[guided[0]], (40,)) + spans.offsets[guided[0]] if guided else None
    adam = Adam(network, rate=1e-3)
    made = GeneratorPass(network, adam.of, torch.Generator().manual_seed(1))
    found = made.forward(40, condition)
    *expected, unlikely = same.training_rows(40, condition, torch.Generator().manual_seed(1))
    torch.testing.assert_close(found, tuple(part.detach() for part in expected), rtol=1e-3, atol=1e-5)
    for name, value in same.named_buffers():
        if value.is_floating_point():
            torch.testing.assert_close(dict(network.named_buffers())[name], value)

    grads = [torch.randn_like(part) for part in found]
    loss = sum((part * grad).sum() for part, grad in zip(expected, grads, strict=True)) + unlikely
    torch.testing.assert_close(made.backward(*grads), unlikely.detach())
    assert_buffers_hold(adam, torch.autograd.grad(loss, list(same.parameters()), materialize_grads=True))


@pytest.mark.parametrize("kernel", ["leaky_relu_backward", "tanh_backward", "batch_norm_backward", "relu_backward"])
def test_a_kernel_that_is_absent_or_wrong_is_found_out(kernel, monkeypatch):
    right = getattr(by_hand, kernel)
    for wrong in (None, lambda *given: 2 * right(*given) if kernel != "batch_norm_backward" else [given[0]] * 3):
        monkeypatch.setattr(by_hand, kernel, wrong)
        assert not by_hand.works_on.__wrapped__(torch.device("cpu"))


@pytest.mark.parametrize("kind", [CTGAN, TVAE])
def test_without_these_derivatives_a_fit_is_the_same_by_autograd(kind, table, monkeypatch):
    def fitted():
        return kind(steps=3, batch_size=50, device="cpu", calibrate=False).fit(small).history[-1]["train_loss"]

    monkeypatch.setattr(tvae_learner, "product_type", lambda device: torch.float32)
    small = table[["device", "score"]]
    written = fitted()
    for module in (tvae_learner, ctgan):
        monkeypatch.setattr(module, "works_on", lambda device: False)
    assert fitted() == pytest.approx(written, rel=1e-3)
