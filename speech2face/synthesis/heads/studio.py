"""Light, camera and background of rendered heads, drawn at random; what a camera does to a picture.

Frame: centimetres, x right, y down, z away from the viewer; colours are linear RGB unless said.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from scipy.ndimage import gaussian_filter

_FACE_HEIGHTS, _UP, _WIDTHS = 2.3, 0.06, 1.1
"""How `face.portrait` frames a face: side of the crop in faces' heights (or as many times 1.1 of
its width), its middle above the face's by this share."""
_SLOPPY = 0.05
"""Standard deviation of the framing: of the logarithm of its size, and of its place over it."""


@dataclass(frozen=True, kw_only=True)
class Lights:
    """What shines on a head."""

    sky: Float[np.ndarray, "9 3"]
    """Radiance from all around: spherical harmonics up to the second band (Ramamoorthi and
    Hanrahan, "An efficient representation for irradiance environment maps", 2001)."""
    towards: Float[np.ndarray, "lamps 3"]
    """Unit vectors to the lamps; the first casts shadows."""
    colour: Float[np.ndarray, "lamps 3"]


@dataclass(frozen=True, kw_only=True)
class Camera:
    """A pinhole: pixel = focal * (x, y) / (z + distance) + middle."""

    distance: float
    """In front of the origin."""
    focal: float
    """Pixels."""
    middle: Float[np.ndarray, " 2"]

    def project(self, points: Float[np.ndarray, "*points 3"]) -> Float[np.ndarray, "*points 3"]:
        """Return pixels (centres at integers) and the depth in centimetres."""
        depth = points[..., 2:] + self.distance
        flat = self.focal * points[..., :2] / depth + self.middle
        return np.concatenate([flat, depth], -1).astype(np.float32)

    def finer(self, times: int) -> "Camera":
        """Return the same view with `times` as many pixels along each side."""
        return Camera(
            distance=self.distance,
            focal=self.focal * times,
            middle=self.middle * times + (times - 1) / 2,
        )


def draw_lights(rng: np.random.Generator) -> Lights:
    """Draw a key lamp, a fill, a lamp from behind, and a sky."""
    warmth = rng.normal(0, 0.10, 3)[:, None] * np.array([1.0, 0.0, -1.0])
    azimuth = np.deg2rad([rng.normal(0, 40), rng.normal(0, 60), rng.choice([-1, 1]) * 140.0])
    azimuth[1] -= azimuth[0]
    height = np.deg2rad([rng.uniform(0, 55), rng.uniform(-20, 40), rng.uniform(0, 50)])
    towards = np.stack(
        [np.sin(azimuth) * np.cos(height), -np.sin(height), -np.cos(azimuth) * np.cos(height)], 1
    )
    strength = np.array([rng.uniform(0.5, 3.0), rng.uniform(0.0, 0.8), rng.uniform(0.0, 1.1)])
    strength[2] *= rng.random() < 0.6  # noqa: PLR2004 - most photographs have none
    sky = np.zeros((9, 3))
    level = rng.uniform(0.35, 1.1)
    sky[0] = level * (1 + rng.normal(0, 0.08, 3))
    # Brighter from above, as rooms and skies are.
    sky[1] = -level * rng.uniform(0.0, 0.35)
    sky[2:4] = level * rng.normal(0, 0.25, (2, 1))
    sky[4:] = level * rng.normal(0, 0.10, (5, 1)) * (1 + rng.normal(0, 0.2, (5, 3)))
    return Lights(
        sky=sky.astype(np.float32),
        towards=towards.astype(np.float32),
        colour=(strength[:, None] * np.exp(warmth)).astype(np.float32),
    )


def frame_face(mesh: Float[np.ndarray, "points 3"], size: int, rng: np.random.Generator) -> Camera:
    """Place the camera so that a face fills the picture as in a portrait's crop, about.

    Args:
        mesh: The face's points.
        size: Side of the picture in pixels.
        rng: Where chance comes from.
    """
    distance = float(rng.uniform(60, 160))
    flat = mesh[:, :2] / (mesh[:, 2:] + distance)
    low, high = flat.min(0), flat.max(0)
    wanted = _FACE_HEIGHTS * max(high[1] - low[1], (high[0] - low[0]) * _WIDTHS)
    wanted *= float(np.exp(rng.normal(0, _SLOPPY)))
    focal = size / wanted
    shift = rng.normal(0, _SLOPPY / 2, 2) * size + [0, _UP * size]
    return Camera(
        distance=distance, focal=focal, middle=(size - 1) / 2 + shift - focal * (low + high) / 2
    )


def draw_background(size: int, rng: np.random.Generator) -> Float[np.ndarray, "size size 3"]:
    """Draw a wall, a room out of focus, or a coloured glow; display values, 0 to 1."""
    picture = np.empty((size, size, 3))
    first, second = rng.uniform(0.05, 0.95, (2, 1)) + rng.normal(0, 0.07, (2, 3))
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    share = np.clip((np.cos(angle) * x + np.sin(angle) * y + 1) / 2, 0, 1)[..., None]
    picture[:] = first * (1 - share) + second * share
    if rng.random() < 0.65:  # noqa: PLR2004 - the rest are plain walls
        for _ in range(int(rng.integers(3, 14))):
            colour = rng.uniform(0, 1) + rng.normal(0, 0.09, 3)
            low = rng.uniform(-0.2, 1, 2) * size
            high = low + rng.uniform(0.05, 0.6, 2) * size
            corners = [(int(v[0]), int(v[1])) for v in (low, high)]
            shape = np.zeros((size, size), np.float32)
            if rng.random() < 0.5:  # noqa: PLR2004 - a coin
                cv2.rectangle(shape, corners[0], corners[1], 1.0, -1)
            else:
                cv2.circle(shape, corners[0], int(rng.uniform(0.03, 0.2) * size), 1.0, -1)
            cover = shape[..., None] * rng.uniform(0.3, 1.0)
            picture = picture * (1 - cover) + colour * cover
        blur = rng.uniform(0.004, 0.05) * size
        picture = gaussian_filter(picture, (blur, blur, 0))
    grain = gaussian_filter(rng.normal(0, 1, (size, size)), rng.uniform(1, 12))
    picture += (grain / grain.std())[..., None] * rng.uniform(0, 0.025)
    return np.clip(picture, 0, 1).astype(np.float32)


def develop(
    linear: Float[np.ndarray, "height width 3"], exposure: float
) -> Float[np.ndarray, "height width 3"]:
    """Turn light into display values: exposure, a soft shoulder, sRGB's curve (nearly)."""
    bright = 1 - np.exp(-np.clip(linear, 0, None) * exposure)
    return (bright ** (1 / 2.2)).astype(np.float32)


def finish(
    picture: Float[np.ndarray, "size size 3"], rng: np.random.Generator
) -> UInt8[np.ndarray, "size size 3"]:
    """Add a camera's noise; display values in, sRGB out."""
    noisy = picture + rng.normal(0, rng.uniform(0, 0.008), picture.shape)
    return np.clip(noisy * 255 + 0.5, 0, 255).astype(np.uint8)
