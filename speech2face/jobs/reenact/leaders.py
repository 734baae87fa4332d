"""What a portrait is led by: a person in a video, the face of a picture, or motion in a file."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from typing import Generic, Protocol, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import UInt8

from speech2face import landmarks
from speech2face.errors import InputError, NoFaceError
from speech2face.face.choose import choose
from speech2face.face.rig import shipped_rig
from speech2face.face.track import FaceTracker
from speech2face.face.view import View
from speech2face.generators.warp.latents import BESIDE_WEIGHTS, unpack
from speech2face.jobs.reenact.own import Followed
from speech2face.jobs.reenact.settings import ReenactSettings
from speech2face.media.image import read_image
from speech2face.media.inputs import Opened, Readable, open_input
from speech2face.media.video.video import VideoReader, is_still
from speech2face.motion.motion import Motion
from speech2face.motion.solve import Solve
from speech2face.motion.transfer import Driver, bridged, reached, transferred, worn
from speech2face.sources.part import exact
from speech2face.sources.playing import Excerpt
from speech2face.sources.tracks import FaceTrack, track_face
from speech2face.stages.artifacts import kind_of, load_track, require_drawable
from speech2face.timing import MOTION_FPS
from speech2face.types import ControlTrack, LandmarkTrack, LatentTrack, cut

_LEAST_SEEN = 0.5
"""Share of the frames that must show the face."""
_PICTURE_SECONDS = 2
"""How long the video of a portrait is that wears the face of a picture."""
_AT_REST = 10
"""Percentile of the opening of the lips up to which a face in a file is at rest."""

Ended = Callable[[int], None]
Track = TypeVar("Track", LandmarkTrack, LatentTrack)


@runtime_checkable
class Leader(Protocol):
    """Gives the motion by which a portrait is led."""

    @property
    def source(self) -> Opened:
        """The input."""
        ...

    @property
    def fps(self) -> Fraction:
        """Frames a second."""
        ...

    @property
    def frames(self) -> int:
        """How many there are."""
        ...

    def motion(
        self, part: range, view: View, settings: ReenactSettings, tracker: FaceTracker, ended: Ended
    ) -> Motion:
        """Return the motion of some frames for a view.

        Args:
            part: Which frames.
            view: Who is led.
            settings: How.
            tracker: Finds faces.
            ended: Called with the number of frames that were looked at.
        """
        ...


def open_leader(given: Readable, settings: ReenactSettings) -> Leader:
    """Open what a portrait is led by.

    Raises:
        InputError: There is no such file, it holds no motion, or a setting is for videos alone.
        MediaError: It cannot be decoded.
    """  # noqa: DOC502 those below raise it
    source = open_input(given, "video")
    kind = kind_of(source)
    still = kind is None and is_still(source)
    if kind is None and not still:
        return VideoLeader(VideoReader(source))
    what = "picture" if still else "file of motion"
    if settings.anchor is not None or settings.absolute:
        msg = f"--anchor and --absolute are for videos, {source} is a {what}; leave them out"
        raise InputError(msg)
    if still:
        return PictureLeader(source=source, image=read_image(source))
    if settings.driving_face != "largest":
        msg = f"--driving-face chooses in a picture, {source} is a {what}; leave it out"
        raise InputError(msg)
    if kind is LandmarkTrack:
        return LandmarksLeader(source=source, track=load_track(source, LandmarkTrack))
    latents = load_track(source, LatentTrack)
    if latents.space != "warp":
        msg = (
            f"{source} holds the latents of {latents.space}, which are those of one portrait; "
            "expected those of warp; make them with latents --generator warp"
        )
        raise InputError(msg)
    return LatentsLeader(source=source, track=latents)


class VideoLeader:
    """A person in a video."""

    def __init__(self, reader: VideoReader) -> None:
        """Take the video."""
        self.reader = reader

    @property
    def source(self) -> Opened:
        """The input."""
        return self.reader.source

    @property
    def fps(self) -> Fraction:
        """Its rate."""
        return self.reader.fps

    @property
    def frames(self) -> int:
        """How many frames it has."""
        return self.reader.frames

    def motion(
        self, part: range, view: View, settings: ReenactSettings, tracker: FaceTracker, ended: Ended
    ) -> Motion:
        """Follow the person; see `Leader`.

        Raises:
            NoFaceError: They are not there most of the time.
        """  # noqa: DOC502 follow raises it
        found = self.follow(part, settings, tracker, ended)
        track, fps = found.track, found.video.fps
        driver = Driver(np.array(track.meshes[track.seen]))
        anchor = int(track.seen[: found.anchor].sum())
        motion = transferred(driver, view, fps, anchor=anchor, absolute=settings.absolute)
        return bridged(motion, track.seen)

    def follow(
        self, part: range, settings: ReenactSettings, tracker: FaceTracker, ended: Ended
    ) -> Followed:
        """Find the person in some frames, and the one in which they are like a portrait.

        Raises:
            NoFaceError: They are not there most of the time.
        """  # noqa: DOC502 _seen raises it
        video = Excerpt(reader=self.reader, part=part)
        frames = islice(video.since(0), len(part))
        track = self._seen(track_face(frames, tracker, settings.driving_face, ended))
        seen = np.flatnonzero(track.seen)
        if settings.anchor is None:
            anchor = Driver(np.array(track.meshes[track.seen])).calmest()
        else:
            frame = round(exact(settings.anchor - settings.start) * video.fps)
            anchor = int(np.argmin(np.abs(seen - frame)))
        return Followed(video=video, track=track, anchor=int(seen[anchor]))

    def _seen(self, track: FaceTrack) -> FaceTrack:
        if not track.seen.any() or track.seen.mean() < _LEAST_SEEN:
            msg = (
                f"only {int(track.seen.sum())} of {len(track)} frames of {self.source} show "
                "the driving face; expected a video of one head; choose another video, part or "
                "--driving-face"
            )
            raise NoFaceError(msg)
        return track


@dataclass(frozen=True, kw_only=True)
class PictureLeader:
    """The face of a picture: its expression, gaze and turn of the head are reached and kept."""

    source: Opened
    image: UInt8[np.ndarray, "height width 3"]
    """Upright, sRGB."""
    fps: Fraction = MOTION_FPS

    @property
    def frames(self) -> int:
        """A few seconds."""
        return _PICTURE_SECONDS * int(self.fps)

    def motion(
        self, part: range, view: View, settings: ReenactSettings, tracker: FaceTracker, ended: Ended
    ) -> Motion:
        """Look at the face; see `Leader`.

        Raises:
            NoFaceError: It is not there.
        """
        face = choose(tracker.find(self.image), settings.driving_face)
        if face is None:
            msg = (
                f"no face {settings.driving_face!r} was found in the driving picture {self.source}"
                "; expected a face seen from the front; choose another picture or --driving-face"
            )
            raise NoFaceError(msg)
        ended(len(part))
        return cut(reached(worn(face.mesh, view), self.frames, self.fps), np.array(part))


@dataclass(frozen=True, kw_only=True)
class _FileLeader(Generic[Track]):
    """What was computed for each frame, in a file."""

    source: Opened
    track: Track

    @property
    def fps(self) -> Fraction:
        """Their rate."""
        return self.track.fps

    @property
    def frames(self) -> int:
        """How many frames there are."""
        return len(self.track)


@dataclass(frozen=True, kw_only=True)
class LandmarksLeader(_FileLeader[LandmarkTrack]):
    """Landmarks in a file, of whatever face: how they move from rest is how the portrait moves."""

    def motion(
        self, part: range, view: View, settings: ReenactSettings, tracker: FaceTracker, ended: Ended
    ) -> Motion:
        """Solve them for the view; see `Leader`."""
        del settings, tracker
        points = self.track.points
        opening = landmarks.mouth_opening(points)
        rest = np.median(points[opening <= np.percentile(opening, _AT_REST)], axis=0)
        moved = view.likeness.rest + points[part.start : part.stop] - rest
        ended(len(part))
        track = LandmarkTrack(points=moved.astype(np.float32), fps=self.fps)
        return Solve(view)(track, ControlTrack.neutral(len(track), track.fps))


@dataclass(frozen=True, kw_only=True)
class LatentsLeader(_FileLeader[LatentTrack]):
    """Latents of the warp generator in a file: they are motion already."""

    def motion(
        self, part: range, view: View, settings: ReenactSettings, tracker: FaceTracker, ended: Ended
    ) -> Motion:
        """Take them as they are; see `Leader`."""
        del view, settings, tracker
        require_drawable(self.source, self.track, len(shipped_rig().names) + BESIDE_WEIGHTS)
        ended(len(part))
        return unpack(self.track.values[part.start : part.stop], self.fps)
