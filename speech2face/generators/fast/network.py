"""The fast generator: a photograph that named keypoints warp, and a small network that refines it.

`encode` looks at the photograph once, whatever it costs. `render` takes keypoints: exact splines
(`fast_motion`) say where each place comes from; a network at a quarter of the resolution corrects
that and hands on to a decoder, which predicts the rest of the flow, a picture of its own, and where
that picture is to be seen: in mouths that open, behind a head that turns. Everything else is the
photograph's own pixels, sampled at its own resolution: skin and hair stay sharp at any size.

A new network draws exactly the warped photograph. All that it learns is scaled by how much moves
nearby: without motion the photograph comes back as it is.

After: Siarohin et al., "First Order Motion Model for Image Animation" (2019), for warping features
by blended candidate flows; Wang et al., "One-Shot Free-View Neural Talking-Head Synthesis for Video
Conferencing" (2021), for posed 3-D keypoints.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from speech2face.errors import InputError
from speech2face.generators.fast.flow import flow_at, motion, sample, square_border
from speech2face.generators.fast.slits import MAPS, draw, slit_shares, unit_of
from speech2face.landmarks import FAST_KEYPOINTS

_STEP = 16
"""Sides that the network works at are multiples of this: it halves them four times."""
_CANDIDATES = 3
"""Flows that may take part beside the prior: stand still, the skull's, the irises'."""
_CLUES = 13
"""Channels that tell the motion network about the flows."""
_SHUT = -2.0
"""Logit at which the drawn picture is not seen at all."""


_COARSE, _FINE = 0.2, 0.04
"""Motion (distances of the outer eye corners) that an output of 1 of either network stands for."""
_TYPICAL = 32.0
"""Cells of a quarter of the resolution between the outer eye corners of a typical crop."""


@dataclass(frozen=True, kw_only=True)
class FastConfig:
    """Sizes of the network; they are stored with its weights and never change after training."""

    size: int = 256
    """Side in pixels at which the network works; larger photographs are only sampled at theirs."""
    half: int = 24
    """Channels of the photograph's features at half the resolution."""
    quarter: int = 48
    """The same at a quarter."""
    eighth: int = 64
    """The same at an eighth, where the encoder looks around."""
    shown: int = 16
    """Channels of the features that the motion network sees."""
    motion: tuple[int, int, int] = (32, 48, 64)
    """Channels of the motion network at a quarter, an eighth and a sixteenth."""
    decoder: tuple[int, int] = (64, 32)
    """Channels of the decoder at a quarter and at half."""

    def __post_init__(self) -> None:
        """Check what no type can.

        Raises:
            InputError: The side is not one that can be halved four times.
        """
        if self.size % _STEP or self.size <= 0:
            msg = f"the fast generator's size is {self.size}; expected a multiple of {_STEP}"
            raise InputError(msg)


class FastState(NamedTuple):
    """All that `encode` computes; every tensor's first axis counts photographs."""

    photo: Float[Tensor, "batch 3 height width"]
    half: Float[Tensor, "batch half rows2 columns2"]
    quarter: Float[Tensor, "batch quarter rows4 columns4"]
    shown: Float[Tensor, "batch shown rows4 columns4"]
    small: Float[Tensor, "batch 3 rows2 columns2"]
    """The photograph at half the working resolution."""
    keypoints: Float[Tensor, "batch points 3"]
    border: Float[Tensor, "batch pinned 2"]


class FastFrames(NamedTuple):
    """A drawn batch with what it was put together from, for losses and for looking at."""

    image: Float[Tensor, "batch 3 height width"]
    warped: Float[Tensor, "batch 3 height width"]
    """The photograph, moved."""
    drawn: Float[Tensor, "batch 3 rows columns"]
    """The network's own picture, at the working resolution; not clamped."""
    seen: Float[Tensor, "batch 1 rows columns"]
    """How far the network's picture hides the photograph."""
    flow: Float[Tensor, "batch 2 rows2 columns2"]
    """Backward flow, normalized, at half the working resolution."""


class _Residual(nn.Module):
    """Two convolutions beside a short cut; the second starts at zero, so no norm is needed."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, 1, 1)
        self.second = nn.Conv2d(channels, channels, 3, 1, 1)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        return functional.relu(x + self.second(functional.relu(self.first(x))))


def _into(before: int, after: int, stride: int = 1, kernel: int = 3) -> nn.Sequential:
    convolution = nn.Conv2d(before, after, kernel, stride, kernel // 2)
    return nn.Sequential(convolution, nn.ReLU(inplace=True))


def _silent(before: int, after: int, kernel: int = 3) -> nn.Conv2d:
    """Make a convolution that gives zero until it has learnt."""
    convolution = nn.Conv2d(before, after, kernel, 1, kernel // 2)
    nn.init.zeros_(convolution.weight)
    nn.init.zeros_(convolution.bias)  # pyright: ignore[reportArgumentType]
    return convolution


class _Encoder(nn.Module):
    """Features of the photograph at half and a quarter of the resolution."""

    def __init__(self, config: FastConfig) -> None:
        super().__init__()
        self.stem = _into(3, config.half, 2)
        self.join = _into(config.half + MAPS, config.half)
        self.fine = _Residual(config.half)
        self.to_quarter = _into(config.half, config.quarter, 2)
        self.quarter = nn.Sequential(_Residual(config.quarter), _Residual(config.quarter))
        self.to_eighth = _into(config.quarter, config.eighth, 2)
        self.eighth = nn.Sequential(_Residual(config.eighth), _Residual(config.eighth))
        self.from_eighth = nn.Conv2d(config.eighth, config.quarter, 1)
        self.show = nn.Conv2d(config.quarter, config.shown, 1)

    def forward(
        self, photo: Float[Tensor, "b 3 h w"], maps: Float[Tensor, "b maps h2 w2"]
    ) -> tuple[Tensor, Tensor, Tensor]:
        half = self.fine(self.join(torch.cat([self.stem(photo * 2 - 1), maps], 1)))
        quarter = self.quarter(self.to_quarter(half))
        around = self.from_eighth(self.eighth(self.to_eighth(quarter)))
        quarter = quarter + functional.interpolate(around, scale_factor=2, mode="bilinear")
        return half.float(), quarter.float(), self.show(quarter).float()


class _MotionNetwork(nn.Module):
    """A U-Net over warped features and clues; it also says how the prior's flow is to change."""

    def __init__(self, config: FastConfig) -> None:
        super().__init__()
        fine, middle, coarse = config.motion
        self.start = nn.Sequential(_into(config.shown + MAPS + _CLUES, fine), _Residual(fine))
        self.down = nn.Sequential(_into(fine, middle, 2), _Residual(middle))
        self.bottom = nn.Sequential(
            _into(middle, coarse, 2), _Residual(coarse), _Residual(coarse),
            nn.Conv2d(coarse, middle, 1),
        )  # fmt: skip
        self.up = nn.Sequential(_Residual(middle), nn.Conv2d(middle, fine, 1))
        self.end = _Residual(fine)
        self.change = _silent(fine, _CANDIDATES + 2)

    def forward(self, x: Float[Tensor, "b c h w"]) -> tuple[Tensor, Tensor]:
        fine = self.start(x)
        middle = self.down(fine)
        low = functional.interpolate(self.bottom(middle), scale_factor=2, mode="bilinear")
        up = functional.interpolate(self.up(middle + low), scale_factor=2, mode="bilinear")
        features = self.end(fine + up)
        return features.float(), self.change(features).float()


class _Decoder(nn.Module):
    """From warped features to the last of the flow, a picture, and where it is seen."""

    def __init__(self, config: FastConfig) -> None:
        super().__init__()
        low, high = config.decoder
        self.low = nn.Sequential(_into(config.quarter + config.motion[0], low), _Residual(low))
        self.rise = nn.Sequential(nn.Conv2d(low, 4 * config.half, 1), nn.PixelShuffle(2))
        self.high = nn.Sequential(_into(2 * config.half + MAPS + 3, high), _Residual(high))
        self.out = _silent(high, 4 * 4 + 2)

    def forward(
        self, low: Float[Tensor, "b c h4 w4"], high: Float[Tensor, "b d h2 w2"]
    ) -> tuple[Tensor, Tensor]:
        features = self.high(torch.cat([self.rise(self.low(low)), high], 1))
        out = self.out(features).float()
        return functional.pixel_shuffle(out[:, :16], 2), out[:, 16:]


class FastGenerator(nn.Module):
    """Draws a photograph's face with other keypoints."""

    def __init__(self, config: FastConfig) -> None:
        """Build the network; before training it draws the warped photograph."""
        super().__init__()
        self.config = config
        self.encoder = _Encoder(config)
        self.motion = _MotionNetwork(config)
        self.decoder = _Decoder(config)

    def encode(
        self,
        image: Float[Tensor, "batch 3 height width"],
        keypoints: Float[Tensor, "batch points 3"],
        border: Float[Tensor, "batch pinned 2"] | None = None,
    ) -> FastState:
        """Compute all that depends on the photograph alone.

        Args:
            image: RGB in [0, 1]; a square with sides that are multiples of 16.
            keypoints: Where `FAST_KEYPOINTS` are in it.
            border: Places that never move; the square's own edges by default.

        Raises:
            InputError: The picture's sides or the number of keypoints do not fit.
        """
        height, width = image.shape[2:]
        if height % _STEP or width % _STEP or keypoints.shape[1] != len(FAST_KEYPOINTS):
            msg = (
                f"a picture of {width} x {height} px with {keypoints.shape[1]} keypoints; expected "
                f"sides that are multiples of {_STEP} and {len(FAST_KEYPOINTS)} keypoints"
            )
            raise InputError(msg)
        worked = image
        if max(height, width) > self.config.size:
            sides = self._working(height), self._working(width)
            worked = functional.interpolate(image, size=sides, mode="area")
        rows, columns = worked.shape[2] // 2, worked.shape[3] // 2
        maps = draw(keypoints, rows, columns)
        half, quarter, shown = self.encoder(_fast(worked), _fast(maps))
        if border is None:
            border = square_border(len(image), image.device)
        return FastState(
            photo=image, half=half, quarter=quarter, shown=shown,
            small=functional.avg_pool2d(worked, 2), keypoints=keypoints, border=border,
        )  # fmt: skip

    def render(
        self, state: FastState, keypoints: Float[Tensor, "batch points 3"]
    ) -> Float[Tensor, "batch 3 height width"]:
        """Draw the photograph with other keypoints, in [0, 1].

        Args:
            state: What `encode` gave, of one photograph for all frames or of one for each.
            keypoints: Where `FAST_KEYPOINTS` are wanted.
        """
        return self.frames(state, keypoints).image

    def frames(self, state: FastState, keypoints: Float[Tensor, "batch points 3"]) -> FastFrames:
        """Draw as `render` does and give the parts too."""
        if len(state.photo) != len(keypoints):
            expanded = (part.expand(len(keypoints), *part.shape[1:]) for part in state)
            state = FastState(*expanded)
        rows, columns = state.quarter.shape[2:]
        smooth, active, clues = _clues(state, keypoints, rows, columns)
        flow = flow_at(smooth, slit_shares(keypoints, rows, columns))
        maps = draw(keypoints, 2 * rows, 2 * columns)
        seen = [sample(state.shown, flow), functional.avg_pool2d(maps, 2), clues.known]
        features, change = self.motion(_fast(torch.cat(seen, 1)))
        change = change * active
        moved = (clues.others * change[:, :_CANDIDATES, None]).sum(1)
        moved = moved + _COARSE * unit_of(keypoints)[..., None] * change[:, -2:]
        flow = flow + moved
        smooth = torch.cat([smooth[:, :2] + moved, smooth[:, 2:]], 1)
        low = torch.cat([sample(state.quarter, flow), features], 1)
        shares = slit_shares(keypoints, 2 * rows, 2 * columns)
        flow = flow_at(smooth, shares)
        small = sample(state.small, flow)
        high = torch.cat([sample(state.half, flow), maps, small], 1)
        drawn, last = self.decoder(_fast(low), _fast(high))
        last = _FINE * unit_of(keypoints)[..., None] * last
        last = last * functional.interpolate(active, size=last.shape[2:], mode="bilinear")
        smooth = functional.interpolate(smooth, size=last.shape[2:], mode="bilinear")
        smooth = torch.cat([smooth[:, :2] + last, smooth[:, 2:]], 1)
        size = state.photo.shape[2:]
        flow = flow_at(smooth, slit_shares(keypoints, *size))
        warped = sample(state.photo, flow, "bicubic")
        return _lay_over(warped, drawn, small, active, flow_at(smooth, shares))

    def _working(self, side: int) -> int:
        return min(side, self.config.size)


def _lay_over(
    warped: Float[Tensor, "batch 3 height width"],
    drawn: Float[Tensor, "batch 4 rows columns"],
    small: Float[Tensor, "batch 3 rows2 columns2"],
    active: Float[Tensor, "batch 1 rows4 columns4"],
    flow: Float[Tensor, "batch 2 rows2 columns2"],
) -> FastFrames:
    """Lay the network's picture, a change of the small photograph, over the moved one."""
    work, size = drawn.shape[2:], warped.shape[2:]
    shut = torch.sigmoid(drawn.new_tensor(_SHUT))
    seen = (torch.sigmoid(drawn[:, 3:] + _SHUT) - shut) / (1 - shut)
    seen = seen * functional.interpolate(active, size=work, mode="bilinear")
    picture = functional.interpolate(small, size=work, mode="bilinear") + drawn[:, :3]
    over, share = _resized(picture, size), _resized(seen, size)
    image = (warped + share * (over - warped)).clamp(0, 1)
    return FastFrames(image=image, warped=warped, drawn=picture, seen=seen, flow=flow)


class _Clues(NamedTuple):
    others: Float[Tensor, "batch candidates 2 rows columns"]
    """How the candidate flows differ from the prior's."""
    known: Float[Tensor, "batch clues rows columns"]


def _clues(
    state: FastState, keypoints: Float[Tensor, "batch points 3"], rows: int, columns: int
) -> tuple[Tensor, Tensor, _Clues]:
    """Return the prior's smooth flows, how active places are, and the motion network's clues."""
    found = motion(state.keypoints, keypoints, state.border, rows, columns)
    others = torch.stack([-found.base, found.rigid - found.base, found.gaze], 1)
    smooth = torch.cat([found.base, found.above, found.below, found.gaze], 1)
    unit = unit_of(keypoints)[..., None]
    shifts = torch.cat([smooth[:, :6], others[:, 1], others[:, 2]], 1) / unit
    wide = (unit * rows / _TYPICAL - 1).expand_as(found.active)
    place = torch.cat([found.depth, found.active, wide], 1)
    return smooth, found.active, _Clues(others, torch.cat([shifts * 4, place], 1))


def _fast(values: Tensor) -> Tensor:
    """Lay channels side by side in memory, as the convolutions like it."""
    return values.contiguous(memory_format=torch.channels_last)


def _resized(values: Tensor, size: torch.Size) -> Tensor:
    if values.shape[2:] == size:
        return values
    return functional.interpolate(values, size=size, mode="bilinear")
