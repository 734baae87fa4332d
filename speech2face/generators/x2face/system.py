"""The published X2Face: its network, and the files it comes in."""

from speech2face.checkpoints.containers import Container
from speech2face.generators.imported.system import Layout, System
from speech2face.generators.x2face.config import PRESETS, X2FaceConfig
from speech2face.generators.x2face.network import X2Face


def _layout(config: X2FaceConfig, first: Container) -> Layout[X2FaceConfig]:
    del first
    licence = "MIT, as its repository says of the code; trained on VoxCeleb, which has own terms"
    return Layout(name="x2face", config=config, licence=licence)


SYSTEM = System(
    kind="x2face",
    title="X2Face",
    networks={"network": X2Face},
    presets=PRESETS,
    config=X2FaceConfig,
    layout=_layout,
    names={"state_dict": "network"},
)
"""The family as files and the registry know it: x2face_model.pth and its pose variant."""
