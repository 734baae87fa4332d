"""The generator FOMM with imported weights."""

import torch
from jaxtyping import Float
from torch import Tensor

from speech2face.generators.fomm.exact import GPU_STEPS, STEPS, accelerate
from speech2face.generators.fomm.extractor import FommExtractor, extractor_of, from_latents
from speech2face.generators.fomm.keypoints import Keypoints
from speech2face.generators.fomm.network import Encoded, OcclusionAwareGenerator
from speech2face.generators.fomm.system import SYSTEM
from speech2face.generators.imported.drive_network import Landmarks2Keypoints
from speech2face.generators.imported.generator import ImportedGenerator
from speech2face.generators.imported.system import load


class Fomm(ImportedGenerator[Keypoints, Encoded]):
    """Draws frames from keypoints and their Jacobians."""

    def __init__(
        self,
        name: str,
        network: OcclusionAwareGenerator,
        extractor: FommExtractor,
        calibration: Landmarks2Keypoints | None = None,
    ) -> None:
        """Take the networks, in evaluation mode on the extractor's device."""
        super().__init__(name, extractor, calibration)
        self.network = network

    @classmethod
    def from_weights(cls, weights: str, device: torch.device) -> "Fomm":
        """Load imported weights by name or path; the network is sped up, its pictures are the same.

        Raises:
            WeightsError: They are missing, damaged, or of another kind of network.
        """  # noqa: DOC502 the parts raise it
        tensors, config = SYSTEM.read(weights)
        network = OcclusionAwareGenerator(config)
        load(network, "generator", tensors, torch.device("cpu"))
        network = accelerate(network, STEPS if device.type == "cpu" else GPU_STEPS).to(device)
        return cls(f"{SYSTEM.kind}:{weights}", network, extractor_of(tensors, config, device))

    def features(self, picture: Float[Tensor, "1 3 side side"], source: Keypoints) -> Encoded:
        """Compute the feature map and the small picture that motion is found in."""
        del source
        return self.network.encode(picture)

    def draw(
        self, features: Encoded, source: Keypoints, latents: Float[Tensor, "frames latent"]
    ) -> Float[Tensor, "frames 3 side side"]:
        """Draw frames whose keypoints are moved and turned."""
        return self.network.render(features, source, from_latents(source, latents))
