"""The fast generator: what holds before it has learnt, what it can learn, and any size of crop."""

import numpy as np
import pytest
import torch
from fast_material import TOY, keypoints, people, recipe
from torch import Tensor

from speech2face.errors import InputError
from speech2face.generators.fast.network import FastConfig, FastGenerator
from speech2face.training.fast.losses import importance, losses
from speech2face.training.fast.task import FastTask, draw


def network(*, trained: bool = False) -> FastGenerator:
    torch.manual_seed(0)
    made = FastGenerator(TOY).eval()
    if trained:
        with torch.no_grad():
            for value in made.parameters():
                value.add_(0.05 * torch.randn_like(value))
    return made


def moved(points: Tensor, by: float = 0.05) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return points + by * torch.randn(points.shape, generator=generator)


@pytest.mark.parametrize("trained", [False, True])
def test_without_motion_the_photograph_comes_back(trained: bool) -> None:
    photo, points = torch.rand(1, 3, 64, 64), keypoints()
    made = network(trained=trained)

    seen = made.render(made.encode(photo, points), points)

    torch.testing.assert_close(seen, photo, rtol=0, atol=1e-5)


def test_a_new_network_draws_the_warped_photograph() -> None:
    made = network()
    frames = made.frames(made.encode(torch.rand(1, 3, 64, 64), keypoints()), moved(keypoints()))

    torch.testing.assert_close(frames.image, frames.warped.clamp(0, 1), rtol=0, atol=1e-6)
    assert (frames.flow.abs() > 1e-3).any()


@torch.no_grad()
def test_a_batch_draws_what_single_frames_do() -> None:
    made, photos = network(trained=True), torch.rand(2, 3, 64, 64)
    points = torch.cat([keypoints(), keypoints() * 0.9])
    wanted = moved(points)

    both = made.render(made.encode(photos, points), wanted)
    single = [
        made.render(made.encode(photos[i : i + 1], points[i : i + 1]), wanted[i : i + 1])
        for i in range(2)
    ]

    torch.testing.assert_close(both, torch.cat(single), rtol=0, atol=1e-4)


@torch.no_grad()
def test_one_photograph_serves_all_frames_of_a_batch() -> None:
    made = network(trained=True)
    state = made.encode(torch.rand(1, 3, 64, 64), keypoints())
    wanted = moved(keypoints().expand(3, -1, -1))

    together = made.render(state, wanted)

    alone = torch.cat([made.render(state, wanted[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("side", [48, 64, 80, 160])
def test_any_size_of_crop_is_drawn(side: int) -> None:
    made = network(trained=True)

    drawn = made.render(made.encode(torch.rand(1, 3, side, side), keypoints()), moved(keypoints()))

    assert drawn.shape == (1, 3, side, side)
    assert 0 <= drawn.min() <= drawn.max() <= 1


@torch.no_grad()
def test_a_larger_crop_of_the_same_picture_shows_the_same() -> None:
    made = network(trained=True)
    small = torch.nn.functional.interpolate(torch.rand(1, 3, 8, 8), size=64, mode="bilinear")
    large = torch.nn.functional.interpolate(small, size=128, mode="bilinear")
    wanted = moved(keypoints(), 0.02)

    drawn = made.render(made.encode(large, keypoints()), wanted)

    shrunk = torch.nn.functional.avg_pool2d(drawn, 2)
    expected = made.render(made.encode(small, keypoints()), wanted)
    assert (shrunk - expected).abs().mean() < 0.02


def test_pictures_and_keypoints_that_do_not_fit_are_refused() -> None:
    made = network()
    with pytest.raises(InputError, match="multiples of 16"):
        made.encode(torch.rand(1, 3, 60, 60), keypoints())
    with pytest.raises(InputError, match="145 keypoints"):
        made.encode(torch.rand(1, 3, 64, 64), keypoints()[:, :10])
    with pytest.raises(InputError, match="multiple of 16"):
        FastConfig(size=100)


def test_one_batch_can_be_learnt_by_heart() -> None:
    task = FastTask(recipe(), people())
    batch = task.sampler.draw(np.random.default_rng(0), 2, 32)
    optimizer = torch.optim.AdamW(task.network.parameters(), 1e-2)
    errors = []
    for _ in range(120):
        made = draw(task.network, batch)
        weight = importance(batch.driving_keypoints, batch.driving.shape[2:], 5.0)
        total = torch.stack(list(losses(made, batch, task.recipe.losses, weight).values())).sum()
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        errors.append(float((made.image - batch.driving).abs().mean().detach()))

    assert errors[-1] < 0.7 * errors[0]


def test_gradients_reach_the_keypoints() -> None:
    made = network(trained=True)
    wanted = moved(keypoints()).requires_grad_()

    made.render(made.encode(torch.rand(1, 3, 64, 64), keypoints()), wanted).mean().backward()

    assert wanted.grad is not None
    assert wanted.grad.isfinite().all()
    assert wanted.grad[..., :2].abs().max() > 0
