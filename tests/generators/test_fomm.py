"""FOMM: the reference's numbers at full size, what must hold for any weights, and its traps."""

from dataclasses import replace
from typing import cast

import pytest
import torch
from golden import keys, near, picture, shapes, stored
from name_seeded import fill
from torch import Tensor
from torch.nn import functional

from speech2face.errors import InputError
from speech2face.generators.fomm.config import PRESETS
from speech2face.generators.fomm.exact import STEPS, Step, accelerate
from speech2face.generators.fomm.extractor import as_latents, from_latents
from speech2face.generators.fomm.keypoints import KeypointDetector, Keypoints, changes, relative
from speech2face.generators.fomm.network import Encoded, OcclusionAwareGenerator
from speech2face.generators.fomm.system import SYSTEM
from speech2face.models.keypoints import movement_scale, warped_copies
from speech2face.models.sampling import coordinate_grid

FULL, TINY = PRESETS["256"], PRESETS["tiny"]


@pytest.fixture(scope="module")
def golden() -> dict[str, Tensor]:
    return stored("fomm")


@pytest.fixture(scope="module")
def detector() -> KeypointDetector:
    return cast("KeypointDetector", fill(KeypointDetector(FULL), "fomm.kp_detector"))


def reference(golden: dict[str, Tensor], name: str) -> Keypoints:
    return Keypoints(golden[f"kp_{name}_value"], golden[f"kp_{name}_jacobian"])


def tiny(*, corners: bool = True) -> OcclusionAwareGenerator:
    config = replace(TINY, align_corners=corners)
    network = cast(
        "OcclusionAwareGenerator", fill(OcclusionAwareGenerator(config), "fomm.generator")
    )
    network.final.weight.data.mul_(10)  # a picture that shows every difference
    return network


def faces(count: int) -> tuple[Tensor, Keypoints, Keypoints]:
    random = torch.Generator().manual_seed(3)
    image = torch.rand(1, 3, TINY.size, TINY.size, generator=random)
    places = 1.2 * torch.rand(count + 1, TINY.keypoints, 2, generator=random) - 0.6
    noise = 0.2 * torch.randn(count + 1, TINY.keypoints, 2, 2, generator=random)
    both = Keypoints(places, torch.eye(2) + noise)
    return image, Keypoints(*(part[:1] for part in both)), Keypoints(*(part[1:] for part in both))


@pytest.mark.parametrize("network", ["generator", "kp_detector"])
def test_names_and_shapes_are_the_published_ones(network: str) -> None:
    with torch.device("meta"):
        built = SYSTEM.networks[network](FULL)

    assert shapes(built) == keys("fomm")[network]


@torch.no_grad()
def test_keypoints_and_jacobians_are_the_reference(
    golden: dict[str, Tensor], detector: KeypointDetector
) -> None:
    small = detector.down(picture("source"))
    logits = detector.kp(detector.predictor(small))
    found = {name: detector(picture(name)) for name in ("source", "driving", "driving_initial")}

    near(small[..., ::4, ::4], golden["kp_down_source"], 1e-5)
    near(logits[..., ::4, ::4], golden["kp_logits_source"], 1e-4)
    for ours, theirs in (("source",) * 2, ("driving",) * 2, ("driving_initial", "initial")):
        near(found[ours].value, golden[f"kp_{theirs}_value"], 1e-5)
        near(found[ours].jacobian, golden[f"kp_{theirs}_jacobian"], 1e-5)


@torch.no_grad()
def test_a_padded_heat_map_is_not_the_reference(
    golden: dict[str, Tensor], detector: KeypointDetector
) -> None:
    padded = KeypointDetector(FULL)
    padded.load_state_dict(detector.state_dict())
    padded.kp.padding = padded.jacobian.padding = (3, 3)

    found = padded.eval()(picture("source"))

    assert float((found.value - golden["kp_source_value"]).abs().max()) > 1e-3


def test_relative_motion_is_the_reference(golden: dict[str, Tensor]) -> None:
    source, driving, initial = (reference(golden, n) for n in ("source", "driving", "initial"))

    moved = relative(source, driving, initial)

    near(moved.value, golden["kp_norm_rel_value"], 1e-5)
    near(moved.jacobian, golden["kp_norm_rel_jacobian"], 1e-5)
    # The order of the factors is what a matrix that turns and one that stretches tell apart.
    turned = source.jacobian @ changes(driving, initial)
    assert float((turned - golden["kp_norm_rel_jacobian"]).abs().max()) > 1e-3


def test_the_size_of_the_face_scales_places_only(golden: dict[str, Tensor]) -> None:
    source, driving, initial = (reference(golden, n) for n in ("source", "driving", "initial"))
    scale = movement_scale(source.value[0], initial.value[0])

    plain, scaled = (
        relative(source, driving, initial, adapt_scale=adapt) for adapt in (False, True)
    )

    near(scaled.value - source.value, scale * (plain.value - source.value), 1e-6)
    near(scaled.jacobian, plain.jacobian, 0)
    still = relative(source, initial, initial, adapt_scale=True)
    near(still.value, source.value, 0)
    near(still.jacobian, source.jacobian, 1e-5)


@torch.no_grad()
def stages(golden: dict[str, Tensor], network: OcclusionAwareGenerator) -> dict[str, Tensor]:
    source, driving = reference(golden, "source"), reference(golden, "driving")
    image, corners = picture("source"), network.config.align_corners
    encoded = network.encode(image)
    dense, small = network.dense_motion_network, encoded.small
    motions = dense.motions(source, driving, small.shape[2:])
    copies = warped_copies(small, motions, align_corners=corners)
    motion = network.motion(encoded.small, source, driving)
    return {
        "sparse_deformed_sub": copies[..., ::8, ::8],
        "mask": motion.mask[..., ::4, ::4],
        "deformation": motion.deformation[:, ::4, ::4],
        "occlusion": motion.occlusion[..., ::4, ::4],
        "deformed_sub": network.deformed(image, motion)[..., ::8, ::8],
        "prediction": network.decode(network.warp(encoded.features, motion))[..., ::4, ::4],
    }


@pytest.mark.slow
def test_every_stage_of_the_generator_is_the_reference_either_way_of_sampling(
    golden: dict[str, Tensor],
) -> None:
    network = cast("OcclusionAwareGenerator", fill(OcclusionAwareGenerator(FULL), "fomm.generator"))

    for corners in (True, False):
        network.config = replace(FULL, align_corners=corners)
        network.dense_motion_network.align_corners = corners
        for name, value in stages(golden, network).items():
            wanted = golden[f"{name}_ac{int(corners)}"]
            near(value, wanted, 1e-3 if name == "prediction" else 1e-4)
            other = golden[f"{name}_ac{int(not corners)}"]
            assert float((value - other).abs().max()) > 1e-3, name


@torch.no_grad()
def test_a_jacobian_turns_what_lies_around_its_keypoint() -> None:
    source = Keypoints(torch.tensor([[[0.1, 0.2]]]), torch.tensor([[[[0.0, -1.0], [1.0, 0.0]]]]))
    driving = Keypoints(torch.tensor([[[-0.3, 0.0]]]), torch.eye(2)[None, None])

    motion = tiny().dense_motion_network.motions(source, driving, torch.Size((5, 5)))

    grid = coordinate_grid((5, 5), motion)
    near(motion[0, 0], grid, 0)
    away = grid - torch.tensor([-0.3, 0.0])
    turned = torch.stack([-away[..., 1], away[..., 0]], -1) + torch.tensor([0.1, 0.2])
    near(motion[0, 1], turned, 1e-6)


@torch.no_grad()
def test_equal_keypoints_move_nothing_and_a_batch_is_its_frames() -> None:
    image, source, driving = faces(3)
    network = tiny()
    encoded = network.encode(image)

    together = network.render(encoded, source, driving)
    singly = [
        network.render(encoded, source, Keypoints(*(part[i : i + 1] for part in driving)))
        for i in range(3)
    ]
    still = network.motion(encoded.small, source, source)

    near(together, torch.cat(singly), 1e-5)
    near(still.deformation[0], coordinate_grid(still.deformation.shape[1:3], image), 1e-5)
    near(network.warp(encoded.features, still), encoded.features * still.occlusion, 1e-5)


@torch.no_grad()
def test_the_tiny_picture_is_what_it_was() -> None:
    image, source, driving = faces(1)

    drawn = tiny()(image, source, driving)[0, [0, 1, 2, 0], [5, 20, 40, 63], [9, 33, 50, 0]]

    near(drawn, torch.tensor([0.581926, 0.562813, 0.667107, 0.513059]), 1e-4)


def test_every_parameter_gets_a_gradient() -> None:
    image, source, driving = faces(1)
    network, detector = tiny().train(), KeypointDetector(TINY)

    found = detector(image)
    drawn = network(image, source, driving)
    sum(part.square().mean() for part in (drawn, *found)).backward()

    both = (*network.named_parameters(), *detector.named_parameters())
    silent = [name for name, value in both if value.grad is None]
    assert not silent


def test_latents_are_relative_and_come_back() -> None:
    _, source, driving = faces(4)

    latents = as_latents(source, driving)
    back = from_latents(source, latents)

    near(back.value, driving.value, 1e-5)
    near(back.jacobian, driving.jacobian, 1e-4)
    assert latents.shape == (4, 6 * TINY.keypoints)
    near(as_latents(source, source), torch.zeros(1, 6 * TINY.keypoints), 1e-5)


@pytest.mark.parametrize("steps", [*((step,) for step in STEPS), STEPS], ids="-".join)
@torch.no_grad()
def test_a_step_changes_no_picture(steps: tuple[Step, ...]) -> None:
    network = tiny()
    image, source, driving = faces(2)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    wanted = network.render(network.encode(image), source, driving)

    fast = accelerate(network, steps)
    found = fast.render(fast.encode(image), source, driving)

    assert float(wanted.std()) > 0.05
    near(found, wanted, 1e-4)
    assert all(torch.equal(network.state_dict()[name], value) for name, value in before.items())


def test_a_size_that_cannot_be_halved_often_enough_is_refused() -> None:
    with pytest.raises(InputError, match="choose a multiple of 128"):
        replace(FULL, size=200)


@torch.no_grad()
def test_features_of_another_picture_size_are_warped_alike() -> None:
    image, source, driving = faces(1)
    network = tiny()

    large = functional.interpolate(image, scale_factor=2.0, mode="bilinear")
    encoded = network.encode(large)
    drawn = network.render(encoded, source, driving)

    assert isinstance(encoded, Encoded)
    assert drawn.shape == large.shape
