"""DaGAN: the reference's numbers at full size, what must hold for any weights, and its traps."""

from typing import cast

import pytest
import torch
from golden import keys, near, picture, shapes, stored
from name_seeded import fill
from torch import Tensor

from speech2face.generators.dagan import network as dagan_network
from speech2face.generators.dagan.config import PRESETS
from speech2face.generators.dagan.depth import Depth, DepthDecoder, DepthEncoder
from speech2face.generators.dagan.extractor import DepthKeypointDetector
from speech2face.generators.dagan.network import CrossAttention, attention
from speech2face.generators.dagan.system import SYSTEM, Generator, generator_of
from speech2face.generators.fomm.exact import STEPS, Step, accelerate
from speech2face.generators.fomm.keypoints import KeypointDetector, Keypoints

TINY, FULL = PRESETS["tiny"], PRESETS["256"]
BOTH = ("tiny", "tiny-spade")


def toy(preset: str) -> Generator:
    built = cast("Generator", fill(generator_of(PRESETS[preset]), "dagan.generator"))
    last = built.final if preset == "tiny" else built.decoder.conv_img
    last.weight.data.mul_(10)  # a picture that shows every difference
    return built


def faces(count: int) -> tuple[Tensor, Tensor, Keypoints, Keypoints]:
    random = torch.Generator().manual_seed(3)
    image, depth = torch.rand(1, 4, TINY.size, TINY.size, generator=random).split([3, 1], 1)
    places = 1.2 * torch.rand(count + 1, TINY.keypoints, 2, generator=random) - 0.6
    noise = 0.2 * torch.randn(count + 1, TINY.keypoints, 2, 2, generator=random)
    both = Keypoints(places, torch.eye(2) + noise)
    first, rest = (Keypoints(*(part[rows] for part in both)) for rows in (slice(1), slice(1, None)))
    return image, depth, first, rest


def depth_network() -> Depth:
    encoder = fill(DepthEncoder(FULL), "dagan.depth_encoder18", "encoder.")
    decoder = fill(DepthDecoder(FULL), "dagan.depth_decoder18", "decoder.")
    return Depth(cast("DepthEncoder", encoder), cast("DepthDecoder", decoder)).eval()


@pytest.mark.parametrize(
    ("network", "preset", "entry"),
    [
        ("generator", "256", "generator"),
        ("generator", "256-spade", "generator-spade"),
        ("kp_detector", "256", "kp_detector"),
        ("depth_encoder", "256", "depth_encoder"),
        ("depth_decoder", "256", "depth_decoder"),
        ("depth_encoder", "256-depth50", "depth_encoder-50"),
        ("depth_decoder", "256-depth50", "depth_decoder-50"),
    ],
)
def test_names_and_shapes_are_the_published_ones(network: str, preset: str, entry: str) -> None:
    with torch.device("meta"):
        built = SYSTEM.networks[network](PRESETS[preset])

    prefix = f"{network.removeprefix('depth_')}." if network.startswith("depth") else ""

    assert {prefix + key: shape for key, shape in shapes(built).items()} == keys("dagan")[entry]


@torch.no_grad()
def test_depth_and_keypoints_are_the_reference() -> None:
    golden, depth = stored("dagan"), depth_network()
    detector = cast("KeypointDetector", fill(KeypointDetector(FULL), "dagan.kp_detector"))
    seeing = DepthKeypointDetector(detector, depth)

    for name in ("source", "driving"):
        found = seeing(picture(name))
        near(depth(picture(name))[..., ::16, ::16], golden[f"disp_{name}_sub"], 1e-4)
        near(found.value, golden[f"kp_{name}_value"], 1e-5)
        near(found.jacobian, golden[f"kp_{name}_jacobian"], 1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("decoder", ["plain", "spade"])
@torch.no_grad()
def test_every_stage_of_the_generators_is_the_reference(decoder: str) -> None:
    golden, end = stored("dagan"), "" if decoder == "plain" else "_spade"
    preset = "256" if decoder == "plain" else "256-spade"
    built = cast("Generator", fill(generator_of(PRESETS[preset]), f"dagan.generator{end}"))
    source, driving = (
        Keypoints(golden[f"kp_{name}_value"], golden[f"kp_{name}_jacobian"])
        for name in ("source", "driving")
    )
    image = picture("source")

    encoded = built.encode(image, depth_network()(image))
    motion = built.motion(encoded.small, source, driving)
    layer, warped = built.AttnModule, built.warp(encoded.features, motion)
    seen = torch.relu(layer.key_conv(warped)).flatten(2)
    rows = attention(encoded.query.flatten(2)[..., ::512], seen)
    drawn = built.draw(layer(encoded.query, warped), image, motion)

    near(motion.occlusion[..., ::4, ::4], golden[f"occlusion{end}"], 1e-4)
    # All are near 1 / 4096: the picture alone would not show a softmax over the other axis.
    near(rows[..., ::16], golden[f"attention_rows{end}"], 1e-8)
    other = attention(seen, encoded.query.flatten(2))[:, :, ::512].transpose(1, 2)
    assert float((other[..., ::16] - golden[f"attention_rows{end}"]).abs().max()) > 1e-7
    near(drawn[..., ::4, ::4], golden[f"prediction{end}"], 1e-3)


@torch.no_grad()
def test_attention_by_few_rows_is_the_whole_table(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    layer = CrossAttention(6, 3)
    layer.gamma.fill_(0.7)
    depth, features = torch.randn(1, 6, 8, 8), torch.randn(2, 6, 8, 8)
    query = layer.ask(depth)
    keys_seen = torch.relu(layer.key_conv(features)).flatten(2)
    values = torch.relu(layer.value_conv(features)).flatten(2)
    table = torch.softmax(query.flatten(2).transpose(1, 2) @ keys_seen, 2)
    wanted = 0.7 * (values @ table.transpose(1, 2)).view_as(features) + features

    for rows in (7, 64, 512):
        monkeypatch.setattr(dagan_network, "_ROWS", rows)
        near(layer(query, features), wanted, 1e-5)


@pytest.mark.parametrize("preset", BOTH)
@torch.no_grad()
def test_a_batch_is_its_frames_and_one_source_serves_all(preset: str) -> None:
    image, depth, source, driving = faces(3)
    built = toy(preset)
    encoded = built.encode(image, depth)

    together = built.render(encoded, source, driving)
    singly = [
        built.render(encoded, source, Keypoints(*(part[i : i + 1] for part in driving)))
        for i in range(3)
    ]

    near(together, torch.cat(singly), 1e-4)
    assert float((built(image, 1 - depth, source, source) - together[:1]).abs().max()) > 1e-3


@pytest.mark.parametrize("preset", BOTH)
@pytest.mark.parametrize("steps", [*((step,) for step in STEPS), STEPS], ids="-".join)
@torch.no_grad()
def test_a_step_changes_no_picture(preset: str, steps: tuple[Step, ...]) -> None:
    image, depth, source, driving = faces(2)
    built = toy(preset)
    wanted = built.render(built.encode(image, depth), source, driving)

    fast = accelerate(built, steps)

    near(fast.render(fast.encode(image, depth), source, driving), wanted, 1e-4)


@pytest.mark.parametrize("preset", BOTH)
def test_every_parameter_that_draws_gets_a_gradient(preset: str) -> None:
    image, _, source, driving = faces(2)
    built = toy(preset).train()
    depth = Depth(DepthEncoder(TINY), DepthDecoder(TINY)).train()

    image = image.expand(2, -1, -1, -1)
    built(image, depth(image), source.expand(2), driving).square().mean().backward()

    named = (*built.named_parameters(), *depth.named_parameters())
    silent = {name for name, value in named if value.grad is None}
    # The classifier, and the disparities of coarser levels, are only in the published files.
    unasked = {f"decoder.{number}.conv.{part}" for number in (11, 12, 13)
               for part in ("weight", "bias")}  # fmt: skip
    assert silent == {"encoder.fc.weight", "encoder.fc.bias", *unasked}
