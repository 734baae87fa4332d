"""68 landmarks by the face-alignment package, where its weights are on this machine already.

Its networks (Bulat and Tzimiropoulos, "How far are we from solving the 2D & 3D face alignment
problem?", 2017) are an independent second opinion on our tracker's landmarks. The package would
download its weights; here nothing is ever downloaded.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8

from speech2face.errors import WeightsError
from speech2face.face.detect import detect_faces
from speech2face.face.torchvision_compat import ensure_torchvision


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
        self, image: UInt8[np.ndarray, "height width 3"]
    ) -> Float[np.ndarray, "68 2"] | None:
        """Find the points of the largest face.

        Returns:
            In pixels of the picture, in the order of the 68-point scheme; None without a face.
        """
        detections = detect_faces(image)
        if not detections:
            return None
        boxes = [detections[0].box]
        found = self._network.get_landmarks_from_image(image, detected_faces=boxes)
        return np.asarray(found[0], np.float32) if found else None
