"""Find faces with their dense mesh in pictures, and follow one through a video."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from speech2face.checkpoints.store import load
from speech2face.errors import WeightsError
from speech2face.face.detect import Detection, detect_faces
from speech2face.face.mirror import MIRROR
from speech2face.face.regions import (
    EYE_SIDE,
    LEFT_EYE_POINTS,
    MOUTH_POINTS,
    MOUTH_SIDE,
    Region,
    region_of_detection,
    region_of_eye,
    region_of_mesh,
    region_of_mouth,
)
from speech2face.models.tracker import RegressorConfig, ShapeRegressor, TrackerNetwork
from speech2face.types import Face

Image = UInt8[np.ndarray, "height width 3"]
Mesh = Float[np.ndarray, "478 3"]

SURE = 0.85
"""Score from which `find` believes in a face: ears and curls get up to 0.83, faces over 0.95."""
_PRESENT = 0.5
"""Score from which a face that was followed is still there: more likely than not."""
_DOUBLE = 0.5
"""Share of the smaller box from which two boxes are one face."""
_MOUTH_REACH, _EYE_REACH = 0.2, 0.1
"""How far corrections of lips and lids spread over the skin, in outer-eye distances."""

_LEFT = LEFT_EYE_POINTS
_RIGHT = MIRROR[LEFT_EYE_POINTS]
_MOUTH_ORDER = {int(point): index for index, point in enumerate(MOUTH_POINTS)}
_MOUTH_MIRROR = np.array([_MOUTH_ORDER[int(MIRROR[point])] for point in MOUTH_POINTS])


@dataclass(frozen=True, kw_only=True)
class _View:
    """One look at a region: how the cut is displaced, and whether it is mirrored."""

    shift: tuple[float, float] = (0.0, 0.0)
    """Over the region's side."""
    scale: float = 1.0
    roll: float = 0.0
    """Degrees."""
    mirrored: bool = False

    def of(self, region: Region) -> Region:
        return Region(
            centre=region.centre + np.array(self.shift) * region.side,
            side=region.side * self.scale,
            roll=region.roll + float(np.deg2rad(self.roll)),
        )


_ONE_LOOK = (_View(),)
_BOTH_WAYS = (_View(), _View(mirrored=True))
_MANY_LOOKS = tuple(
    replace(view, mirrored=mirrored)
    for view in (
        _View(),
        _View(shift=(0.02, 0.01), scale=0.95, roll=3.0),
        _View(shift=(-0.02, 0.015), scale=1.06, roll=-3.0),
        _View(shift=(0.01, -0.02), scale=1.02, roll=5.0),
        _View(shift=(-0.01, -0.01), scale=0.98, roll=-5.0),
    )
    for mirrored in (False, True)
)


class FaceTracker:
    """Finds faces and their meshes; keeps nothing between calls."""

    def __init__(self, network: TrackerNetwork, device: torch.device | str = "cpu") -> None:
        """Take a trained network and compute on `device`."""
        self.device = torch.device(device)
        self.network = _folded(network).to(self.device)
        # Convolutions need no copy of pictures that come with their colours side by side.
        self.network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    @classmethod
    def from_pretrained(cls, device: torch.device | str = "cpu") -> "FaceTracker":
        """Read the shipped weights; a `WeightsError` says what is wrong with them."""
        return cls.from_weights(*load("tracker"), device)

    @classmethod
    def from_weights(
        cls,
        tensors: dict[str, torch.Tensor],
        config: dict[str, Any],
        device: torch.device | str = "cpu",
    ) -> "FaceTracker":
        """Build the network that a weight file describes.

        Raises:
            WeightsError: They are of another network.
        """
        try:
            sizes = {
                name: RegressorConfig(
                    **{**config[name], "channels": tuple(config[name]["channels"])}
                )
                for name in ("face", "mouth", "eye")
            }
            network = TrackerNetwork(**sizes)
            network.load_state_dict(tensors)
            if not config.get("pixel_centres", False):
                _raise_half_a_pixel(network)
        except (KeyError, TypeError, RuntimeError) as error:
            msg = (
                f"the tracker's weights do not fit its network ({error}); install speech2face again"
            )
            raise WeightsError(msg) from error
        return cls(network, device)

    def find(self, image: Image, least_score: float = SURE) -> list[Face]:
        """Find all faces of a picture, the largest first, as precisely as possible.

        Args:
            image: Upright sRGB.
            least_score: Faces the tracker is less sure of are left out.
        """
        faces = [self.examine(image, detection) for detection in detect_faces(image)]
        return _without_doubles([face for face in faces if face.score >= least_score])

    def examine(self, image: Image, detection: Detection) -> Face:
        """Measure one detected face: many jittered and mirrored looks, averaged."""
        rough, _ = self._look(image, region_of_detection(detection), _ONE_LOOK)
        better, _ = self._look(image, region_of_mesh(rough), _BOTH_WAYS)
        mesh, score = self._look(image, region_of_mesh(better), _MANY_LOOKS)
        for _ in range(2):
            # The second time the local regions lie where the lips and eyes are.
            mesh = self._refine(image, mesh, _MANY_LOOKS)
        return _face(mesh, min(score, detection.score))

    def follow(self, image: Image, last: Face | None) -> Face | None:
        """Find the face of the frame before in this one.

        Args:
            image: The next frame of a video.
            last: The face in the frame before; None to find the largest anew.

        Returns:
            The face, or None where it was lost or there is none.
        """
        if last is None:
            return next(iter(self.find(image)), None)
        mesh, score = self._look(image, region_of_mesh(last.mesh), _ONE_LOOK)
        if score < _PRESENT:
            return None
        return _face(self._refine(image, mesh, _BOTH_WAYS), score)

    def _look(self, image: Image, region: Region, views: Sequence[_View]) -> tuple[Mesh, float]:
        """Measure the whole mesh and how surely it is a face."""
        meshes, scores = self._measure(self.network.face, image, region, views, MIRROR)
        return meshes, float(1 / (1 + np.exp(-scores)))

    def _refine(self, image: Image, mesh: Mesh, views: Sequence[_View]) -> Mesh:
        """Look closer at mouth and eyes and correct the mesh there."""
        lips, _ = self._measure(
            self.network.mouth, image, region_of_mouth(mesh), views, _MOUTH_MIRROR
        )
        left = self._eye(image, mesh, _LEFT, views, mirrored=False)
        right = self._eye(image, mesh, _RIGHT, views, mirrored=True)
        mesh = spread_correction(mesh, MOUTH_POINTS, lips, _MOUTH_REACH)
        mesh = spread_correction(mesh, _LEFT, left, _EYE_REACH)
        return spread_correction(mesh, _RIGHT, right, _EYE_REACH)

    def _eye(
        self,
        image: Image,
        mesh: Mesh,
        points: np.ndarray,
        views: Sequence[_View],
        *,
        mirrored: bool,
    ) -> Float[np.ndarray, "37 2"]:
        """Measure one eye; the network knows left ones, so right ones are shown mirrored."""
        # Mirrored looks would show the network the wrong eye.
        views = [replace(view, mirrored=mirrored) for view in views]
        if len(views) > 1:
            views = list(dict.fromkeys(views))
        region = region_of_eye(mesh, points)
        same = np.arange(len(points))
        return self._measure(self.network.eye, image, region, views, same)[0]

    @torch.inference_mode()
    def _measure(
        self, part: ShapeRegressor, image: Image, region: Region, views: Sequence[_View],
        mirror: np.ndarray,
    ) -> tuple[Float[np.ndarray, "points dims"], float]:  # fmt: skip
        """Average what a network sees in several views of a region.

        Returns:
            Points in pixels of the picture, and the mean logit of the score.
        """
        size = part.config.size
        regions = [view.of(region) for view in views]
        cuts = np.stack([
            cut[:, ::-1] if view.mirrored else cut
            for view, cut in zip(views, (r.cut(image, size) for r in regions), strict=True)
        ])  # fmt: skip
        batch = torch.from_numpy(cuts).to(self.device).permute(0, 3, 1, 2).float() / 255
        points, scores = part(batch)
        seen = []
        for view, placed, normalized in zip(views, regions, points.cpu().numpy(), strict=True):
            flat = normalized
            if view.mirrored:
                flat = flat[mirror] * np.array([-1, 1, 1], np.float32)[: flat.shape[1]]
            seen.append(placed.to_image(_to_pixels(flat, size), size))
        return np.mean(seen, 0).astype(np.float32), float(scores.mean())


def _folded(network: TrackerNetwork) -> TrackerNetwork:
    """Return a copy in evaluation mode whose norms are part of the convolutions before them."""
    folded = deepcopy(network).eval()
    for layers in list(folded.modules()):
        if not isinstance(layers, nn.Sequential):
            continue
        for index in range(len(layers) - 1):
            convolution, norm = layers[index], layers[index + 1]
            if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                layers[index] = fuse_conv_bn_eval(convolution, norm)
                layers[index + 1] = nn.Identity()
    return folded


@torch.no_grad()
def _raise_half_a_pixel(network: TrackerNetwork) -> None:
    """Move what a network predicts up by half a pixel of the teacher's cut.

    The first weights learnt labels that lay half a pixel too low and to the right; mirrored cuts
    cured the latter in training. Weights that were trained since say "pixel_centres".
    """
    # Half of 256 pixels in normalized units, and the teacher's region over ours: it is 2.74
    # outer-eye distances wide on average.
    half = 1 / 256
    shifts = {"face": half, "mouth": half * 2.74 / MOUTH_SIDE, "eye": half * 2.74 / EYE_SIDE}
    for name, part in network.parts().items():
        part.shape.bias[1 :: part.config.dims] -= shifts[name]


def spread_correction(
    mesh: Mesh, points: np.ndarray, measured: Float[np.ndarray, "refined 2"], reach: float
) -> Mesh:
    """Put points where they were measured and let their neighbours follow.

    Args:
        mesh: In pixels of the picture.
        points: Which mesh points were measured.
        measured: Where they are, in pixels of the picture.
        reach: Distance at which a neighbour follows by 37 %, in outer-eye distances.
    """
    shift = measured - mesh[points, :2]
    unit = float(np.linalg.norm(mesh[263] - mesh[33])) * reach
    squared = sum((axis[:, None] - axis[points]) ** 2 for axis in mesh.T)
    weight = np.exp(squared * (-1 / unit**2))
    follow = weight.max(1) / (weight.sum(1) + 1e-9)
    corrected = mesh.copy()
    corrected[:, :2] += (weight @ shift) * follow[:, None]
    corrected[points, :2] = measured
    return corrected


def _without_doubles(faces: list[Face]) -> list[Face]:
    """Of faces that lie on each other keep the surest: the detector sometimes boxes one twice."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: -face.score):
        if all(_overlap(face.box, other.box) < _DOUBLE for other in kept):
            kept.append(face)
    return [face for face in faces if any(face is one for one in kept)]


def _overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Measure the area that two boxes share, over the smaller one's."""
    shared = np.minimum(first[2:], second[2:]) - np.maximum(first[:2], second[:2])
    smaller = min(np.prod(first[2:] - first[:2]), np.prod(second[2:] - second[:2]))
    return float(np.prod(shared.clip(min=0)) / smaller)


def _face(mesh: Mesh, score: float) -> Face:
    box = np.concatenate([mesh[:, :2].min(0), mesh[:, :2].max(0)]).astype(np.float32)
    return Face(mesh=mesh, box=box, score=score)


def _to_pixels(points: np.ndarray, size: int) -> np.ndarray:
    """Turn a cut's normalized coordinates into its pixels."""
    flat = ((points[:, :2] + 1) * size - 1) / 2
    return np.concatenate([flat, points[:, 2:] * size / 2], 1)
