"""Random streams that only the holder of a secret can compute: what all randomness of a private fit comes from.

The guarantee is about an attacker who knows everything but three things, so these must be secret: the noise, which
rows the coins chose, and what the loss itself draws for its rows (latent vectors, diffusion times, orders of fields).
The last is given to rows by their position among those drawn, so that an attacker who knew it would see one row more
shift the draws of all rows after it. Everything else (first weights, calibration, sampling) may be public.

A generator of torch is no source for them: on a processor ``manual_seed`` uses the low 32 bits of a seed, so that all
its streams can be tried one by one against released weights. Here each purpose and each update has its own key of 128
bits: HMAC-SHA256 of a secret of 256 bits (RFC 2104), the key of Philox 4x64-10 (Salmon et al. 2011, "Parallel random
numbers: as easy as 1, 2, 3"). Philox is no proven cipher; no attack on its ten rounds is known. Numbers are drawn on
the host and moved to the device, so that a processor, CUDA and MPS get the same ones.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

__all__ = ["GENERATOR", "HostDraws", "SecretStreams"]

#: How a run names where its noise came from; runs without the name had noise that can be computed back.
GENERATOR = "Philox 4x64, keys of 128 bits from a secret of 256 bits"
#: Bytes of a secret, and of a key.
SECRET_BYTES, KEY_BYTES = 32, 16

Purpose = Literal["coins", "noise", "loss", "orders", "histograms", "encoding", "gaps", "canaries"]


@dataclass(frozen=True)
class SecretStreams:
    """Independent random streams, one for each purpose and update.

    Attributes:
        secret: 32 bytes; whoever knows them can compute every stream.
    """

    secret: bytes = field(repr=False)

    @classmethod
    def fresh(cls) -> SecretStreams:
        """Streams that nobody can compute."""
        return cls(secrets.token_bytes(SECRET_BYTES))

    @classmethod
    def from_seed(cls, seed: int) -> SecretStreams:
        """The streams of a seed from 0 to 2**256 - 1, for tests: who guesses it can compute them."""
        return cls(seed.to_bytes(SECRET_BYTES, "big"))

    @classmethod
    def from_hex(cls, text: str) -> SecretStreams:
        """What :attr:`secret` was written as. Raises :class:`ValueError` where it is no such text."""
        secret = bytes.fromhex(text)
        if len(secret) != SECRET_BYTES:
            raise ValueError(f"a secret of {len(secret)} bytes, not {SECRET_BYTES}")
        return cls(secret)

    def generator(self, purpose: Purpose, step: int = 0) -> np.random.Generator:
        """The stream for ``purpose`` in update number ``step``, from its beginning."""
        key = self._digest(f"{purpose} {step}")[:KEY_BYTES]
        return np.random.Generator(np.random.Philox(key=int.from_bytes(key, "big")))

    def fingerprint(self) -> str:
        """What tells two secrets apart and does not help to find either."""
        return self._digest("fingerprint").hex()

    def _digest(self, message: str) -> bytes:
        return hmac.digest(self.secret, message.encode(), "sha256")


class HostDraws(TorchFunctionMode):
    """While it is active, what torch would draw from one of its generators is drawn from ``stream`` instead.

    Args:
        replaced: the generator of torch that a loss was given; it is left as it is.
    """

    def __init__(self, replaced: torch.Generator, stream: np.random.Generator) -> None:
        super().__init__()
        self.replaced, self.stream = replaced, stream

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if kwargs.get("generator") is not self.replaced:
            return func(*args, **kwargs)
        device = kwargs.get("device")
        if func is torch.randint:
            low, high, size = args
            return _moved(self.stream.integers(low, high, size=tuple(size)), device)
        size = tuple(args[0]) if isinstance(args[0], Sequence) else args
        if func is torch.randn:
            return _moved(self.stream.standard_normal(size, dtype=np.float32), device)
        if func is torch.rand:
            return _moved(self.stream.random(size, dtype=np.float32), device)
        raise NotImplementedError(f"{func} would be drawn without the secret.")


def _moved(drawn: np.ndarray, device: Any) -> Tensor:
    return torch.from_numpy(drawn).to(device or "cpu")
