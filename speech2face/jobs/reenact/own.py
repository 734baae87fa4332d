"""Motion that the generator's own extractor reads off a driving video."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from jaxtyping import Float, UInt8

from speech2face.face.view import cut_square, square_around
from speech2face.generators.base import Frame, Frames
from speech2face.sources.playing import Excerpt
from speech2face.sources.tracks import FaceTrack

_AT_ONCE = 16
"""Frames read as one batch."""


@dataclass(frozen=True, kw_only=True)
class Followed:
    """A person in a video who has been followed."""

    video: Excerpt
    track: FaceTrack
    """Where their face is."""
    anchor: int
    """The frame in which they are like the portrait."""


def read_latents(
    read: Callable[[Frames, Frame], Float[np.ndarray, "frames latent"]], followed: Followed
) -> Float[np.ndarray, "frames latent"]:
    """Read latents off the crops of a driving face.

    The crop stands still within a shot, as the public systems' preparation of videos has it, so
    that the head's own motion is seen. Where the face is not, latents go over from what was to
    what comes.

    Args:
        read: What frames mean, given the one that is like the portrait.
        followed: Whom.
    """
    video, track, anchor = followed.video, followed.track, followed.anchor
    squares = _squares(track, anchor)
    first = next(iter(video.since(anchor)))
    like = cut_square(first, *squares[int(track.shots[anchor])])[None]
    rows = [read(crops, like) for crops in _crops(video, track, squares, len(like[0]))]
    everywhere, seen = np.arange(len(track)), np.flatnonzero(track.seen)
    columns = [np.interp(everywhere, seen, column) for column in np.concatenate(rows).T]
    return np.stack(columns, 1).astype(np.float32)


def _squares(track: FaceTrack, anchor: int) -> dict[int, tuple[Float[np.ndarray, "2 3"], int]]:
    """Place the square of every shot: at the anchor, elsewhere at the first sight of the face."""
    _, side = square_around(np.array(track.meshes[anchor]), None)
    found: dict[int, tuple[Float[np.ndarray, "2 3"], int]] = {}
    for frame in (anchor, *np.flatnonzero(track.seen)):
        shot = int(track.shots[frame])
        if shot not in found:
            found[shot] = square_around(np.array(track.meshes[frame]), side)
    return found


def _crops(
    video: Excerpt,
    track: FaceTrack,
    squares: dict[int, tuple[Float[np.ndarray, "2 3"], int]],
    side: int,
) -> Iterator[Frames]:
    """Yield the crops in which the face is seen, a few at once."""
    crops: list[UInt8[np.ndarray, "side side 3"]] = []
    for number, frame in enumerate(islice(video.since(0), len(track))):
        if track.seen[number]:
            to_crop, _ = squares[int(track.shots[number])]
            crops.append(cut_square(frame, to_crop, side))
        if len(crops) == _AT_ONCE or (crops and number == len(track) - 1):
            yield np.stack(crops)
            crops = []
