"""The training loop: resuming, divergence, Ctrl-C."""

from __future__ import annotations

import json
import signal
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tabular import Reporter, TabllmError
from tabular.errors import NoMemoryError, OutputError, RunError
from tabular.neural.updates.learner import AdamLearner
from tabular.neural.updates.optimizer import Adam
from tabular.storage.rundir import HISTORY, MARKER
from tabular.training.loop import MOST_RESTARTS, train
from tabular.training.plan import Plan
from tabular.training.processes import Processes

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


PLAN = Plan(steps=100, eval_every=2, learning_rate=0.1, seed=0)


def run(line, folder=None, notes=None, **options):
    trained = train(line, replace(PLAN, **options), fingerprint="f", progress=notes or Reporter(), checkpoint=folder)
    return trained.history, trained.restarts


def same(one: Line, other: Line) -> bool:
    return all(torch.equal(value, other.state()[name]) for name, value in one.state().items())


def test_it_learns_and_tells_of_it():
    line = Line()
    history, restarts = run(line)
    assert restarts == 0
    assert [entry["step"] for entry in history] == list(range(2, 101, 2))
    assert history[-1]["train_loss"] < history[0]["train_loss"] / 10
    assert line.module.weight.item() == line.kept()["weight"].item()


def test_an_interrupted_fit_goes_on_to_the_same_result(tmp_path):
    whole = Line()
    expected, _ = run(whole)
    with pytest.raises(KeyboardInterrupt):
        run(Line(stop_at=52), tmp_path)
    notes, rest = Notes(), Line()
    history, _ = run(rest, tmp_path, notes)
    assert notes.lines == ["Going on from step 52 of 100."]
    assert [entry["train_loss"] for entry in history] == [entry["train_loss"] for entry in expected]
    assert same(rest, whole)


def test_a_diverging_fit_goes_back_and_takes_smaller_steps():
    notes, line = Notes(), Line(limit=0.06)
    history, restarts = run(line, notes=notes)
    assert restarts == 1
    assert line.adam.factor == 0.5
    assert notes.lines == ["After 22 steps the loss was not a number: going on from step 20 at half the step size."]
    assert [entry["step"] for entry in history] == list(range(2, 101, 2))
    assert np.isfinite([entry["train_loss"] for entry in history]).all()


def test_a_fit_that_keeps_diverging_fails_with_one_sentence():
    with pytest.raises(TabllmError, match=f"at {MOST_RESTARTS} smaller step sizes; take a learning rate below 0.1"):
        run(Line(limit=0.0))


def test_a_fit_that_diverged_before_it_was_interrupted_keeps_its_step_size(tmp_path):
    whole = Line(limit=0.06)
    expected, _ = run(whole)
    with pytest.raises(KeyboardInterrupt):
        run(Line(limit=0.06, stop_at=60), tmp_path)
    rest = Line(limit=0.06)
    history, restarts = run(rest, tmp_path)
    assert restarts == 1
    assert rest.adam.factor == 0.5
    assert [entry["train_loss"] for entry in history] == [entry["train_loss"] for entry in expected]


class Anywhere(Line):
    """Goes on from any step, and its updates cannot be made again."""

    resumes_anywhere, counts_lost_updates = True, True

    def step(self, number):
        self.generator.manual_seed(number)
        self.taken = [*getattr(self, "taken", []), number]
        return super().step(number)


def test_updates_that_cannot_be_made_again_are_counted_when_they_are_lost():
    line = Anywhere(limit=0.06)
    trained = train(line, PLAN, fingerprint="f", progress=Reporter())
    assert line.taken == list(range(100))
    assert (trained.steps, trained.restarts) == (100, 1)
    assert [entry["step"] for entry in trained.history] == [*range(2, 22, 2), *range(24, 101, 2)]


def test_a_fit_whose_every_update_was_lost_fails():
    plan = Plan(steps=2, eval_every=1, learning_rate=0.1, seed=0)
    line = Anywhere()
    line.module.weight.data.fill_(torch.inf)
    with pytest.raises(
        TabllmError, match="after 2 steps the loss is not a number, and so it was at 1 smaller step size;"
    ):
        train(line, plan, fingerprint="f", progress=Reporter())


def test_ctrl_c_amid_weights_that_are_no_numbers_leaves_the_last_good_state(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(Anywhere(limit=0.0, stop_at=25), tmp_path, eval_every=10)
    notes = Notes()
    run(Anywhere(), tmp_path, notes, eval_every=10)
    assert notes.lines == ["Going on from step 20 of 100."]


def test_a_checkpoint_of_an_older_release_is_refused_in_words(tmp_path):
    from safetensors.numpy import save_file

    facts = {"step": 3, "seconds": 1.0, "history": [], "looks_since_best": 0}
    (tmp_path / "left").mkdir()
    save_file(
        {"a": np.ones(3)},
        tmp_path / "left" / "checkpoint.safetensors",
        {"fingerprint": "f", "facts": json.dumps(facts)},
    )
    with pytest.raises(RunError, match="left by another release of tabllm"):
        run(Line(), tmp_path / "left")


@pytest.mark.parametrize("at", [[0], [8, 23], [9], [28], [29]])
def test_a_fit_stopped_at_any_update_goes_on_to_the_same_result(tmp_path, at):
    whole, rest = Anywhere(), Anywhere()
    run(whole, steps=30, eval_every=10)
    for stop in at:
        with pytest.raises(KeyboardInterrupt):
            run(Anywhere(stop_at=stop), tmp_path, steps=30, eval_every=10)
    notes = Notes()
    run(rest, tmp_path, notes, steps=30, eval_every=10)
    assert notes.lines == [f"Going on from step {at[-1] + 1} of 30."]
    assert same(rest, whole)


def test_a_finished_fit_is_not_made_again(tmp_path):
    whole, again = Line(), Line()
    first, second = run(whole, tmp_path), run(again, tmp_path)
    assert first == second
    assert same(again, whole)


def test_the_handler_of_ctrl_c_is_given_back(tmp_path):
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        run(Line(stop_at=3), tmp_path)
    assert signal.getsignal(signal.SIGINT) is before
    run(Line())
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_without_a_checkpoint_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        run(Line(stop_at=3))
    assert list(tmp_path.iterdir()) == []


def test_training_works_in_another_thread(tmp_path):
    whole, other = Line(), Line()
    run(whole)
    thread = threading.Thread(target=run, args=(other, tmp_path))
    thread.start()
    thread.join()
    assert same(other, whole)


def stopped(folder) -> Path:
    """The checkpoint of a fit that was stopped."""
    with pytest.raises(KeyboardInterrupt):
        run(Line(stop_at=12), folder)
    (path,) = folder.glob("*.safetensors")
    return path


@pytest.mark.parametrize("damage", ["cut short", "empty", "garbage"])
def test_a_damaged_checkpoint_is_left_alone(tmp_path, damage):
    path, whole, notes = stopped(tmp_path), Line(), Notes()
    run(whole)
    path.write_bytes({"cut short": path.read_bytes()[:-100], "empty": b"", "garbage": b"x" * 5000}[damage])
    line = Line()
    run(line, tmp_path, notes)
    assert notes.lines == []
    assert same(line, whole)


def test_a_checkpoint_that_fails_to_be_written_leaves_the_one_before(tmp_path, monkeypatch):
    import safetensors.numpy

    path = stopped(tmp_path)
    content = path.read_bytes()

    def full(arrays, file, metadata):
        file.write_bytes(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(safetensors.numpy, "save_file", full)
    with pytest.raises(OutputError, match="No space left on device"):
        run(Line(), tmp_path)
    assert {entry.name for entry in tmp_path.iterdir()} == {MARKER, HISTORY, path.name}
    assert path.read_bytes() == content


def test_a_folder_that_cannot_be_made_is_one_sentence_with_a_way_out(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="-o") as error:
        run(Line(), tmp_path / "file" / "left")
    assert "\n" not in str(error.value)


class Judged(Line):
    """Its two parts are best at the evaluations 3 and 10 of what would be 50."""

    def __init__(self, **options):
        super().__init__(**options)
        self.evaluations, self.seen = 0, {}

    def evaluate(self):
        self.evaluations += 1
        self.seen[self.evaluations] = self.kept()
        return {"weight": float(abs(self.evaluations - 3)), "bias": float(abs(self.evaluations - 10))}


def test_each_part_is_kept_as_it_was_when_it_served_unseen_rows_best():
    line = Judged()
    history, _ = run(line, patience=5)
    assert line.evaluations == 15
    assert history[-1]["held_out_loss"] == 12 + 5
    assert torch.equal(line.module.weight, line.seen[3]["weight"])
    assert torch.equal(line.module.bias, line.seen[10]["bias"])


def test_the_best_weights_survive_an_interruption(tmp_path):
    whole = Judged()
    run(whole, patience=5)
    with pytest.raises(KeyboardInterrupt):
        run(Judged(stop_at=14), tmp_path)
    rest = Judged()
    rest.evaluations = 7
    history, _ = run(rest, tmp_path, patience=5)
    assert len(history) == 15
    assert torch.equal(rest.module.weight, whole.module.weight)
    assert torch.equal(rest.module.bias, whole.module.bias)


class Cramped(Line):
    """Has memory for micro-batches of ``most`` rows, of a batch of 32."""

    redoes_updates = True

    def __init__(self, most: int, least: int = 1, error: type[Exception] = MemoryError) -> None:
        super().__init__()
        self.most, self.least, self.rows, self.error = most, least, 32, error

    def step(self, number):
        if number >= 3 and self.rows > self.most:
            raise self.error("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return super().step(number)

    def halve_batch(self):
        if self.rows == self.least:
            return None
        self.rows //= 2
        return self.rows


@pytest.mark.parametrize("error", [MemoryError, RuntimeError])
def test_out_of_memory_halves_the_micro_batches_and_says_so(error):
    notes, line = Notes(), Cramped(8, error=error)
    history, restarts = run(line, notes=notes)
    assert restarts == 0
    assert [entry["step"] for entry in history] == list(range(2, 101, 2))
    assert [line.partition(":")[2] for line in notes.lines] == [
        " each batch goes through the model in micro-batches of 16 rows from here on.",
        " each batch goes through the model in micro-batches of 8 rows from here on.",
    ]
    assert notes.lines[0].startswith("Out of memory after 3 steps")


class Halfway(Cramped):
    """Runs out of memory when it has drawn and moved already."""

    redoes_updates = False

    def step(self, number):
        loss = Line.step(self, number)
        if number >= 3 and self.rows > self.most:
            raise MemoryError
        return loss


def test_an_update_that_runs_out_of_memory_half_way_is_taken_back_to_the_last_good_state():
    notes, line, whole = Notes(), Halfway(8), Line()
    history, restarts = run(line, notes=notes)
    expected, _ = run(whole)
    assert restarts == 0
    assert [line.partition(":")[2] for line in notes.lines] == [
        " each batch goes through the model in micro-batches of 16 rows from step 2 on.",
        " each batch goes through the model in micro-batches of 8 rows from step 2 on.",
    ]
    assert [entry["train_loss"] for entry in history] == [entry["train_loss"] for entry in expected]
    assert same(line, whole)


def test_what_cannot_be_halved_ends_with_the_way_out_and_another_error_as_it_is():
    with pytest.raises(NoMemoryError, match="Out of memory after 3 steps: take a smaller --batch-size"):
        run(Cramped(8, least=16))
    with pytest.raises(ValueError, match="memory"):
        run(Cramped(8, error=ValueError))


def test_of_a_fit_in_several_processes_it_is_said_that_batches_stay_as_they_are():
    class Two(Processes):
        size = 2

    line = Cramped(8, least=32, error=RuntimeError)
    with pytest.raises(NoMemoryError, match="a fit in 2 processes cannot make its batches smaller by itself: take a"):
        train(line, PLAN, fingerprint="f", progress=Reporter(), processes=Two())
