"""The whole job: a portrait and a sound become a video of the portrait speaking."""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from speech2face import devices
from speech2face.controls.director import direct
from speech2face.errors import Speech2FaceWarning
from speech2face.face.alignment import create_tracker
from speech2face.face.choose import prepare_view
from speech2face.face.paste import PasteBack
from speech2face.face.track import FaceTracker
from speech2face.face.view import View, moved_inside
from speech2face.generators.ahead import Drawers
from speech2face.generators.base import Generator
from speech2face.generators.registry import create, weights_of
from speech2face.jobs.pose_video import follow_pose
from speech2face.jobs.preflight import Job, check
from speech2face.jobs.provenance import SYNTHETIC_TAGS, sidecar
from speech2face.jobs.settings import Settings
from speech2face.media.audio import read_speech
from speech2face.media.encode import VideoWriter
from speech2face.signals import resample
from speech2face.stages.landmarks2latents import landmarks2latents
from speech2face.stages.speech2landmarks import Speech2Landmarks
from speech2face.timing import frames_for
from speech2face.types import LandmarkTrack, LatentTrack

_MOVING = 0.03
"""Landmarks that move by less than this share of the distance between the eyes say nothing: the
network gives up to 0.027 for silence and noise, and 0.06 for a lone tone (measured)."""

_ALWAYS = ("rig", "speech2landmarks", "tracker")
"""Shipped weights that take part whoever draws."""

_PASTED_BYTES = 64_000_000
"""Frames of a large picture are put together a few at a time, so that memory stays small."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """A piece of work that has just ended."""

    stage: str
    """portrait, encode, sound, landmarks, controls, latents; then in turns render, paste, write."""
    done: int
    total: int
    """Frames, for the stages that go frame by frame; else 1."""


Report = Callable[[Progress], None]
"""Whoever wants to know how far the work is."""


class Clip:
    """A portrait that speaks: its frames are drawn when they are asked for, a chunk at a time."""

    def __init__(
        self,
        view: View,
        state: object,
        latents: LatentTrack,
        generator: Generator[Any],
        drawers: Drawers,
        settings: Settings,
        report: Report,
    ) -> None:
        """Take what the frames are made from; the latents' rate is the clip's."""
        self.view = view
        self.latents = latents
        # Where crops are pasted into; None: they are shown as they are.
        self._canvas = view if settings.full else moved_inside(view)
        self._generator, self._state, self._drawers = generator, state, drawers
        self._settings, self._report = settings, report

    def __len__(self) -> int:
        """Count the frames."""
        return len(self.latents)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of a frame in pixels."""
        picture = self.view.crop if self._canvas is None else self._canvas.image
        return picture.shape[1], picture.shape[0]

    def __iter__(self) -> Iterator[UInt8[np.ndarray, "height width 3"]]:
        """Draw the frames, sRGB; no more of them are held than a few chunks."""
        paste = None if self._canvas is None else PasteBack(self._canvas)
        width, height = self.size
        at_once = max(1, _PASTED_BYTES // (3 * width * height))
        latents, chunk, start = self.latents.values, self._settings.batch_size, 0
        for crops in self._drawers.draw(self._generator, self._state, latents, chunk):
            self._ended("render", start + len(crops))
            if paste is not None:
                for first in range(0, len(crops), at_once):
                    frames = paste(crops[first : first + at_once])
                    self._ended("paste", start + first + len(frames))
                    yield from frames
                    self._ended("write", start + first + len(frames))
            else:
                yield from crops
                self._ended("write", start + len(crops))
            start += len(crops)

    def _ended(self, stage: str, done: int) -> None:
        self._report(Progress(stage=stage, done=done, total=len(self)))


class Speech2Face:
    """The four stages and the face tracker, loaded once for any number of videos."""

    def __init__(
        self,
        *,
        tracker: FaceTracker,
        speech2landmarks: Speech2Landmarks,
        generator: Generator[Any],
    ) -> None:
        """Take the parts; `from_pretrained` puts the shipped ones together."""
        self.tracker = tracker
        self.speech2landmarks = speech2landmarks
        self.generator = generator
        self.drawers = Drawers(generator.spec.side_by_side)

    @classmethod
    def from_pretrained(
        cls,
        device: str = "auto",
        generator: str = "warp",
        tracker: str = "mesh",
        speech2landmarks: Path | None = None,
    ) -> "Speech2Face":
        """Load the shipped weights.

        Args:
            device: "auto", "cpu", "cuda", "cuda:1" or "mps".
            generator: Who draws the frames: "warp", "facevid2vid", or "facevid2vid:NAME" with
                imported weights.
            tracker: "mesh", which ships, or "face-alignment", whose weights you bring.
            speech2landmarks: A weight file that was trained or fine-tuned; None is what ships.

        Raises:
            DeviceError: The device is absent.
            InputError: There is no such generator.
            WeightsError: Weights are missing, damaged or not calibrated.
        """  # noqa: DOC502 the parts raise them
        place = devices.resolve(device)
        return cls(
            tracker=create_tracker(tracker, place),
            speech2landmarks=Speech2Landmarks.chosen(speech2landmarks, place),
            generator=create(generator, place),
        )

    def animate(
        self,
        portrait: str | Path,
        audio: str | Path,
        output: str | Path | None = None,
        *,
        settings: Settings | None = None,
        overwrite: bool = False,
        progress: Report | None = None,
    ) -> Clip:
        """Make a portrait speak.

        Args:
            portrait: A picture with a face.
            audio: A sound file, or a video whose sound is used.
            output: Where to write the video; None: only hand out the frames.
            settings: How to animate; by default everything natural, at 25 frames a second.
            overwrite: Replace an output that exists.
            progress: Called whenever a piece of work has ended.

        Returns:
            The clip: iterate over it for RGB frames. With an `output` it has been written.

        Raises:
            Speech2FaceError: An input, the output or the installation cannot be used.
        """  # noqa: DOC502 the parts raise it
        target = None if output is None else Path(output)
        settings = settings or Settings()
        job = check(Path(portrait), Path(audio), target, settings, overwrite=overwrite)
        return self.run(job, progress)

    def run(self, job: Job, progress: Report | None = None) -> Clip:
        """Do a job whose inputs have been checked; its video is written if it names an output."""
        clip = self.prepare(job, progress)
        if job.output is not None:
            _write(clip, job, job.output, self)
        return clip

    def prepare(self, job: Job, progress: Report | None = None) -> Clip:
        """Find the face, hear the speech and plan the motion: all that comes before the frames."""
        settings, report = job.settings, progress or _ignore

        def ended(stage: str) -> None:
            report(Progress(stage=stage, done=1, total=1))

        view = prepare_view(
            job.image,
            self.tracker,
            size=settings.size,
            select=settings.face_select,
            force=settings.force,
        )
        ended("portrait")
        state = self.generator.encode([view])
        ended("encode")
        latents = self._plan(job, view, state, ended)
        frames = frames_for(job.duration, settings.rate)
        latents = at_rate(latents, settings, min(frames, settings.preview or frames))
        return Clip(view, state, latents, self.generator, self.drawers, settings, report)

    def _plan(
        self, job: Job, view: View, state: object, ended: Callable[[str], None]
    ) -> LatentTrack:
        """Hear the speech and decide the motion; the sound is let go of afterwards."""
        rest = view.likeness.rest
        speech = read_speech(job.audio)
        ended("sound")
        track = self.speech2landmarks(speech, rest)
        if np.abs(track.points - rest).max() < _MOVING:
            note = f"no speech was found in {job.audio}; the mouth stays at rest"
            warnings.warn(note, Speech2FaceWarning, stacklevel=3)
        ended("landmarks")
        settings = follow_pose(job.settings, self.tracker, len(track))
        controls = direct(speech, settings, len(track), track.fps)
        ended("controls")
        track = scaled(track, rest, job.settings.expression_scale)
        latents = landmarks2latents(self.generator, state, view, track, controls, speech)
        ended("latents")
        return latents


def scaled(track: LandmarkTrack, rest: Float[np.ndarray, "70 3"], strength: float) -> LandmarkTrack:
    """Make the motion away from the resting face stronger or weaker."""
    if strength == 1:
        return track
    points = rest + strength * (track.points - rest)
    return replace(track, points=points.astype(np.float32))


def at_rate(latents: LatentTrack, settings: Settings, frames: int) -> LatentTrack:
    """Bring latents to the rate of the video: motion is resampled, frames never are."""
    values = resample(latents.values, latents.fps, settings.rate, frames)
    return replace(latents, values=values, fps=settings.rate)


def _write(clip: Clip, job: Job, output: Path, engine: Speech2Face) -> None:
    """Encode a clip with its sound while it is drawn, and say beside it how it was made."""
    cut = None if job.settings.preview is None else len(clip) / clip.latents.fps
    with VideoWriter(
        output,
        size=clip.size,
        fps=clip.latents.fps,
        sound=job.audio,
        overwrite=job.overwrite,
        tags=SYNTHETIC_TAGS,
        seconds=cut,
    ) as video:
        for frame in clip:
            video.write(frame)
    generator, own = engine.generator.spec.name, engine.speech2landmarks.source
    pose = job.settings.resolve().pose
    shipped = {*_ALWAYS, *weights_of(generator)} - ({"speech2landmarks"} if own else set())
    sidecar(
        output,
        settings=asdict(job.settings) | {"generator": generator},
        inputs={"portrait": job.portrait, "audio": job.audio}
        | ({"speech2landmarks": own} if own else {})
        | ({"pose": pose} if isinstance(pose, Path) else {}),
        weights=sorted(shipped),
    )


def _ignore(progress: Progress) -> None:
    del progress
