"""What is seen between the lips: the portrait's own teeth where it shows them, else ours.

Ours are three flat layers with depth (`pretrained/mouth.safetensors`): upper teeth fixed to the
skull, tongue and lower teeth moving with the jaw. They take brightness and tint from the
photograph, and fall into shadow towards the lips and the corners.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional

from speech2face import landmarks
from speech2face.checkpoints import store
from speech2face.devices import to_tensor
from speech2face.generators.warp.slits import Slit
from speech2face.geometry import to_normalized, warp

_CAVITY = (0.16, 0.055, 0.05)
"""The throat in full light, linear with the display: dark red."""
_JAW_FOLLOW = {"upper": 0.0, "tongue": 0.8, "lower": 1.0}
"""Share of the jaw's motion that each layer takes part in."""
_SHADE = {"upper": 1.0, "tongue": 0.9, "lower": 0.82}
"""Light that reaches each layer: lips and upper teeth shade what lies below them."""
_SHADOW_REACH = 0.16
"""Depth of the lips' shadow on what lies behind, in half widths of the mouth."""
_LIT_GAP, _CHINK = 0.22, 0.3
"""Gap of the lips (half widths of the mouth) from which the mouth's inside is fully lit, and the
share of light that a chink lets in."""
_OWN_TEETH_GAP = (0.025, 0.06)
"""Gap of the portrait's lips (eye distances) from which its own teeth are trusted: none to all."""
_OPENED = 0.03
"""Lips parted this much further than at rest (eye distances) show what the picture does not."""
_LIT_BY_SKIN, _LIT_BY_EYES, _LIT_BY_TEETH = 1.65, 1.2, 1.05
"""Illumination over the brightness of skin, of the eye's white and of the portrait's own teeth: set
by eye on held-out portraits, so that teeth are neither grey nor glowing."""
_DIMMEST = 0.35
_EDGE_BELOW_LINE, _LOWEST_LINE = 0.02, 0.12
"""Upper teeth end this far below the closed lips' line; where lips are parted, that line lies at
most so far below the corners (eye distances)."""
_BITE = 0.2
"""In speech the rows of teeth keep apart by this share of the lips' gap."""
_LEAST_TEETH = 0.8
"""The portrait's own teeth are no darker than this against those that its light suggests."""
_CHEEKS = np.array([205, 425, 50, 280, 187, 411])
_COLOURFUL = 0.22
"""Saturation of skin in a colour photograph; in a monochrome one the mouth loses its colour too."""
_THREAD = 0.004
"""Over the crop's side: how far the edge of a lip may lie from where it was tracked."""
_AROUND = 16
"""Pixels around what is painted over that can matter to it: several times the brush."""
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
    ) -> Float[Tensor, "batch 3 height width"]:
        """Draw what is behind the lips over a rectangle of the crop.

        Args:
            slit: The mouth in each frame, over the rectangle.
            frame: Where skull and jaw are in each frame.
            own: The resting picture moved with the skull alone.
            own_seen: Where that shows the inside of the mouth, with its edge, and surely; 0 to 1.
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
        trust = resting * own_seen[:, :1] + (1 - resting) * self.own * own_seen[:, 1:]
        return picture * (1 - trust) + own * trust

    def _grid(self, name: str, frame: "MouthFrame") -> Float[Tensor, "batch height width 2"]:
        """Find the place in a layer of every pixel of the rectangle."""
        anchor = frame.skull + _JAW_FOLLOW[name] * frame.jaw + self.depth[name] * frame.inward
        if name != "upper":
            anchor = anchor + frame.sink[:, None] * frame.down
        offset = frame.pixels[None] - anchor[:, None, None]
        x = (offset * frame.along[:, None, None]).sum(-1) / frame.unit[:, None, None]
        y = (offset * frame.down[:, None, None]).sum(-1) / frame.unit[:, None, None]
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


def fit_mouth(
    crop: UInt8[np.ndarray, "size size 3"],
    pixels: Float[np.ndarray, "points 2"],
    rest: Float[np.ndarray, "points 3"],
    device: torch.device,
) -> MouthInterior:
    """Prepare the mouth's inside for a portrait.

    Args:
        crop: The resting crop.
        pixels: Its mesh in pixels.
        rest: Its mesh in the rig's frame.
        device: Where frames will be drawn.
    """
    tensors, _ = store.load("mouth")
    outer = rest[[landmarks.UPPER_LIP_OUTER[0], landmarks.UPPER_LIP_OUTER[-1]]]
    gaps = rest[landmarks.LOWER_LIP_INNER, 1] - rest[landmarks.UPPER_LIP_INNER, 1]
    gap = float(max(gaps.max(), 0.0))
    low, high = _OWN_TEETH_GAP
    own = float(np.clip((gap - low) / (high - low), 0, 1))
    skin = np.median(_colours(crop, pixels[_CHEEKS]), axis=0)
    chroma = float(np.clip(np.ptp(skin) / max(skin.max(), 1e-3) / _COLOURFUL, 0, 1))
    light = _light(crop, pixels, skin, own)
    centre = outer.mean(0)
    lip = rest[landmarks.LOWER_LIP_INNER[len(landmarks.LOWER_LIP_INNER) // 2], 1]
    centre[1] += np.clip(lip - centre[1], 0, _LOWEST_LINE) - _EDGE_BELOW_LINE * own
    width = float(np.linalg.norm(outer[1] - outer[0]))
    across = pixels[landmarks.UPPER_LIP_OUTER[[0, -1]]]
    mouth_width = float(np.linalg.norm(across[1] - across[0]))

    def shown(name: str) -> np.ndarray:
        left, top, right, bottom = tensors[f"{name}_box"].tolist()
        return np.array([bottom - top, right - left]) * mouth_width

    return MouthInterior(
        layers={
            name: _lit_layer(tensors, name, light * _SHADE[name], chroma, shown(name), device)
            for name in _JAW_FOLLOW
        },
        boxes={name: tensors[f"{name}_box"].numpy() for name in _JAW_FOLLOW},
        depth={name: _mean_depth(tensors, name) for name in _JAW_FOLLOW},
        cavity=to_tensor(np.array(_CAVITY) * light, device).view(1, 3, 1, 1),
        centre=to_tensor(centre, device),
        width=width,
        own=own,
        rest_gap=gap,
    )


def paint_lips(
    crop: UInt8[np.ndarray, "size size 3"], hole: Float[np.ndarray, "size size"]
) -> UInt8[np.ndarray, "size size 3"]:
    """Continue the lips over what the picture shows between them.

    A tracker sees the edge of a lip a pixel or two off: a thread of teeth would move with it and
    stay between lips that close.

    Args:
        crop: The resting crop.
        hole: Where it shows the inside of the mouth, 0 to 1.
    """
    reach = max(1, round(_THREAD * len(crop)))
    mask = cv2.dilate((hole > 0).astype(np.uint8), np.ones((2 * reach + 1, 1), np.uint8))
    left, top, width, height = cv2.boundingRect(mask)
    rows = slice(max(0, top - _AROUND), top + height + _AROUND)
    columns = slice(max(0, left - _AROUND), left + width + _AROUND)
    painted = crop.copy()
    painted[rows, columns] = cv2.inpaint(
        crop[rows, columns], mask[rows, columns], 3, cv2.INPAINT_TELEA
    )
    return painted


def _lit_layer(
    tensors: dict[str, Tensor],
    name: str,
    light: Float[np.ndarray, " 3"],
    chroma: float,
    shown: Float[np.ndarray, " 2"],
    device: torch.device,
) -> Float[Tensor, "1 4 height width"]:
    """Light a layer, take its colour away as the photograph does, and shrink it to its size there.

    Args:
        tensors: The shipped layers.
        name: Which of them.
        light: Per channel, 1 shows a white thing as white.
        chroma: 0 for a monochrome photograph, 1 for a coloured one.
        shown: Height and width in pixels of the crop.
        device: Where frames will be drawn.
    """
    layer = tensors[f"{name}_rgba"].to(device).float().permute(2, 0, 1)[None] / 255
    colour, cover = layer[:, :3], layer[:, 3:]
    grey = colour.mean(1, keepdim=True)
    colour = grey + (colour - grey) * chroma
    lit = torch.cat([colour * to_tensor(light, device).view(1, 3, 1, 1) * cover, cover], 1)
    # As fine as the portrait shows it: finer texels would flicker between the pixels.
    height, width = (max(4, round(float(side))) for side in shown)
    if width >= lit.shape[-1]:
        return lit
    return functional.interpolate(lit, (height, width), mode="area")


def _mean_depth(tensors: dict[str, Tensor], name: str) -> float:
    cover = tensors[f"{name}_rgba"][..., 3].float()
    depth = tensors[f"{name}_depth"]
    return float((depth * cover).sum() / cover.sum())


def _light(
    crop: UInt8[np.ndarray, "size size 3"],
    pixels: Float[np.ndarray, "points 2"],
    skin: Float[np.ndarray, " 3"],
    own: float,
) -> Float[np.ndarray, " 3"]:
    """Estimate the light that falls on the mouth: per channel, 1 shows a white thing as white."""
    lids = pixels[landmarks.LEFT_UPPER_LID[1:-1]] + pixels[landmarks.LEFT_LOWER_LID[1:-1]]
    whites = np.sort(_colours(crop, lids / 2).mean(1))[-2:].mean()
    level = max(_LIT_BY_SKIN * skin.mean(), _LIT_BY_EYES * whites)
    # Skin is redder than what lights it; its tint is believed a little only.
    tint = np.array([1.0, 0.98, 0.95]) * (0.85 + 0.15 * skin / max(skin.mean(), 1e-3))
    light = level * tint / tint.max()
    if own > 0:
        lips = pixels[landmarks.UPPER_LIP_INNER[3:-3]] + pixels[landmarks.LOWER_LIP_INNER[3:-3]]
        teeth = np.percentile(_colours(crop, lips / 2), 80, axis=0) * _LIT_BY_TEETH
        # An open mouth may show no teeth at all, and is dark.
        light = light * (1 - own) + np.maximum(teeth, _LEAST_TEETH * light) * own
    return np.clip(light, _DIMMEST, 1.0)


def _colours(crop: UInt8[np.ndarray, "size size 3"], at: np.ndarray) -> np.ndarray:
    index = np.clip(np.round(at), 1, len(crop) - 2).astype(int)
    patches = [crop[y - 1 : y + 2, x - 1 : x + 2].reshape(-1, 3).mean(0) for x, y in index[:, :2]]
    return np.array(patches) / 255


def crop_grid(sources: Float[Tensor, "batch 2 height width"], size: int) -> Tensor:
    """Turn (x, y) sources in pixels of the crop into a sampling grid."""
    return to_normalized(sources.permute(0, 2, 3, 1), size, size)
