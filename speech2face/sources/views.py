"""Views of a video's frames: the squares around a face, of one size and resolution within a shot.

The square goes along with the face in whole pixels, so that at the video's own resolution it holds
the frame's very values, and nothing breathes: what is drawn is placed by the mesh, not by the
square.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt8
from scipy import ndimage

from speech2face.face.view import View, cut_at, extent, native_side, square_at
from speech2face.sources.tracks import FaceTrack
from speech2face.types import Face

_FACE_HEIGHTS = 1.7
"""Side of the square: as far around a face as the motion of its jaw reaches. The head's own motion
is the video's: no room is needed for hair and neck."""
_STEADY = 6.0
"""Frames, standard deviation, over which the square's place is averaged."""
_LARGE = 95
"""Percentile of the face's size in a shot that its square has room for."""


@dataclass(frozen=True, kw_only=True)
class Squares:
    """Where the square is in each frame in which the face is seen."""

    middles: Float[np.ndarray, "frames 2"]
    """The middle of the face, steady, in pixels of the frame."""
    natives: Int[np.ndarray, " frames"]
    """Side of the square in pixels of the frame; the same throughout a shot."""
    sides: Int[np.ndarray, " frames"]
    """Side in pixels of the crop; the same throughout a shot."""

    def view(
        self, number: int, image: UInt8[np.ndarray, "height width 3"], track: FaceTrack
    ) -> View:
        """Cut the view of a frame in which the face is seen."""
        mesh = np.array(track.meshes[number])
        face = Face(
            mesh=mesh, box=np.concatenate([mesh[:, :2].min(0), mesh[:, :2].max(0)]),
            score=float(track.scores[number]),
        )  # fmt: skip
        native, side = int(self.natives[number]), int(self.sides[number])
        return cut_at(image, face, square_at(self.middles[number], native, side), side)


def lay_squares(track: FaceTrack, size: int | None, largest: int) -> Squares:
    """Lay the squares of a whole video.

    Args:
        track: Where the face is.
        size: Side of the crops; None: as fine as the video, `largest` at most.
        largest: In pixels.
    """
    count = len(track)
    middles, wanted = np.zeros((count, 2)), np.zeros(count)
    for run in track.runs():
        placed = [extent(mesh[:, :2]) for mesh in track.meshes[run]]
        middle = np.array([one for one, _ in placed])
        middles[run] = ndimage.gaussian_filter1d(middle, _STEADY, axis=0, mode="nearest")
        wanted[run] = [side for _, side in placed]
    natives = np.zeros(count, np.int64)
    for shot in np.unique(track.shots[track.seen]):
        rows = (track.shots == shot) & track.seen
        tall = float(np.percentile(wanted[rows], _LARGE))
        natives[rows] = native_side(_FACE_HEIGHTS * tall)
    sides = np.minimum(natives, largest) if size is None else np.where(natives, size, 0)
    return Squares(middles=middles, natives=natives, sides=sides)
