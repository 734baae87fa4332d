"""Losses of the keypoint-driven generators, and the random warp that equivariance is trained with.

Sources: Siarohin et al., "First Order Motion Model for Image Animation" (2019), section 3.3 and
appendix; Wang et al., "One-Shot Free-View Neural Talking-Head Synthesis for Video Conferencing"
(2021), section 3.3 and appendix. Weights in the comments are the paper's as Zhang's public
configuration has them; none is applied here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from speech2face.generators.facevid2vid.head_pose import HeadPose
from speech2face.models.sampling import coordinate_grid, sample

_CONTROLS = 5
_AFFINE_SIGMA = 0.05
_SPLINE_SIGMA = 0.005
_PRIOR_DISTANCE = 0.1
"""Squared distance below which two keypoints repel each other."""
_PRIOR_DEPTH = 0.33
"""Mean depth of the keypoints."""


@dataclass(frozen=True, kw_only=True)
class RandomWarp:
    """A smooth warp of the plane: an affine map plus a thin-plate spline on a 5x5 grid.

    The reference measures distances by |dx| + |dy| and adds the same offset to x and y;
    both are kept.
    """

    affine: Float[Tensor, "b 2 3"]
    spline: Float[Tensor, "b controls"]
    """One offset a control point; x runs fastest."""

    @classmethod
    def draw(cls, batch: int, random: torch.Generator) -> "RandomWarp":
        """Draw one warp for each element of a batch, on the generator's device."""
        noise = torch.randn(batch, 2, 3, generator=random, device=random.device)
        spline = torch.randn(batch, _CONTROLS**2, generator=random, device=random.device)
        identity = torch.eye(2, 3, device=random.device)
        return cls(affine=identity + _AFFINE_SIGMA * noise, spline=_SPLINE_SIGMA * spline)

    def coordinates(self, points: Float[Tensor, "b n 2"]) -> Float[Tensor, "b n 2"]:
        """Warp normalized (x, y)."""
        straight = torch.einsum("bij,bnj->bni", self.affine[:, :, :2], points)
        straight = straight + self.affine[:, None, :, 2]
        controls = coordinate_grid((_CONTROLS, _CONTROLS), points).flatten(0, 1)
        distance = (points[:, :, None] - controls).abs().sum(-1)
        radial = distance**2 * torch.log(distance + 1e-6)
        return straight + (radial @ self.spline[:, :, None])

    def jacobian(self, points: Float[Tensor, "b n 2"]) -> Float[Tensor, "b n 2 2"]:
        """Return the derivative at points: first the output's coordinate, then the input's."""
        with torch.enable_grad():
            inputs = points if points.requires_grad else points.detach().requires_grad_()
            warped = self.coordinates(inputs)
            rows = [
                torch.autograd.grad(warped[..., axis].sum(), inputs, create_graph=True)[0]
                for axis in range(2)
            ]
        return torch.stack(rows, -2)

    def frame(
        self, image: Float[Tensor, "b c h w"], *, align_corners: bool = False
    ) -> Float[Tensor, "b c h w"]:
        """Warp pictures; beyond the edges they are mirrored."""
        sizes = image.shape[2:]
        grid = coordinate_grid(sizes, image).flatten(0, 1).expand(len(image), -1, -1)
        warped = rearrange(self.coordinates(grid), "b (h w) xy -> b h w xy", h=sizes[0])
        return sample(image, warped, align_corners=align_corners, padding="reflection")


def equivariance(
    keypoints: Float[Tensor, "b k dims"],
    of_warped: Float[Tensor, "b k dims"],
    warp: RandomWarp,
) -> Float[Tensor, ""]:
    """Compare keypoints with those found in the warped frame, warped back (weight 10).

    Depth, where there is one, is not compared.
    """
    return (keypoints[..., :2] - warp.coordinates(of_warped[..., :2])).abs().mean()


def jacobian_equivariance(
    jacobian: Float[Tensor, "b k 2 2"],
    of_warped: Float[Tensor, "b k 2 2"],
    keypoints_of_warped: Float[Tensor, "b k 2"],
    warp: RandomWarp,
) -> Float[Tensor, ""]:
    """Compare the keypoints' Jacobians in the same way (FOMM, weight 10)."""
    chained = warp.jacobian(keypoints_of_warped) @ of_warped
    difference = torch.eye(2).to(jacobian) - torch.linalg.inv(jacobian) @ chained
    return difference.abs().mean()


def keypoint_spread(keypoints: Float[Tensor, "b k dims"]) -> Float[Tensor, ""]:
    """Keep keypoints apart: sum over all pairs, each with itself too (part of the prior)."""
    squared = (keypoints[:, :, None] - keypoints[:, None]).square().sum(-1)
    return torch.relu(_PRIOR_DISTANCE - squared).sum((1, 2)).mean()


def keypoint_depth(keypoints: Float[Tensor, "b k 3"]) -> Float[Tensor, ""]:
    """Keep the keypoints' mean depth at 0.33 (part of the prior)."""
    return (keypoints[..., 2].mean(1) - _PRIOR_DEPTH).abs().mean()


def keypoint_prior(keypoints: Float[Tensor, "b k 3"]) -> Float[Tensor, ""]:
    """Keep keypoints apart and at their mean depth (weight 10)."""
    return keypoint_spread(keypoints) + keypoint_depth(keypoints)


def head_pose(
    found: HeadPose, yaw: Float[Tensor, " b"], pitch: Float[Tensor, " b"], roll: Float[Tensor, " b"]
) -> Float[Tensor, ""]:
    """Compare angles with known ones, in degrees, summed over the three (weight 20)."""
    pairs = ((found.yaw, yaw), (found.pitch, pitch), (found.roll, roll))
    return torch.stack([(a - b).abs().mean() for a, b in pairs]).sum()


def deformation(expression: Float[Tensor, "b k 3"]) -> Float[Tensor, ""]:
    """Keep expressions small: what can be told by the pose should be (weight 5)."""
    return expression.abs().sum((1, 2)).mean()


def hinge_generator(score_fake: Float[Tensor, "b 1 h w"]) -> Float[Tensor, ""]:
    """Ask that the discriminator takes drawn pictures for real (weight 1)."""
    return -score_fake.mean()


def hinge_discriminator(
    score_real: Float[Tensor, "b 1 h w"], score_fake: Float[Tensor, "b 1 h w"]
) -> Float[Tensor, ""]:
    """Ask for more than 1 where real and less than -1 where drawn (weight 1)."""
    return functional.relu(1 - score_real).mean() + functional.relu(1 + score_fake).mean()


def feature_matching(real: Sequence[Tensor], fake: Sequence[Tensor]) -> Float[Tensor, ""]:
    """Compare the discriminator's features of real and drawn pictures (weight 10 each)."""
    pairs = zip(real, fake, strict=True)
    return torch.stack([(a.detach() - b).abs().mean() for a, b in pairs]).sum()
