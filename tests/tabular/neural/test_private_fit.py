"""Private fits of TVAE and TabDDPM: what they tell, what they refuse, and that without noise they are plain ones."""

from __future__ import annotations

import contextlib
import json
import math
import signal

import numpy as np
import pandas as pd
import pytest
import torch

from tabular import OutputError, Schema, SchemaError, UsageError, create, infer_schema, load_run, to_arrays
from tabular.dp import session
from tabular.dp.clipping import clipped_sum
from tabular.dp.session import begin_private_fit, forget_secret
from tabular.dp.settings import Privacy
from tabular.dp.streams import SecretStreams
from tabular.dp.updates import NoisyGradient
from tabular.neural import base
from tabular.neural.encoding.encoder import TableEncoder
from tabular.neural.encoding.spans import Spans
from tabular.neural.networks import tvae_learner
from tabular.neural.private import learner as learner_module
from tabular.neural.private.learner import PrivateLearner
from tabular.neural.updates.rows import shuffled_rows

SMALL = {
    "tabddpm": {"steps": 6, "batch_size": 60, "d_layers": (16, 16), "num_timesteps": 10, "target": "device"},
    "tvae": {"steps": 6, "batch_size": 60, "compress_dims": (16,), "decompress_dims": (16,), "embedding_dim": 4},
}
BOTH = pytest.mark.parametrize("name", SMALL)


def small(name: str, privacy: Privacy | None = None, **options):
    return create(name, **{**SMALL[name], "device": "cpu", "privacy": privacy, **options})


def private(**changes) -> Privacy:
    return Privacy(**{"epsilon": 3.0, "public_schema": True, "noise_seed": 1, **changes})


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = 600
    return pd.DataFrame(
        {
            "user": [f"u{place:04d}" for place in range(rows)],
            "device": rng.choice(["ios", "android", "web"], rows, p=[0.5, 0.4, 0.1]),
            "age": rng.integers(18, 90, rows),
            "spent": np.where(rng.random(rows) < 0.6, 0.0, rng.gamma(2, 20, rows).round(2)),
            "score": np.where(rng.random(rows) < 0.25, np.nan, rng.normal(0, 1, rows)),
        }
    )


@BOTH
def test_the_epsilon_of_a_run_is_that_of_opacus_for_the_steps_really_taken(name, table, tmp_path, monkeypatch):
    from opacus.accountants import PRVAccountant

    taken = []
    compute = NoisyGradient.__call__

    def counted(self, *arguments):
        taken.append((self.noise_multiplier, self.sample_rate))
        return compute(self, *arguments)

    monkeypatch.setattr(NoisyGradient, "__call__", counted)
    small(name, private()).fit(table).save(tmp_path / "run")
    told = json.loads((tmp_path / "run" / "config.json").read_text())["fit"]["privacy"]
    accountant = PRVAccountant()
    accountant.step(noise_multiplier=told["columns_noise_multiplier"], sample_rate=1.0)
    for noise, rate in taken:
        accountant.step(noise_multiplier=noise, sample_rate=rate)
    assert told["epsilon"] == accountant.get_epsilon(told["delta"])
    assert told["epsilon"] <= 3.0
    assert told["steps"] == len(taken) == 6
    assert told["sample_rate"] == 0.1
    assert told["delta"] == pytest.approx(1 / 6000)
    assert told["spent_alone"]["columns"] <= 0.3


@BOTH
def test_a_run_tells_of_its_privacy_and_of_no_loss(name, table, tmp_path):
    model = small(name, private()).fit(table)
    model.save(tmp_path / "run")
    again = load_run(tmp_path / "run", device="cpu")
    pd.testing.assert_frame_equal(model.sample(50), again.sample(50))
    assert again.describe()["privacy"] == model.facts["privacy"]
    assert "train_loss" not in again.describe()
    assert all(set(look) == {"step", "seconds"} for look in again.history)
    assert "differential privacy: epsilon" in (tmp_path / "run" / "README.md").read_text()
    made = again.sample(400)
    assert made.dtypes.to_dict() == table.dtypes.to_dict()
    assert set(made["device"]) <= {"ios", "android", "web"}
    assert made["age"].between(18, 89).all()


@BOTH
def test_without_noise_and_clipping_the_private_learner_is_the_plain_one(name, table, monkeypatch):
    monkeypatch.setattr(tvae_learner, "product_type", lambda device: torch.float32)  # as private products are

    # The plain learner draws rows, and its loss, from one generator of torch.
    monkeypatch.setattr(learner_module, "HostDraws", lambda replaced, stream: contextlib.nullcontext())
    generator = torch.Generator()

    class SameRows(NoisyGradient):
        def draw(self, coins):
            return shuffled_rows(self.rows, 60, generator, torch.device("cpu")).numpy()

    model = small(name)
    schema = infer_schema(table)
    arrays = to_arrays(table, schema)
    encoder = TableEncoder.fit(arrays, schema, model.numbers)
    spans = Spans(encoder.sizes, torch.device("cpu"))
    rng = np.random.default_rng(0)
    data = model._data(*encoder.encode(arrays, rng), rng)

    def trained(is_private):
        network = model._new_network(encoder, spans)
        learner = model._make_learner(network, spans, data, 20)
        if is_private:
            learner = PrivateLearner(
                learner.adam,
                torch.device("cpu"),
                SameRows(600, 0.1, math.inf, 0.0),
                streams=SecretStreams.fresh(),
                steps=20,
                decay=model.decays,
            )
            learner.loss = model._private_loss(network, data, generator)
        learner.generator = generator.manual_seed(3)
        for number in range(20):
            learner.step(number)
        return learner.kept()

    plain, without_noise = trained(False), trained(True)
    start = dict(model._new_network(encoder, spans).named_parameters())
    assert all((plain[key] - start[key]).abs().max() > 1e-4 for key in plain)  # every weight is trained
    for key, value in plain.items():
        torch.testing.assert_close(without_noise[key], value, rtol=1e-3, atol=2e-5)


@BOTH
def test_the_gradients_of_the_real_networks_are_clipped_as_in_a_loop(name, table, monkeypatch):
    model = small(name)
    schema = infer_schema(table)
    arrays = to_arrays(table, schema)
    encoder = TableEncoder.fit(arrays, schema, model.numbers)
    spans = Spans(encoder.sizes, torch.device("cpu"))
    network = model._new_network(encoder, spans)
    rng = np.random.default_rng(0)
    data = model._data(*encoder.encode(arrays, rng), rng)
    loss = model._private_loss(network, data, torch.Generator())
    weights = list(network.parameters())

    # The noise of a row is the same whether it is looked at alone or among others.
    now = torch.arange(12)
    normal, uniform, times = torch.randn(12, 64), torch.rand(2, 12, 64), torch.randint(1, 10, (12,))
    monkeypatch.setattr(torch, "randn", lambda shape, **options: normal[now, : shape[1]])
    monkeypatch.setattr(torch, "rand", lambda shape, **options: uniform[:, now, : shape[2]])
    monkeypatch.setattr(torch, "randint", lambda *shape, **options: times[now])
    found, norms = clipped_sum(lambda: loss(now), weights, 12, 2.0)
    wanted = [torch.zeros_like(weight) for weight in weights]
    for row in range(12):
        now = torch.tensor([row])
        gradients = torch.autograd.grad(loss(now), weights)
        norm = float(torch.cat([gradient.ravel() for gradient in gradients]).norm())
        assert float(norms[row]) == pytest.approx(norm, rel=1e-3)
        for total, gradient in zip(wanted, gradients, strict=True):
            total += gradient * min(1.0, 2.0 / norm)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


def test_the_noise_is_a_secret_unless_a_seed_is_given(table):
    def weights(privacy):
        return torch.cat([value.ravel() for value in small("tvae", privacy).fit(table)._network.state_dict().values()])

    assert torch.equal(weights(private()), weights(private()))
    assert not torch.equal(weights(private()), weights(private(noise_seed=2)))
    secret = private(noise_seed=None)
    assert not torch.equal(weights(secret), weights(secret))
    assert "who knows it" in small("tvae", private()).fit(table).facts["privacy"]["noise"]


def test_a_fit_that_goes_on_finds_its_secret_again_and_counts_every_step(table, tmp_path, monkeypatch):
    asked = private(noise_seed=None)
    step = PrivateLearner.step

    def interrupted(self, number):
        if number == 40:
            signal.raise_signal(signal.SIGINT)
        return step(self, number)

    monkeypatch.setattr(PrivateLearner, "step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        small("tvae", asked, steps=60).fit(table, checkpoint=tmp_path)
    monkeypatch.setattr(PrivateLearner, "step", step)
    assert (tmp_path / "noise.json").exists()
    taken = []
    monkeypatch.setattr(PrivateLearner, "step", lambda self, number: taken.append(number) or step(self, number))
    resumed = small("tvae", asked, steps=60).fit(table, checkpoint=tmp_path)
    assert taken[-1] == 59
    assert len(taken) < 60
    assert resumed.facts["privacy"]["steps"] == 60
    assert (tmp_path / "noise.json").exists()
    resumed.save(tmp_path / "run")
    assert not (tmp_path / "noise.json").exists()


def test_a_secret_is_found_again_for_the_same_rows_and_settings_alone(table, tmp_path):
    schema = infer_schema(table)

    def secret(rows, schema=schema, **changes):
        privacy = private(noise_seed=None, **changes)
        return begin_private_fit(
            privacy, to_arrays(rows, schema), schema, steps=6, batch_rows=60, settings={}, checkpoint=tmp_path
        ).streams.secret

    first = secret(table)
    assert secret(table) == first
    assert secret(table, epsilon=4.0) != first
    assert secret(table[:-1]) != first
    assert secret(table, schema.replace_column("age", maximum=120.0)) != first
    second = secret(table)
    assert second != first
    forget_secret(tmp_path)
    assert secret(table) != second


def test_without_a_share_the_columns_are_taken_for_even(table):
    model = small("tvae", private(schema_share=0.0)).fit(table)
    assert model.facts["privacy"]["spent_alone"]["columns"] == 0
    assert model.facts["privacy"]["columns_noise_multiplier"] is None
    shares = model.sample(2000)["device"].value_counts(normalize=True)
    assert shares["web"] == pytest.approx(1 / 3, abs=0.05)  # a tenth in the table


def test_the_frequency_of_the_target_s_classes_is_the_noisy_one(table):
    model = small("tabddpm", private(schema_share=0.0)).fit(table)
    span = model._network.guided[0]
    np.testing.assert_allclose(model._network.class_shares(span).numpy(), 1 / 3, atol=0.01)


def test_what_is_not_known_to_be_public_is_refused(table):
    with pytest.raises(UsageError, match="--schema FILE"):
        small("tvae", private(public_schema=False)).fit(table)
    small("tvae", private(public_schema=False)).fit(table, schema=infer_schema(table))
    words = table.assign(note=[f"some words {place} of text" for place in range(len(table))])
    with pytest.raises(SchemaError, match="column 'note'"):
        small("tvae", private()).fit(words, schema=infer_schema(words, overrides={"note": "text"}))
    endless = infer_schema(table).replace_column("age", minimum=None)
    with pytest.raises(SchemaError, match="no bounds for column 'age'"):
        small("tvae", private()).fit(table, schema=endless)
    whole = infer_schema(table).replace_column("score", missing_rate=0.0)
    with pytest.raises(SchemaError, match="'score' has missing cells"):
        small("tvae", private()).fit(table, schema=whole)
    with pytest.raises(UsageError, match="one of 600 rows"):
        small("tvae", private(delta=0.01)).fit(table)


def test_numbers_beyond_public_bounds_are_clipped_to_them(table):
    schema = infer_schema(table).replace_column("age", minimum=30.0, maximum=60.0)
    made = small("tvae", private()).fit(table, schema=schema).sample(300)
    assert made["age"].between(30, 60).all()


@BOTH
def test_a_run_that_could_not_be_saved_is_made_again_of_the_same_noise(name, table, tmp_path, monkeypatch):
    found = []
    noisy = session.noisy_histograms
    monkeypatch.setattr(session, "noisy_histograms", lambda *arguments: found.append(noisy(*arguments)) or found[-1])
    write = base.write_run_files
    monkeypatch.setattr(base, "write_run_files", lambda *arguments: (_ for _ in ()).throw(OutputError("disk full")))
    asked = private(noise_seed=None, schema_share=0.9)
    first = small(name, asked).fit(table, checkpoint=tmp_path / "partial")
    with pytest.raises(OutputError, match="disk full"):
        first.save(tmp_path / "run")
    monkeypatch.setattr(base, "write_run_files", write)
    second = small(name, asked).fit(table, checkpoint=tmp_path / "partial")
    second.save(tmp_path / "run")
    for column, histogram in found[0].items():
        np.testing.assert_array_equal(histogram.counts, found[1][column].counts)
    pd.testing.assert_frame_equal(first.sample(30), second.sample(30))
    small(name, asked).fit(table, checkpoint=tmp_path / "partial")
    assert not np.array_equal(found[2]["device"].counts, found[0]["device"].counts)


def test_a_checkpoint_of_another_secret_is_not_gone_on_from(table, tmp_path):
    asked, schema = private(noise_seed=None), infer_schema(table)

    def fingerprint():
        return begin_private_fit(
            asked, to_arrays(table, schema), schema, steps=6, batch_rows=60, settings={}, checkpoint=tmp_path
        ).fingerprint

    first = fingerprint()
    assert fingerprint() == first
    forget_secret(tmp_path)
    assert fingerprint() != first


@pytest.mark.parametrize(("name", "setting"), [("tvae", {"l2scale": 1e-3}), ("tabddpm", {"weight_decay": 1e-3})])
def test_other_settings_never_meet_the_same_noise(name, setting, table, tmp_path):
    def noise(**changes):
        small(name, private(noise_seed=None), **changes).fit(table, checkpoint=tmp_path)
        return (tmp_path / "noise.json").read_text()

    first = noise()
    assert noise() == first
    assert noise(**setting) != first


@BOTH
def test_nothing_that_is_drawn_for_rows_comes_from_a_generator_of_torch(name, table, monkeypatch):
    step, states = PrivateLearner.step, []

    def watched(self, number):
        before = self.generator.get_state(), torch.get_rng_state()
        step(self, number)
        states.append(torch.equal(self.generator.get_state(), before[0]))
        states.append(torch.equal(torch.get_rng_state(), before[1]))

    monkeypatch.setattr(PrivateLearner, "step", watched)
    small(name, private(), **({"dropout": 0.1} if name == "tabddpm" else {})).fit(table)
    assert len(states) == 12
    assert all(states)


def test_a_schema_that_leaves_out_columns_is_nobodys_word_for_what_is_public(table):
    for schema in (Schema(()), Schema(infer_schema(table).columns[:-1])):
        for is_public in (False, True):
            with pytest.raises(SchemaError, match="'score', so nobody said what of"):
                small("tvae", private(public_schema=is_public)).fit(table, schema=schema)


def test_a_run_tells_what_its_epsilon_is_for(table, tmp_path):
    model = small("tvae", private()).fit(table)
    told = model.facts["privacy"]
    assert told["neighbours"].startswith("one row's contribution added or removed, the number of rows being public")
    twice, delta = 2 * told["epsilon"], (1 + math.exp(told["epsilon"])) * told["delta"]
    assert f"epsilon {twice:.3f} at delta {delta:.2g}" in told["neighbours"]
    model.save(tmp_path / "run")
    assert told["neighbours"] in (tmp_path / "run" / "README.md").read_text()
