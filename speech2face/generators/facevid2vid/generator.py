"""The generator face-vid2vid with imported weights: Zhang's, SadTalker's, and their kin.

A latent is how far every keypoint lies from where the view has it.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from speech2face.generators.facevid2vid.exact.exact import GPU_STEPS, STEPS, accelerate
from speech2face.generators.facevid2vid.extractor import (
    KeypointExtractor,
    SourceFace,
    extractor_of,
)
from speech2face.generators.facevid2vid.network import FaceVid2VidGenerator
from speech2face.generators.facevid2vid.system import SYSTEM
from speech2face.generators.imported.drive_network import Landmarks2Keypoints
from speech2face.generators.imported.generator import ImportedGenerator
from speech2face.generators.imported.system import load

Volume = Float[Tensor, "1 channels depth height width"]


class FaceVid2Vid(ImportedGenerator[SourceFace, Volume]):
    """Draws frames from keypoints with imported weights."""

    def __init__(
        self,
        name: str,
        network: FaceVid2VidGenerator,
        extractor: KeypointExtractor,
        calibration: Landmarks2Keypoints | None = None,
    ) -> None:
        """Take the networks, in evaluation mode on the extractor's device."""
        super().__init__(name, extractor, calibration)
        self.network = network

    @classmethod
    def from_weights(cls, weights: str, device: torch.device) -> "FaceVid2Vid":
        """Load imported weights by name or path; the network is sped up, its pictures are the same.

        Raises:
            WeightsError: They are missing, damaged, or of another kind of network.
        """  # noqa: DOC502 the parts raise it
        tensors, config = SYSTEM.read(weights)
        network = FaceVid2VidGenerator(config)
        load(network, "generator", tensors, torch.device("cpu"))
        network = accelerate(network, STEPS if device.type == "cpu" else GPU_STEPS).to(device)
        return cls(f"{SYSTEM.kind}:{weights}", network, extractor_of(tensors, config, device))

    def features(self, picture: Float[Tensor, "1 3 side side"], source: SourceFace) -> Volume:
        """Compute the feature volume."""
        del source
        return self.network.encode(picture)

    def draw(
        self, features: Volume, source: SourceFace, latents: Float[Tensor, "frames latent"]
    ) -> Float[Tensor, "frames 3 side side"]:
        """Draw frames whose keypoints are moved."""
        driving = source.keypoints + latents.unflatten(1, (-1, 3))
        return self.network.render(features, source.keypoints, driving)
