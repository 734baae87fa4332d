"""A motion extractor whose keypoints are a simple known function of the picture.

Every keypoint is where a window of the picture is dark: the darkness-weighted mean of the
coordinates in it. Windows lie on the mouth, the eyes, the brows and the chin of a centred face, so
that motion there moves them.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from speech2face.generators.facevid2vid.extractor import KeypointExtractor
from speech2face.generators.facevid2vid.network import PRESETS, HeadPose
from speech2face.geometry import identity_grid

WINDOWS = ((0.0, 0.27), (-0.2, -0.12), (0.2, -0.12), (0.0, 0.45), (0.0, 0.0))
_WIDTH = 0.16


class DarkSpots(nn.Module):
    """The dark middle of each window as (x, y, 0)."""

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 5 3"]:
        grid = identity_grid(*image.shape[2:]).to(image)
        spots = []
        for place in WINDOWS:
            near = torch.exp(-(grid - grid.new_tensor(place)).square().sum(-1) / (2 * _WIDTH**2))
            dark = (1 - image.mean(1)) * near
            share = dark / dark.sum((1, 2), keepdim=True)
            spots.append(torch.einsum("bhw,hwc->bc", share, grid))
        flat = torch.stack(spots, 1)
        return torch.cat([flat, torch.zeros_like(flat[..., :1])], -1)


class ToyDetector(nn.Module):
    """Canonical keypoints: the windows, whatever the picture shows."""

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 5 3"]:
        places = image.new_tensor([(*place, 0.0) for place in WINDOWS])
        return places.expand(len(image), -1, -1)


class ToyEstimator(nn.Module):
    """The dark spots as deformation; the head never turns."""

    def __init__(self) -> None:
        super().__init__()
        self.spots, self.detector = DarkSpots(), ToyDetector()

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> HeadPose:
        none = image.new_zeros(len(image))
        return HeadPose(
            yaw=none,
            pitch=none,
            roll=none,
            t=image.new_zeros(len(image), 3),
            exp=self.spots(image) - self.detector(image),
        )


def toy_extractor() -> KeypointExtractor:
    return KeypointExtractor(PRESETS["tiny"], ToyDetector(), ToyEstimator(), torch.device("cpu"))
