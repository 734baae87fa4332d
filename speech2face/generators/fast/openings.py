"""Mouth and eyes of the fast generator: opened as the warp generator opens them.

A network as small as this one, trained on so few faces, draws a mean of teeth, tongue and dark, and
eyes without a catchlight or lashes. Layers that know what teeth look like (`generators/warp/mouth`)
give the detail where lips part further than in the portrait, and keep some of the network's
brightness and colour; lids and eyeballs (`generators/warp/eyes.py`) are the photograph's own.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from speech2face import landmarks
from speech2face.devices import to_tensor
from speech2face.face.view import View
from speech2face.generators.fast.slits import IRISES, places
from speech2face.generators.warp.eyes import Eye, image_tensor, prepare_eyes
from speech2face.generators.warp.mouth import MouthFrame, MouthInterior, crop_grid
from speech2face.generators.warp.mouth_fit import fit_mouth
from speech2face.generators.warp.openings import mouth_hole
from speech2face.generators.warp.slits import Slit, locate
from speech2face.geometry import warp
from speech2face.motion.points import ControlPoints

_UPPER, _LOWER = places(landmarks.UPPER_LIP_INNER), places(landmarks.LOWER_LIP_INNER)
_RIGID = [
    place for place, point in enumerate(landmarks.FAST_KEYPOINTS) if point in set(landmarks.RIGID)
]
_CHIN, _LIP = places(landmarks.FACE_OVAL[18:19])[0], places(landmarks.LOWER_LIP_INNER[5:6])[0]
_TONE = 0.35
"""How far the network decides on brightness and colour."""
_BLUR = 0.25
"""Detail is what changes within this many halves of the mouth's width."""
_MOVED = 0.02
"""Lips that have parted by this much more than at rest (eye distances) show the layers fully."""
_MARGIN = 3
"""Pixels around the lips that are looked at."""


@dataclass(frozen=True, kw_only=True)
class FastOpenings:
    """A portrait's mouth interior and its eyes, and how they move with the keypoints."""

    interior: MouthInterior
    eyes: tuple[Eye, Eye]
    points: ControlPoints
    """What moves the eyes' lids: of all control points, the keypoints alone are seen."""
    rest: Float[Tensor, "named 3"]
    """The keypoints at rest in pixels of the crop."""
    anchors: Float[Tensor, "anchors 4"]
    """Middle, side and back of the mouth at rest, the chin: (x, y, z, 1) in pixels of the crop."""
    rigid: Float[Tensor, "4 points"]
    """Turns positions of the skull's keypoints into the affine map that brought them there."""
    hole: Float[Tensor, "1 2 size size"]
    photo: Float[Tensor, "1 3 size size"]
    scale: float
    """Pixels in one eye distance."""
    rest_gap: float
    """Gap of the portrait's lips in eye distances."""
    reach: int
    """Pixels: what changes within fewer is detail."""

    def draw_into(
        self, frames: Float[Tensor, "batch 3 size size"], keypoints: Float[Tensor, "batch points 3"]
    ) -> None:
        """Draw eyes, and the mouth's inside where lips are parted, into frames, in place."""
        self.draw_eyes(frames, keypoints)
        self.draw_mouth(frames, keypoints)

    def draw_eyes(
        self, frames: Float[Tensor, "batch 3 size size"], keypoints: Float[Tensor, "batch points 3"]
    ) -> None:
        """Draw lids and eyeballs."""
        pixels = _pixels(keypoints, frames.shape[-1])
        turn = self.rigid @ pixels[:, _RIGID]
        placed = pixels.new_zeros(len(pixels), landmarks.MESH_POINTS, 3)
        moves = placed[..., :2].clone()
        placed[:, landmarks.FAST_KEYPOINTS] = pixels
        moves[:, landmarks.FAST_KEYPOINTS] = (pixels - self.rest)[..., :2]
        for eye, iris in zip(self.eyes, IRISES, strict=True):
            travel = eye.opening.travel(placed)
            ball = self.rest[iris[:1]]
            middle = (_with_one(ball) @ turn)[:, 0, :2]
            where = eye.opening.above.pixels[None] + travel[:, None, None]
            sources = _rigid_sources(where, middle, turn, ball[0])
            gaze = pixels[:, iris[:1], :2] - middle[:, None]
            shift = (gaze @ torch.linalg.inv(turn[:, :2, :2]))[:, 0]
            eye.draw_into(frames, self.photo, (placed, moves), travel, sources, shift)

    def draw_mouth(
        self, frames: Float[Tensor, "batch 3 size size"], keypoints: Float[Tensor, "batch points 3"]
    ) -> None:
        """Draw the mouth's inside where lips are parted."""
        size = frames.shape[-1]
        pixels = _pixels(keypoints, size)
        turn = self.rigid @ pixels[:, _RIGID]
        lips = pixels[:, _UPPER + _LOWER, :2]
        low = (lips.amin((0, 1)) - _MARGIN).floor().long().clamp(0, size - 1).tolist()
        high = (lips.amax((0, 1)) + _MARGIN).ceil().long().clamp(1, size).tolist()
        area = slice(low[1], high[1]), slice(low[0], high[0])
        device = frames.device
        y, x = (torch.arange(part.start, part.stop, device=device).float() for part in area)
        where = torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], -1)
        slit = locate(pixels[:, _UPPER, :2], pixels[:, _LOWER, :2], where)
        frame = self._frame(pixels, where, turn)
        parted = ((frame.gap - self.rest_gap) / _MOVED).clamp(0, 1)[:, None, None, None]
        drawn = frames[..., *area]
        detail = self._inside(slit, frame, turn, size)
        detail = detail + _TONE * _smooth(drawn - detail, slit.inside(), self.reach)
        drawn += slit.inside() * parted * (detail.clamp(0, 1) - drawn)

    def _frame(
        self,
        pixels: Float[Tensor, "batch points 3"],
        where: Float[Tensor, "height width 2"],
        turn: Float[Tensor, "batch 4 3"],
    ) -> MouthFrame:
        """Place skull and jaw in each frame."""
        skull, side, back, chin = (self.anchors @ turn)[..., :2].unbind(1)
        half = (side - skull).norm(dim=1).clamp(min=1e-3)
        gaps = (pixels[:, _LOWER, :2] - pixels[:, _UPPER, :2]).norm(dim=2)
        return MouthFrame(
            pixels=where, skull=skull, jaw=pixels[:, _CHIN, :2] - chin, inward=back - skull,
            lip=pixels[:, _LIP, :2], eye_distance=self.scale,
            along=(side - skull) / half[:, None], unit=2 * half, gap=gaps.amax(1) / self.scale,
        )  # fmt: skip

    def _inside(
        self, slit: Slit, frame: MouthFrame, turn: Float[Tensor, "batch 4 3"], size: int
    ) -> Float[Tensor, "batch 3 height width"]:
        """Draw the layers, with the portrait's own teeth where it shows some."""
        sources = _rigid_sources(frame.pixels[None], frame.skull, turn, self.anchors[0])
        grid = crop_grid(sources, size)
        count = len(turn)
        own = warp(self.photo.expand(count, -1, -1, -1), grid)
        seen = warp(self.hole.expand(count, -1, -1, -1), grid)
        return self.interior.draw(slit, frame, own, seen)


def prepare_openings(portrait: View, points: ControlPoints, device: torch.device) -> FastOpenings:
    """Fit the layers to a portrait and look at its eyes."""
    size, head = len(portrait.crop), points.head
    rest = points.rest[: landmarks.MESH_POINTS]
    interior = fit_mouth(
        portrait.crop, points.pixels[: landmarks.MESH_POINTS], rest.cpu().numpy(), device
    )
    centre = interior.centre.cpu().numpy()
    steps = np.array([[0, 0, 0], [interior.width / 2, 0, 0], [0, 0, 1]])
    mesh = to_tensor(portrait.mesh, device)
    named = mesh[landmarks.FAST_KEYPOINTS]
    anchors = torch.cat([
        to_tensor(head.to_image(centre + steps), device), named[_CHIN][None]
    ])  # fmt: skip
    gaps = (named[_LOWER, :2] - named[_UPPER, :2]).norm(dim=1)
    known = np.isin(np.arange(len(points.seen)), landmarks.FAST_KEYPOINTS)
    named_alone = replace(points, seen=points.seen & known)
    return FastOpenings(
        interior=interior, points=named_alone, eyes=prepare_eyes(portrait, named_alone, device),
        rest=named, anchors=_with_one(anchors),
        rigid=torch.linalg.pinv(_with_one(named[_RIGID])), hole=mouth_hole(points, size),
        photo=image_tensor(portrait.crop, device), scale=head.scale,
        rest_gap=float(gaps.amax()) / head.scale,
        reach=max(1, round(_BLUR * interior.width * head.scale / 2)),
    )  # fmt: skip


def _pixels(keypoints: Float[Tensor, "batch points 3"], size: int) -> Tensor:
    """Turn normalized keypoints into pixels of the crop."""
    half = size / 2
    return keypoints * half + keypoints.new_tensor([half - 0.5, half - 0.5, 0])


def _rigid_sources(
    where: Float[Tensor, "some height width 2"],
    middle: Float[Tensor, "batch 2"],
    turn: Float[Tensor, "batch 4 3"],
    anchor: Float[Tensor, " dims"],
) -> Float[Tensor, "batch 2 height width"]:
    """Find where pixels come from if the skull alone moves, which brings `anchor` to `middle`."""
    inverse = torch.linalg.inv(turn[:, :2, :2])
    offset = where - middle[:, None, None]
    return torch.einsum("bhwi,bij->bjhw", offset, inverse) + anchor[:2, None, None]


def _with_one(points: Float[Tensor, "points 3"]) -> Float[Tensor, "points 4"]:
    return torch.cat([points, torch.ones_like(points[:, :1])], 1)


def _smooth(
    values: Float[Tensor, "batch 3 height width"],
    inside: Float[Tensor, "batch 1 height width"],
    reach: int,
) -> Float[Tensor, "batch 3 height width"]:
    """Average over what lies inside within so many pixels."""
    side = 2 * reach + 1
    total = functional.avg_pool2d(values * inside, side, 1, reach)
    share = functional.avg_pool2d(inside, side, 1, reach)
    return total / share.clamp(min=1e-3)
