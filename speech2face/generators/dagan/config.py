"""Sizes and conventions of a depth-aware motion model; they are stored with its weights."""

from dataclasses import dataclass, replace
from typing import Literal

from speech2face.generators.fomm.config import FommConfig


@dataclass(frozen=True, kw_only=True)
class DaganConfig(FommConfig):
    """Sizes of the four networks and the conventions their weights were trained under."""

    align_corners: bool = False
    """Its README asks for torch 1.7 or later and its code passes nothing."""
    keypoints: int = 15
    """Of the released weights, though the configuration file says 10."""
    keypoint_channels: int = 4
    """Colour and disparity."""
    decoder: Literal["plain", "spade"] = "plain"
    attention: int = 32
    """Channels of queries and keys."""
    label_channels: int = 128
    """Hidden channels of each SPADE modulation."""
    spade_blocks: int = 3
    depth_layers: Literal[18, 50] = 18
    """Of the residual network that sees depth."""
    depth_expansion: int = 64
    """Channels of its stem; its decoder ends in a quarter of them."""


_TINY = DaganConfig(
    size=64, keypoints=5, keypoint_expansion=4, keypoint_max_features=32, keypoint_blocks=2,
    block_expansion=8, max_features=32, residual_blocks=2, motion_expansion=4,
    motion_max_features=32, motion_blocks=2, attention=4, label_channels=8, spade_blocks=1,
    depth_expansion=8,
)  # fmt: skip

PRESETS: dict[str, DaganConfig] = {
    "256": DaganConfig(),
    "256-spade": DaganConfig(decoder="spade"),
    "256-depth50": DaganConfig(depth_layers=50),
    "256-spade-depth50": DaganConfig(decoder="spade", depth_layers=50),
    "tiny": _TINY,
    "tiny-spade": replace(_TINY, decoder="spade"),
}
"""The published generators by name, with either network for depth, and toys for tests."""
