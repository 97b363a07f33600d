"""Random streams of a secret: what they depend on, and that torch's draws are replaced by them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tabular.dp.streams import HostDraws, SecretStreams
from tabular.dp.updates import NoisyGradient


def noise_and_coins(streams):
    weights = [torch.zeros(50)]
    gradient = NoisyGradient(rows=200, sample_rate=0.3, clip=1.0, noise_multiplier=1.0)
    none = torch.empty(0, dtype=torch.int64)
    noise = gradient(lambda rows: torch.zeros(()), none, weights, streams.generator("noise", 4))
    return noise[0].numpy(), gradient.draw(streams.generator("coins", 4))


@pytest.mark.parametrize("bit", [32, 40, 62])
def test_secrets_that_agree_in_their_low_32_bits_give_other_noise_and_other_coins(bit):
    some, others = (noise_and_coins(SecretStreams.from_seed(seed)) for seed in (12345, 12345 + 2**bit))
    assert not np.isin(some[0], others[0]).any()
    assert not np.array_equal(some[1], others[1])
    again = noise_and_coins(SecretStreams.from_seed(12345))
    np.testing.assert_array_equal(some[0], again[0])
    np.testing.assert_array_equal(some[1], again[1])


def test_every_purpose_and_every_update_has_a_stream_of_its_own():
    streams = SecretStreams.fresh()
    found = {streams.generator(purpose, step).bytes(16) for purpose in ("coins", "noise", "loss") for step in range(50)}
    assert len(found) == 150
    assert streams.generator("coins", 3).bytes(16) in found


def test_a_secret_has_256_bits_and_is_not_shown():
    streams = SecretStreams.fresh()
    assert len(streams.secret) == 32
    assert streams.secret != SecretStreams.fresh().secret
    assert streams.secret.hex() not in repr(streams)
    assert SecretStreams.from_hex(streams.secret.hex()) == streams
    for text in ("", "ab" * 8, "no hex"):
        with pytest.raises(ValueError):  # noqa: PT011 (any of them)
            SecretStreams.from_hex(text)


def test_draws_of_a_loss_come_from_the_stream_and_leave_other_draws_alone():
    replaced, other = torch.Generator().manual_seed(0), torch.Generator().manual_seed(0)
    untouched = replaced.get_state()
    with HostDraws(replaced, np.random.default_rng(5)):
        normal = torch.randn((3, 2), generator=replaced, device="cpu")
        uniform = torch.rand(2, 4, generator=replaced, device="cpu")
        times = torch.randint(1, 10, (5,), generator=replaced, device="cpu")
        as_ever = torch.rand(3, generator=other)
        with pytest.raises(NotImplementedError, match="without the secret"):
            torch.randperm(4, generator=replaced)
    stream = np.random.default_rng(5)
    np.testing.assert_array_equal(normal, stream.standard_normal((3, 2), np.float32))
    np.testing.assert_array_equal(uniform, stream.random((2, 4), np.float32))
    np.testing.assert_array_equal(times, stream.integers(1, 10, 5))
    assert times.dtype == torch.int64
    assert torch.equal(replaced.get_state(), untouched)
    assert torch.equal(as_ever, torch.rand(3, generator=torch.Generator().manual_seed(0)))


def test_the_coins_fall_as_often_as_they_should():
    gradient = NoisyGradient(rows=100_000, sample_rate=0.063, clip=1.0, noise_multiplier=1.0)
    drawn = gradient.draw(SecretStreams.fresh().generator("coins"))
    assert abs(len(drawn) - 6300) < 6 * (6300 * 0.937) ** 0.5
    assert drawn.dtype == np.int64
