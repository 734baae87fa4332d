"""A checkpoint's own motion extractor: pictures in, keypoints and their Jacobians out."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from speech2face.face.view import View
from speech2face.generators.base import Frame, Frames
from speech2face.generators.fomm.config import FommConfig
from speech2face.generators.fomm.keypoints import KeypointDetector, Keypoints, changes, relative
from speech2face.generators.fomm.system import SYSTEM
from speech2face.generators.imported.drive import ride_surface
from speech2face.generators.imported.extractor import PIXELS, pictures
from speech2face.generators.imported.system import load

_AROUND = 0.1
"""How far from a keypoint its Jacobian counts: the standard deviation of its Gaussian."""


class FommExtractor:
    """Reads keypoints.

    A latent is how far each keypoint lies from where the view has it, and by how much its
    surroundings are turned and stretched: J J_source^-1 - I.
    """

    def __init__(
        self,
        config: FommConfig,
        detect: Callable[[Float[Tensor, "b 3 side side"]], Keypoints],
        device: torch.device,
    ) -> None:
        """Take a detector, in evaluation mode, on `device`."""
        self.config, self.detect, self.device = config, detect, device
        self.size = config.size
        self.parts = (2 * config.keypoints, 4 * config.keypoints)
        self.latent_size = sum(self.parts)
        self.unit, self.reads = "pixels at 256", True

    @torch.no_grad()  # calibration trains on what is found: no tensors of inference mode
    def read(self, frames: Frames) -> Keypoints:
        """Read the keypoints of frames."""
        return self.detect(pictures(frames, self.size, self.device))

    def source(self, portrait: View) -> Keypoints:
        """Read the keypoints of a portrait."""
        return self.read(portrait.crop[None])

    def face(self, source: Keypoints) -> Float[Tensor, " numbers"]:
        """Return places and Jacobians as a row."""
        return torch.cat([source.value[0].flatten(), source.jacobian[0].flatten()])

    def change(self, source: Keypoints, frames: Frames) -> Float[Tensor, "frames latent"]:
        """Read keypoints against the portrait's."""
        return as_latents(source, self.read(frames))

    def latents(
        self, source: Keypoints, change: Float[Tensor, "frames latent"]
    ) -> Float[Tensor, "frames latent"]:
        """Return what was read: it is the latent."""
        del source
        return change

    def points(self, latents: Float[Tensor, "frames latent"]) -> Float[Tensor, "frames points 2"]:
        """Return the motion of each keypoint and of two points beside it, in pixels at 256."""
        shift, turn = _split(latents, self.config.keypoints)
        beside = shift[:, :, None] + _AROUND * turn.transpose(2, 3)
        return PIXELS * torch.cat([shift, beside.flatten(1, 2)], 1)

    def transfer(
        self, source: Keypoints, frames: Frames, first: Frame
    ) -> Float[Tensor, "frames latent"]:
        """Move the portrait relative to the first frame, in the size of its face."""
        moved = relative(source, self.read(frames), self.read(first), adapt_scale=True)
        return as_latents(source, moved)

    def ride(
        self,
        source: Keypoints,
        places: Float[Tensor, "points 2"],
        surface: Float[Tensor, "frames points 3"],
    ) -> Float[Tensor, "frames latent"]:
        """Let the keypoints ride on the face's surface, as they are turned."""
        shift = ride_surface(places, surface, source.value[0])[..., :2].flatten(1)
        return torch.cat([shift, shift.new_zeros(len(shift), self.parts[1])], 1)


def as_latents(source: Keypoints, driving: Keypoints) -> Float[Tensor, "frames latent"]:
    """Express keypoints relative to a portrait's."""
    turn = changes(driving, source) - torch.eye(2, device=source.value.device)
    return torch.cat([(driving.value - source.value).flatten(1), turn.flatten(1)], 1)


def from_latents(source: Keypoints, latents: Float[Tensor, "frames latent"]) -> Keypoints:
    """Return the keypoints that latents mean for a portrait."""
    shift, turn = _split(latents, source.value.shape[1])
    turn = turn + torch.eye(2, device=turn.device)
    return Keypoints(source.value + shift, turn @ source.jacobian)


def _split(latents: Tensor, keypoints: int) -> tuple[Tensor, Tensor]:
    shift, turn = latents.split([2 * keypoints, 4 * keypoints], 1)
    return shift.unflatten(1, (-1, 2)), turn.unflatten(1, (-1, 2, 2))


def load_extractor(weights: str, device: torch.device) -> FommExtractor:
    """Load a checkpoint's motion extractor alone, by name or path.

    Raises:
        WeightsError: The weights are missing, damaged, or of another kind of network.
    """  # noqa: DOC502 the parts raise it
    tensors, config = SYSTEM.read(weights)
    return extractor_of(tensors, config, device)


def extractor_of(
    tensors: dict[str, Tensor], config: FommConfig, device: torch.device
) -> FommExtractor:
    """Return the motion extractor of a system that was read."""
    detector = load(KeypointDetector(config), "kp_detector", tensors, device)
    return FommExtractor(config, detector, device)
