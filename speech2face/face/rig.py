"""The face rig: a neutral face mesh and what each expression channel adds to it.

Made by `python -m make.rig`; its model card is `pretrained/rig.md`. Channel names
follow Apple's ARKit face anchors; `_L` and `_R` are the person's own left and right, so that `_L`
lies at the right of the image.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from speech2face.checkpoints.store import read_weights, verified_path
from speech2face.errors import InputError, WeightsError
from speech2face.landmarks import MESH_POINTS


@dataclass(frozen=True, kw_only=True)
class Rig:
    """A linear face model on the points of the dense mesh.

    Normalized units: origin at mesh point 168, unit = distance of mesh points 33 and 263; x right
    as seen, y down, z away from the viewer; the face looks straight at the viewer.
    """

    names: tuple[str, ...]
    """The channels, in the order of every array that holds one weight a channel."""
    neutral: Float[np.ndarray, "478 3"]
    """The face at rest: mouth closed, eyes open, looking ahead. Symmetric."""
    deltas: Float[np.ndarray, "channels 478 3"]
    """What each channel adds at weight 1."""
    triangles: Int[np.ndarray, "triangles 3"]
    """Surface of the mesh; eyes and mouth are holes, iris points belong to no triangle."""
    mirror: Int[np.ndarray, " 478"]
    """The mesh point that mirrors each mesh point."""

    def __post_init__(self) -> None:
        """Refuse arrays that do not belong together.

        Raises:
            WeightsError: The number of names and of channels differ.
        """
        if len(self.names) != len(self.deltas):
            msg = (
                f"the rig names {len(self.names)} channels but holds {len(self.deltas)}; "
                "the file is damaged, install speech2face again"
            )
            raise WeightsError(msg)

    def index(self, name: str) -> int:
        """Return a channel's place.

        Raises:
            InputError: There is no such channel.
        """
        if name not in self.names:
            msg = f"the rig has no channel {name!r}; it has: {', '.join(self.names)}"
            raise InputError(msg)
        return self.names.index(name)

    def weights(self, **channels: float) -> Float[np.ndarray, " channels"]:
        """Write weights by name, the rest zero, for instance `weights(jawOpen=0.5)`."""
        values = np.zeros(len(self.names), np.float32)
        for name, value in channels.items():
            values[self.index(name)] = value
        return values

    def offsets(
        self, weights: Float[np.ndarray, "*frames channels"]
    ) -> Float[np.ndarray, "*frames 478 3"]:
        """Return what the weights add to a face at rest, in normalized units."""
        flat = weights.astype(np.float32) @ self.deltas.reshape(len(self.names), -1)
        return flat.reshape(*weights.shape[:-1], MESH_POINTS, 3)

    def pose(
        self, weights: Float[np.ndarray, "*frames channels"]
    ) -> Float[np.ndarray, "*frames 478 3"]:
        """Return the neutral face with the expression that the weights ask for."""
        return self.neutral + self.offsets(weights)


def load_rig(folder: Path | None = None) -> Rig:
    """Read the shipped rig.

    Args:
        folder: The pretrained folder; the shipped one by default.

    Raises:
        WeightsError: The file is missing, damaged or not the one the manifest names.
    """
    path = verified_path("rig", folder)
    tensors, config = read_weights(path)
    try:
        arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
        return Rig(
            names=tuple(config["names"]),
            neutral=arrays["neutral"],
            deltas=arrays["deltas"],
            triangles=arrays["triangles"].astype(np.int64),
            mirror=arrays["mirror"].astype(np.int64),
        )
    except KeyError as error:
        msg = f"{path} holds no {error}, so it is no rig; install speech2face again"
        raise WeightsError(msg) from error


@cache
def shipped_rig() -> Rig:
    """Return the shipped rig, read once; its arrays are not to be written to."""
    return load_rig()
