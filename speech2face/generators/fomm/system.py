"""The published first-order motion model: its networks, and the files they come in."""

from speech2face.checkpoints.containers import Container
from speech2face.generators.fomm.config import PRESETS, FommConfig
from speech2face.generators.fomm.keypoints import KeypointDetector
from speech2face.generators.fomm.network import OcclusionAwareGenerator
from speech2face.generators.imported.system import Layout, System


def _layout(config: FommConfig, first: Container) -> Layout[FommConfig]:
    del first
    licence = "MIT, as its repository says of the code; trained on VoxCeleb, which has own terms"
    return Layout(name="fomm", config=config, licence=licence)


SYSTEM = System(
    kind="fomm",
    title="FOMM",
    networks={"generator": OcclusionAwareGenerator, "kp_detector": KeypointDetector},
    presets=PRESETS,
    config=FommConfig,
    layout=_layout,
)
"""The family as files and the registry know it: vox-cpk.pth.tar, vox-adv-cpk.pth.tar."""
