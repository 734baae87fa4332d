"""Sizes and conventions of a first-order motion model; they are stored with its weights."""

from dataclasses import dataclass

from speech2face.errors import InputError
from speech2face.generators.imported.system import Sizes


@dataclass(frozen=True, kw_only=True)
class FommConfig(Sizes):
    """Sizes of both networks and the conventions their weights were trained under.

    The defaults are "vox-256" and "vox-adv-256", whose tensors have the same names and shapes.
    Sizes are multiples of 4 times 2 to the number of blocks.
    """

    align_corners: bool = True
    """The repository's first commit pins torch 1.0, whose grid_sample aligned corners; inferred
    from that, not verified with trained weights. Today's torch runs its code with False."""
    keypoints: int = 10
    keypoint_channels: int = 3
    """Channels of the picture in which keypoints are looked for."""
    keypoint_expansion: int = 32
    keypoint_max_features: int = 1024
    keypoint_blocks: int = 5
    temperature: float = 0.1
    """Of the softmax over positions that finds a keypoint."""
    block_expansion: int = 64
    """Channels at full resolution; the warped features have four times as many."""
    max_features: int = 512
    residual_blocks: int = 6
    motion_expansion: int = 64
    motion_max_features: int = 1024
    motion_blocks: int = 5

    def __post_init__(self) -> None:
        """Check what no type can.

        Raises:
            InputError: The picture cannot be halved as often as the networks do.
        """
        blocks = max(self.motion_blocks, self.keypoint_blocks)
        if self.size % 2 ** (blocks + 2):
            msg = (
                f"size {self.size} cannot be halved {blocks + 2} times; choose a multiple of "
                f"{2 ** (blocks + 2)}"
            )
            raise InputError(msg)

    @property
    def widths(self) -> tuple[int, int, int]:
        """Channels at full, half and quarter resolution."""
        most, expansion = self.max_features, self.block_expansion
        return expansion, min(most, 2 * expansion), min(most, 4 * expansion)


SCALE = 0.25
"""Size at which keypoints and motion are looked for."""

PRESETS: dict[str, FommConfig] = {
    "256": FommConfig(),
    "tiny": FommConfig(
        size=64, keypoints=5, keypoint_expansion=4, keypoint_max_features=32, keypoint_blocks=2,
        block_expansion=8, max_features=32, residual_blocks=2, motion_expansion=4,
        motion_max_features=32, motion_blocks=2,
    ),
}  # fmt: skip
"""The published sizes by name, and a toy for tests."""
