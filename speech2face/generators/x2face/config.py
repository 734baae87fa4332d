"""Sizes and conventions of X2Face; they are stored with its weights."""

from dataclasses import dataclass

from speech2face.errors import InputError
from speech2face.generators.imported.system import Sizes


@dataclass(frozen=True, kw_only=True)
class X2FaceConfig(Sizes):
    """Sizes of both networks and the conventions their weights were trained under."""

    align_corners: bool = True
    """Its README asks for torch 0.2, whose grid_sample aligned corners."""
    levels: int = 8
    """Halvings of the picture, down to a single pixel."""
    expansion: int = 64
    """Channels after the first halving; doubled at each up to `most`."""
    most: int = 512
    code: int = 128
    """Numbers that stand for a frame's motion."""
    pose: bool = False
    """Whether the code can be turned to a head pose."""

    def __post_init__(self) -> None:
        """Check what no type can.

        Raises:
            InputError: The picture is not halved down to a single pixel.
        """
        if self.size != 2**self.levels:
            msg = (
                f"X2Face with {self.levels} levels works at {2**self.levels} pixels, not at "
                f"{self.size}; leave the size out"
            )
            raise InputError(msg)

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels after each halving."""
        return tuple(min(self.most, self.expansion * 2**level) for level in range(self.levels))


PRESETS: dict[str, X2FaceConfig] = {
    "256": X2FaceConfig(),
    "256-pose": X2FaceConfig(pose=True),
    "tiny": X2FaceConfig(size=64, levels=6, expansion=8, most=32, code=12),
}
"""The published networks by name, and a toy for tests."""
