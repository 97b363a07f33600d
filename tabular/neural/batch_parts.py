"""A batch in parts: those of the processes of a fit, and micro-batches where memory is short."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["BatchGenerator", "Part", "drawn", "part_of"]


@dataclass(frozen=True)
class Part:
    """The rows of a batch that go through a network together: every ``count``-th from number ``index`` on.

    They are not neighbours, since CTGAN penalises the first half of a batch, of which each part must have its share.

    Attributes:
        rows: of the whole batch.
        pac: rows that stay together, one after the other; they are counted as one.
        blocks: how many batches lie one after the other; each is cut alike.
    """

    rows: int
    index: int
    count: int
    pac: int = 1
    blocks: int = 1

    @property
    def size(self) -> int:
        """How many rows this part has, of one block."""
        return len(range(self.index, self.rows // self.pac, self.count)) * self.pac

    def of(self, whole: Tensor, dim: int = 0) -> Tensor:
        """What belongs to the rows of this part, of ``whole``, which has all rows of the batch at ``dim``."""
        before, every = (slice(None),) * dim, slice(self.index, None, self.count)
        if self.pac == 1 and self.blocks == 1:
            return whole[(*before, every)]
        packs = whole.unflatten(dim, (self.blocks, self.rows // self.pac, self.pac))
        return packs[(*before, slice(None), every)].flatten(dim, dim + 2)


class BatchGenerator(torch.Generator):
    """A generator of whose draws for a batch a part is used, if one is set: all are drawn, and are those of the batch
    whatever it is cut into."""

    part: Part | None = None

    @contextmanager
    def draws_for(self, part: Part) -> Iterator[None]:
        """Inside, ``part`` is set."""
        before, self.part = self.part, part
        try:
            yield
        finally:
            self.part = before


def part_of(generator: torch.Generator | None) -> Part | None:
    """The part of a batch that is computed with the draws of ``generator``; ``None`` for all of it."""
    return getattr(generator, "part", None)


def drawn(
    draw: Callable[..., Tensor],
    shape: Sequence[int],
    generator: torch.Generator,
    device: torch.device,
    *,
    dim: int = 0,
) -> Tensor:
    """``draw`` (such as ``torch.rand``) of ``shape``, which has a row of the batch for each number at ``dim``.

    Of a part of a batch (:class:`BatchGenerator`): its part of what the whole batch draws."""
    part = part_of(generator)
    if part is None:
        return draw(tuple(shape), generator=generator, device=device)
    whole = (*shape[:dim], part.blocks * part.rows, *shape[dim + 1 :])
    return part.of(draw(whole, generator=generator, device=device), dim)
