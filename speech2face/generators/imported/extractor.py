"""What every checkpoint's own motion extractor offers, whatever it is that it reads."""

from typing import Protocol, TypeVar, runtime_checkable

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from speech2face.face.view import View
from speech2face.generators.base import Frame, Frames

Source = TypeVar("Source")
"""What a checkpoint sees in a portrait."""

PIXELS = 128
"""Half the side of a picture of 256 pixels: what errors of keypoints are multiplied by."""


@runtime_checkable
class Extractor(Protocol[Source]):
    """Reads motion off pictures and turns it into latents; zeros are the portrait as it is."""

    device: torch.device

    @property
    def size(self) -> int:
        """Side in pixels of the pictures that it looks at."""
        ...

    @property
    def latent_size(self) -> int:
        """Numbers of one frame's latent."""
        ...

    @property
    def parts(self) -> tuple[int, ...]:
        """Numbers of each part of what `change` reads; a part has one unit."""
        ...

    @property
    def unit(self) -> str:
        """The unit of `points`."""
        ...

    @property
    def reads(self) -> bool:
        """Whether it can read motion at all; where not, only `source` and `ride` work."""
        ...

    def source(self, portrait: View) -> Source:
        """Look at a portrait."""
        ...

    def face(self, source: Source) -> Float[Tensor, " face"]:
        """Return the numbers by which portraits differ."""
        ...

    def change(self, source: Source, frames: Frames) -> Float[Tensor, "frames outputs"]:
        """Read what frames of the portrait's face do, relative to the portrait."""
        ...

    def latents(
        self, source: Source, change: Float[Tensor, "frames outputs"]
    ) -> Float[Tensor, "frames latent"]:
        """Turn what is read into latents; gradients pass."""
        ...

    def points(
        self, latents: Float[Tensor, "frames latent"]
    ) -> Float[Tensor, "frames points dims"]:
        """Return the points whose distances measure how far two latents are from each other."""
        ...

    def transfer(
        self, source: Source, frames: Frames, first: Frame
    ) -> Float[Tensor, "frames latent"]:
        """Return the latents that move the portrait as another face moves since its first frame."""
        ...

    def ride(
        self,
        source: Source,
        places: Float[Tensor, "points 2"],
        surface: Float[Tensor, "frames points 3"],
    ) -> Float[Tensor, "frames latent"]:
        """Let what it reads ride on the face's surface: see `drive.ride_surface`.

        Where it reads nothing that has a place in the picture, the portrait stays as it is.
        """
        ...


def pictures(
    frames: UInt8[np.ndarray, "frames size size 3"], side: int, device: torch.device
) -> Float[Tensor, "frames 3 side side"]:
    """Bring crops to the size that networks work at, RGB in [0, 1]."""
    sized = np.stack([resized(frame, side) for frame in frames])
    return torch.from_numpy(sized).to(device).permute(0, 3, 1, 2).float() / 255


def resized(
    picture: UInt8[np.ndarray, "side side 3"], size: int
) -> UInt8[np.ndarray, "size size 3"]:
    """Bring a square picture to another size: smoothly up, by areas down."""
    if len(picture) == size:
        return picture
    way = cv2.INTER_AREA if size < len(picture) else cv2.INTER_CUBIC
    return cv2.resize(picture, (size, size), interpolation=way).astype(np.uint8, copy=False)
