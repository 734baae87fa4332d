"""Fit the mouth's inside to a portrait: its place and size, and the light that falls on it."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional

from speech2face import landmarks
from speech2face.checkpoints import store
from speech2face.devices import to_tensor
from speech2face.generators.warp.mouth import JAW_FOLLOW, MouthInterior

_CAVITY = (0.16, 0.055, 0.05)
"""The throat in full light, linear with the display: dark red."""
_SHADE = {"upper": 1.0, "tongue": 0.9, "lower": 0.82}
"""Light that reaches each layer: lips and upper teeth shade what lies below them."""
_OWN_TEETH_GAP = (0.025, 0.06)
"""Gap of the portrait's lips (eye distances) from which its own teeth are trusted: none to all."""
_LIT_BY_SKIN, _LIT_BY_EYES, _LIT_BY_TEETH = 1.65, 1.2, 1.05
"""Illumination over the brightness of skin, of the eye's white and of the portrait's own teeth: set
by eye on held-out portraits, so that teeth are neither grey nor glowing."""
_DIMMEST = 0.35
_EDGE_BELOW_LINE, _LOWEST_LINE = 0.02, 0.12
"""Upper teeth end this far below the closed lips' line; where lips are parted, that line lies at
most so far below the corners (eye distances)."""
_LEAST_TEETH = 0.8
"""The portrait's own teeth are no darker than this against those that its light suggests."""
_CHEEKS = np.array([205, 425, 50, 280, 187, 411])
_COLOURFUL = 0.22
"""Saturation of skin in a colour photograph; in a monochrome one the mouth loses its colour too."""
_THREAD = 0.004
"""Over the crop's side: how far the edge of a lip may lie from where it was tracked."""
_LEAST_THREAD = 2
"""Pixels of it at least: in a small crop the edge itself is as wide, and dots of teeth and throat
would stay along closed lips."""
_AROUND = 16
"""Pixels around what is painted over that can matter to it: several times the brush."""


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
    measured = _measure(rest)
    skin = skin_of(crop, pixels)
    chroma = float(np.clip(np.ptp(skin) / max(skin.max(), 1e-3) / _COLOURFUL, 0, 1))
    light = _light(crop, pixels, skin, measured.own)
    across = pixels[landmarks.UPPER_LIP_OUTER[[0, -1]]]
    mouth_width = float(np.linalg.norm(across[1] - across[0]))

    def shown(name: str) -> np.ndarray:
        left, top, right, bottom = tensors[f"{name}_box"].tolist()
        return np.array([bottom - top, right - left]) * mouth_width

    return MouthInterior(
        layers={
            name: _lit_layer(tensors, name, light * _SHADE[name], chroma, shown(name), device)
            for name in JAW_FOLLOW
        },
        boxes={name: tensors[f"{name}_box"].numpy() for name in JAW_FOLLOW},
        depth={name: _mean_depth(tensors, name) for name in JAW_FOLLOW},
        cavity=to_tensor(np.array(_CAVITY) * light, device).view(1, 3, 1, 1),
        centre=to_tensor(measured.centre, device),
        width=measured.width,
        own=measured.own,
        rest_gap=measured.gap,
    )


def skin_of(
    crop: UInt8[np.ndarray, "size size 3"], pixels: Float[np.ndarray, "points 2"]
) -> Float[np.ndarray, " 3"]:
    """Return the colour of the skin beside the mouth, in [0, 1]; `pixels` are the mesh's."""
    return np.median(_colours(crop, pixels[_CHEEKS]), axis=0)


def fit_again(interior: MouthInterior, rest: Float[np.ndarray, "points 3"]) -> MouthInterior:
    """Fit the same mouth, in the same light, to the mesh in the rig's frame of another view."""
    measured = _measure(rest)
    return replace(
        interior, centre=to_tensor(measured.centre, interior.centre.device),
        width=measured.width, own=measured.own, rest_gap=measured.gap,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _Measured:
    """A resting mouth in the rig's frame (eye distances); fields as in `MouthInterior`."""

    centre: Float[np.ndarray, " 3"]
    width: float
    own: float
    gap: float


def _measure(rest: Float[np.ndarray, "points 3"]) -> _Measured:
    outer = rest[[landmarks.UPPER_LIP_OUTER[0], landmarks.UPPER_LIP_OUTER[-1]]]
    gaps = rest[landmarks.LOWER_LIP_INNER, 1] - rest[landmarks.UPPER_LIP_INNER, 1]
    gap = float(max(gaps.max(), 0.0))
    low, high = _OWN_TEETH_GAP
    own = float(np.clip((gap - low) / (high - low), 0, 1))
    centre = outer.mean(0)
    lip = rest[landmarks.LOWER_LIP_INNER[len(landmarks.LOWER_LIP_INNER) // 2], 1]
    centre[1] += np.clip(lip - centre[1], 0, _LOWEST_LINE) - _EDGE_BELOW_LINE * own
    width = float(np.linalg.norm(outer[1] - outer[0]))
    return _Measured(centre=centre, width=width, own=own, gap=gap)


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
    reach = max(_LEAST_THREAD, round(_THREAD * len(crop)))
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
