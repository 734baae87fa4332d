"""Canonical keypoints of a face in three dimensions, found without being told where they are.

Source: Wang et al. (2021), section 3.1 and appendix; sizes and names as in Zhang's state dicts.
"""

from collections import OrderedDict

from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from speech2face.generators.facevid2vid.config import FaceVid2VidConfig
from speech2face.models.blocks import AntiAliasDownsample, DownBlock, UpBlock
from speech2face.models.sampling import soft_argmax


class _Predictor(nn.Module):
    """Down in two dimensions, up in three."""

    def __init__(self, config: FaceVid2VidConfig) -> None:
        super().__init__()
        blocks, most = config.keypoint_blocks, config.keypoint_max_features
        sizes = [min(most, config.keypoint_expansion * 2**level) for level in range(blocks + 1)]
        before = [3, *sizes[1:-1]]
        down = zip(before, sizes[1:], strict=True)
        up = zip(sizes[:0:-1], sizes[-2::-1], strict=True)
        self.down_blocks = nn.Sequential(
            OrderedDict((f"down{i}", DownBlock(*pair)) for i, pair in enumerate(down))
        )
        self.conv = nn.Conv2d(sizes[-1], sizes[-1] * config.depth, 1)
        self.up_blocks = nn.Sequential(
            OrderedDict((f"up{i}", UpBlock(*pair, dims=3)) for i, pair in enumerate(up))
        )
        self.depth = config.depth

    def forward(self, image: Tensor) -> Tensor:
        flat = self.conv(self.down_blocks(image))
        return self.up_blocks(rearrange(flat, "b (c d) h w -> b c d h w", d=self.depth))


class KeypointDetector(nn.Module):
    """Find the keypoints a face would have seen from the front and without expression."""

    def __init__(self, config: FaceVid2VidConfig) -> None:
        """Build the network with random weights."""
        super().__init__()
        self.down = (
            AntiAliasDownsample(3, config.keypoint_scale) if config.keypoint_scale < 1 else None
        )
        self.predictor = _Predictor(config)
        self.kp = nn.Conv3d(config.keypoint_expansion, config.keypoints, 3, padding=1)
        self.temperature = config.temperature

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b k 3"]:
        """Find the canonical keypoints.

        Args:
            image: RGB in [0, 1].

        Returns:
            (x, y, z); -1 and 1 are the centres of the outer pixels of the network's volume.
        """
        small = image if self.down is None else self.down(image)
        logits = self.kp(self.predictor(small))
        return soft_argmax(logits, self.temperature)
