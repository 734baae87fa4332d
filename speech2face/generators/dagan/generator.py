"""The generator DaGAN with imported weights."""

import torch
from jaxtyping import Float
from torch import Tensor

from speech2face.generators.dagan.depth import Depth
from speech2face.generators.dagan.extractor import depth_of, extractor_of
from speech2face.generators.dagan.network import DepthEncoded
from speech2face.generators.dagan.system import SYSTEM, Generator, generator_of
from speech2face.generators.fomm.exact import GPU_STEPS, STEPS, accelerate
from speech2face.generators.fomm.extractor import FommExtractor, from_latents
from speech2face.generators.fomm.keypoints import Keypoints
from speech2face.generators.imported.drive_network import Landmarks2Keypoints
from speech2face.generators.imported.generator import ImportedGenerator
from speech2face.generators.imported.system import load


class Dagan(ImportedGenerator[Keypoints, DepthEncoded]):
    """Draws frames from keypoints, their Jacobians and the view's depth."""

    def __init__(
        self,
        name: str,
        network: Generator,
        depth: Depth,
        extractor: FommExtractor,
        calibration: Landmarks2Keypoints | None = None,
    ) -> None:
        """Take the networks, in evaluation mode on the extractor's device."""
        super().__init__(name, extractor, calibration)
        self.network, self.depth = network, depth

    @classmethod
    def from_weights(cls, weights: str, device: torch.device) -> "Dagan":
        """Load imported weights by name or path; the network is sped up, its pictures are the same.

        Raises:
            WeightsError: They are missing, damaged, or of another kind of network.
        """  # noqa: DOC502 the parts raise it
        tensors, config = SYSTEM.read(weights)
        network = load(generator_of(config), "generator", tensors, torch.device("cpu"))
        network = accelerate(network, STEPS if device.type == "cpu" else GPU_STEPS).to(device)
        depth = depth_of(tensors, config, device)
        extractor = extractor_of(tensors, config, depth, device)
        return cls(f"{SYSTEM.kind}:{weights}", network, depth, extractor)

    def features(self, picture: Float[Tensor, "1 3 side side"], source: Keypoints) -> DepthEncoded:
        """Compute features, depth and what it asks for."""
        del source
        return self.network.encode(picture, self.depth(picture))

    def draw(
        self, features: DepthEncoded, source: Keypoints, latents: Float[Tensor, "frames latent"]
    ) -> Float[Tensor, "frames 3 side side"]:
        """Draw frames whose keypoints are moved and turned."""
        return self.network.render(features, source, from_latents(source, latents))
