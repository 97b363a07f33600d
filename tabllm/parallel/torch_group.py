"""Processes that compute with PyTorch: gloo on the processor, NCCL between CUDA GPUs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from tabular.errors import UsageError

from .group import Group, buckets, told_as_lost
from .world import World

__all__ = ["TorchGroup"]


class TorchGroup(Group):
    """The processes that ``torchrun`` started.

    Args:
        device: ``--device``, or ``"auto"``; on CUDA each process takes the GPU of its number on this machine.

    Raises:
        UsageError: for more processes than GPUs.
        LostProcess: if the others do not come.
    """

    engine = "torch"

    def __init__(self, world: World, device: str = "auto") -> None:
        self.rank, self.size = world.rank, world.size
        backend = "gloo"
        if device in ("auto", "cuda") and torch.cuda.is_available():
            if world.local_size > torch.cuda.device_count():
                raise UsageError(
                    f"torchrun started {world.local_size} processes here, and there are {torch.cuda.device_count()} "
                    "GPUs: take --nproc-per-node with that number, or --device cpu."
                )
            torch.cuda.set_device(world.local_rank)
            backend = "cpu:gloo,cuda:nccl"
        with told_as_lost():
            dist.init_process_group(
                backend, rank=world.rank, world_size=world.size, timeout=timedelta(seconds=self.TIMEOUT_SECONDS)
            )

    @torch.no_grad()
    def sum_arrays(self, arrays: Sequence[Tensor]) -> list[Tensor]:
        result: list[Tensor] = []
        for part in buckets([array.numel() for array in arrays]):
            flat = torch.cat([array.detach().reshape(-1).float() for array in arrays[part]])
            sent = flat if flat.device.type in ("cpu", "cuda") else flat.cpu()  # gloo knows nothing of Metal
            with told_as_lost():
                dist.all_reduce(sent)
            pieces = sent.to(flat.device).split([array.numel() for array in arrays[part]])
            for array, piece in zip(arrays[part], pieces, strict=True):
                if array.dtype == torch.float32:
                    result.append(array.copy_(piece.view_as(array)))  # in place: gradients are as large as the model
                else:
                    result.append(piece.view_as(array))
        return result

    def gather_bytes(self, block: np.ndarray) -> np.ndarray:
        found = [torch.empty(len(block), dtype=torch.uint8) for _ in range(self.size)]
        with told_as_lost():
            dist.all_gather(found, torch.from_numpy(block.copy()))
        return torch.stack(found).numpy()

    def broadcast_bytes(self, block: np.ndarray) -> np.ndarray:
        sent = torch.from_numpy(block.copy())
        with told_as_lost():
            dist.broadcast(sent, src=0)
        received: np.ndarray = sent.numpy()
        return received

    def close(self) -> None:
        dist.destroy_process_group()
