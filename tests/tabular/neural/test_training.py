"""The training loop: resuming, divergence, Ctrl-C; and which rows an update is given."""

from __future__ import annotations

import signal

import numpy as np
import pytest
import torch
from torch import nn

from tabular import Reporter, TabllmError
from tabular.neural.encoding.spans import Spans
from tabular.neural.network import Data
from tabular.neural.training import MOST_RESTARTS, Plan, train
from tabular.neural.updates.optimizer import Adam, AdamLearner
from tabular.neural.updates.rows import ConditionalRows, shuffled_rows

CPU = torch.device("cpu")


class Line(AdamLearner):
    """Learns a slope from noise; its loss is infinite while the step size is above ``limit`` once past a step."""

    def __init__(self, limit: float = 1.0, stop_at: int | None = None) -> None:
        torch.manual_seed(0)
        self.module = nn.Linear(1, 1)
        super().__init__(Adam(self.module, rate=0.1, average=0.9), CPU)
        self.limit, self.stop_at = limit, stop_at

    def step(self, number):
        if number == self.stop_at:
            signal.raise_signal(signal.SIGINT)
        x = torch.rand(32, 1, generator=self.generator)
        loss = ((self.module(x) - 3 * x) ** 2).mean()
        if number > 20 and self.adam.rate * self.adam.factor > self.limit:
            loss = loss * torch.inf
        self.adam.step(loss, number / 100, decay=True)
        return loss.detach()


class Notes(Reporter):
    def __init__(self):
        self.lines = []

    def note(self, message):
        self.lines.append(message)


def run(line, folder=None, notes=None):
    return train(line, Plan(100, 0), fingerprint="f", progress=notes or Reporter(), checkpoint=folder)


def test_it_learns_and_tells_of_it():
    line = Line()
    history, restarts = run(line)
    assert restarts == 0
    assert [look["step"] for look in history] == list(range(2, 101, 2))
    assert history[-1]["train_loss"] < history[0]["train_loss"] / 10
    assert line.module.weight.item() == line.kept()["weight"].item()


def test_an_interrupted_fit_goes_on_to_the_same_result(tmp_path):
    whole = Line()
    expected, _ = run(whole)
    with pytest.raises(KeyboardInterrupt):
        run(Line(stop_at=51), tmp_path)
    notes, rest = Notes(), Line()
    history, _ = run(rest, tmp_path, notes)
    assert notes.lines == ["Going on from step 50 of 100."]
    assert [look["train_loss"] for look in history] == [look["train_loss"] for look in expected]
    for name, value in whole.state().items():
        assert torch.equal(value, rest.state()[name]), name


def test_a_diverging_fit_goes_back_and_takes_smaller_steps():
    notes, line = Notes(), Line(limit=0.06)
    history, restarts = run(line, notes=notes)
    assert restarts == 1
    assert line.adam.factor == 0.5
    assert "diverged after step 20" in notes.lines[0]
    assert [look["step"] for look in history] == list(range(2, 101, 2))
    assert np.isfinite([look["train_loss"] for look in history]).all()


def test_a_fit_that_keeps_diverging_fails_with_one_sentence():
    with pytest.raises(TabllmError, match=f"again at {MOST_RESTARTS} smaller step sizes"):
        run(Line(limit=0.0))


class Judged(Line):
    """Its two parts are best at the looks 3 and 10 of what would be 50."""

    def __init__(self, **options):
        super().__init__(**options)
        self.looks, self.seen = 0, {}

    def judge(self):
        self.looks += 1
        self.seen[self.looks] = {name: value.clone() for name, value in self.kept().items()}
        return {"weight": torch.tensor(float(abs(self.looks - 3))), "bias": torch.tensor(float(abs(self.looks - 10)))}


def test_each_part_is_kept_as_it_was_when_it_served_unseen_rows_best():
    line = Judged()
    history, _ = train(line, Plan(100, 0, patience=5), fingerprint="f", progress=Reporter())
    assert line.looks == 15
    assert history[-1]["held_out_loss"] == 12 + 5
    assert torch.equal(line.module.weight, line.seen[3]["weight"])
    assert torch.equal(line.module.bias, line.seen[10]["bias"])


def test_the_best_weights_survive_an_interruption(tmp_path):
    whole = Judged()
    train(whole, Plan(100, 0, patience=5), fingerprint="f", progress=Reporter())
    with pytest.raises(KeyboardInterrupt):
        run(Judged(stop_at=15), tmp_path)
    rest = Judged()
    rest.looks = 7
    history, _ = train(rest, Plan(100, 0, patience=5), fingerprint="f", progress=Reporter(), checkpoint=tmp_path)
    assert len(history) == 15
    assert torch.equal(rest.module.weight, whole.module.weight)
    assert torch.equal(rest.module.bias, whole.module.bias)


def test_conditions_come_by_log_frequency_and_with_a_row_that_has_them():
    codes = torch.zeros(1000, 3, dtype=torch.int64)
    codes[:100, 0], codes[:10, 2] = 1, 2
    codes[10:20, 2] = 1
    spans = Spans([2, 5, 3], CPU)
    chooser = ConditionalRows(Data(codes, torch.empty(1000, 0)), spans, (0, 2))
    flat, rows = chooser.draw(50_000, torch.Generator().manual_seed(0))
    assert (spans.one_hot(codes[rows]).gather(1, flat[:, None]) == 1).all()
    shares = torch.bincount(flat, minlength=spans.width) / len(flat)
    first, last = np.log1p([900, 100]), np.log1p([980, 10, 10])
    expected = np.concatenate([first / first.sum() / 2, np.zeros(5), last / last.sum() / 2])
    np.testing.assert_allclose(shares, expected, atol=0.01)
    rare = rows[flat == spans.offsets[2] + 2]
    assert set(rare.tolist()) == set(range(10))
    np.testing.assert_allclose(chooser.shares[:2], [0.9, 0.1])


@pytest.mark.parametrize("rows", [40, 100_000])
def test_updates_see_rows_of_the_table(rows):
    found = shuffled_rows(rows, 32, torch.Generator().manual_seed(0), CPU)
    assert len(found.unique()) > 30
    assert found.min() >= 0
    assert found.max() < rows
