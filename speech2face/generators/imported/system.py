"""A system of networks whose public weights can be imported, and reading what was imported."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from speech2face.checkpoints import library
from speech2face.checkpoints.containers import Container
from speech2face.checkpoints.networks import fill, ready
from speech2face.checkpoints.store import read_weights
from speech2face.errors import WeightsError


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """What the configuration of every system holds, beside what is its own."""

    size: int = 256
    """Side of the picture in pixels that the networks work at."""
    align_corners: bool = False
    """Of grid_sample, as in training."""


Config = TypeVar("Config", bound=Sizes)
Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True, kw_only=True)
class Layout(Generic[Config]):
    """How a public file is laid out, and what that says which no tensor shows."""

    name: str
    config: Config
    licence: str


@dataclass(frozen=True, kw_only=True, eq=False)
class System(Generic[Config]):
    """One published system: its networks, its sizes, its names in public files."""

    kind: str
    """What the configuration of an imported file says it is; the family in generators' names."""
    title: str
    """What people call it."""
    networks: Mapping[str, Callable[[Config], nn.Module]]
    """By our names, which are the prefixes of the tensors of our files."""
    presets: Mapping[str, Config]
    config: type[Config]
    layout: Callable[[Config, Container], Layout[Config]]
    """Tell the layout of the first file, given the preset that fits its tensors."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Our name for each name of a network in public files, where it is another."""
    optional: Mapping[str, str] = field(default_factory=dict)
    """Networks that may lack, and what that means."""
    reads_by: tuple[str, ...] = ()
    """Networks without which the system has no motion extractor of its own."""

    @property
    def aliases(self) -> dict[str, str]:
        """Our name for every name of a network in public files."""
        return {name: name for name in self.networks} | dict(self.names)

    def reads(self, networks: Iterable[str]) -> bool:
        """Return whether networks of it have a motion extractor."""
        return set(self.reads_by) <= set(networks)

    def read(self, weights: str) -> tuple[dict[str, Tensor], Config]:
        """Read imported weights, by name or path, and the configuration of their networks.

        Raises:
            WeightsError: They are missing, damaged, or of another system.
        """
        path = library.find(weights).path
        tensors, stored = read_weights(path)
        if stored.get("kind") != self.kind:
            msg = (
                f"{path} holds no {self.title} system ({stored.get('kind', 'of unknown kind')}); "
                "give one that speech2face weights import made"
            )
            raise WeightsError(msg)
        try:
            sizes: dict[str, Any] = {
                name: tuple(value) if isinstance(value, list) else value
                for name, value in stored["network"].items()
            }
            return tensors, self.config(**sizes)
        except (KeyError, TypeError) as error:
            msg = f"{path} was imported by another version ({error}); import it again"
            raise WeightsError(msg) from error


def load(
    network: Network, name: str, tensors: Mapping[str, Tensor], device: torch.device
) -> Network:
    """Give a network its tensors among those of a system, and make it ready on the device.

    Args:
        network: Is filled, and returned.
        name: By which the system knows it.
        tensors: As `System.read` gives them.
        device: Where it will compute.

    Raises:
        WeightsError: The tensors are of another network.
    """  # noqa: DOC502 fill raises it
    start = f"{name}."
    own = {
        key.removeprefix(start): value for key, value in tensors.items() if key.startswith(start)
    }
    return ready(fill(network, own, f"the tensors of {name}"), device)
