"""What is seen between the lips: the portrait's own teeth where it shows them, else ours.

Ours are three flat layers with depth (`pretrained/mouth.safetensors`): upper teeth fixed to the
skull, tongue and lower teeth moving with the jaw. They take brightness and tint from the
photograph, and fall into shadow towards the lips and the corners.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from speech2face.generators.warp.slits import Slit
from speech2face.geometry import dot, to_normalized, warp

JAW_FOLLOW = {"upper": 0.0, "tongue": 0.8, "lower": 1.0}
"""Share of the jaw's motion that each layer takes part in."""
_SHADOW_REACH = 0.16
"""Depth of the lips' shadow on what lies behind, in half widths of the mouth."""
_LIT_GAP, _CHINK = 0.22, 0.3
"""Gap of the lips (half widths of the mouth) from which the mouth's inside is fully lit, and the
share of light that a chink lets in."""
_OPENED = 0.03
"""Lips parted this much further than at rest (eye distances) show what the picture does not."""
_BITE = 0.2
"""In speech the rows of teeth keep apart by this share of the lips' gap."""
_CROWN = 0.03
"""The lower lip shows no more than this of the lower teeth (eye distances), and never their gum."""


@dataclass(frozen=True, kw_only=True)
class MouthInterior:
    """The layers behind the lips, ready for one portrait."""

    layers: dict[str, Float[Tensor, "1 4 height width"]]
    """Colour times light, and coverage, in [0, 1], for upper, tongue and lower."""
    boxes: dict[str, Float[np.ndarray, " 4"]]
    """Left, top, right, bottom from the mouth's middle, in mouth widths."""
    depth: dict[str, float]
    """Mean distance behind the lips in eye distances."""
    cavity: Float[Tensor, "1 3 1 1"]
    centre: Float[Tensor, " 3"]
    """The mouth's middle at rest in the rig's frame."""
    width: float
    """The mouth's width at rest in eye distances."""
    own: float
    """How far the portrait's own teeth are used when the mouth opens, 0 to 1."""
    rest_gap: float
    """Gap of the portrait's lips in eye distances."""

    def draw(
        self,
        slit: Slit,
        frame: "MouthFrame",
        own: Float[Tensor, "batch 3 height width"],
        own_seen: Float[Tensor, "batch 2 height width"],
        seen: tuple[Float[Tensor, "batch 3 height width"], Float[Tensor, "batch 1 height width"]]
        | None = None,
    ) -> Float[Tensor, "batch 3 height width"]:
        """Draw what is behind the lips over a rectangle of the crop.

        Args:
            slit: The mouth in each frame, over the rectangle.
            frame: Where skull and jaw are in each frame.
            own: The resting picture moved with the skull alone.
            own_seen: Where that shows the inside of the mouth, with its edge, and surely; 0 to 1.
            seen: The inside of another mouth of this person, and where it holds: it comes before
                what is drawn, and before what the resting picture shows of a mouth less open.
        """
        picture = self.cavity.expand(len(slit.u), 3, *slit.u.shape[1:])
        for name in ("tongue", "lower", "upper"):
            layer = warp(
                self.layers[name].expand(len(slit.u), -1, -1, -1),
                self._grid(name, frame),
                padding="zeros",
            )
            colour, cover = layer[:, :3], layer[:, 3:]
            picture = picture * (1 - cover) + colour
        picture = picture * self._shadow(slit)
        # At rest the picture itself; once the lips part further, its teeth where it shows some.
        resting = (1 - (frame.gap - self.rest_gap) / _OPENED).clamp(0, 1)[:, None, None, None]
        if seen is None:
            trust = resting * own_seen[:, :1] + (1 - resting) * self.own * own_seen[:, 1:]
        else:
            picture, trust = picture + (seen[0] - picture) * seen[1], resting * own_seen[:, :1]
        return picture * (1 - trust) + own * trust

    def _grid(self, name: str, frame: "MouthFrame") -> Float[Tensor, "batch height width 2"]:
        """Find the place in a layer of every pixel of the rectangle."""
        anchor = frame.skull + JAW_FOLLOW[name] * frame.jaw + self.depth[name] * frame.inward
        if name != "upper":
            anchor = anchor + frame.sink[:, None] * frame.down
        offset = frame.pixels[None] - anchor[:, None, None]
        x = dot(offset, frame.along[:, None, None]) / frame.unit[:, None, None]
        y = dot(offset, frame.down[:, None, None]) / frame.unit[:, None, None]
        left, top, right, bottom = self.boxes[name]
        return torch.stack(
            [2 * (x - left) / (right - left) - 1, 2 * (y - top) / (bottom - top) - 1], -1
        )

    def _shadow(self, slit: Slit) -> Float[Tensor, "batch 1 height width"]:
        reach = _SHADOW_REACH * slit.half_width
        below_upper = ((slit.v - slit.upper) / (1.6 * reach)).clamp(0, 1)
        above_lower = ((slit.lower - slit.v) / (0.8 * reach)).clamp(0, 1)
        light = (0.5 + 0.5 * below_upper.sqrt()) * (0.7 + 0.3 * above_lower.sqrt())
        corners = (1 - 0.75 * slit.u.abs().clamp(0, 1) ** 3).clamp(min=0.2)
        # Through a chink hardly any light falls: what is seen there is a dark seam, not teeth.
        open_share = ((slit.lower - slit.upper) / (_LIT_GAP * slit.half_width)).clamp(0, 1)
        return (light * corners * (_CHINK + (1 - _CHINK) * open_share))[:, None]


@dataclass(frozen=True, kw_only=True)
class MouthFrame:
    """Where the mouth's inside is in each frame of a batch."""

    pixels: Float[Tensor, "height width 2"]
    """The (x, y) of each pixel of the rectangle."""
    skull: Float[Tensor, "batch 2"]
    """The resting mouth's middle, moved with the head, in pixels of the crop."""
    jaw: Float[Tensor, "batch 2"]
    """Motion of the jaw against the skull in pixels."""
    inward: Float[Tensor, "batch 2"]
    """One eye distance into the head, in pixels of the crop."""
    lip: Float[Tensor, "batch 2"]
    """The middle of the lower lip's inner edge in pixels of the crop."""
    along: Float[Tensor, "batch 2"]
    """Unit vector from the mouth's left corner to its right one as seen, as the skull has it."""
    eye_distance: float
    """Pixels of the crop in one eye distance."""
    unit: Float[Tensor, " batch"]
    """The resting mouth's width in pixels."""
    gap: Float[Tensor, " batch"]
    """Largest gap of the lips in eye distances."""

    @property
    def down(self) -> Float[Tensor, "batch 2"]:
        """Unit vector towards the chin, as the skull has it."""
        return torch.stack([-self.along[:, 1], self.along[:, 0]], 1)

    @property
    def sink(self) -> Float[Tensor, " batch"]:
        """Pixels by which the lip covers more of the lower teeth than the jaw alone would."""
        bare = ((self.lip - self.skull - self.jaw) * self.down).sum(-1)
        covered = (bare - _CROWN * self.eye_distance).clamp(min=0)
        return covered + _BITE * self.gap * self.eye_distance


def crop_grid(sources: Float[Tensor, "batch 2 height width"], size: int) -> Tensor:
    """Turn (x, y) sources in pixels of the crop into a sampling grid."""
    return to_normalized(sources.permute(0, 2, 3, 1), size, size)
