"""face-vid2vid at toy size: what must hold for any weights, and the traps of the published ones."""

from dataclasses import replace
from math import cos, sin
from typing import cast

import pytest
import torch
from name_seeded import fill
from torch import Tensor, nn

from speech2face.errors import InputError
from speech2face.generators.facevid2vid.head_pose import expected_degrees, rotation_matrix
from speech2face.generators.facevid2vid.network import (
    PRESETS,
    FaceVid2VidGenerator,
    HeadPose,
    HeadPoseEstimator,
    KeypointDetector,
    pose_keypoints,
)
from speech2face.models.blocks import AntiAliasDownsample
from speech2face.models.keypoints import relative_keypoints
from speech2face.models.sampling import coordinate_grid, heatmaps, sample, soft_argmax
from speech2face.models.spade import SpadeDecoder

TINY = PRESETS["tiny"]


def generator(preset: str = "tiny") -> FaceVid2VidGenerator:
    built = fill(FaceVid2VidGenerator(PRESETS[preset]), "fv2v.generator")
    return cast("FaceVid2VidGenerator", built)


def faces(count: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    random = torch.Generator().manual_seed(3)
    image = torch.rand(count, 3, TINY.size, TINY.size, generator=random)
    source, driving = 1.2 * torch.rand(2, count, TINY.keypoints, 3, generator=random) - 0.6
    return image, source, driving


def pose(yaw: float = 0, pitch: float = 0, roll: float = 0) -> HeadPose:
    angles = torch.tensor([[yaw], [pitch], [roll]], dtype=torch.float32)
    return HeadPose(*angles, torch.tensor([[0.1, 0.2, 0.3]]), torch.zeros(1, 1, 3))


@pytest.mark.parametrize("preset", ["tiny", "tiny-original"])
@torch.no_grad()
def test_the_picture_is_what_it_was(preset: str) -> None:
    image, source, driving = faces(1)

    drawn = generator(preset)(image, source, driving)

    expected = {
        "tiny": [0.476494, 0.473237, 0.478989, 0.484575],
        "tiny-original": [0.504198, 0.471573, 0.514936, 0.483516],
    }
    found = drawn[0, [0, 1, 2, 0], [5, 20, 40, 63], [9, 33, 50, 0]]
    torch.testing.assert_close(found, torch.tensor(expected[preset]), rtol=0, atol=1e-4)


@pytest.mark.parametrize("preset", ["tiny", "tiny-original"])
@torch.no_grad()
def test_a_batch_is_its_frames_and_one_source_serves_all(preset: str) -> None:
    image, source, driving = faces(3)
    network = generator(preset)
    volume = network.encode(image[:1])

    together = network.render(volume, source[:1], driving)
    singly = [network.render(volume, source[:1], one[None]) for one in driving]

    assert together.shape == (3, 3, TINY.size, TINY.size)
    torch.testing.assert_close(together, torch.cat(singly), rtol=0, atol=1e-5)


@torch.no_grad()
def test_equal_keypoints_move_nothing() -> None:
    image, source, _ = faces(1)
    network = generator()

    _, motion = network.motion(network.encode(image), source, source)

    grid = coordinate_grid(motion.deformation.shape[1:4], image)
    torch.testing.assert_close(motion.deformation[0], grid, rtol=0, atol=1e-5)


@torch.no_grad()
def test_sadtalkers_small_masks_count_as_zero_and_the_rest_is_not_scaled_up() -> None:
    image, source, driving = faces(1)
    network = generator()
    volume = network.encode(image)
    full = network.motion(volume, source, driving)[1].mask
    floor = float(full.median())

    network.dense_motion_network.mask_floor = floor
    cut = network.motion(volume, source, driving)[1].mask

    torch.testing.assert_close(cut, full * (full >= floor), rtol=0, atol=0)
    assert float(cut.sum(1).min()) < 0.99


def test_every_parameter_gets_a_gradient() -> None:
    image, source, driving = faces(1)
    for preset in ("tiny", "tiny-original"):
        network = generator(preset).train()

        network(image, source, driving).square().mean().backward()

        silent = [name for name, value in network.named_parameters() if value.grad is None]
        assert not silent


def test_keypoints_and_poses_learn() -> None:
    config = TINY
    networks = nn.ModuleList([KeypointDetector(config), HeadPoseEstimator(config)])
    detector, estimator = networks

    canonical, found = detector(faces()[0]), estimator(faces()[0])
    placed = pose_keypoints(canonical, found, config.keypoint_rule)
    placed.square().mean().backward()

    assert canonical.shape == placed.shape == found.exp.shape == (2, config.keypoints, 3)
    assert all(value.grad is not None for value in networks.parameters())


def test_the_heads_for_yaw_and_roll_bear_each_others_names() -> None:
    estimator = cast("HeadPoseEstimator", fill(HeadPoseEstimator(TINY), "fv2v.he_estimator"))
    with torch.no_grad():
        estimator.fc_roll.bias[40] += 100

    with torch.no_grad():
        found = estimator(faces(1)[0])

    assert float(found.yaw) == pytest.approx(3 * 40 - 99, abs=1e-3)
    assert abs(float(found.roll)) < 20


@pytest.mark.parametrize(("place", "degrees"), [(0, -99), (33, 0), (65, 96)])
def test_bins_are_three_degrees_apart_from_minus_99(place: int, degrees: int) -> None:
    logits = torch.zeros(1, 66)
    logits[0, place] = 200

    assert float(expected_degrees(logits)) == pytest.approx(degrees, abs=1e-4)


def test_radians_are_made_with_a_pi_of_3_14() -> None:
    angle = 180 / 180 * 3.14

    turned = rotation_matrix(pose(roll=180))

    assert float(turned[0, 1, 0]) == pytest.approx(sin(angle), abs=1e-6)
    assert float(turned[0, 1, 0]) > 1e-3  # with pi it is 0


def test_rotations_are_composed_in_the_checkpoints_own_order() -> None:
    def about(axis: int, degrees: float) -> Tensor:
        angle = degrees / 180 * 3.14
        first, second = [(1, 2), (2, 0), (0, 1)][axis]
        matrix = torch.eye(3)
        matrix[first, first] = matrix[second, second] = cos(angle)
        matrix[first, second], matrix[second, first] = -sin(angle), sin(angle)
        return matrix

    turned = pose(yaw=20, pitch=-35, roll=50)
    zhang = about(0, -35) @ about(1, 20) @ about(2, 50)
    beta = about(0, 50) @ about(1, -35) @ about(2, 20)

    torch.testing.assert_close(rotation_matrix(turned, "zhang")[0], zhang)
    torch.testing.assert_close(rotation_matrix(turned, "sadtalker")[0], zhang)
    torch.testing.assert_close(rotation_matrix(turned, "beta")[0], beta)


def test_sadtalker_moves_only_up_and_down() -> None:
    canonical = torch.tensor([[[0.5, 0.0, 0.0]]])

    zhang = pose_keypoints(canonical, pose(), "zhang")
    sadtalker = pose_keypoints(canonical, pose(), "sadtalker")

    torch.testing.assert_close(zhang, torch.tensor([[[0.6, 0.2, 0.3]]]))
    torch.testing.assert_close(sadtalker, torch.tensor([[[0.5, 0.2, 0.0]]]))


def test_placing_keypoints_leaves_the_pose_as_it_was() -> None:
    turned = pose(yaw=10)
    before = [value.clone() for value in turned]

    for rule in ("zhang", "beta", "sadtalker"):
        pose_keypoints(torch.rand(1, 4, 3), turned._replace(exp=torch.rand(1, 4, 3)), rule)

    for value, was in zip(turned, before, strict=True):
        assert value.shape == was.shape
        torch.testing.assert_close(value, was, rtol=0, atol=0)


def test_relative_motion_of_a_still_driver_is_the_source() -> None:
    source, driving = torch.rand(2, 1, 5, 3)

    torch.testing.assert_close(relative_keypoints(source, driving, driving, 1.7), source)


def test_a_heat_map_is_the_gaussian_of_the_formula_and_its_top_is_found_again() -> None:
    keypoints = torch.tensor([[[0.2, -0.4, 0.6]]])

    drawn = heatmaps(keypoints, (48, 32, 40))

    grid = coordinate_grid((48, 32, 40), drawn)
    expected = torch.exp(-0.5 * (grid - keypoints[0, 0]).square().sum(-1) / 0.01)
    torch.testing.assert_close(drawn[0, 0], expected, rtol=0, atol=1e-6)
    found = soft_argmax(drawn, 0.01)
    torch.testing.assert_close(found, keypoints, rtol=0, atol=0.03)


def test_flat_heat_maps_work_too() -> None:
    keypoints = torch.tensor([[[0.2, -0.4]]])

    drawn = heatmaps(keypoints, (48, 64))

    assert drawn.shape == (1, 1, 48, 64)
    torch.testing.assert_close(soft_argmax(drawn, 0.01), keypoints, rtol=0, atol=0.03)


def test_shrinking_takes_every_fourth_blurred_pixel_from_the_first() -> None:
    image = torch.rand(1, 3, 16, 20)
    down = AntiAliasDownsample(3, 0.25)

    blurred = torch.nn.functional.conv2d(image, down.weight, padding=6, groups=3)

    torch.testing.assert_close(down(image), blurred[..., ::4, ::4], rtol=0, atol=1e-6)
    torch.testing.assert_close(AntiAliasDownsample(3, 1.0)(image), image, rtol=0, atol=0)


def test_a_label_of_its_own_may_drive_the_spade_decoder() -> None:
    decoder = SpadeDecoder(8, 4, 6, 1, label=5).eval()

    drawn = decoder(torch.rand(1, 8, 4, 4), torch.rand(1, 5, 16, 16))

    assert drawn.shape == (1, 3, 16, 16)


def test_a_size_that_cannot_be_halved_often_enough_is_refused() -> None:
    with pytest.raises(InputError, match="choose a multiple of 128"):
        replace(PRESETS["256"], size=200)


@torch.no_grad()
def test_sampling_with_corners_aligned_keeps_the_volume_as_it_is() -> None:
    config = replace(TINY, align_corners=True)
    network = cast("FaceVid2VidGenerator", fill(FaceVid2VidGenerator(config), "fv2v.generator"))
    image, source, _ = faces(1)

    volume, motion = network.motion(network.encode(image), source, source)

    warped = sample(volume, motion.deformation, align_corners=True)
    torch.testing.assert_close(warped, volume, rtol=0, atol=1e-4)
