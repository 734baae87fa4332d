"""Head pose and expression: what turns the canonical keypoints into those of a picture.

Everything published about this part has a trap, kept here because the weights were trained with it:
the heads for yaw and roll are swapped, radians are degrees / 180 * 3.14, and the Beta weights give
their angles to other axes.

Source: Wang et al. (2021), equation 2 and appendix; Zhang's state dict names (`he_estimator`).
"""

from collections import OrderedDict
from typing import NamedTuple

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from speech2face.generators.facevid2vid.config import FaceVid2VidConfig, KeypointRule

_BIN_DEGREES = 3.0
_FIRST_BIN_DEGREES = -99.0
_PI = 3.14
"""Of the reference; not the number pi."""


class PoseHeads(NamedTuple):
    """What the network says before it is read, angles as they are meant (unswapped)."""

    yaw: Float[Tensor, "b bins"]
    pitch: Float[Tensor, "b bins"]
    roll: Float[Tensor, "b bins"]
    translation: Float[Tensor, "b 3"]
    expression: Float[Tensor, "b k_times_3"]


class HeadPose(NamedTuple):
    """Pose and expression of one face."""

    yaw: Float[Tensor, " b"]
    """Degrees, like pitch and roll, in the checkpoint's own sense of rotation."""
    pitch: Float[Tensor, " b"]
    roll: Float[Tensor, " b"]
    t: Float[Tensor, "b 3"]
    """Translation in normalized units."""
    exp: Float[Tensor, "b k 3"]
    """Deformation of each keypoint in normalized units."""


class _Bottleneck(nn.Module):
    def __init__(self, channels: int, stride: int = 1) -> None:
        super().__init__()
        inner = channels // 4
        self.conv1 = nn.Conv2d(channels, inner, 1)
        self.norm1: nn.Module = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride, 1)
        self.norm2: nn.Module = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, channels, 1)
        self.norm3: nn.Module = nn.BatchNorm2d(channels)
        self.skip = nn.Conv2d(channels, channels, 1, stride) if stride != 1 else None
        self.norm4: nn.Module | None = nn.BatchNorm2d(channels) if stride != 1 else None

    def forward(self, x: Tensor) -> Tensor:
        inner = torch.relu(self.norm1(self.conv1(x)))
        inner = torch.relu(self.norm2(self.conv2(inner)))
        inner = self.norm3(self.conv3(inner))
        shortcut = x if self.skip is None or self.norm4 is None else self.norm4(self.skip(x))
        return torch.relu(inner + shortcut)


class HeadPoseEstimator(nn.Module):
    """Read pose and expression from a picture of a face."""

    def __init__(self, config: FaceVid2VidConfig) -> None:
        """Build the network with random weights."""
        super().__init__()
        stem = config.pose_expansion
        widths = [4 * stem, 8 * stem, 16 * stem, 32 * stem]
        first, second, third, fourth = config.pose_blocks
        self.conv1 = nn.Conv2d(3, stem, 7, 2, 3)
        self.norm1: nn.Module = nn.BatchNorm2d(stem)
        self.conv2 = nn.Conv2d(stem, widths[0], 1)
        self.norm2: nn.Module = nn.BatchNorm2d(widths[0])
        self.block1 = _blocks("b1", widths[0], first)
        self.conv3 = nn.Conv2d(widths[0], widths[1], 1)
        self.norm3: nn.Module = nn.BatchNorm2d(widths[1])
        self.block2 = _Bottleneck(widths[1], 2)
        self.block3 = _blocks("b3", widths[1], second)
        self.conv4 = nn.Conv2d(widths[1], widths[2], 1)
        self.norm4: nn.Module = nn.BatchNorm2d(widths[2])
        self.block4 = _Bottleneck(widths[2], 2)
        self.block5 = _blocks("b5", widths[2], third)
        self.conv5 = nn.Conv2d(widths[2], widths[3], 1)
        self.norm5: nn.Module = nn.BatchNorm2d(widths[3])
        self.block6 = _Bottleneck(widths[3], 2)
        self.block7 = _blocks("b7", widths[3], fourth)
        self.fc_roll = nn.Linear(widths[3], config.pose_bins)
        self.fc_pitch = nn.Linear(widths[3], config.pose_bins)
        self.fc_yaw = nn.Linear(widths[3], config.pose_bins)
        self.fc_t = nn.Linear(widths[3], 3)
        self.fc_exp = nn.Linear(widths[3], 3 * config.keypoints)

    def heads(self, image: Float[Tensor, "b 3 h w"]) -> PoseHeads:
        """Return the raw outputs for RGB pictures in [0, 1]."""
        x = torch.relu(self.norm1(self.conv1(image)))
        x = functional.max_pool2d(x, 3, 2, 1)
        x = self.block1(torch.relu(self.norm2(self.conv2(x))))
        x = self.block3(self.block2(torch.relu(self.norm3(self.conv3(x)))))
        x = self.block5(self.block4(torch.relu(self.norm4(self.conv4(x)))))
        x = self.block7(self.block6(torch.relu(self.norm5(self.conv5(x)))))
        x = x.mean((2, 3))
        return PoseHeads(
            # The layers of the released network bear each other's names: fc_roll tells the yaw.
            yaw=self.fc_roll(x),
            pitch=self.fc_pitch(x),
            roll=self.fc_yaw(x),
            translation=self.fc_t(x),
            expression=self.fc_exp(x),
        )

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> HeadPose:
        """Read pose and expression from RGB pictures in [0, 1]."""
        return read_heads(self.heads(image))


def _blocks(prefix: str, channels: int, count: int) -> nn.Sequential:
    return nn.Sequential(
        OrderedDict((f"{prefix}_{index}", _Bottleneck(channels)) for index in range(count))
    )


def read_heads(heads: PoseHeads) -> HeadPose:
    """Turn raw outputs into degrees, translation and one deformation a keypoint."""
    return HeadPose(
        yaw=expected_degrees(heads.yaw),
        pitch=expected_degrees(heads.pitch),
        roll=expected_degrees(heads.roll),
        t=heads.translation,
        exp=rearrange(heads.expression, "b (k xyz) -> b k xyz", xyz=3),
    )


def expected_degrees(logits: Float[Tensor, "b bins"]) -> Float[Tensor, " b"]:
    """Return the mean angle of the bins, which are 3 degrees apart and begin at -99."""
    bins = torch.arange(logits.shape[1], device=logits.device, dtype=logits.dtype)
    return _BIN_DEGREES * (torch.softmax(logits, 1) @ bins) + _FIRST_BIN_DEGREES


def rotation_matrix(pose: HeadPose, rule: KeypointRule = "zhang") -> Float[Tensor, "b 3 3"]:
    """Compose the head's rotation, which acts on column vectors.

    Args:
        pose: The angles in degrees.
        rule: "zhang" and "sadtalker": Rx(pitch) Ry(yaw) Rz(roll). "beta": Rx(roll) Ry(pitch)
            Rz(yaw), as the Beta weights were trained.
    """
    about = (
        (pose.roll, pose.pitch, pose.yaw) if rule == "beta" else (pose.pitch, pose.yaw, pose.roll)
    )
    x, y, z = (degrees / 180 * _PI for degrees in about)
    zero, one = torch.zeros_like(x), torch.ones_like(x)
    about_x = _matrix(one, zero, zero, zero, x.cos(), -x.sin(), zero, x.sin(), x.cos())
    about_y = _matrix(y.cos(), zero, y.sin(), zero, one, zero, -y.sin(), zero, y.cos())
    about_z = _matrix(z.cos(), -z.sin(), zero, z.sin(), z.cos(), zero, zero, zero, one)
    return about_x @ about_y @ about_z


def _matrix(*entries: Float[Tensor, " b"]) -> Float[Tensor, "b 3 3"]:
    return rearrange(torch.stack(entries, -1), "b (row column) -> b row column", row=3)


def pose_keypoints(
    canonical: Float[Tensor, "b k 3"], pose: HeadPose, rule: KeypointRule = "zhang"
) -> Float[Tensor, "b k 3"]:
    """Place the canonical keypoints: rotation @ canonical + translation + deformation.

    Source: Wang et al. (2021), equation 2.

    Args:
        canonical: Of the resting face seen from the front.
        pose: Pose and expression; it stays as it is (the reference changes its translation).
        rule: The checkpoint's order of rotation; "sadtalker" also keeps only the vertical part of
            the translation.
    """
    turned = torch.einsum("bij,bkj->bki", rotation_matrix(pose, rule), canonical)
    shift = pose.t
    if rule == "sadtalker":
        shift = shift * shift.new_tensor([0.0, 1.0, 0.0])
    return turned + shift[:, None] + pose.exp
