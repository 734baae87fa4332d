"""What exact speed-ups are measured on: networks of every system, with random weights.

Time does not depend on the weights, and a difference is one against the same network drawn plainly.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from speech2face.generators.dagan.config import PRESETS as DAGAN
from speech2face.generators.dagan.config import DaganConfig
from speech2face.generators.dagan.network import SpadeDepthAwareGenerator
from speech2face.generators.dagan.system import generator_of
from speech2face.generators.facevid2vid.config import PRESETS as FACEVID2VID
from speech2face.generators.facevid2vid.config import FaceVid2VidConfig
from speech2face.generators.facevid2vid.exact import exact as facevid2vid_exact
from speech2face.generators.facevid2vid.network import FaceVid2VidGenerator
from speech2face.generators.fomm import exact as fomm_exact
from speech2face.generators.fomm.config import PRESETS as FOMM
from speech2face.generators.fomm.config import FommConfig
from speech2face.generators.fomm.keypoints import Keypoints
from speech2face.generators.fomm.network import OcclusionAwareGenerator
from speech2face.generators.x2face import exact as x2face_exact
from speech2face.generators.x2face.config import PRESETS as X2FACE
from speech2face.generators.x2face.config import X2FaceConfig
from speech2face.generators.x2face.network import X2Face


class Network(Protocol):
    """A network that encodes a source once and renders frames of it."""

    def encode(self, image: Tensor, /) -> Any:  # noqa: ANN401 - what it renders from is its own
        """Compute all that depends on the source alone."""
        ...

    def render(self, *given: Any) -> Tensor:  # noqa: ANN401 - what drives it is its own
        """Draw frames."""
        ...


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One network with a source, and frames to draw of it."""

    network: Any
    image: tuple[Tensor, ...]
    """What `encode` takes of the source."""
    source: tuple[Any, ...]
    """What `render` needs of the source beside what `encode` gives."""
    driving: Sequence[Any]
    """What drives each frame."""
    together: Any
    """What drives all frames at once."""
    steps: tuple[str, ...]
    """Exact steps, in their order."""
    accelerate: Callable[[Any, tuple[Any, ...]], Any]

    def plainly(self) -> Tensor:
        """Draw frame by frame, encoding the source anew for each, as the public code does."""
        network = self.network
        return torch.cat(
            [network.render(network.encode(*self.image), *self.source, one) for one in self.driving]
        )

    def drawing(self, steps: tuple[str, ...]) -> Callable[[], Tensor]:
        """Take steps, encode the source, and return what draws all frames at once."""
        network = self.accelerate(self.network, steps) if steps else self.network
        encoded = network.encode(*self.image)
        return lambda: network.render(encoded, *self.source, self.together).float()


def subject(preset: str, device: torch.device, frames: int, seed: int) -> Subject:
    """Build a subject: one of `PRESETS`, with the same random numbers on every device."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return PRESETS[preset](device, frames)


def _facevid2vid(config: FaceVid2VidConfig, device: torch.device, frames: int) -> Subject:
    network = FaceVid2VidGenerator(config).eval()
    last = network.decoder.conv_img if config.decoder == "spade" else network.final
    _liven(network)
    # The picture would be saturated otherwise.
    last.weight.data.mul_(0.2 if config.decoder == "spade" else 1.0)
    source, driving = 1.2 * torch.rand(2, frames, config.keypoints, 3).to(device) - 0.6
    exact = facevid2vid_exact
    steps = exact.GPU_STEPS if device.type == "cuda" else exact.STEPS
    return Subject(
        network=network.to(device), image=(torch.rand(1, 3, config.size, config.size).to(device),),
        source=(source[:1],), driving=driving.split(1), together=driving,
        steps=tuple(step for step in steps if config.decoder == "spade" or step != "spade"),
        accelerate=exact.accelerate,
    )  # fmt: skip


def _fomm(config: FommConfig, device: torch.device, frames: int) -> Subject:
    network = OcclusionAwareGenerator(config).eval()
    _liven(network)
    source, driving = (_keypoints(config, count, device) for count in (1, frames))
    return Subject(
        network=network.to(device), image=(torch.rand(1, 3, config.size, config.size).to(device),),
        source=(source,), together=driving,
        driving=[Keypoints(*one) for one in zip(*(part.split(1) for part in driving), strict=True)],
        steps=fomm_exact.GPU_STEPS if device.type == "cuda" else fomm_exact.STEPS,
        accelerate=fomm_exact.accelerate,
    )  # fmt: skip


def _keypoints(config: FommConfig, count: int, device: torch.device) -> Keypoints:
    value = 1.2 * torch.rand(count, config.keypoints, 2) - 0.6
    jacobian = torch.eye(2) + 0.2 * torch.randn(count, config.keypoints, 2, 2)
    return Keypoints(value.to(device), jacobian.to(device))


def _dagan(config: DaganConfig, device: torch.device, frames: int) -> Subject:
    network = generator_of(config).eval()
    _liven(network)
    if isinstance(network, SpadeDepthAwareGenerator):
        network.decoder.conv_img.weight.data.mul_(0.2)  # the picture would be saturated otherwise
    network.AttnModule.gamma.data.fill_(0.5)
    source, driving = (_keypoints(config, count, device) for count in (1, frames))
    image, depth = torch.rand(1, 4, config.size, config.size).to(device).split([3, 1], 1)
    return Subject(
        network=network.to(device), image=(image, depth), source=(source,), together=driving,
        driving=[Keypoints(*one) for one in zip(*(part.split(1) for part in driving), strict=True)],
        steps=fomm_exact.GPU_STEPS if device.type == "cuda" else fomm_exact.STEPS,
        accelerate=fomm_exact.accelerate,
    )  # fmt: skip


def _x2face(config: X2FaceConfig, device: torch.device, frames: int) -> Subject:
    network = X2Face(config).eval()
    _liven(network)
    for last in (network.embedding, network.driving):
        last.up[-1].get_parameter("weight").data.mul_(
            0.1
        )  # all would be bent to the limit otherwise
    codes = torch.rand(frames, config.code).to(device)
    # It samples the picture itself: neighbours are as alike as in a photograph, not noise.
    coarse = torch.rand(1, 3, config.size // 8, config.size // 8)
    image = functional.interpolate(coarse, scale_factor=8, mode="bilinear")
    return Subject(
        network=network.to(device), image=(image.to(device),),
        source=(), driving=codes.split(1), together=codes,
        steps=x2face_exact.GPU_STEPS if device.type == "cuda" else x2face_exact.STEPS,
        accelerate=x2face_exact.accelerate,
    )  # fmt: skip


def _liven(network: nn.Module) -> None:
    """Let norms do something, which folding would be too easy without, and masks differ."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d):
            nn.init.normal_(module.weight, 1.0, 0.1)
            nn.init.normal_(module.bias, 0.0, 0.1)
            if module.running_mean is not None and module.running_var is not None:
                module.running_mean.normal_(0.0, 0.1)
                module.running_var.uniform_(0.5, 1.5)
        elif isinstance(module, nn.Conv2d | nn.Conv3d) and not hasattr(module, "weight_orig"):
            nn.init.kaiming_normal_(module.weight)


PRESETS: Mapping[str, Callable[[torch.device, int], Subject]] = {
    **{name: partial(_facevid2vid, config) for name, config in FACEVID2VID.items()},
    **{f"dagan-{name}": partial(_dagan, config) for name, config in DAGAN.items()},
    **{f"fomm-{name}": partial(_fomm, config) for name, config in FOMM.items()},
    **{f"x2face-{name}": partial(_x2face, config) for name, config in X2FACE.items()},
}
"""Builders by the name of what they build: face-vid2vid's presets, others' behind their kind."""
