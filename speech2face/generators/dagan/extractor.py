"""A checkpoint's own motion extractor: keypoints are found in colour and depth."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from speech2face.generators.dagan.config import DaganConfig
from speech2face.generators.dagan.depth import Depth, DepthDecoder, DepthEncoder
from speech2face.generators.dagan.system import SYSTEM
from speech2face.generators.fomm.extractor import FommExtractor
from speech2face.generators.fomm.keypoints import KeypointDetector, Keypoints
from speech2face.generators.imported.system import load


class DepthKeypointDetector(nn.Module):
    """Find the keypoints of pictures whose depth is not given."""

    def __init__(self, detector: KeypointDetector, depth: Depth) -> None:
        """Take both networks."""
        super().__init__()
        self.detector, self.depth = detector, depth

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> Keypoints:
        """Find keypoints; pictures are RGB in [0, 1]."""
        return self.detector(torch.cat([image, self.depth(image)], 1))


def load_extractor(weights: str, device: torch.device) -> FommExtractor:
    """Load a checkpoint's motion extractor alone, by name or path.

    Raises:
        WeightsError: The weights are missing, damaged, or of another kind of network.
    """  # noqa: DOC502 the parts raise it
    tensors, config = SYSTEM.read(weights)
    return extractor_of(tensors, config, depth_of(tensors, config, device), device)


def extractor_of(
    tensors: dict[str, Tensor], config: DaganConfig, depth: Depth, device: torch.device
) -> FommExtractor:
    """Return the motion extractor of a system that was read."""
    detector = load(KeypointDetector(config), "kp_detector", tensors, device)
    return FommExtractor(config, DepthKeypointDetector(detector, depth), device)


def depth_of(tensors: dict[str, Tensor], config: DaganConfig, device: torch.device) -> Depth:
    """Return the network that sees depth, of a system that was read."""
    return Depth(
        load(DepthEncoder(config), "depth_encoder", tensors, device),
        load(DepthDecoder(config), "depth_decoder", tensors, device),
    )
