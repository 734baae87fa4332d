"""The generator X2Face with imported weights."""

import torch
from jaxtyping import Float
from torch import Tensor

from speech2face.generators.imported.drive_network import Landmarks2Keypoints
from speech2face.generators.imported.generator import ImportedGenerator
from speech2face.generators.imported.system import load
from speech2face.generators.x2face.exact import GPU_STEPS, STEPS, accelerate
from speech2face.generators.x2face.extractor import Code, CodeExtractor
from speech2face.generators.x2face.network import X2Face
from speech2face.generators.x2face.system import SYSTEM

Face = Float[Tensor, "1 3 side side"]


class X2FaceGenerator(ImportedGenerator[Code, Face]):
    """Bends a flat face as a code says."""

    def __init__(
        self,
        name: str,
        network: X2Face,
        extractor: CodeExtractor,
        calibration: Landmarks2Keypoints | None = None,
    ) -> None:
        """Take the network, in evaluation mode on the extractor's device."""
        super().__init__(name, extractor, calibration)
        self.network = network

    @classmethod
    def from_weights(cls, weights: str, device: torch.device) -> "X2FaceGenerator":
        """Load imported weights by name or path; the network is sped up, its pictures are the same.

        Raises:
            WeightsError: They are missing, damaged, or of another kind of network.
        """  # noqa: DOC502 the parts raise it
        tensors, config = SYSTEM.read(weights)
        network = load(X2Face(config), "network", tensors, torch.device("cpu"))
        network = accelerate(network, STEPS if device.type == "cpu" else GPU_STEPS).to(device)
        return cls(f"{SYSTEM.kind}:{weights}", network, CodeExtractor(network, device))

    def features(self, picture: Face, source: Code) -> Face:
        """Lay the face flat."""
        del source
        return self.network.encode(picture)

    def draw(
        self, features: Face, source: Code, latents: Float[Tensor, "frames code"]
    ) -> Float[Tensor, "frames 3 side side"]:
        """Draw frames; the code's rectifier takes away what lies below zero."""
        return self.network.render(features, source + latents).clamp(0, 1)
