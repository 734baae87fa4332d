"""Draw the mouth interior that the photo-warp generator puts behind the lips.

`python -m make.mouth_interior --output pretrained` renders procedural teeth, gums
and tongue from the front under soft light into three layers with alpha and depth. The model card is
`pretrained/mouth.md`.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8

from make.teeth import LOWER, UPPER, Surface, crowns, gum, tongue
from speech2face.checkpoints.store import register, write_weights
from speech2face.face.rig import Rig, load_rig
from speech2face.synthesis.anchors import vertex_normals
from speech2face.synthesis.raster import rasterize

EYE_DISTANCE = 90.0
"""Distance of the outer eye corners of an adult in mm: the unit of the rig."""
_SHOWN = 2.0
"""How far the upper incisors reach below the line of the closed lips, in mm."""
_BEHIND = 3.0
"""How far the upper incisors stand behind the line of the closed lips, in mm."""
_TEXEL = 0.1875
"""Side of a texel in mm."""
_FINE = 4
"""Supersampling along each axis."""
_SEED = 5

_KEY = np.array([-0.35, -0.6, -1.0]) / np.linalg.norm([0.35, 0.6, 1.0])
_FILL = np.array([0.55, -0.15, -1.0]) / np.linalg.norm([0.55, 0.15, 1.0])
_VIEWER = np.array([0.0, 0.0, -1.0])
"""Directions towards two soft lights and the viewer."""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One sheet of the mouth interior."""

    rgba: UInt8[np.ndarray, "height width 4"]
    """Straight alpha; the colour goes on beyond the edge, so that interpolation keeps it."""
    depth: Float[np.ndarray, "height width"]
    """z from the mouth centre in rig units, away from the viewer."""
    box: Float[np.ndarray, " 4"]
    """Outer edges x0, y0, x1, y1 from the mouth centre, in mouth widths."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What one pixel of a layer shows, for the painters; all (pixels, ...)."""

    kind: np.ndarray
    """0 tooth, 1 gum, 2 tongue."""
    place: np.ndarray
    across: np.ndarray
    along: np.ndarray
    z: np.ndarray
    normal: np.ndarray
    noise: np.ndarray
    """(pixels, 3): standard normal noise of about 0.3, 1 and 5 mm."""


def draw_layer(
    parts: Sequence[tuple[int, Surface]],
    window: tuple[float, float, float, float],
    rng: np.random.Generator,
) -> tuple[Float[np.ndarray, "height width 4"], Float[np.ndarray, "height width"]]:
    """Render surfaces from the front.

    Args:
        parts: Kind (0 tooth, 1 gum, 2 tongue) and surface.
        window: x0, y0, x1, y1 in mm.
        rng: For the noise in colours.

    Returns:
        Straight-alpha colour in [0, 1] and depth in mm, at `_TEXEL`.
    """
    x0, y0, x1, y1 = window
    width, height = round((x1 - x0) / _TEXEL), round((y1 - y0) / _TEXEL)
    scale = _FINE / _TEXEL
    points, triangles, values, normals, count = [], [], [], [], 0
    for kind, surface in parts:
        flat = surface.points.reshape(-1, 3)
        faces = surface.triangles()
        points.append(flat)
        normals.append(vertex_normals(flat, faces))
        extra = (surface.across, surface.along, np.full_like(surface.across, kind))
        values.append(np.stack([*(v.ravel() for v in extra), np.full(len(flat), surface.place)], 1))
        triangles.append(faces + count)
        count += len(flat)
    at = np.concatenate(points)
    faces = np.concatenate(triangles)
    placed = (at - [x0, y0, 0]) * [scale, scale, 1] - [0.5, 0.5, 0]
    fragments = rasterize(placed, faces, height * _FINE, width * _FINE)
    mixed = fragments.interpolate(
        np.concatenate([np.concatenate(values), np.concatenate(normals)], 1)[faces]
    )
    shown = fragments.triangle >= 0
    normal = mixed[shown][:, 4:]
    normal *= -np.sign(normal[:, 2:] + 1e-9) / np.linalg.norm(normal, axis=1, keepdims=True)
    seen = Seen(
        kind=np.rint(mixed[shown][:, 2]),
        place=np.rint(mixed[shown][:, 3]),
        across=mixed[shown][:, 0],
        along=mixed[shown][:, 1],
        z=fragments.depth[shown],
        normal=normal,
        noise=_noise(shown.shape, rng)[shown],
    )
    colour = np.zeros((*shown.shape, 4))
    colour[shown, :3] = paint(seen)
    colour[shown, 3] = 1
    depth = np.where(shown, fragments.depth, 0)
    return _shrink(colour, depth)


def _noise(shape: tuple[int, int], rng: np.random.Generator) -> Float[np.ndarray, "h w 3"]:
    layers = []
    for size in (0.3, 1.0, 5.0):
        sigma = size * _FINE / _TEXEL / 2
        shrink = max(1, int(sigma / 2))
        small = rng.normal(size=(shape[0] // shrink + 2, shape[1] // shrink + 2))
        small = cv2.GaussianBlur(small, (0, 0), sigma / shrink)
        layers.append(cv2.resize(small / small.std(), shape[::-1], interpolation=cv2.INTER_CUBIC))
    return np.stack(layers, -1)


def paint(seen: Seen) -> Float[np.ndarray, "pixels 3"]:
    """Colour pixels under soft light; wet surfaces shine, the depth of the mouth is darker."""
    albedo = np.zeros((len(seen.kind), 3))
    dark = np.ones(len(seen.kind))
    for kind, painter in enumerate((_enamel, _gum, _tongue)):
        mine = seen.kind == kind
        albedo[mine], dark[mine] = (values[mine] for values in painter(seen))
    bumps = seen.noise[:, :1] * np.where(seen.kind == 0, 0.012, 0.03)[:, None]
    normal = seen.normal + bumps * [0.6, 1.0, 0.0]
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    wrap = 0.35
    key, fill = (np.clip((normal @ light + wrap) / (1 + wrap), 0, 1) for light in (_KEY, _FILL))
    light = 0.30 + 0.48 * key + 0.26 * fill
    sheen = np.zeros(len(normal))
    for direction, power in ((_KEY, 1.0), (_FILL, 0.5)):
        half = (direction + _VIEWER) / np.linalg.norm(direction + _VIEWER)
        facing = np.clip(normal @ half, 0, 1)
        sharp = np.where(seen.kind == 0, 90, 60)
        sheen += power * (facing**sharp * 0.15 + facing**12 * 0.07)
    deep = np.exp(-np.maximum(seen.z - 5.0, 0) / 26)
    # Light that has passed through flesh and enamel is redder the deeper it came from.
    tint = deep[:, None] ** np.array([0.85, 1.0, 1.06])
    return np.clip((albedo * (light * dark)[:, None] + sheen[:, None] * dark[:, None]) * tint, 0, 1)


def _mix(a: np.ndarray, b: Sequence[float], t: np.ndarray) -> np.ndarray:
    return a + (np.array(b) - a) * np.clip(t, 0, 1)[:, None]


def _enamel(seen: Seen) -> tuple[np.ndarray, np.ndarray]:
    """Return colour and darkness of teeth: yellower towards neck and canine, edges translucent."""
    v, u = seen.along, np.abs(seen.across)
    body = np.broadcast_to([0.95, 0.905, 0.83], (len(v), 3))
    body = _mix(body, (0.90, 0.81, 0.68), (v - 0.35) * 0.75)
    canine = np.where(seen.place == 2, 0.35, np.where(seen.place > 2, 0.2, 0.0))  # noqa: PLR2004
    body = _mix(body, (0.88, 0.80, 0.68), canine)
    clear = np.exp(-v / 0.09) * np.where(seen.place < 2, 0.55, 0.2)  # noqa: PLR2004
    body = _mix(body, (0.78, 0.775, 0.76), clear)
    shade = (seen.place * 7919 % 5 - 2) * 0.008 + 0.012 * seen.noise[:, 2]
    body = body * (1 + shade + 0.008 * seen.noise[:, 1])[:, None]
    between = 1 - 0.38 * np.exp(-((1 - u) / 0.04)) - 0.14 * np.exp(-((1 - u) / 0.15))
    between = np.clip(between, 0.2, 1)
    warm = between[:, None] ** np.array([0.8, 1.05, 1.2])
    return body * warm, np.ones(len(v))


def _gum(seen: Seen) -> tuple[np.ndarray, np.ndarray]:
    """Return colour and darkness of gums: paler along the margin, small red vessels above."""
    t = seen.along
    flesh = np.broadcast_to([0.78, 0.47, 0.45], (len(t), 3))
    flesh = _mix(flesh, (0.66, 0.30, 0.30), (t - 2.5) / 6)
    flesh = _mix(flesh, (0.62, 0.29, 0.29), 0.5 * np.abs(seen.across) ** 4)
    flesh = flesh * (1 + 0.03 * seen.noise[:, 1] + 0.03 * seen.noise[:, 2])[:, None]
    return flesh, 1 - 0.35 * np.exp(-t / 0.25)


def _tongue(seen: Seen) -> tuple[np.ndarray, np.ndarray]:
    """Return colour and darkness of the tongue: a pale coat in the middle, small papillae."""
    back = np.clip(seen.along, 0, 1)
    flesh = np.broadcast_to([0.76, 0.43, 0.42], (len(back), 3))
    coat = np.exp(-((seen.across / 0.6) ** 2)) * np.clip(back * 2.5, 0, 1)
    flesh = _mix(flesh, (0.78, 0.55, 0.52), 0.5 * coat)
    flesh = flesh * (1 + 0.03 * seen.noise[:, 0] + 0.03 * seen.noise[:, 2])[:, None]
    groove = 1 - 0.12 * np.exp(-((seen.across / 0.06) ** 2)) * np.clip(back * 2, 0, 1)
    under = 1 - 0.6 * np.clip(-seen.along, 0, 1)
    return flesh, groove * under


def _shrink(
    colour: Float[np.ndarray, "h w 4"], depth: Float[np.ndarray, "h w"]
) -> tuple[Float[np.ndarray, "h2 w2 4"], Float[np.ndarray, "h2 w2"]]:
    """Average blocks weighted by alpha, and carry colour and depth on beyond the edge."""
    rows, columns = depth.shape[0] // _FINE, depth.shape[1] // _FINE
    blocks = np.concatenate([colour, depth[..., None]], -1).reshape(rows, _FINE, columns, _FINE, 5)
    alpha = blocks[..., 3:4].mean((1, 3))
    mean = (blocks * blocks[..., 3:4]).mean((1, 3)) / np.maximum(alpha, 1e-6)
    empty = (alpha[..., 0] == 0).astype(np.uint8)
    _, labels = cv2.distanceTransformWithLabels(
        empty, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    nearest = np.zeros(labels.max() + 1, int)
    nearest[labels[empty == 0]] = np.flatnonzero(empty.ravel() == 0)
    filled = mean.reshape(-1, 5)[nearest[labels]]
    return np.concatenate([filled[..., :3], alpha], -1), filled[..., 4]


def build_layers(rig: Rig, seed: int = _SEED) -> dict[str, Layer]:
    """Render the three layers and place them in the rig's frame, jaw closed.

    The upper incisors reach `_SHOWN` mm below the line of the closed lips, as in adults, whose
    relaxed lips show about as much when they part.
    """
    rng = np.random.default_rng(seed)
    parts = {
        "upper": [*((0, s) for s in crowns(UPPER, rng)), *((1, s) for s in gum(UPPER))],
        "lower": [*((0, s) for s in crowns(LOWER, rng)), *((1, s) for s in gum(LOWER))],
        "tongue": [(2, tongue())],
    }
    windows = {
        "upper": (-30.0, -20.0, 30.0, 2.5),
        "lower": (-30.0, -4.5, 30.0, 18.0),
        "tongue": (-24.0, -12.0, 24.0, 12.0),
    }
    left, right = rig.neutral[61], rig.neutral[291]
    centre, width = (left + right) / 2, float(np.linalg.norm(right - left))
    lips = (rig.neutral[13] + rig.neutral[14]) / 2 - centre
    origin = np.array([0, lips[1], lips[2]]) + np.array([0, _SHOWN, _BEHIND]) / EYE_DISTANCE
    layers = {}
    for name, window in windows.items():
        colour, depth = draw_layer(parts[name], window, rng)
        corners = np.array(window).reshape(2, 2) / EYE_DISTANCE + origin[:2]
        layers[name] = Layer(
            rgba=np.rint(colour * 255).astype(np.uint8),
            depth=(depth / EYE_DISTANCE + origin[2]).astype(np.float32),
            box=(corners.ravel() / width).astype(np.float32),
        )
    return layers


def write_layers(layers: dict[str, Layer], output: Path) -> None:
    """Write the layers and enter them into the manifest of `output`."""
    tensors = {}
    for name, layer in layers.items():
        tensors[f"{name}_rgba"] = torch.from_numpy(layer.rgba)
        tensors[f"{name}_depth"] = torch.from_numpy(layer.depth)
        tensors[f"{name}_box"] = torch.from_numpy(layer.box)
    config = {
        "layers": sorted(layers),
        "order": ["tongue", "lower", "upper"],
        "rgba": "straight alpha, sRGB under neutral light, row 0 at the top; the colour goes on "
        "beyond the edges",
        "depth": "z from the mouth centre in rig units, away from the viewer; goes on beyond edges",
        "box": "outer edges x0 y0 x1 y1 from the mouth centre in mouth widths, jaw closed",
        "mouth_centre": "midpoint of mesh points 61 and 291; mouth width their distance, at rest",
        "moves": {"upper": "skull", "lower": "jaw", "tongue": "jaw"},
    }
    write_weights(output / "mouth.safetensors", tensors, config)
    row = {
        "file": "mouth.safetensors",
        "what": "mouth interior: upper teeth, lower teeth, tongue as layers with alpha and depth",
        "licence": "CC0-1.0",
        "trained_on": "nothing: procedural geometry and shading",
        "command": "python -m make.mouth_interior",
    }
    register(output, "mouth", row)


def main() -> None:
    """Draw the mouth interior from the command line."""
    parser = argparse.ArgumentParser(prog="python -m make.mouth_interior")
    parser.add_argument("--output", type=Path, default=Path("pretrained"))
    parser.add_argument("--seed", type=int, default=_SEED, help="of the teeth's small differences")
    arguments = parser.parse_args()
    write_layers(build_layers(load_rig(), arguments.seed), arguments.output)


if __name__ == "__main__":
    main()
