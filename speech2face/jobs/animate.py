"""The whole job: a portrait and a sound become a video of the portrait speaking."""

from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from PIL.Image import Image

from speech2face import devices
from speech2face.checked import typed
from speech2face.face.alignment import create_tracker
from speech2face.face.choose import prepare_view
from speech2face.generators.ahead import Drawers
from speech2face.generators.registry import create, full_name
from speech2face.jobs.avatar import Avatar, Parts
from speech2face.jobs.calibrate import ensure_calibrated
from speech2face.jobs.clip import Clip, Progress, Report, silent
from speech2face.jobs.dub.frames import Dubbed
from speech2face.jobs.dub.job import DubJob, check_dub, run_dub
from speech2face.jobs.dub.settings import DubSettings
from speech2face.jobs.group.frames import GroupClip
from speech2face.jobs.group.job import GroupJob, check_group, run_group
from speech2face.jobs.group.speakers import Speaker
from speech2face.jobs.ingredients import described
from speech2face.jobs.preflight import Job, check, read_portrait
from speech2face.jobs.provenance import SYNTHETIC_TAGS
from speech2face.jobs.reenact.job import ReenactJob, check_reenact, run_reenact
from speech2face.jobs.reenact.settings import OWN, ReenactSettings
from speech2face.jobs.settings import Settings
from speech2face.media.inputs import Opened, Readable
from speech2face.media.sound.audio import read_speech
from speech2face.media.sound.sound import Sound
from speech2face.media.video.encode import Beside, ByteSink, VideoWriter
from speech2face.stages.speech2landmarks import Speech2Landmarks


class Speech2Face:
    """The engine: networks loaded once, threads that draw; for any number of avatars and videos."""

    def __init__(self, device: torch.device) -> None:
        """Take the device on which everything computes; networks are loaded when needed."""
        self.device = device
        self._loaded: dict[object, Any] = {}
        self._loading = Lock()

    @classmethod
    @typed
    def from_pretrained(cls, device: str = "auto") -> "Speech2Face":
        """Make an engine; weights are loaded when settings first ask for them, and kept.

        Args:
            device: "auto", "cpu", "cuda", "cuda:1" or "mps".

        Raises:
            DeviceError: The device is absent.
        """  # noqa: DOC502 resolve raises it
        return cls(devices.resolve(device))

    def parts(self, settings: Settings, *, driven: bool = True) -> Parts:
        """Return the networks that settings ask for; imported weights are calibrated at first use.

        Args:
            settings: Generator, tracker, weights.
            driven: Whether motion will be turned into latents: only that needs the calibration.

        Raises:
            InputError: There is no such generator or tracker.
            WeightsError: Weights are missing or damaged.
        """  # noqa: DOC502 the parts raise them
        name, device = full_name(settings.generator), self.device

        def kept(key: object, load: Callable[[], Any]) -> Any:  # noqa: ANN401 - of any kind
            if key not in self._loaded:
                self._loaded[key] = load()
            return self._loaded[key]

        with self._loading:
            if driven:
                ensure_calibrated(name, device)
            generator = kept(("generator", name), lambda: create(name, device))
            count = generator.spec.side_by_side
            return Parts(
                tracker=kept(
                    ("tracker", settings.tracker), lambda: create_tracker(settings.tracker, device)
                ),
                speech2landmarks=kept(
                    ("speech2landmarks", settings.speech2landmarks),
                    lambda: Speech2Landmarks.chosen(settings.speech2landmarks, device),
                ),
                generator=generator,
                drawers=kept(("drawers", count), lambda: Drawers(count)),
            )

    @typed
    def avatar(
        self,
        portrait: Readable | Image | UInt8[np.ndarray, "height width 3"],
        settings: Settings | None = None,
    ) -> Avatar:
        """Look at a portrait and encode it once, for any number of sessions and clips.

        Args:
            portrait: A picture with a face: a file, its bytes, a stream, a picture of Pillow's, or
                pixels (RGB, upright, sRGB).
            settings: Size, choice of the face, generator; and what sessions are like by default.

        Raises:
            Speech2FaceError: The picture or the installation cannot be used.
        """  # noqa: DOC502 the parts raise it
        settings = settings or Settings()
        if isinstance(portrait, np.ndarray):
            return self._avatar(portrait, settings, silent)
        given = _encoded(portrait) if isinstance(portrait, Image) else portrait
        return self._avatar(read_portrait(given, settings), settings, silent)

    def _avatar(
        self,
        image: UInt8[np.ndarray, "height width 3"],
        settings: Settings,
        report: Report,
        *,
        driven: bool = True,
    ) -> Avatar:
        parts = self.parts(settings, driven=driven)
        view = prepare_view(
            image, parts.tracker, size=settings.size, select=settings.face_select,
            force=settings.force,
        )  # fmt: skip
        report(Progress(stage="portrait", done=1, total=1))
        avatar = Avatar(view, parts, settings)
        report(Progress(stage="encode", done=1, total=1))
        return avatar

    @typed
    def animate(
        self,
        portrait: Readable,
        audio: Readable | Sound,
        output: str | Path | None = None,
        *,
        settings: Settings | None = None,
        overwrite: bool = False,
        progress: Report | None = None,
    ) -> Clip:
        """Make a portrait speak.

        Args:
            portrait: A picture with a face: a file, bytes or a stream.
            audio: A sound file, or a video whose sound is used, likewise; or what
                `media.sound.audio.open_sound` made of an array and its rate.
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
        job = check(portrait, audio, target, settings, overwrite=overwrite)
        return self.run(job, progress)

    def run(self, job: Job, progress: Report | None = None, stream: ByteSink | None = None) -> Clip:
        """Do a job whose inputs have been checked.

        Args:
            job: Its video is written if it names an output.
            progress: Called whenever a piece of work has ended.
            stream: Takes the video as fragmented MP4, instead of a file.
        """
        clip = self.prepare(job, progress)
        if stream is not None:
            _write(clip, job, stream, None)
        elif job.output is not None:
            assert job.sidecar is not None  # noqa: S101 where there is an output, there is one
            beside = described(
                job.output, settings=job.settings, inputs=sources(job), path=job.sidecar
            )
            _write(clip, job, job.output, beside)
        return clip

    @typed
    def animate_group(
        self,
        portrait: Readable,
        speakers: Sequence[Speaker],
        output: str | Path | None = None,
        *,
        settings: Settings | None = None,
        overwrite: bool = False,
        progress: Report | None = None,
    ) -> GroupClip:
        """Make several people of one picture speak, each in turn or together; the others listen.

        Args:
            portrait: A picture with faces: a file, bytes or a stream.
            speakers: Who says what, and when.
            output: Where to write the video; None: only hand out the frames.
            settings: How to animate; each face has blinks and motion of its own.
            overwrite: Replace an output that exists.
            progress: Called whenever a piece of work has ended.

        Returns:
            The clip: iterate over it for RGB frames. With an `output` it has been written.

        Raises:
            Speech2FaceError: An input, the output or the installation cannot be used.
        """  # noqa: DOC502 the parts raise it
        target = None if output is None else Path(output)
        settings = settings or Settings()
        job = check_group(portrait, speakers, target, settings, overwrite=overwrite)
        return self.run_group(job, progress)

    def run_group(
        self, job: GroupJob, progress: Report | None = None, stream: ByteSink | None = None
    ) -> GroupClip:
        """Do a job of several speakers whose inputs have been checked; as `run`."""
        return run_group(job, self.parts(job.settings), progress or silent, stream)

    @typed
    def dub(
        self,
        video: Readable,
        audio: Readable | Sound,
        output: str | Path | None = None,
        *,
        settings: DubSettings | None = None,
        overwrite: bool = False,
        progress: Report | None = None,
    ) -> Dubbed | Clip | GroupClip:
        """Make the person of a video say another sound; all but the mouth stays.

        Args:
            video: A file, bytes or a stream; a still picture is animated.
            audio: As in `animate`.
            output: Where to write the video; None: only hand out the frames.
            settings: How to dub.
            overwrite: Replace an output that exists.
            progress: Called whenever a piece of work has ended.

        Returns:
            The dubbed video: iterate over it for RGB frames. With an `output` it has been written.

        Raises:
            Speech2FaceError: An input, the output or the installation cannot be used.
        """  # noqa: DOC502 the parts raise it
        target = None if output is None else Path(output)
        job = check_dub(video, audio, target, settings or DubSettings(), overwrite=overwrite)
        return self.run_dub(job, progress)

    def run_dub(
        self, job: DubJob | Job | GroupJob, progress: Report | None = None
    ) -> Dubbed | Clip | GroupClip:
        """Dub a video whose inputs have been checked."""
        if isinstance(job, GroupJob):
            return self.run_group(job, progress)
        if isinstance(job, Job):
            return self.run(job, progress)
        return run_dub(job, self.parts(job.settings.shared()), progress or silent)

    @typed
    def reenact(
        self,
        portrait: Readable,
        driving: Readable,
        output: str | Path | None = None,
        *,
        audio: Readable | Sound | None = None,
        settings: ReenactSettings | None = None,
        overwrite: bool = False,
        progress: Report | None = None,
    ) -> Clip:
        """Make a portrait move as the person in a video does.

        Args:
            portrait: A picture with a face: a file, bytes or a stream.
            driving: A video of a face, likewise; a picture of one, whose expression is put on; or a
                file of landmarks or latents.
            output: Where to write the video; None: only hand out the frames.
            audio: Moves the lips and is heard, instead of the driver's lips and sound.
            settings: What moves, and how.
            overwrite: Replace an output that exists.
            progress: Called whenever a piece of work has ended.

        Returns:
            The clip: iterate over it for RGB frames. With an `output` it has been written.

        Raises:
            Speech2FaceError: An input, the output or the installation cannot be used.
        """  # noqa: DOC502 the parts raise it
        target = None if output is None else Path(output)
        settings = settings or ReenactSettings()
        job = check_reenact(portrait, driving, target, settings, audio=audio, overwrite=overwrite)
        return self.run_reenact(job, progress)

    def run_reenact(self, job: ReenactJob, progress: Report | None = None) -> Clip:
        """Move a portrait as a video does; the inputs have been checked."""
        shared, report = job.settings.shared(job.driving.fps), progress or silent
        driven = job.settings.motion != OWN
        avatar = self._avatar(job.image, shared, report, driven=driven)
        return run_reenact(job, avatar, self.parts(shared, driven=driven), report)

    def prepare(self, job: Job, progress: Report | None = None) -> Clip:
        """Find the face, hear the speech and plan the motion: all that comes before the frames."""
        settings, report = job.settings, progress or silent
        avatar = self._avatar(job.image, settings, report)
        speech = read_speech(job.audio)
        report(Progress(stage="sound", done=1, total=1))
        return avatar.clip(speech, job.duration, settings, report, name=str(job.audio))


def sources(job: Job) -> dict[str, Opened | Path]:
    """Return what a job reads, by its role."""
    return {"portrait": job.portrait, "audio": job.audio.source}


def _write(clip: Clip, job: Job, output: Path | ByteSink, beside: Beside | None) -> None:
    """Encode a clip with its sound while it is drawn."""
    cut = None if job.settings.preview is None else len(clip) / clip.latents.fps
    with VideoWriter(
        output,
        size=clip.size,
        fps=clip.latents.fps,
        sound=job.audio,
        overwrite=job.overwrite,
        tags=SYNTHETIC_TAGS,
        seconds=cut,
        beside=beside,
    ) as video:
        for frame in clip:
            video.write(frame)


def _encoded(picture: Image) -> bytes:
    """Return a picture of Pillow's as a file, so that it is read as all others are."""
    file = BytesIO()
    orientation = picture.getexif()
    picture.save(file, "PNG", exif=orientation, icc_profile=picture.info.get("icc_profile"))
    return file.getvalue()
