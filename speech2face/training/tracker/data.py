"""Batches for the tracker: cuts of faces, mouths and eyes with the points they show."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from speech2face.face.mirror import MIRROR
from speech2face.face.regions import (
    LEFT_EYE_POINTS,
    MOUTH_POINTS,
    Region,
    region_of_eye,
    region_of_mesh,
    region_of_mouth,
)
from speech2face.models.tracker import RegressorConfig
from speech2face.training.tracker.augment import bend, photograph
from speech2face.training.tracker.labels import Sample

_SHARES = {"portrait": 0.5, "animated": 0.25}
"""Shares of the samples' groups; the rest is spread evenly over the speakers of the clips."""
_NO_FACE = 0.15
"""Share of cuts that show no face, in batches for the face network."""
_BEND = 0.5
"""Share of cuts that are bent."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Cuts of one kind and what they show."""

    images: Float[Tensor, "batch 3 size size"]
    """RGB in [0, 1]."""
    points: Float[Tensor, "batch points dims"]
    """In the cut's normalized coordinates."""
    unit: Float[Tensor, " batch"]
    """The outer-eye distance in the same coordinates; 0 where there is no face."""

    def to(self, device: torch.device) -> "Batch":
        """Bring the batch to a device."""
        return Batch(
            images=self.images.to(device), points=self.points.to(device), unit=self.unit.to(device)
        )


def normalize_points(
    points: Float[np.ndarray, "points dims"], size: int
) -> Float[np.ndarray, "points dims"]:
    """Turn pixels of a cut into its normalized coordinates; z becomes the same unit."""
    flat = (2 * points[:, :2] + 1) / size - 1
    return np.concatenate([flat, points[:, 2:] * 2 / size], 1).astype(np.float32)


class TrackerData:
    """Draws batches from samples."""

    def __init__(self, samples: list[Sample], rng: np.random.Generator) -> None:
        """Take the samples.

        Args:
            samples: What is drawn from.
            rng: Decides what is drawn; another one may take its place.
        """
        self.rng: np.random.Generator = rng
        groups: dict[str, list[Sample]] = {}
        for sample in samples:
            groups.setdefault(sample.group, []).append(sample)
        speakers = max(1, len(groups.keys() - _SHARES.keys()))
        rest = (1 - sum(_SHARES.values())) / speakers
        shares = np.array([_SHARES.get(group, rest) for group in groups])
        self._groups = list(groups.values())
        self._shares = shares / shares.sum()
        self._eyes = (LEFT_EYE_POINTS, MIRROR[LEFT_EYE_POINTS])
        order = {int(point): index for index, point in enumerate(MOUTH_POINTS)}
        self._mouth_mirror = np.array([order[int(MIRROR[p])] for p in MOUTH_POINTS])

    def batch(self, part: str, config: RegressorConfig, count: int) -> Batch:
        """Draw a batch for one of the networks.

        Args:
            part: "face", "mouth" or "eye".
            config: The network's sizes.
            count: Number of cuts.
        """
        draw = {"face": self._face, "mouth": self._mouth, "eye": self._eye}[part]
        rows = [draw(config.size) for _ in range(count)]
        images, points, units = zip(*rows, strict=True)
        stacked = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)
        return Batch(
            images=stacked.float().div_(255).to(memory_format=torch.channels_last),
            points=torch.from_numpy(np.stack(points)),
            unit=torch.tensor(units, dtype=torch.float32),
        )

    def _sample(self) -> Sample:
        pool = self._groups[self.rng.choice(len(self._groups), p=self._shares)]
        return pool[self.rng.integers(len(pool))]

    def _face(self, size: int) -> tuple[np.ndarray, np.ndarray, float]:
        sample = self._sample()
        region = region_of_mesh(sample.mesh)
        if self.rng.random() < _NO_FACE:
            cut = self._without_face(sample, region, size)
            return photograph(cut, self.rng), np.zeros((478, 3), np.float32), 0.0
        region = self._jitter(region, shift=0.06, scale=0.12, roll=8.0)
        return self._show(sample, region, size, np.arange(478), MIRROR, flip=None)

    def _mouth(self, size: int) -> tuple[np.ndarray, np.ndarray, float]:
        sample = self._sample()
        region = self._jitter(region_of_mouth(sample.mesh), shift=0.045, scale=0.07, roll=4.0)
        cut, points, unit = self._show(
            sample, region, size, MOUTH_POINTS, self._mouth_mirror, flip=None
        )
        return cut, points[:, :2], unit

    def _eye(self, size: int) -> tuple[np.ndarray, np.ndarray, float]:
        sample = self._sample()
        right = bool(self.rng.integers(2))
        points = self._eyes[right]
        region = self._jitter(region_of_eye(sample.mesh, points), shift=0.05, scale=0.08, roll=4.0)
        same = np.arange(len(points))
        cut, shown, unit = self._show(sample, region, size, points, same, flip=right)
        return cut, shown[:, :2], unit

    def _show(
        self, sample: Sample, region: Region, size: int, which: np.ndarray, mirror: np.ndarray,
        *, flip: bool | None,
    ) -> tuple[np.ndarray, np.ndarray, float]:  # fmt: skip
        """Cut a region out, with its points; `flip` None tosses a coin."""
        rng = self.rng
        cut = region.cut(sample.image, size)
        points = region.to_cut(sample.mesh[which], size)
        unit = float(np.linalg.norm(sample.mesh[263] - sample.mesh[33])) / region.side * 2
        if rng.random() < _BEND:
            cut, points = bend(cut, points, rng.uniform(0, 0.025), rng)
        points = normalize_points(points, size)
        if flip or (flip is None and rng.integers(2)):
            cut = np.ascontiguousarray(cut[:, ::-1])
            points = (points * np.array([-1, 1, 1], np.float32))[mirror]
        return photograph(cut, rng), points, unit

    def _jitter(self, region: Region, *, shift: float, scale: float, roll: float) -> Region:
        """Place a region as carelessly as a detector or the last frame does.

        Args:
            region: The right place.
            shift: Standard deviation over the side.
            scale: Standard deviation of the logarithm of the side.
            roll: Standard deviation in degrees.
        """
        rng = self.rng
        # Mostly close, sometimes far off.
        spread = rng.choice([0.5, 1.0, 1.8], p=[0.4, 0.45, 0.15])
        moved = region.centre + rng.normal(0, spread * shift, 2) * region.side
        return Region(
            centre=moved,
            side=region.side * float(np.exp(rng.normal(0, spread * scale))),
            roll=region.roll + float(np.deg2rad(rng.normal(0, spread * roll))),
        )

    def _without_face(self, sample: Sample, region: Region, size: int) -> np.ndarray:
        rng = self.rng
        kind = rng.integers(5)
        if kind == 0:
            noise = rng.integers(0, 256, (rng.integers(2, 24), rng.integers(2, 24), 3), np.uint8)
            whole = Region(
                centre=np.array(noise.shape[1::-1]) / 2, side=float(min(noise.shape[:2])), roll=0.0
            )
            return whole.cut(noise, size)
        if kind == 1:
            # Far too close or far too far.
            factor = rng.uniform(0.12, 0.3) if rng.integers(2) else rng.uniform(2.6, 4)
            return replace(region, side=region.side * factor).cut(sample.image, size)
        if kind >= 3:  # noqa: PLR2004 - the most usual mistake of the detector
            # A face that lies on its side: the detector boxes it as if it stood.
            roll = region.roll + rng.choice([-1, 1, 2]) * np.pi / 2 + rng.normal(0, 0.25)
            moved = region.centre + rng.normal(0, 0.1, 2) * region.side
            side = region.side * rng.uniform(0.7, 1.1)
            return Region(centre=moved, side=side, roll=float(roll)).cut(sample.image, size)
        angle = rng.uniform(0, 2 * np.pi)
        away = np.array([np.cos(angle), np.sin(angle)]) * region.side * rng.uniform(0.6, 1.2)
        side = region.side * rng.uniform(0.6, 1.2)
        return Region(centre=region.centre + away, side=side, roll=rng.uniform(-1, 1)).cut(
            sample.image, size
        )
