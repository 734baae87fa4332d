"""Faces by the 68 landmarks of the face-alignment package, where its weights are here already.

Its networks (Bulat and Tzimiropoulos, "How far are we from solving the 2D & 3D face alignment
problem?", 2017) are an independent second opinion on our tracker's landmarks. The package would
download its weights; here nothing is ever downloaded.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from scipy.interpolate import RBFInterpolator

from speech2face import landmarks
from speech2face.errors import InputError, WeightsError
from speech2face.face.detect import Detection
from speech2face.face.torchvision_compat import ensure_torchvision
from speech2face.face.track import FaceTracker
from speech2face.types import Face

TRACKERS = ("mesh", "face-alignment")
"""Names that `create_tracker` knows; the first is the default."""

_INNER = slice(landmarks.JAW_LINE.stop, 68)
"""Brows, nose, lids and lips: the jaw line is seen from elsewhere in the two schemes."""
_TRUST = 0.5
"""Smoothing of the thin-plate spline, in squared pixels of a face 100 px wide."""


def create_tracker(name: str, device: torch.device | str) -> FaceTracker:
    """Make the tracker with a name: "mesh" ships, "face-alignment" needs its own weights.

    Raises:
        InputError: No tracker has that name.
        WeightsError: Weights are missing or damaged.
    """  # noqa: DOC502 the parts raise it
    if name not in TRACKERS:
        msg = f"there is no tracker named {name!r}; choose one of {', '.join(TRACKERS)}"
        raise InputError(msg)
    tracker = FaceTracker.from_pretrained(device)
    if name == "mesh":
        return tracker
    return AlignedTracker(tracker, AlignmentLandmarks.from_installed(device))


class AlignmentLandmarks:
    """Finds the 68 points of the largest face."""

    def __init__(self, network: Any) -> None:  # noqa: ANN401 - face-alignment has no types
        """Take a `face_alignment.FaceAlignment`."""
        self._network = network

    @classmethod
    def from_installed(cls, device: torch.device | str = "cpu") -> "AlignmentLandmarks":
        """Build the package's networks from its files in torch's hub cache.

        Raises:
            WeightsError: A file is missing there.
        """
        ensure_torchvision()
        from face_alignment import FaceAlignment, LandmarksType, api  # noqa: PLC0415 - heavy

        folder = Path(torch.hub.get_dir()) / "checkpoints"
        # The projected 3-D points; the depth network is left out, its file is a bare pickle.
        name = Path(api.models_urls["3DFAN-4"]).name
        if not (folder / name).is_file():
            msg = (
                f"face-alignment's weights {name} are not in {folder}; "
                "put them there, or use the tracker that ships with speech2face"
            )
            raise WeightsError(msg)
        # The detector named "folder" needs no weights: faces are found by MTCNN.
        return cls(
            FaceAlignment(
                LandmarksType.TWO_HALF_D, device=str(device), face_detector="folder", compile=False
            )
        )

    def __call__(
        self, image: UInt8[np.ndarray, "height width 3"], box: Float[np.ndarray, " 4"]
    ) -> Float[np.ndarray, "68 2"] | None:
        """Find the points of the face in a box.

        Returns:
            In pixels of the picture, in the order of the 68-point scheme; None without a face.
        """
        found = self._network.get_landmarks_from_image(image, detected_faces=[box])
        return np.asarray(found[0], np.float32)[:, :2] if found else None


class AlignedTracker(FaceTracker):
    """Our tracker's mesh, bent so that its landmarks lie where face-alignment sees them."""

    def __init__(self, tracker: FaceTracker, alignment: AlignmentLandmarks) -> None:
        """Take both."""
        super().__init__(tracker.network, tracker.device)
        self._alignment = alignment

    def examine(self, image: UInt8[np.ndarray, "height width 3"], detection: Detection) -> Face:
        """Measure one detected face with both."""
        face = super().examine(image, detection)
        points = self._alignment(image, detection.box)
        return face if points is None else replace(face, mesh=bend(face.mesh, points))


def bend(
    mesh: Float[np.ndarray, "478 3"], points: Float[np.ndarray, "68 2"]
) -> Float[np.ndarray, "478 3"]:
    """Move a mesh so that its brows, nose, lids and lips lie on 68 given points; depth stays."""
    own = mesh[landmarks.MESH_TO_LANDMARKS[_INNER], :2].astype(np.float64)
    smoothing = _TRUST * (np.ptp(own[:, 0]) / 100) ** 2
    shift = RBFInterpolator(own, points[_INNER] - own, smoothing=smoothing)(mesh[:, :2])
    return np.concatenate([mesh[:, :2] + shift, mesh[:, 2:]], 1).astype(np.float32)
