"""X2Face: pictures of a face become one face laid flat, a driving frame's code bends it.

Source: Wiles, Koepke and Zisserman, "X2Face: A network for controlling face generation using
images, audio, and pose codes" (ECCV 2018, arXiv 1807.10550). Names, sizes and conventions are those
of its public weights.
"""

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from speech2face.generators.x2face.config import X2FaceConfig
from speech2face.models.sampling import coordinate_grid, sample

_FLOOR = 0.1
"""What is added to confidences when views are merged."""
_SLOPE = 0.2
_POSE = 3


class Enlarge(nn.Module):
    """Twice height and width, linearly; corners stay corners."""

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h2 w2"]:
        """Enlarge the map."""
        return functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)


class Level(nn.Module):
    """One halving, all that is inside it, and the way back up.

    Activations are not done in place; those that are in the public code change nothing, since all
    that reads the changed maps are other rectifiers.
    """

    def __init__(
        self, before: int, inner: int, outputs: int, submodule: "Level | None", *, skips: bool
    ) -> None:
        """Build the level.

        Args:
            before: Input channels.
            inner: Channels after the halving.
            outputs: Channels after the way up.
            submodule: What is inside; None at the bottom.
            skips: Whether inputs are handed past what is inside, behind its output.
        """
        super().__init__()
        halve = nn.Conv2d(before, inner, 4, 2, 1, bias=False)
        outermost = before == _COLOURS
        bottom = submodule is None
        down: list[nn.Module] = [] if outermost else [nn.LeakyReLU(_SLOPE)]
        down += [halve] if outermost or bottom else [halve, nn.BatchNorm2d(inner)]
        self.down = nn.Sequential(*down)
        self.submodule = submodule
        merged = inner * 2 if skips and not bottom else inner
        conv = nn.Conv2d(merged, outputs, 3, padding=1, bias=False)
        up = [nn.ReLU(), Enlarge(), conv, *([] if outermost else [nn.BatchNorm2d(outputs)])]
        self.up = nn.Sequential(*up)
        self.passes = skips and not outermost

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h w"]:
        """Run the level and all inside it."""
        inside = self.down(x)
        if self.submodule is not None:
            inside = self.submodule(inside)
        found = self.up(inside)
        return torch.cat([found, x], 1) if self.passes else found


_COLOURS = 3


class PoseLevel(Level):
    """The bottom of a driving network whose code can be turned to a head pose."""

    def __init__(self, before: int, inner: int, outputs: int) -> None:
        """Build the level."""
        super().__init__(before, inner, outputs, None, skips=False)
        self.posefrombottle = nn.Linear(inner, _POSE)
        self.bottlefrompose = nn.Sequential(
            nn.Linear(_POSE, inner, bias=False), nn.BatchNorm1d(inner)
        )

    def turned(
        self, code: Float[Tensor, "b code"], pose: Float[Tensor, "b 3"]
    ) -> Float[Tensor, "b code"]:
        """Replace the pose in a code; in the public notebook's order and radians."""
        own = self.bottlefrompose(self.posefrombottle(code))
        return code - own + self.bottlefrompose(pose)


def unet(config: X2FaceConfig, outputs: int, bottom: int, *, skips: bool) -> Level:
    """Build nested levels.

    Args:
        config: Sizes.
        outputs: Channels of the outermost level's output.
        bottom: Channels of the single pixel at the bottom.
        skips: Whether there are connections past the inside.
    """
    wide = [_COLOURS, *config.channels[:-1], bottom]
    into = [outputs, *config.channels[:-1]]
    level: Level | None = None
    for (before, inner), after in reversed([*zip(pairwise(wide), into, strict=True)]):
        if level is None and config.pose and not skips:
            level = PoseLevel(before, inner, after)
        else:
            level = Level(before, inner, after, level, skips=skips)
    assert level is not None  # noqa: S101 - there is at least one
    return level


class _Named(nn.Module):
    """What gives the published names to what is inside."""

    def __init__(self, name: str, inside: nn.Module) -> None:
        super().__init__()
        self.add_module(name, inside)


class X2Face(nn.Module):
    """The embedding network, which lays faces flat, and the driving network, which bends them."""

    def __init__(self, config: X2FaceConfig) -> None:
        """Build both networks with random weights."""
        super().__init__()
        self.config = config
        embedding = unet(config, 3, config.channels[-1], skips=True)
        driving = unet(config, 2, config.code, skips=False)
        self.add_module("pix2pixUnwrapped", _Named("netG", _Named("model", embedding)))
        self.add_module("pix2pixSampler", _Named("netG", _Named("model", driving)))

    @property
    def embedding(self) -> Level:
        """The network that lays faces flat."""
        return self._level("pix2pixUnwrapped")

    @property
    def driving(self) -> Level:
        """The network that codes and bends."""
        return self._level("pix2pixSampler")

    def encode(self, images: Float[Tensor, "views 3 size size"]) -> Float[Tensor, "1 3 size size"]:
        """Lay the face flat that views (RGB in [0, 1]) show; needed once a source."""
        return self.merge(images, self.embedding(images), _FLOOR)

    def merge(
        self,
        images: Float[Tensor, "views 3 size size"],
        found: Float[Tensor, "views 3 size size"],
        floor: float,
    ) -> Float[Tensor, "1 3 size size"]:
        """Average views that have been laid flat, by confidence.

        Args:
            images: The views.
            found: What the embedding network finds in them: flow, and how sure it is.
            floor: What is added to confidences.
        """
        confidence = torch.exp(found[:, 2:]) + floor
        flat = sample(images, self._grid(found[:, :2]), align_corners=self.config.align_corners)
        return (confidence * flat).sum(0, keepdim=True) / confidence.sum(0, keepdim=True)

    def code(self, images: Float[Tensor, "b 3 size size"]) -> Float[Tensor, "b code"]:
        """Read the code of a driving frame's motion."""
        level, x = self.driving, images
        while level is not None:
            x = level.down(x)
            level = level.submodule
        return torch.relu(x).flatten(1)

    def flow(self, code: Float[Tensor, "b code"]) -> Float[Tensor, "b size size 2"]:
        """Tell where in the flat face each point of the frame lies."""
        levels = [self.driving]
        while levels[-1].submodule is not None:
            levels.append(levels[-1].submodule)
        x = code[:, :, None, None]
        for level in reversed(levels):
            x = level.up(x)
        # The driving network ends in one tanh, and its caller takes another.
        return self._grid(torch.tanh(x))

    def render(
        self, face: Float[Tensor, "1 3 size size"], code: Float[Tensor, "b code"]
    ) -> Float[Tensor, "b 3 size size"]:
        """Draw frames: sampled from the face, so not quite bound to [0, 1]."""
        faces = face.expand(len(code), -1, -1, -1)
        return sample(faces, self.flow(code), align_corners=self.config.align_corners)

    def turned(
        self, code: Float[Tensor, "b code"], pose: Float[Tensor, "b 3"]
    ) -> Float[Tensor, "b code"]:
        """Replace the head pose in a code: `PoseLevel.turned`.

        Raises:
            TypeError: These weights know no poses (`config.pose`).
        """
        level = self.driving
        while level.submodule is not None:
            level = level.submodule
        if not isinstance(level, PoseLevel):
            msg = "these weights know no poses"
            raise TypeError(msg)
        return level.turned(code, pose)

    def forward(
        self, images: Float[Tensor, "views 3 size size"], driving: Float[Tensor, "b 3 size size"]
    ) -> Float[Tensor, "b 3 size size"]:
        """Encode views, code the driving frames and render, for training."""
        return self.render(self.encode(images), self.code(driving))

    def _grid(self, raw: Float[Tensor, "b 2 h w"]) -> Float[Tensor, "b h w 2"]:
        return torch.tanh(raw).movedim(1, 3) + coordinate_grid(raw.shape[2:], raw)

    def _level(self, name: str) -> Level:
        level = self.get_submodule(f"{name}.netG.model")
        assert isinstance(level, Level)  # noqa: S101 - built so
        return level
