"""X2Face: the reference's numbers at full size, what must hold for any weights, and its traps."""

from dataclasses import replace
from typing import cast

import pytest
import torch
from golden import keys, near, picture, shapes, stored
from name_seeded import fill
from torch import Tensor, nn

from speech2face.errors import InputError
from speech2face.generators.x2face.config import PRESETS
from speech2face.generators.x2face.exact import STEPS, Step, accelerate
from speech2face.generators.x2face.network import X2Face
from speech2face.models.sampling import coordinate_grid, sample

TINY = PRESETS["tiny"]


def network(preset: str) -> X2Face:
    return cast("X2Face", fill(X2Face(PRESETS[preset]), "x2face"))


def faces(count: int) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(3)
    images = torch.rand(2, count, 3, TINY.size, TINY.size, generator=random)
    return images[0], images[1]


@pytest.mark.parametrize("preset", ["256", "256-pose"])
def test_names_and_shapes_are_the_published_ones(preset: str) -> None:
    with torch.device("meta"):
        built = X2Face(PRESETS[preset])

    assert shapes(built) == keys("x2face")[preset]


@pytest.mark.slow
@torch.no_grad()
def test_every_stage_is_the_reference_either_way_of_sampling() -> None:
    golden, built = stored("x2face"), network("256")
    first, second, driving = (picture(name) for name in ("source", "driving", "driving_initial"))
    both = torch.cat([first, second])
    raw, code = built.embedding(both), built.code(driving)
    flow = built.flow(code)

    near(raw[:1, :, ::8, ::8], golden["unwrap_raw_sub"], 1e-4)
    near(code[:, :, None, None], golden["bottleneck"], 1e-5)
    near(flow[:, ::8, ::8], golden["sampler_sub"], 2e-6)
    for corners in (True, False):
        built.config = replace(built.config, align_corners=corners)
        for views in (1, 2):
            name = f"{views}src_ac{int(corners)}"
            flat = built.merge(both[:views], raw[:views], 0.0)
            drawn = sample(built.merge(both[:views], raw[:views], 0.1), flow, align_corners=corners)
            near(flat[..., ::8, ::8], golden[f"unwrapped_{views}src_sub_ac{int(corners)}"], 1e-4)
            near(drawn[..., ::4, ::4], golden[f"result_{name}"], 1e-3)
            other = golden[f"result_{views}src_ac{int(not corners)}"]
            assert float((drawn[..., ::4, ::4] - other).abs().max()) > 1e-2
    # One tanh instead of two is another flow, though these weights bend by 0.03 at most.
    grid = coordinate_grid((256, 256), flow)
    once = torch.atanh((flow - grid).clamp(-0.999, 0.999)) + grid
    assert float((once[:, ::8, ::8] - golden["sampler_sub"]).abs().max()) > 1e-5


@torch.no_grad()
def test_the_flow_never_leaves_what_two_tanh_allow() -> None:
    built = network("tiny")
    cast("nn.Conv2d", built.driving.up[2]).weight.mul_(1000)

    flow = built.flow(torch.rand(2, TINY.code))

    bend = flow - coordinate_grid((TINY.size, TINY.size), flow)
    assert 0.76 < float(bend.abs().max()) <= 0.7617


@torch.no_grad()
def test_views_of_one_face_are_merged_by_confidence() -> None:
    images, _ = faces(2)
    built = network("tiny")
    raw = built.embedding(images)
    raw[1, 2] = -100.0  # not sure at all

    merged = built.merge(images, raw, 0.0)

    near(merged, built.merge(images[:1], raw[:1], 0.0), 1e-5)
    assert float((built.encode(images) - built.encode(images[:1])).abs().max()) > 1e-3


@torch.no_grad()
def test_a_batch_is_its_frames_and_rendering_from_a_code_is_the_whole() -> None:
    images, driving = faces(3)
    built = network("tiny")

    whole = built(images[:1], driving)
    singly = [built.render(built.encode(images[:1]), built.code(one)) for one in driving.split(1)]

    near(whole, torch.cat(singly), 1e-5)


@torch.no_grad()
def test_a_pose_that_a_code_has_already_changes_nothing() -> None:
    config = replace(TINY, pose=True)
    built = cast("X2Face", fill(X2Face(config), "x2face_pose"))
    code = built.code(faces(2)[1])
    level = built.driving
    while level.submodule is not None:
        level = level.submodule
    pose = cast("nn.Linear", level.posefrombottle)(code)

    near(built.turned(code, pose), code, 1e-6)
    assert float((built.turned(code, pose + 0.5) - code).abs().max()) > 1e-2
    with pytest.raises(TypeError, match="know no poses"):
        network("tiny").turned(code, pose)


def test_every_parameter_gets_a_gradient() -> None:
    built = network("tiny").train()

    built(*faces(2)).square().mean().backward()

    assert not [name for name, value in built.named_parameters() if value.grad is None]


@pytest.mark.parametrize("steps", [*((step,) for step in STEPS), STEPS], ids="-".join)
@torch.no_grad()
def test_a_step_changes_no_picture(steps: tuple[Step, ...]) -> None:
    built = network("tiny")
    images, driving = faces(1)
    before = {name: value.clone() for name, value in built.state_dict().items()}

    fast = accelerate(built, steps)

    near(fast(images, driving), built(images, driving), 1e-4)
    assert all(torch.equal(built.state_dict()[name], value) for name, value in before.items())


def test_another_size_is_refused() -> None:
    with pytest.raises(InputError, match="works at 256 pixels, not at 512"):
        replace(PRESETS["256"], size=512)
