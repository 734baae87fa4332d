"""The published systems of the face-vid2vid family: their networks, and the files they come in.

Understood: Zhang's containers (one entry a network), those of SadTalker in the same form, and
SadTalker's flat safetensors. Conventions that no tensor shows (mask threshold, keypoint rule) are
told by the layout.
"""

from dataclasses import replace

from speech2face.checkpoints.containers import Container
from speech2face.generators.facevid2vid.config import PRESETS, FaceVid2VidConfig
from speech2face.generators.facevid2vid.head_pose import HeadPoseEstimator
from speech2face.generators.facevid2vid.keypoints import KeypointDetector
from speech2face.generators.facevid2vid.network import FaceVid2VidGenerator
from speech2face.generators.imported.system import Layout, System


def _layout(config: FaceVid2VidConfig, first: Container) -> Layout[FaceVid2VidConfig]:
    # 512 shares every tensor with 256: only the file's name tells.
    large = "512" in first.path.name and config.size == PRESETS["256"].size
    config = replace(config, size=512 if large else config.size)
    if "kp_extractor" in first.states:
        # SadTalker: src/facerender/modules/dense_motion.py and make_animation.py.
        return Layout(
            name="sadtalker", config=replace(config, mask_floor=1e-3, keypoint_rule="sadtalker"),
            licence="Apache-2.0, as SadTalker's repository says",
        )  # fmt: skip
    licence = "CC BY-NC 4.0 if these are Zhang's weights: not for commercial use"
    return Layout(name="zhang", config=config, licence=licence)


SYSTEM = System(
    kind="facevid2vid",
    title="face-vid2vid",
    networks={
        "generator": FaceVid2VidGenerator,
        "kp_detector": KeypointDetector,
        "he_estimator": HeadPoseEstimator,
    },
    presets=PRESETS,
    config=FaceVid2VidConfig,
    layout=_layout,
    names={"kp_extractor": "kp_detector"},
    optional={
        "he_estimator": "no head-pose estimator: keypoints will follow the face's surface; to fit "
        "them to this network, import the file that holds he_estimator along with it"
    },
    reads_by=("he_estimator",),
)
"""The family as files and the registry know it."""
