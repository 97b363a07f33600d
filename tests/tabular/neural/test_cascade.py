"""The two parts of TabCascade in cases that can be worked out."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from tabular.neural.encoding.spans import Spans
from tabular.neural.layers.gates import Gates
from tabular.neural.networks.autoregression import Autoregression, stratified
from tabular.neural.networks.flow import Flow

SIZES = [3, 2, 5]
CPU = torch.device("cpu")
EVERY = torch.tensor(list(itertools.product(*map(range, SIZES))))


@pytest.fixture
def classes() -> Autoregression:
    torch.manual_seed(0)
    model = Autoregression(Spans(SIZES, CPU), torch.randn(10, 3), width=8, depth=2, dropout=0.0)
    torch.nn.init.normal_(model.head)
    torch.nn.init.normal_(model.bias)
    return model


def probabilities(model: Autoregression, order: list[int]) -> torch.Tensor:
    """float32[30]: of every row there is."""
    with torch.no_grad():
        return torch.stack([model(row[None], torch.tensor(order), None).sum() for row in EVERY]).exp()


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1]])
def test_the_probabilities_of_all_rows_add_up_to_one_in_any_order(classes, order):
    assert probabilities(classes, order).sum().item() == pytest.approx(1, abs=1e-5)


def test_a_span_hears_of_those_before_it_alone(classes):
    order = torch.tensor([1, 2, 0])
    with torch.no_grad():
        first, second = (classes(torch.tensor([[0, 1, code]]), order, None) for code in (0, 3))
        assert first[1] == second[1]
        assert first[2] != second[2]
        assert first[0] != second[0]


def test_rows_are_drawn_by_their_probability(classes):
    with torch.no_grad():
        codes = classes.draw(60_000, torch.Generator().manual_seed(0), None)
    place = (codes * torch.tensor([10, 5, 1])).sum(dim=1)
    shares = torch.bincount(place, minlength=30) / len(codes)
    torch.testing.assert_close(shares, probabilities(classes, [0, 1, 2]), atol=0.006, rtol=0)


def test_a_given_span_comes_first_and_by_what_is_asked(classes):
    with torch.no_grad():
        codes = classes.draw(60_000, torch.Generator().manual_seed(0), (1, torch.tensor([0.0, 1.0])))
    assert (codes[:, 1] == 1).all()
    rows = probabilities(classes, [1, 0, 2]).view(*SIZES)[:, 1]
    shares = torch.bincount(codes[:, 0] * 5 + codes[:, 2], minlength=15) / len(codes)
    torch.testing.assert_close(shares, (rows / rows.sum()).view(-1), atol=0.006, rtol=0)


def test_classes_come_nearer_to_their_shares_than_independent_draws(classes):
    expected = probabilities(classes, [0, 1, 2]).view(*SIZES)
    with torch.no_grad():
        draws = [classes.draw(800, torch.Generator().manual_seed(seed), None) for seed in range(100)]
    for span, others in ((0, (1, 2)), (1, (0, 2)), (2, (0, 1))):
        share = expected.sum(dim=others)[0].item()
        found = torch.stack([(codes[:, span] == 0).float().mean() for codes in draws])
        assert found.mean().item() == pytest.approx(share, abs=0.004)
        assert found.std() < 0.75 * math.sqrt(share * (1 - share) / 800)


def test_calibrated_classes_are_drawn_by_the_shares_of_the_table(classes):
    shares = torch.cat([torch.tensor(part) for part in ([0.7, 0.1, 0.2], [0.05, 0.95], [0.2, 0.2, 0.5, 0.1, 0.0])])
    before = classes.draw(20_000, torch.Generator().manual_seed(4), None)
    assert (classes.spans.one_hot(before).mean(dim=0) - shares).abs().max() > 0.2
    classes.calibrate(shares, 20_000, torch.Generator().manual_seed(3))
    codes = classes.draw(20_000, torch.Generator().manual_seed(4), None)
    torch.testing.assert_close(classes.spans.one_hot(codes).mean(dim=0), shares, atol=0.004, rtol=0)


def test_uniform_numbers_are_uniform_and_spread():
    found = stratified(40, torch.Generator().manual_seed(0), CPU)
    assert len(found) == 40
    assert sorted((found[:16] * 16).long().tolist()) == list(range(16))
    many = stratified(100_000, torch.Generator().manual_seed(1), CPU)
    assert many.max() < 1
    assert many[7::16].mean().item() == pytest.approx(0.5, abs=0.01)
    assert many[7::16].std().item() == pytest.approx(12**-0.5, abs=0.01)


def flow(**options) -> Flow:
    torch.manual_seed(0)
    spans = Spans(SIZES, CPU)
    gates = Gates(np.array([[0, 2], [-1, 0]]), spans)
    return Flow(gates, spans, torch.randn(10, 3), 2, width=16, depth=2, dropout=0.0, **{"steps": 5, **options})


def test_an_untrained_flow_leaves_noise_as_it_is():
    model = flow()
    codes = torch.zeros(50_000, 3, dtype=torch.int64)
    with torch.no_grad():
        made = model.draw(codes, torch.Generator().manual_seed(0))
    assert made.mean(dim=0).abs().max() < 0.02
    assert (made.std(dim=0) - 1).abs().max() < 0.02


def test_a_scalar_that_does_not_count_is_not_learned_from_and_not_made():
    model = flow()
    torch.nn.init.normal_(model.out.weight)
    codes = torch.tensor([[2, 0, 0]]).expand(100, -1)
    scalars = torch.randn(100, 2)
    losses = []
    for value in (0.0, 9.0):
        scalars[:, 0] = value
        losses.append(model.loss(scalars, codes, torch.Generator().manual_seed(0)).item())
    assert losses[0] == losses[1]
    with torch.no_grad():
        made = model.draw(codes, torch.Generator().manual_seed(0))
    assert (made[:, 0] == 0).all()
    assert made[:, 1].std() > 0.5


def test_the_midpoint_rule_follows_a_known_flow(monkeypatch):
    """Scalars that are normal around m with deviation s: the velocity along the path is known in closed form."""
    mean, deviation = 1.5, 0.4

    def velocity(self, at, time, given, generator):
        angle = time * (math.pi / 2)
        c, s = angle.cos(), angle.sin()
        variance = c**2 + (s * deviation) ** 2
        slope = c * s * (deviation**2 - 1) / variance
        return c * mean + slope * (at - s * mean)

    monkeypatch.setattr(Flow, "velocity", velocity)
    made = flow(steps=20).draw(torch.zeros(50_000, 3, dtype=torch.int64), torch.Generator().manual_seed(0))
    assert made.mean(dim=0).tolist() == pytest.approx([mean, mean], abs=0.02)
    assert made.std(dim=0).tolist() == pytest.approx([deviation, deviation], abs=0.02)
