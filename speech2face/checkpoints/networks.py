"""Networks from weights: the sizes that lie beside them build one, the tensors fill it."""

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from speech2face.configs import from_table
from speech2face.errors import InputError, WeightsError

Network = TypeVar("Network", bound=nn.Module)
Sizes = TypeVar("Sizes")


def build(
    network: Callable[[Sizes], Network],
    sizes: type[Sizes],
    weights: tuple[dict[str, Tensor], dict[str, Any]],
    where: str,
) -> Network:
    """Build the network that weights describe, and fill it.

    Args:
        network: Makes the network from its sizes.
        sizes: The dataclass of these sizes.
        weights: Tensors by name, in any precision, and the sizes as a table.
        where: What to call the weights in an error.

    Raises:
        WeightsError: They are of another network.
    """
    tensors, table = weights
    try:
        empty = network(from_table(sizes, table, where))
    except InputError as error:
        raise WeightsError(_other(where, error)) from error
    return fill(empty, tensors, where)


def fill(network: Network, tensors: dict[str, Tensor], where: str) -> Network:
    """Give a network its weights, each of its own, as float32.

    Args:
        network: Is filled, and returned.
        tensors: By name, in any precision.
        where: What to call the weights in an error.

    Raises:
        WeightsError: A name is unknown or missing, or a shape is another.
    """
    try:
        network.load_state_dict({name: value.float() for name, value in tensors.items()})
    except RuntimeError as error:
        raise WeightsError(_other(where, error)) from error
    return network


def ready(network: Network, device: torch.device | str = "cpu") -> Network:
    """Return a network that computes on the device and does not learn."""
    return network.eval().requires_grad_(requires_grad=False).to(device)


def _other(where: str, error: Exception) -> str:
    reason = " ".join(str(error).split())
    return f"{where} are of another network ({reason}); take the ones made for it"
