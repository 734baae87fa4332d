"""Several processes that train one network: `torchrun --nproc-per-node N -m speech2face train ...`.

Every process ("rank") draws its own examples; gradients are averaged after each backward pass, so
all ranks keep equal weights. Without torchrun there is one rank and nothing here does anything.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import Tensor, distributed, nn

from speech2face import devices
from speech2face.errors import DeviceError

_PATIENCE = timedelta(minutes=30)
"""How long a rank waits for the others: rank 0 may draw previews meanwhile."""


@dataclass(frozen=True, kw_only=True)
class Ranks:
    """Which of how many processes this is."""

    rank: int = 0
    world: int = 1
    local: int = 0
    """Which process of this machine: it takes the GPU of that number."""

    @property
    def first(self) -> bool:
        """Whether this rank is the one that writes files."""
        return self.rank == 0

    def device(self, name: str) -> torch.device:
        """Resolve a user's word for a device; of several GPUs every rank takes its own.

        Raises:
            DeviceError: The device is absent, or there are fewer GPUs than ranks.
        """
        device = devices.resolve(name)
        if self.world == 1 or device.type != "cuda" or device.index is not None:
            return device
        count = torch.cuda.device_count()
        if self.local >= count:
            msg = (
                f"process {self.local} of this machine has no GPU, there are {count}; start as "
                "many processes as there are GPUs, or give --device cpu"
            )
            raise DeviceError(msg)
        return torch.device("cuda", self.local)

    def average(self, tensors: Iterable[Tensor]) -> None:
        """Replace tensors by their mean over all ranks, in one message."""
        own = list(tensors)
        if self.world == 1 or not own:
            return
        flat = torch.cat([tensor.reshape(-1).float() for tensor in own])
        distributed.all_reduce(flat)
        flat /= self.world
        parts = flat.split([tensor.numel() for tensor in own])
        for tensor, part in zip(own, parts, strict=True):
            tensor.copy_(part.view_as(tensor))

    def share(self, modules: Iterable[nn.Module]) -> None:
        """Give every rank the weights and buffers of rank 0."""
        if self.world == 1:
            return
        for module in modules:
            for value in module.state_dict().values():
                distributed.broadcast(value, 0)

    def agree(self, wish: bool, device: torch.device) -> bool:
        """Let rank 0 decide for all."""
        if self.world == 1:
            return wish
        word = torch.tensor(float(wish), device=device)
        distributed.broadcast(word, 0)
        return bool(word.item())


def among_ranks() -> Ranks:
    """Read from the environment which rank torchrun made this process."""
    names = {"rank": "RANK", "world": "WORLD_SIZE", "local": "LOCAL_RANK"}
    return Ranks(
        **{key: int(os.environ[name]) for key, name in names.items() if name in os.environ}
    )


@contextmanager
def joined(ranks: Ranks, device: torch.device) -> Iterator[None]:
    """Connect the ranks for as long as the context lasts: nccl between GPUs, gloo between CPUs."""
    if ranks.world == 1:
        yield
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    backend = "nccl" if device.type == "cuda" else "gloo"
    distributed.init_process_group(backend, timeout=_PATIENCE)
    try:
        yield
        # Together: one that leaves while the first still writes may be torn down in mid-sentence.
        distributed.barrier()
    finally:
        distributed.destroy_process_group()
