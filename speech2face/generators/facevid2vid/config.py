"""Sizes and conventions of a face-vid2vid system; they are stored with its weights."""

from dataclasses import dataclass
from typing import Literal

from speech2face.errors import InputError
from speech2face.generators.imported.system import Sizes

Decoder = Literal["spade", "original"]
KeypointRule = Literal["zhang", "beta", "sadtalker"]


@dataclass(frozen=True, kw_only=True)
class FaceVid2VidConfig(Sizes):
    """Sizes of the three networks and the conventions their weights were trained under.

    The defaults are Zhang's "vox-256" (the "New" checkpoint). Sizes are multiples of 4 times 2 to
    the number of blocks.
    """

    keypoints: int = 15
    decoder: Decoder = "spade"
    block_expansion: int = 64
    """Channels at full resolution; the warped features have four times as many."""
    max_features: int = 512
    depth: int = 16
    """Layers of the feature volume."""
    volume_channels: int = 32
    residual_blocks: int = 6
    """Of the volume; the original decoder has as many, the SPADE decoder's middle too."""
    motion_expansion: int = 32
    motion_max_features: int = 1024
    motion_blocks: int = 5
    compress: int = 4
    """Channels of the volume that dense motion looks at."""
    label_channels: int = 128
    """Hidden channels of each SPADE modulation."""
    keypoint_expansion: int = 32
    keypoint_max_features: int = 1024
    keypoint_blocks: int = 5
    keypoint_scale: float = 0.25
    """Size at which keypoints are looked for; 1 has no anti-aliasing kernel (Beta weights)."""
    temperature: float = 0.1
    """Of the softmax over positions that finds a keypoint."""
    pose_expansion: int = 64
    pose_bins: int = 66
    pose_blocks: tuple[int, int, int, int] = (3, 3, 5, 2)
    mask_floor: float = 0.0
    """Masks below it count as 0; SadTalker's is 1e-3."""
    keypoint_rule: KeypointRule = "zhang"
    """How pose and expression move the canonical keypoints: see `head_pose.pose_keypoints`."""

    def __post_init__(self) -> None:
        """Check what no type can.

        Raises:
            InputError: The picture cannot be halved as often as the networks do.
        """
        keypoint_side = self.size * self.keypoint_scale
        for side, blocks in (
            (self.size / 4, self.motion_blocks),
            (keypoint_side, self.keypoint_blocks),
        ):
            if side % 2**blocks:
                msg = (
                    f"size {self.size} leaves maps of {side:g} pixels, which cannot be halved "
                    f"{blocks} times; choose a multiple of {2 ** (blocks + 2)}"
                )
                raise InputError(msg)


PRESETS: dict[str, FaceVid2VidConfig] = {
    "256": FaceVid2VidConfig(),
    "256-original": FaceVid2VidConfig(decoder="original"),
    "512": FaceVid2VidConfig(size=512),
    "beta": FaceVid2VidConfig(decoder="original", keypoint_scale=1.0, keypoint_rule="beta"),
    "sadtalker-256": FaceVid2VidConfig(mask_floor=1e-3, keypoint_rule="sadtalker"),
    "sadtalker-512": FaceVid2VidConfig(size=512, mask_floor=1e-3, keypoint_rule="sadtalker"),
    "tiny": FaceVid2VidConfig(
        size=64, keypoints=5, block_expansion=4, max_features=16, depth=4, volume_channels=4,
        residual_blocks=2, motion_expansion=4, motion_max_features=16, motion_blocks=2, compress=2,
        label_channels=8, keypoint_expansion=4, keypoint_max_features=32, keypoint_blocks=2,
        pose_expansion=4, pose_blocks=(1, 1, 1, 1),
    ),
    "tiny-original": FaceVid2VidConfig(
        size=64, keypoints=5, decoder="original", block_expansion=4, max_features=16, depth=4,
        volume_channels=4, residual_blocks=2, motion_expansion=4, motion_max_features=16,
        motion_blocks=2, compress=2, label_channels=8, keypoint_expansion=4,
        keypoint_max_features=32, keypoint_blocks=2, pose_expansion=4, pose_blocks=(1, 1, 1, 1),
    ),
}  # fmt: skip
"""The published systems by name, and two of toy size for tests."""
