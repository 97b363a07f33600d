"""Updates that run out of memory are made again in smaller micro-batches."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from tabular import Reporter
from tabular.dp import updates
from tabular.dp.settings import Privacy
from tabular.errors import NoMemoryError
from tabular.neural.networks import tvae_learner
from tabular.neural.updates.learner import AdamLearner
from tabular.registry import create

BATCH, UPDATES, FAILS_AT = 48, 8, 5
GENERATORS = {
    "tabddpm": {"d_layers": (16,), "dropout": 0.1, "num_timesteps": 5, "calibrate": False},
    "tvae": {"compress_dims": (16,), "decompress_dims": (16,), "embedding_dim": 4, "calibrate": False},
    "tabcascade": {"width": 16, "dropout": 0.1},
    "ctgan": {"generator_dim": (16,), "discriminator_dim": (16,), "embedding_dim": 4, "calibrate": False},
}
ERRORS = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    RuntimeError("MPS backend out of memory (MPS allocated: 9.00 GB). Tried to allocate 2.00 GB on private pool."),
]


class Notes(Reporter):
    def __init__(self):
        self.lines = []

    def note(self, message):
        self.lines.append(message)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {"device": rng.choice(["ios", "web"], 60), "plan": rng.choice(list("abc"), 60), "score": rng.normal(0, 1, 60)}
    )


def losses(name, table, **options):
    model = create(name, steps=UPDATES, batch_size=BATCH, seed=1, device="cpu", **GENERATORS[name], **options)
    notes = Notes()
    model.fit(table, progress=notes)
    return [[entry["step"], entry["train_loss"]] for entry in model.history], notes.lines


@pytest.mark.parametrize("error", ERRORS, ids=["cuda", "mps"])
@pytest.mark.parametrize("name", GENERATORS)
def test_training_goes_back_to_its_last_good_state_and_on_in_halves(name, table, monkeypatch, error):
    monkeypatch.setattr(tvae_learner, "product_type", lambda device: torch.float32)
    whole, _ = losses(name, table)
    in_parts, begun = AdamLearner.differentiate_in_parts, []

    def cramped(self, adam, differentiate):
        def tight(part):
            loss = differentiate(part)
            # CTGAN's discriminator has made its update by then.
            if adam is self.adam and len(begun) >= FAILS_AT and part.size > BATCH / 2:
                raise error
            return loss

        begun.extend([1] * (adam is self.adam))
        return in_parts(self, adam, tight)

    monkeypatch.setattr(AdamLearner, "differentiate_in_parts", cramped)
    found, notes = losses(name, table)
    assert notes == [
        f"Out of memory after {FAILS_AT - 1} steps: each batch goes through the model in micro-batches of "
        f"{BATCH // 2} rows from step {FAILS_AT - 1} on."
    ]
    # CTGAN normalises each micro-batch by itself.
    np.testing.assert_allclose(found, whole, atol=0.2 if name == "ctgan" else 1e-4)
    np.testing.assert_array_equal(found[: FAILS_AT - 1], whole[: FAILS_AT - 1])


def test_a_micro_batch_of_one_row_that_is_too_large_ends_the_fit(table, monkeypatch):
    def full(*_):
        raise ERRORS[0]

    monkeypatch.setattr(AdamLearner, "differentiate_in_parts", full)
    with pytest.raises(NoMemoryError, match="Out of memory after 0 steps: take a smaller --batch-size"):
        losses("tabddpm", table)


@pytest.mark.parametrize("name", ["tvae", "tabddpm"])
def test_a_private_update_is_made_again_with_the_same_noise(name, table, monkeypatch):
    fitted, noises = updates.clipped_sum, []
    draw = updates.NoisyGradient.draw

    def cramped(loss, weights, rows, clip):
        if len(noises) >= 2 and rows > BATCH / 4:
            raise MemoryError
        return fitted(loss, weights, rows, clip)

    def drawn(self, coins):
        rows = draw(self, coins)
        noises.append(rows.tolist())
        return rows

    monkeypatch.setattr(updates, "clipped_sum", cramped)
    monkeypatch.setattr(updates.NoisyGradient, "draw", drawn)
    notes = Notes()
    privacy = Privacy(epsilon=3.0, public_schema=True, noise_seed=1)
    options = {**GENERATORS[name], "privacy": privacy}
    model = create(name, steps=4, batch_size=BATCH, seed=1, device="cpu", **options).fit(table, progress=notes)
    assert [line.partition("micro-batches of ")[2] for line in notes.lines if "Out of memory" in line] == [
        "24 rows from here on.",
        "12 rows from here on.",
    ]
    assert noises[1] == noises[2] == noises[3], "the rows of an update are drawn once"
    assert len(noises) == 4 + 2
    assert model.facts["privacy"]["steps"] == 4
