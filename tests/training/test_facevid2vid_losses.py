"""Losses of the keypoint-driven generators against the reference's numbers and their formulas."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from speech2face.generators.facevid2vid.head_pose import HeadPose
from speech2face.models.blocks import AntiAliasDownsample, antialias_kernel
from speech2face.models.patch_discriminator import PatchDiscriminator
from speech2face.training.fast import adversarial as losses
from speech2face.training.fast.adversarial import RandomWarp

DATA = Path(__file__).parents[1] / "data"


def stored(file: str) -> dict[str, Tensor]:
    with np.load(DATA / file) as values:
        return {name: torch.from_numpy(np.array(values[name])) for name in values}


@pytest.fixture(scope="module")
def golden() -> dict[str, Tensor]:
    return stored("fomm_losses_golden.npz")


def near(found: Tensor, wanted: Tensor, tolerance: float = 1e-5) -> None:
    torch.testing.assert_close(found.detach(), wanted, rtol=0, atol=tolerance)


def warp_of(golden: dict[str, Tensor]) -> RandomWarp:
    return RandomWarp(affine=golden["theta"], spline=golden["control_params"][:, 0])


def frames(golden: dict[str, Tensor]) -> Tensor:
    return (golden["frame_u8"].float() / 255).permute(2, 0, 1)[None].repeat(2, 1, 1, 1)


def test_the_warp_its_jacobian_and_both_losses_are_the_reference(golden: dict[str, Tensor]) -> None:
    warp, coords = warp_of(golden), golden["coords"]
    values = losses.equivariance(golden["kp_driving_value"], coords, warp)
    jacobians = losses.jacobian_equivariance(
        golden["kp_driving_jacobian"], golden["transformed_jacobian"], coords, warp
    )

    near(warp.coordinates(coords), golden["warped"])
    near(warp.jacobian(coords), golden["warp_jacobian"])
    near(values, golden["equiv_value_loss_unweighted"])
    near(jacobians, golden["equiv_jacobian_loss_unweighted"])


@pytest.mark.parametrize("corners", [False, True])
def test_a_warped_frame_is_the_reference(golden: dict[str, Tensor], corners: bool) -> None:
    found = warp_of(golden).frame(frames(golden), align_corners=corners)

    near(found[..., ::4, ::4], golden[f"transformed_frame_ac{int(corners)}"])


@pytest.mark.parametrize("scale", [0.5, 0.25, 0.125])
def test_the_pyramid_is_the_reference(golden: dict[str, Tensor], scale: float) -> None:
    found = AntiAliasDownsample(3, scale)(frames(golden)[:1])

    near(antialias_kernel(scale), golden[f"aa_kernel_{scale}"], 1e-7)
    near(found, golden[f"aa_out_{scale}"], 1e-6)


def test_the_keypoint_prior_is_the_reference() -> None:
    values = stored("facevid2vid_golden.npz")
    keypoints = values["kp_syn_driving"]

    near(losses.keypoint_prior(keypoints), values["kp_prior_loss_unweighted"])
    near(losses.keypoint_depth(keypoints), values["kp_prior_depth_term"])


def test_warps_are_drawn_around_the_identity_and_the_same_for_a_seed() -> None:
    first, second = (RandomWarp.draw(400, torch.Generator().manual_seed(8)) for _ in range(2))

    near(first.affine, second.affine, 0.0)
    near(first.affine.mean(0), torch.eye(2, 3), 0.01)
    assert float((first.affine - torch.eye(2, 3)).std()) == pytest.approx(0.05, rel=0.1)
    assert float(first.spline.std()) == pytest.approx(0.005, rel=0.1)


def test_depth_is_not_compared_by_equivariance(golden: dict[str, Tensor]) -> None:
    warp, coords = warp_of(golden), golden["coords"]
    deep = [
        torch.cat([warped, torch.rand(2, 10, 1)], -1)
        for warped in (warp.coordinates(coords), coords)
    ]

    near(losses.equivariance(deep[0], deep[1], warp), torch.tensor(0.0), 1e-6)


def test_the_jacobian_of_keypoints_that_are_trained_has_gradients() -> None:
    warp = RandomWarp.draw(1, torch.Generator().manual_seed(1))
    points = torch.rand(1, 4, 2, requires_grad=True)

    warp.jacobian(points).sum().backward()

    assert points.grad is not None
    assert float(points.grad.abs().sum()) > 0


def test_angles_are_compared_in_degrees_and_summed() -> None:
    found = HeadPose(
        *torch.tensor([[1.0, 3], [5.0, 5], [0.0, -2]]), torch.zeros(2, 3), torch.zeros(2, 1, 3)
    )

    loss = losses.head_pose(found, torch.zeros(2), torch.full((2,), 4.0), torch.zeros(2))

    near(loss, torch.tensor(2.0 + 1.0 + 1.0))


def test_expressions_are_summed_over_keypoints() -> None:
    near(losses.deformation(torch.full((3, 5, 3), -0.2)), torch.tensor(3.0))


def test_the_hinge_asks_for_no_more_than_one() -> None:
    real, fake = torch.tensor([[[[2.0, 0.5]]]]), torch.tensor([[[[-3.0, 0.0]]]])

    near(losses.hinge_discriminator(real, fake), torch.tensor(0.25 + 0.5))
    near(losses.hinge_generator(fake), torch.tensor(1.5))


def test_feature_matching_trains_the_generator_alone() -> None:
    real, fake = [torch.rand(1, 2, 3, 3, requires_grad=True) for _ in range(2)]

    losses.feature_matching([real, real], [fake, fake]).backward()

    assert real.grad is None
    assert fake.grad is not None


@pytest.mark.parametrize(
    ("entry", "keypoints", "spectral"),
    [("discriminator", 0, True), ("discriminator(vox-adv-256,use_kp)", 10, False)],
)
def test_names_and_shapes_of_the_discriminator_are_the_published_ones(
    entry: str, keypoints: int, spectral: bool
) -> None:
    keys = json.loads((DATA / "facevid2vid_keys.json").read_text())

    network = PatchDiscriminator(keypoints, spectral=spectral)

    assert {key: list(value.shape) for key, value in network.state_dict().items()} == keys[entry]


def test_a_discriminator_judges_patches_and_shows_its_features() -> None:
    network = PatchDiscriminator(2, 4, 16, 4)

    judged = network(torch.rand(2, 3, 96, 96), torch.rand(2, 2, 96, 96))
    judged.score.mean().backward()

    assert [tuple(part.shape[1:]) for part in judged.features] == [
        (8, 46, 46), (16, 21, 21), (16, 9, 9), (16, 6, 6),
    ]  # fmt: skip
    assert judged.score.shape == (2, 1, 6, 6)
    assert all(value.grad is not None for value in network.parameters())
