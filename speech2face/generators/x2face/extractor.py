"""A checkpoint's own motion extractor: pictures in, codes out."""

import torch
from jaxtyping import Float
from torch import Tensor

from speech2face.face.view import View
from speech2face.generators.base import Frame, Frames
from speech2face.generators.imported.extractor import pictures
from speech2face.generators.imported.system import load
from speech2face.generators.x2face.network import X2Face
from speech2face.generators.x2face.system import SYSTEM

Code = Float[Tensor, "1 code"]


class CodeExtractor:
    """Reads codes of motion; a latent is what is added to the view's own."""

    def __init__(self, network: X2Face, device: torch.device) -> None:
        """Take the network, in evaluation mode, on `device`."""
        self.network, self.device = network, device
        self.size, self.latent_size = network.config.size, network.config.code
        self.parts = (network.config.code,)
        self.unit, self.reads = "units of code", True

    @torch.no_grad()  # calibration trains on what is found: no tensors of inference mode
    def read(self, frames: Frames) -> Float[Tensor, "frames code"]:
        """Read the codes of frames."""
        return self.network.code(pictures(frames, self.size, self.device))

    def source(self, portrait: View) -> Code:
        """Read the code of a portrait."""
        return self.read(portrait.crop[None])

    def face(self, source: Code) -> Float[Tensor, " code"]:
        """Return the code."""
        return source[0]

    def change(self, source: Code, frames: Frames) -> Float[Tensor, "frames code"]:
        """Read codes against the portrait's."""
        return self.read(frames) - source

    def latents(
        self, source: Code, change: Float[Tensor, "frames code"]
    ) -> Float[Tensor, "frames code"]:
        """Return what was read: it is the latent."""
        del source
        return change

    def points(self, latents: Float[Tensor, "frames code"]) -> Float[Tensor, "frames code 1"]:
        """Return every number by itself: a code has no places."""
        return latents[:, :, None]

    def transfer(self, source: Code, frames: Frames, first: Frame) -> Float[Tensor, "frames code"]:
        """Add the change of the driving face's code, as X2Face does with codes of sound."""
        del source
        return self.read(frames) - self.read(first)

    def ride(
        self,
        source: Code,
        places: Float[Tensor, "points 2"],
        surface: Float[Tensor, "frames points 3"],
    ) -> Float[Tensor, "frames code"]:
        """Leave the portrait as it is: a code has no places."""
        del places
        return source.new_zeros(len(surface), self.latent_size)


def load_extractor(weights: str, device: torch.device) -> CodeExtractor:
    """Load a checkpoint as a motion extractor, by name or path.

    Raises:
        WeightsError: The weights are missing, damaged, or of another kind of network.
    """  # noqa: DOC502 the parts raise it
    tensors, config = SYSTEM.read(weights)
    return CodeExtractor(load(X2Face(config), "network", tensors, device), device)
