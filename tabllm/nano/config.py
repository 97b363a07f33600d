"""The shape of a ``nano`` model, and the random start that both engines share."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from tabular.plain_json import FieldError, check_fields, list_of, whole

__all__ = ["NanoConfig", "initial_weights"]


@dataclass(frozen=True)
class NanoConfig:
    """A GPT-2-architecture decoder over the fields of a table.

    Attributes:
        sizes: tokens of each field; field ``f`` owns the ids ``offsets[f]`` to ``offsets[f+1]``.
        width: size of the hidden state.
        layers, heads: as in GPT-2.
        given: so many of the first fields are always given and never drawn: every order begins with them, and
            training counts no loss of them; only of interest to training, and not kept.
    """

    sizes: tuple[int, ...]
    width: int = 128
    layers: int = 3
    heads: int = 4
    given: int = 0

    @cached_property
    def offsets(self) -> list[int]:
        """int[fields + 1], where each field's ids begin; the last entry is the vocabulary's size."""
        return [0, *np.cumsum(self.sizes).tolist()]

    @property
    def vocabulary(self) -> int:
        """Token ids in all, without the start token, whose id this is."""
        return sum(self.sizes)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        kept = {name: value for name, value in asdict(self).items() if name != "given" or value}
        return {**kept, "sizes": list(self.sizes)}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> NanoConfig:
        """Read what :meth:`to_dict` wrote. Raises :class:`tabular.plain_json.FieldError` if it is not."""
        check_fields(data, _KINDS, "architecture")
        config = cls(**{name: data[name] for name in _KINDS} | {"sizes": tuple(data["sizes"])})
        if config.width % config.heads:
            raise FieldError(f"architecture has width {config.width:,}, which is no multiple of its heads")
        return config

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each weight, by name."""
        d, v = self.width, self.vocabulary
        shapes: dict[str, tuple[int, ...]] = {
            "wte": (v + 1, d),
            "wfe": (len(self.sizes), d),
            "ln_f.weight": (d,),
            "ln_f.bias": (d,),
            "head.weight": (v, d),
            "head.bias": (v,),
        }
        for i in range(self.layers):
            for name in ("ln_1", "ln_2"):
                shapes |= {f"h.{i}.{name}.weight": (d,), f"h.{i}.{name}.bias": (d,)}
            for name, out, given in (
                ("attn.c_attn", 3 * d, d),
                ("attn.c_proj", d, d),
                ("mlp.c_fc", 4 * d, d),
                ("mlp.c_proj", d, 4 * d),
            ):
                shapes |= {f"h.{i}.{name}.weight": (out, given), f"h.{i}.{name}.bias": (out,)}
        return shapes


_KINDS = {"sizes": list_of(whole(1), 1), "width": whole(1), "layers": whole(1), "heads": whole(1)}


def initial_weights(config: NanoConfig, log_frequencies: np.ndarray, *, seed: int) -> dict[str, np.ndarray]:
    """Random float32 weights by name; GPT-2's scheme (Radford et al. 2019, section 2.3).

    Args:
        log_frequencies: float32[vocabulary], each token's log share within its field: where the head's
            bias starts, so that the untrained model already has the right marginals.
    """
    rng = np.random.default_rng(seed)
    d = config.width

    def normal(*shape: int, scale: float = 0.02) -> np.ndarray:
        return rng.normal(0.0, scale, shape).astype(np.float32)

    residual = 0.02 / np.sqrt(2 * config.layers)
    weights = {
        "wte": normal(config.vocabulary + 1, d, scale=0.05),
        "wfe": normal(len(config.sizes), d, scale=0.05),
        "ln_f.weight": np.ones(d, np.float32),
        "ln_f.bias": np.zeros(d, np.float32),
        "head.weight": normal(config.vocabulary, d),
        "head.bias": log_frequencies.astype(np.float32),
    }
    for i in range(config.layers):
        weights |= {
            f"h.{i}.ln_1.weight": np.ones(d, np.float32),
            f"h.{i}.ln_1.bias": np.zeros(d, np.float32),
            f"h.{i}.attn.c_attn.weight": normal(3 * d, d, scale=0.05),
            f"h.{i}.attn.c_attn.bias": np.zeros(3 * d, np.float32),
            f"h.{i}.attn.c_proj.weight": normal(d, d, scale=residual),
            f"h.{i}.attn.c_proj.bias": np.zeros(d, np.float32),
            f"h.{i}.ln_2.weight": np.ones(d, np.float32),
            f"h.{i}.ln_2.bias": np.zeros(d, np.float32),
            f"h.{i}.mlp.c_fc.weight": normal(4 * d, d, scale=0.05),
            f"h.{i}.mlp.c_fc.bias": np.zeros(4 * d, np.float32),
            f"h.{i}.mlp.c_proj.weight": normal(d, 4 * d, scale=residual),
            f"h.{i}.mlp.c_proj.bias": np.zeros(d, np.float32),
        }
    return weights
