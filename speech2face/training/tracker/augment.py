"""What may happen to a face's picture before the tracker sees it: light, lens, compression, hands.

Every function takes uint8 RGB and gives a picture of the same size; points move only in `bend`.
"""

import cv2
import numpy as np
from jaxtyping import Float, UInt8

Picture = UInt8[np.ndarray, "height width 3"]


def bend(
    image: Picture,
    points: Float[np.ndarray, "points dims"],
    strength: float,
    rng: np.random.Generator,
) -> tuple[Picture, Float[np.ndarray, "points dims"]]:
    """Bend a picture smoothly and its points with it: other proportions of the same face.

    Args:
        image: A square cut.
        points: In pixels of the cut.
        strength: Standard deviation of the displacement over the side.
        rng: Source of randomness.
    """
    size = image.shape[0]
    coarse = rng.normal(0, strength * size, (3, 3, 2)).astype(np.float32)
    field = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    y, x = np.mgrid[:size, :size].astype(np.float32)
    bent = cv2.remap(image, x + field[..., 0], y + field[..., 1], cv2.INTER_LINEAR)
    # A point q shows where p + field(p) = q; the field's slope is below 1, so this converges.
    moved = points.astype(np.float32)
    target = moved[:, :2].copy()
    for _ in range(10):
        at = np.clip(moved[:, :2], 0, size - 1).reshape(-1, 1, 2)
        shift = cv2.remap(field, at[..., 0], at[..., 1], cv2.INTER_LINEAR)[:, 0]
        moved[:, :2] = target - shift
    return bent, moved


def photograph(image: Picture, rng: np.random.Generator) -> Picture:
    """Take the picture again: another light, camera, distance and compression."""
    image = _expose(image, rng)
    if rng.random() < 0.2:  # noqa: PLR2004 - probabilities of this recipe, here and below
        image = _light_from_a_side(image, rng)
    if rng.random() < 0.12:  # noqa: PLR2004
        image = _occlude(image, rng)
    if rng.random() < 0.3:  # noqa: PLR2004
        image = _coarsen(image, rng)
    if rng.random() < 0.12:  # noqa: PLR2004
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.6))
    if rng.random() < 0.25:  # noqa: PLR2004
        noise = rng.standard_normal(image.shape, np.float32) * rng.uniform(2, 14)
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    if rng.random() < 0.2:  # noqa: PLR2004
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(20, 80))]
        packed = cv2.imencode(".jpg", image, quality)[1]
        image = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR))
    return image


def _expose(image: Picture, rng: np.random.Generator) -> Picture:
    """Change gamma, contrast, brightness and white balance; sometimes take the colour away."""
    tone = np.linspace(0, 1, 256)[:, None]
    gain = np.exp(rng.normal(0, 0.15)) * np.exp(rng.normal(0, 0.08, 3))
    curve = tone ** np.exp(rng.normal(0, 0.3)) * gain + rng.normal(0, 0.05)
    table = np.clip(curve * 255, 0, 255).astype(np.uint8)
    image = cv2.LUT(image, table[:, None, :])
    if rng.random() < 0.1:  # noqa: PLR2004
        image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return image


def _light_from_a_side(image: Picture, rng: np.random.Generator) -> Picture:
    size = image.shape[0]
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[:size, :size].astype(np.float32) / size - 0.5
    ramp = 1 + rng.uniform(0.3, 1.4) * (x * np.cos(angle) + y * np.sin(angle))
    return np.clip(image * ramp[..., None], 0, 255).astype(np.uint8)


def _occlude(image: Picture, rng: np.random.Generator) -> Picture:
    """Hold something before the face: an ellipse or a bar of one colour."""
    size = image.shape[0]
    image = image.copy()
    colour = tuple(int(value) for value in rng.integers(0, 256, 3))
    centre = (int(rng.integers(0, size)), int(rng.integers(0, size)))
    axes = (int(size * rng.uniform(0.05, 0.25)), int(size * rng.uniform(0.03, 0.15)))
    angle = float(rng.uniform(0, 180))
    cv2.ellipse(image, centre, axes, angle, 0, 360, colour, -1)
    return image


def _coarsen(image: Picture, rng: np.random.Generator) -> Picture:
    """Show what is left of it when it was small."""
    size = image.shape[0]
    small = max(12, int(size * rng.uniform(0.25, 0.9)))
    shrunk = cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA)
    return cv2.resize(shrunk, (size, size), interpolation=cv2.INTER_LINEAR)
