"""The published depth-aware motion models: their networks, and the files they come in."""

from speech2face.checkpoints.containers import Container
from speech2face.generators.dagan.config import PRESETS, DaganConfig
from speech2face.generators.dagan.depth import DepthDecoder, DepthEncoder
from speech2face.generators.dagan.network import DepthAwareGenerator, SpadeDepthAwareGenerator
from speech2face.generators.fomm.keypoints import KeypointDetector
from speech2face.generators.imported.system import Layout, System

Generator = DepthAwareGenerator | SpadeDepthAwareGenerator


def generator_of(config: DaganConfig) -> Generator:
    """Build the generator with random weights."""
    spade = config.decoder == "spade"
    return SpadeDepthAwareGenerator(config) if spade else DepthAwareGenerator(config)


def _layout(config: DaganConfig, first: Container) -> Layout[DaganConfig]:
    del first
    licence = "CC BY-NC 4.0, its depth network's terms beside: not for commercial use"
    return Layout(name="dagan", config=config, licence=licence)


SYSTEM = System(
    kind="dagan",
    title="DaGAN (with the encoder.pth and depth.pth of its depth network)",
    networks={
        "generator": generator_of,
        "kp_detector": KeypointDetector,
        "depth_encoder": DepthEncoder,
        "depth_decoder": DepthDecoder,
    },
    presets=PRESETS,
    config=DaganConfig,
    layout=_layout,
    names={"encoder": "depth_encoder", "decoder": "depth_decoder"},
)
"""The family as files and the registry know it: DaGAN_vox_adv_256.pth.tar, SPADE_..., and the two
files of depth_face_model, whose tensors' names start with encoder and decoder."""
