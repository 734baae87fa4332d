"""Steps that make a generator faster draw what it drew: parts against parts, toys as a whole."""

from typing import cast

import pytest
import torch
from name_seeded import fill
from torch import Tensor, nn
from torch.nn import functional

from speech2face.generators.facevid2vid.exact.cheap_motion import shifted_copies
from speech2face.generators.facevid2vid.exact.exact import STEPS, Step, accelerate
from speech2face.generators.facevid2vid.exact.merged_spade import MergedSpadeDecoder
from speech2face.generators.facevid2vid.network import (
    PRESETS,
    FaceVid2VidGenerator,
    HeadPoseEstimator,
)
from speech2face.models.blocks import UpBlock
from speech2face.models.exact.folding import fold_norms
from speech2face.models.exact.fourier import FourierConvolution
from speech2face.models.exact.narrow import BlockConvolution, TapsConvolution
from speech2face.models.exact.phases import PhaseConvolution, PhaseUpBlock
from speech2face.models.exact.replacing import winograd_places
from speech2face.models.exact.winograd import WinogradConvolution
from speech2face.models.keypoints import sparse_motions, warped_copies
from speech2face.models.spade import SpadeDecoder


@pytest.fixture(autouse=True)
def _no_gradients() -> None:
    torch.manual_seed(5)
    torch.set_grad_enabled(False)
    yield
    torch.set_grad_enabled(True)


def drawn_plainly(
    network: FaceVid2VidGenerator, image: Tensor, source: Tensor, driving: Tensor
) -> Tensor:
    """Draw frame by frame, encoding the source anew for each."""
    return torch.cat([network(image, source, one) for one in driving.split(1)])


def same(found: Tensor, wanted: Tensor, tolerance: float = 1e-5) -> None:
    torch.testing.assert_close(found, wanted, rtol=0, atol=tolerance)


def toy(preset: str) -> tuple[FaceVid2VidGenerator, Tensor, Tensor, Tensor]:
    config = PRESETS[preset]
    network = fill(FaceVid2VidGenerator(config), "fv2v.generator")
    source, driving = 1.2 * torch.rand(2, 2, config.keypoints, 3) - 0.6
    image = torch.rand(1, 3, config.size, config.size)
    return cast("FaceVid2VidGenerator", network), image, source[:1], driving


def lively(network: FaceVid2VidGenerator) -> None:
    """Undo the calm of the name-seeded weights: the picture has to show every difference."""
    last = network.decoder.conv_img if network.config.decoder == "spade" else network.final
    cast("nn.Conv2d", last).weight.mul_(10)


@pytest.mark.parametrize("preset", ["tiny", "tiny-original"])
@pytest.mark.parametrize("steps", [*((step,) for step in STEPS), STEPS], ids="-".join)
def test_a_step_changes_no_picture(preset: str, steps: tuple[Step, ...]) -> None:
    network, image, source, driving = toy(preset)
    lively(network)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    wanted = drawn_plainly(network, image, source, driving)

    fast = accelerate(network, steps)
    found = fast.render(fast.encode(image), source, driving)

    assert float(wanted.std()) > 0.05
    same(found, wanted)
    after = network.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_a_step_is_taken_only_where_it_was_asked_for() -> None:
    network = toy("tiny-original")[0]

    kinds = {type(module) for module in accelerate(network, ("narrow",)).modules()}

    assert TapsConvolution in kinds
    assert BlockConvolution in kinds
    assert not kinds & {PhaseUpBlock, FourierConvolution, WinogradConvolution}


def test_wide_maps_go_through_winograd_and_small_ones_do_not() -> None:
    with torch.device("meta"):
        network = FaceVid2VidGenerator(PRESETS["256-original"])
    small = network.dense_motion_network.hourglass.encoder.down_blocks[4].conv

    places = winograd_places(network, network.dense_motion_network.hourglass, 64)
    chosen = [module.get_submodule(name) for module, name in places]

    assert network.dense_motion_network.hourglass.decoder.conv in chosen
    assert sum(conv.weight.ndim == 4 for conv in chosen) == 2 + 1 + 2 * 6 + 2
    assert small not in chosen


def test_the_head_pose_estimator_folds_too() -> None:
    network = cast(
        "HeadPoseEstimator", fill(HeadPoseEstimator(PRESETS["tiny"]), "fv2v.he_estimator")
    )
    image = torch.rand(2, 3, 64, 64)
    wanted = network.heads(image)

    fold_norms(network)

    assert not any(isinstance(module, nn.BatchNorm2d) for module in network.modules())
    for found, value in zip(network.heads(image), wanted, strict=True):
        same(found, value)


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_phases_are_the_convolution_of_the_enlarged_map(factor: int) -> None:
    convolution, x = nn.Conv2d(3, 5, 3, padding=1), torch.randn(2, 3, 5, 7)

    found = PhaseConvolution(convolution, factor)(x)

    large = functional.interpolate(x, scale_factor=float(factor), mode="nearest")
    same(found, convolution(large))


def test_phases_of_a_volume_leave_its_depth() -> None:
    block = UpBlock(3, 4, dims=3).eval()
    fold_norms(block)
    x = torch.randn(2, 3, 4, 5, 6)

    same(PhaseUpBlock(block)(x), block(x))


@pytest.mark.parametrize("sides", [(8, 8), (9, 6), (3, 70), (70, 66)])
def test_winograd_is_the_direct_convolution(sides: tuple[int, int]) -> None:
    convolution, x = nn.Conv2d(5, 6, 3, padding=1), torch.randn(2, 5, *sides)

    same(WinogradConvolution(convolution)(x), convolution(x))


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_winograd_of_a_volume_sums_the_taps_of_depth(depth: int) -> None:
    convolution, x = nn.Conv3d(5, 6, 3, padding=1), torch.randn(2, 5, depth, 9, 12)

    same(WinogradConvolution(convolution)(x), convolution(x))


@pytest.mark.parametrize(("sides", "tile"), [((2, 20, 24), 8), ((9, 12, 33), 32), ((1, 7, 7), 4)])
def test_fourier_is_the_direct_convolution(sides: tuple[int, int, int], tile: int) -> None:
    convolution, x = nn.Conv3d(3, 4, 7, padding=3), torch.randn(2, 3, *sides)

    same(FourierConvolution(convolution, tile)(x), convolution(x))


def test_narrow_convolutions_are_the_direct_ones() -> None:
    x = torch.randn(2, 6, 12, 16)
    one, three = nn.Conv2d(6, 1, 7, padding=3), nn.Conv2d(6, 3, 7, padding=3, bias=False)

    same(TapsConvolution(one)(x), one(x))
    same(TapsConvolution(three)(x), three(x))
    same(BlockConvolution(one, 4)(x), one(x))
    same(BlockConvolution(three)(x), three(x))


def test_merged_modulations_draw_what_single_ones_draw() -> None:
    decoder = SpadeDecoder(8, 5, 6, 2)
    fold_norms(decoder.eval())
    x = torch.randn(2, 8, 6, 10)

    same(MergedSpadeDecoder(decoder)(x), decoder(x))


@pytest.mark.parametrize("corners", [False, True])
def test_shifted_copies_are_the_sampled_ones_beyond_the_edges_too(corners: bool) -> None:
    features = torch.randn(2, 3, 4, 8, 10)
    source, driving = 2 * torch.rand(2, 2, 6, 3) - 1
    motions = sparse_motions(source, driving, features.shape[2:])
    shifts = functional.pad(source - driving, (0, 0, 1, 0))

    found = shifted_copies(features, shifts, align_corners=corners)

    same(found, warped_copies(features, motions, align_corners=corners))
