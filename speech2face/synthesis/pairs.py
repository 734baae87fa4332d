"""Training pairs on disk: one file an identity, whole or absent, with frames and what they show.

Any two frames of a file make a pair: one to start from, one to arrive at. Rendered heads and
animated photographs carry the exact motion between their frames; recordings do not.

Conventions: pixel centres at integers, normalized coordinates with -1 and +1 at the outer edges
(`speech2face.geometry`), z away from the viewer in the unit of x and y.
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from speech2face.errors import InputError
from speech2face.media.output import atomic_output

FRAME_SIZE = 256
"""Side of the stored frames in pixels."""
FLOW_SIZE = 64
"""Side of the stored motion in cells; the centre of a cell lies between four pixels."""
KINDS = ("heads", "portraits", "grid")
"""Rendered heads, animated photographs, frames of GRID recordings."""


@dataclass(frozen=True, kw_only=True)
class IdentityFrames:
    """Frames of one identity under one light, seen by one camera that does not move."""

    kind: str
    """One of `KINDS`."""
    identity: str
    """Who it is: never the same in training and held-out sets."""
    held_out: bool
    """Whether nothing may be trained on it."""
    frames: UInt8[np.ndarray, "frames 256 256 3"]
    """sRGB."""
    meshes: Float[np.ndarray, "frames 478 3"]
    """The face mesh of each frame in pixels of the frame."""
    flows: Float[np.ndarray, "frames frames 64 64 2"] | None = None
    """flows[i, j] at a cell of frame j: the normalized (x, y) of the same surface point in frame i,
    less the cell's own; what to add to an identity grid to draw j out of i. Float16."""
    visible: UInt8[np.ndarray, "frames frames 64 64"] | None = None
    """visible[i, j] at a cell of frame j: 1 where that point is seen in frame i too."""
    pose: Float[np.ndarray, "frames 3"] | None = None
    """Turn of the head: yaw, pitch, roll in degrees; of photographs against the photograph's."""
    coefficients: Float[np.ndarray, "frames channels"] | None = None
    """Weights of the expression channels that made the frame."""
    channels: tuple[str, ...] = ()
    """Names of the channels."""

    def __len__(self) -> int:
        """Count the frames."""
        return len(self.frames)


def write_identity(path: Path, sample: IdentityFrames) -> None:
    """Write one identity's file, whole or not at all; one that exists is replaced."""
    optional = {
        "flows": sample.flows,
        "visible": sample.visible,
        "pose": sample.pose,
        "coefficients": sample.coefficients,
    }
    arrays: dict[str, Any] = {
        name: values for name, values in optional.items() if values is not None
    }
    if "flows" in arrays:
        arrays["flows"] = arrays["flows"].astype(np.float16)
    with atomic_output(path, overwrite=True) as partial, partial.open("wb") as file:
        # Not compressed: reading costs a training step more than the disk costs.
        np.savez(
            file, kind=sample.kind, identity=sample.identity, held_out=sample.held_out,
            frames=sample.frames, meshes=sample.meshes.astype(np.float32),
            channels=np.array(sample.channels, dtype=np.str_), **arrays,
        )  # fmt: skip


def read_identity(path: Path) -> IdentityFrames:
    """Read one identity's file.

    Raises:
        InputError: It is no such file.
    """
    try:
        with np.load(path) as file:
            arrays = {name: file[name] for name in file.files}
        return IdentityFrames(
            kind=str(arrays["kind"]),
            identity=str(arrays["identity"]),
            held_out=bool(arrays["held_out"]),
            frames=arrays["frames"],
            meshes=arrays["meshes"],
            flows=arrays.get("flows"),
            visible=arrays.get("visible"),
            pose=arrays.get("pose"),
            coefficients=arrays.get("coefficients"),
            channels=tuple(str(name) for name in arrays["channels"]),
        )
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(_not_one_of_ours(path, error)) from error


def list_identities(folder: Path, *, held_out: bool | None = None) -> list[Path]:
    """List the identities' files of a folder, sorted by name.

    Args:
        folder: What `speech2face synthesize` wrote.
        held_out: True for those that nothing may be trained on, False for the others, None for all.

    Raises:
        InputError: There is none.
    """
    paths = [path for path in sorted(folder.glob("*.npz")) if not path.name.startswith(".")]
    if held_out is not None:
        paths = [path for path in paths if is_held_out(path) == held_out]
    if not paths:
        which = {True: "held-out ", False: "training ", None: ""}[held_out]
        msg = (
            f"{folder} holds no {which}pairs (*.npz); expected what speech2face synthesize writes; "
            "run it, or give another folder"
        )
        raise InputError(msg)
    return paths


def is_held_out(path: Path) -> bool:
    """Return whether nothing may be trained on a file, without reading its frames.

    Raises:
        InputError: It is no file of pairs.
    """
    try:
        with np.load(path) as file:
            return bool(file["held_out"])
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(_not_one_of_ours(path, error)) from error


def _not_one_of_ours(path: Path, error: Exception) -> str:
    return (
        f"{path} is not a file of training pairs ({error}); expected what speech2face synthesize "
        "writes; delete it and run that again"
    )
