"""Gradients that are written out, against torch's own differentiation of the same with the same draws."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from tabular import infer_schema, to_arrays
from tabular.neural.ctgan import CTGAN
from tabular.neural.encoding.encoder import TableEncoder
from tabular.neural.encoding.spans import Spans
from tabular.neural.network import Data
from tabular.neural.networks import tvae_learner
from tabular.neural.networks.critic import PENALIZED, PENALTY, SLOPE, Critic
from tabular.neural.networks.generator import GeneratorPass
from tabular.neural.tvae import TVAE
from tabular.neural.updates.optimizer import Adam

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
        assert (learner.adam.grad_of(weight) - gradient).norm() <= 0.15 * gradient.norm() + 1e-4


def test_an_update_that_tells_no_loss_is_the_same_update(table):
    def fitted(every):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tvae_learner, "TELLS_EVERY", every)
            return TVAE(steps=20, batch_size=50, device="cpu").fit(table)

    always, seldom = fitted(1), fitted(7)
    pd.testing.assert_frame_equal(always.sample(20), seldom.sample(20))
    assert all(np.isfinite(look["train_loss"]) for look in seldom.history)


def assert_buffers_hold(adam: Adam, gradients: tuple[torch.Tensor, ...]) -> None:
    for name, weight, expected in zip(adam.names, adam.weights, gradients, strict=True):
        torch.testing.assert_close(
            adam.grad_of(weight), expected, rtol=1e-3, atol=1e-5, msg=lambda text, name=name: f"{name}: {text}"
        )


def scored(critic: Critic, rows: torch.Tensor, asked: torch.Tensor | None, generator: torch.Generator) -> torch.Tensor:
    """The critic's scores as its definition has them: of one-hot or soft rows float32[packs, pac * (scalars + width)],
    scalars first, and their one-hot conditions."""
    y = rows @ torch.cat([critic.scalars, critic.classes]) + critic.bias
    if asked is not None:
        y = y + asked @ critic.asked
    for layer in (*critic.layers, critic.out):
        y = layer(torch.nn.functional.leaky_relu(y, SLOPE) * critic.dropout(y.shape, generator))
    return y


@pytest.mark.parametrize("pac", [1, 2])
@pytest.mark.parametrize("scalars", [0, 3])
@pytest.mark.parametrize("conditions", [True, False])
@pytest.mark.parametrize("widths", [(8,), (16, 8, 6)])
def test_the_updates_of_critic_and_generator_are_down_the_gradients_of_their_losses(conditions, scalars, pac, widths):
    torch.manual_seed(0)
    rows = 24
    spans = Spans(SIZES, torch.device("cpu"))
    critic = Critic(scalars, spans, conditions=conditions, pac=pac, widths=widths)
    adam = Adam(critic, rate=1e-3)
    real = torch.randn(rows, scalars), torch.stack([torch.randint(size, (rows,)) for size in SIZES], dim=1)
    fake = torch.randn(rows, scalars), torch.rand(rows, spans.width)
    condition = torch.randint(spans.width, (rows,)) if conditions else None
    found = critic.learn(real, fake, condition, torch.Generator().manual_seed(3), adam.grad_of)

    generator = torch.Generator().manual_seed(3)
    packs = rows // pac
    a, b = (
        torch.cat([part.reshape(packs, -1) for part in side], dim=1)
        for side in ((real[0], spans.one_hot(real[1])), fake)
    )
    asked = None
    if condition is not None:
        asked = torch.nn.functional.one_hot(condition, spans.width).float().reshape(packs, -1)
    some = packs // PENALIZED
    share = torch.rand(some, 1, generator=generator)
    between = torch.lerp(b[:some], a[:some], share).requires_grad_()
    slopes = torch.autograd.grad(
        scored(critic, between, None if asked is None else asked[:some], generator).sum(), between, create_graph=True
    )[0]
    penalty = PENALTY * (slopes.norm(dim=1) - 1).square().mean()
    scores = scored(critic, torch.cat([a, b]), None if asked is None else asked.repeat(2, 1), generator)
    expected = scores[packs:].mean() - scores[:packs].mean() + penalty
    torch.testing.assert_close(found, expected.detach())
    assert_buffers_hold(adam, torch.autograd.grad(expected, adam.weights, materialize_grads=True))

    made = [part.clone().requires_grad_() for part in fake]
    packed = torch.cat([part.reshape(packs, -1) for part in made], dim=1)
    loss = -scored(critic, packed, asked, torch.Generator().manual_seed(4)).mean()
    ours = critic.generator_loss_and_grads(*fake, condition, torch.Generator().manual_seed(4))
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
    asked = torch.randint(spans.sizes[guided[0]], (40,)) + spans.offsets[guided[0]] if guided else None
    adam = Adam(network, rate=1e-3)
    made = GeneratorPass(network, adam)
    found = made.forward(40, asked, torch.Generator().manual_seed(1))

    generator = torch.Generator().manual_seed(1)
    logits, scalars = same(same.noise(40, generator), asked)
    soft = spans.softmax((logits + spans.gumbel(40, generator)) * 5)
    expected = scalars * same.gates(soft), soft
    torch.testing.assert_close(found, tuple(part.detach() for part in expected), rtol=1e-3, atol=1e-5)
    for name, value in same.named_buffers():
        if value.is_floating_point():
            torch.testing.assert_close(dict(network.named_buffers())[name], value)

    grads = [torch.randn_like(part) for part in found]
    unlikely = torch.zeros(())
    if asked is not None:
        unlikely = -spans.log_softmax(logits).gather(1, asked[:, None]).mean()
    loss = sum((part * grad).sum() for part, grad in zip(expected, grads, strict=True)) + unlikely
    torch.testing.assert_close(made.backward(*grads), unlikely.detach())
    assert_buffers_hold(adam, torch.autograd.grad(loss, list(same.parameters()), materialize_grads=True))
