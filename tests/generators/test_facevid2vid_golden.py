"""The reference's numbers: keys, shapes and stage outputs at full size with name-seeded weights.

tests/data holds facts about the public reference code: names and shapes of its tensors and what it
computed from drawn pictures. The tolerances are those the values were published with.
"""

import json
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from name_seeded import fill, weights
from torch import Tensor, nn

from speech2face.generators.facevid2vid.head_pose import read_heads, rotation_matrix
from speech2face.generators.facevid2vid.network import (
    PRESETS,
    FaceVid2VidGenerator,
    HeadPose,
    HeadPoseEstimator,
    KeypointDetector,
    pose_keypoints,
)
from speech2face.models.keypoints import movement_scale, relative_keypoints

DATA = Path(__file__).parents[1] / "data"
KEYS: dict[str, dict[str, list[int]]] = json.loads((DATA / "facevid2vid_keys.json").read_text())


@pytest.fixture(scope="module")
def golden() -> dict[str, Tensor]:
    with np.load(DATA / "facevid2vid_golden.npz") as stored:
        return {name: torch.from_numpy(np.array(stored[name])) for name in stored}


@pytest.fixture(scope="module")
def tps() -> dict[str, Tensor]:
    with np.load(DATA / "fomm_losses_golden.npz") as stored:
        return {name: torch.from_numpy(np.array(stored[name])) for name in stored}


def picture(golden: dict[str, Tensor], name: str) -> Tensor:
    return golden[f"{name}_u8"].permute(2, 0, 1)[None].float() / 255


def near(found: Tensor, wanted: Tensor, tolerance: float) -> None:
    torch.testing.assert_close(found, wanted, rtol=0, atol=tolerance)


@pytest.mark.parametrize(
    ("entry", "network", "preset"),
    [
        ("generator(spade)", FaceVid2VidGenerator, "256"),
        ("generator(spade)", FaceVid2VidGenerator, "512"),
        ("generator(spade)", FaceVid2VidGenerator, "sadtalker-256"),
        ("generator(original)", FaceVid2VidGenerator, "256-original"),
        ("generator(original)", FaceVid2VidGenerator, "beta"),
        ("kp_detector", KeypointDetector, "256"),
        ("kp_detector(beta,scale1)", KeypointDetector, "beta"),
        ("he_estimator", HeadPoseEstimator, "256"),
    ],
)
def test_names_and_shapes_are_the_published_ones(
    entry: str, network: type[nn.Module], preset: str
) -> None:
    with torch.device("meta"):
        built = network(PRESETS[preset])

    shapes = {key: list(value.shape) for key, value in built.state_dict().items()}

    assert shapes == KEYS[entry]


def test_the_weights_of_the_golden_values_are_drawn_again() -> None:
    # Sum and sum of magnitudes as published with the golden values.
    made = weights("fv2v.he_estimator", KEYS["he_estimator"])

    total = sum(float(value.sum(dtype=np.float64)) for value in made.values())
    size = sum(float(np.abs(value).sum(dtype=np.float64)) for value in made.values())

    assert total == pytest.approx(50314.79311182162, abs=1)
    assert size == pytest.approx(1002571.5346365233, rel=1e-6)


@torch.no_grad()
def test_keypoints_pose_and_relative_motion_are_the_reference(golden: dict[str, Tensor]) -> None:
    config = PRESETS["256"]
    detector = fill(KeypointDetector(config), "fv2v.kp_detector")
    estimator = cast("HeadPoseEstimator", fill(HeadPoseEstimator(config), "fv2v.he_estimator"))
    canonical = detector(picture(golden, "source"))
    found = {}

    near(canonical, golden["kp_canonical"], 1e-5)
    for name, frame in (("source",) * 2, ("driving",) * 2, ("initial", "driving_initial")):
        heads = estimator.heads(picture(golden, frame))
        for part, value in zip(("yaw", "pitch", "roll", "t", "exp"), heads, strict=True):
            near(value, golden[f"he_{name}_{part}"], 1e-4)
        pose = read_heads(heads)
        angles = torch.stack([pose.yaw, pose.pitch, pose.roll], 1)
        near(angles, golden[f"deg_{name}_yaw_pitch_roll"], 1e-4)
        near(rotation_matrix(pose), golden[f"rot_{name}"], 1e-5)
        found[name] = pose_keypoints(canonical, pose, "zhang")
        near(found[name], golden[f"kp_{name}"], 1e-5)
    moved = relative_keypoints(found["source"], found["driving"], found["initial"])
    near(moved, golden["kp_norm_rel"], 1e-5)


def test_large_angles_turn_as_in_the_reference(golden: dict[str, Tensor]) -> None:
    yaw, pitch, roll = golden["rot_test_deg_yaw_pitch_roll"].T
    pose = HeadPose(yaw, pitch, roll, torch.zeros(2, 3), torch.zeros(2, 1, 3))

    near(rotation_matrix(pose), golden["rot_test_mat"], 1e-5)


def test_the_scale_of_relative_motion_is_the_reference(
    golden: dict[str, Tensor], tps: dict[str, Tensor]
) -> None:
    source, driving, initial = (tps[f"fomm_kp_{n}"] for n in ("source", "driving", "initial"))

    flat = movement_scale(source[0], initial[0])
    deep = movement_scale(golden["kp_source"][0], golden["kp_initial"][0])
    moved = relative_keypoints(source, driving, initial, flat)

    assert flat == pytest.approx(float(tps["fomm_adapt_scale"]), abs=1e-5)
    assert deep == pytest.approx(float(tps["fv2v_adapt_scale"]), abs=1e-5)
    near(moved, tps["fomm_kp_norm_rel_adapt_value"].float(), 1e-5)


@torch.no_grad()
def rendered(golden: dict[str, Tensor], preset: str) -> dict[str, Tensor]:
    config = PRESETS[preset]
    built = fill(FaceVid2VidGenerator(config), f"fv2v.generator_{config.decoder}")
    generator = cast("FaceVid2VidGenerator", built)
    volume = generator.encode(picture(golden, "source"))
    keypoints = golden["kp_syn_source"], golden["kp_syn_driving"]
    volume, motion = generator.motion(volume, *keypoints)
    features = generator.warp(volume, motion)
    return {
        "feature3d_sub": volume[:, ::4, ::8, ::8, ::8],
        "mask_sub": motion.mask[:, :, ::4, ::8, ::8],
        "deformation_sub": motion.deformation[:, ::2, ::8, ::8],
        "occlusion": motion.occlusion[..., ::2, ::2],
        "decoder_in_sub": features[:, ::16, ::8, ::8],
        f"prediction_{config.decoder}": generator.decode(features)[..., ::4, ::4],
    }


@pytest.mark.slow
def test_the_original_decoder_draws_the_reference_picture(golden: dict[str, Tensor]) -> None:
    found = rendered(golden, "256-original")

    near(found["prediction_original"], golden["prediction_original"], 1e-3)


@pytest.mark.slow
def test_every_stage_of_the_spade_generator_is_the_reference(golden: dict[str, Tensor]) -> None:
    found = rendered(golden, "256")

    for name, value in found.items():
        near(value, golden[name], 1e-3 if "prediction" in name else 1e-4)
