"""Keypoints with Jacobians, found without being told where they are.

Source: Siarohin et al., "First Order Motion Model for Image Animation" (2019), section 3.2; sizes
and names as in its public state dicts.
"""

from typing import NamedTuple

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from speech2face.generators.fomm.config import SCALE, FommConfig
from speech2face.models.blocks import AntiAliasDownsample, Hourglass
from speech2face.models.keypoints import movement_scale, relative_keypoints
from speech2face.models.sampling import soft_argmax


class Keypoints(NamedTuple):
    """Where keypoints are, and how the picture is turned and stretched there."""

    value: Float[Tensor, "b k 2"]
    """(x, y); -1 and 1 are the centres of the outer pixels of the network's map."""
    jacobian: Float[Tensor, "b k 2 2"]
    """Of the picture's coordinates by those of an abstract face; last axes output, input."""

    def expand(self, count: int) -> "Keypoints":
        """Repeat one face's keypoints."""
        return Keypoints(*(part.expand(count, *part.shape[1:]) for part in self))


class KeypointDetector(nn.Module):
    """Find the keypoints of pictures."""

    def __init__(self, config: FommConfig) -> None:
        """Build the network with random weights."""
        super().__init__()
        channels = config.keypoint_channels
        self.down = AntiAliasDownsample(channels, SCALE)
        self.predictor = Hourglass(
            channels,
            config.keypoint_expansion,
            config.keypoint_blocks,
            config.keypoint_max_features,
            dims=2,
        )
        # Without padding: a map of 64 pixels leaves 58.
        self.kp = nn.Conv2d(self.predictor.out_channels, config.keypoints, 7)
        self.jacobian = nn.Conv2d(self.predictor.out_channels, 4 * config.keypoints, 7)
        self.temperature = config.temperature

    def forward(self, image: Float[Tensor, "b c h w"]) -> Keypoints:
        """Find keypoints.

        Args:
            image: RGB in [0, 1]; what else the weights were trained to see follows.
        """
        features = self.predictor(self.down(image))
        logits = self.kp(features)
        heat = torch.softmax(logits.flatten(2) / self.temperature, -1)
        maps = rearrange(self.jacobian(features), "b (k n) h w -> b k n (h w)", n=4)
        mean = torch.einsum("bkp,bknp->bkn", heat, maps)
        value = soft_argmax(logits, self.temperature)
        return Keypoints(value, mean.unflatten(2, (2, 2)))


def relative(
    source: Keypoints, driving: Keypoints, initial: Keypoints, *, adapt_scale: bool = False
) -> Keypoints:
    """Move the source as the driving face has moved since its initial frame ("kp_norm").

    Args:
        source: Of the portrait, one.
        driving: Of the driving face's frames.
        initial: Of its frame that is like the portrait, one.
        adapt_scale: Measure motion in the size of the face: for a face of another size.
    """
    scale = movement_scale(source.value[0], initial.value[0]) if adapt_scale else 1.0
    value = relative_keypoints(source.value, driving.value, initial.value, scale)
    return Keypoints(value, changes(driving, initial) @ source.jacobian)


def changes(driving: Keypoints, initial: Keypoints) -> Float[Tensor, "b k 2 2"]:
    """Return how the surroundings of each keypoint have been turned and stretched."""
    return driving.jacobian @ inverse(initial.jacobian)


def inverse(matrices: Float[Tensor, "*many 2 2"]) -> Float[Tensor, "*many 2 2"]:
    """Invert; a keypoint without extent gives no numbers, and is seen as such, not an error."""
    return torch.linalg.inv_ex(matrices).inverse
