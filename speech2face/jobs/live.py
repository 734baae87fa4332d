"""A portrait speaks what arrives on a pipe, while it arrives; frames go to a file or a pipe."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from speech2face.checked import typed
from speech2face.errors import InputError
from speech2face.generators import registry
from speech2face.jobs.animate import Speech2Face
from speech2face.jobs.clip import Progress, Report, silent
from speech2face.jobs.ingredients import described
from speech2face.jobs.preflight import check_video, read_portrait
from speech2face.jobs.provenance import SYNTHETIC_TAGS
from speech2face.jobs.settings import Settings
from speech2face.media.inputs import STANDARD_INPUT, Opened, Readable, open_input
from speech2face.media.sound.arriving import Arriving
from speech2face.media.sound.mixdown import Mixdown
from speech2face.media.sound.soundtrack import SoundFormat
from speech2face.media.video.encode import (
    Beside,
    ByteSink,
    RawWriter,
    VideoWriter,
    require_encoders,
)
from speech2face.session import Piece, Session

Write = Callable[[Piece], None]


@dataclass(frozen=True, kw_only=True)
class LiveJob:
    """A portrait that is to speak what arrives; all that can be known before has been checked."""

    portrait: Opened
    image: UInt8[np.ndarray, "height width 3"]
    """The portrait's picture, upright, sRGB."""
    output: Path | ByteSink
    """A file, or a stream: fragmented MP4."""
    beside: Beside | None
    """The sidecar of a file."""
    overwrite: bool
    settings: Settings


@typed
def check_live(
    portrait: Readable,
    output: Path | ByteSink,
    settings: Settings,
    *,
    overwrite: bool = False,
) -> LiveJob:
    """Make sure of everything that needs no model and no sound.

    Args:
        portrait: A picture with a face.
        output: An MP4 that appears when the sound has ended, or a folder for one, or a stream.
        settings: How to animate.
        overwrite: Replace a file that exists.

    Raises:
        InputError: A setting belongs to sound that is there already, or the output is an input.
        OutputError: The output cannot be written, or exists.
    """  # noqa: DOC502 check_video raises the last
    registry.require(settings.generator)
    path = None
    if isinstance(output, Path):
        output, path = check_video(
            output, portrait, STANDARD_INPUT, settings.files, overwrite=overwrite
        )
    if settings.audio_track not in {None, 1}:
        msg = (
            f"the sound track {settings.audio_track} was asked for, sound that arrives has one; "
            "leave out --audio-track, or give a file"
        )
        raise InputError(msg)
    require_encoders()
    opened, beside = open_input(portrait, "portrait"), None
    if isinstance(output, Path) and path is not None:
        beside = described(output, settings=settings, inputs={"portrait": opened}, path=path)
    return LiveJob(
        portrait=opened, image=read_portrait(opened, settings), output=output, beside=beside,
        overwrite=overwrite, settings=settings,
    )  # fmt: skip


@typed
def speak_live(
    engine: Speech2Face,
    job: LiveJob,
    sound: Callable[[], Arriving],
    *,
    raw_frames: bool = False,
    report: Report = silent,
) -> int:
    """Draw frames for a sound that is still arriving.

    Args:
        engine: Loads and draws.
        job: What has been checked.
        sound: Begins to read what arrives; called when all else is ready.
        raw_frames: Write frames to the stream as rows of RGB bytes, without sound.
        report: Called as frames are written; their total is not known, and 0.

    Returns:
        How many frames were written.

    Raises:
        Speech2FaceError: The sound or the installation cannot be used, or the disk is full.
    """  # noqa: DOC502 the parts raise it
    avatar = engine.avatar(job.image, job.settings)
    session, arriving, frames = avatar.session(), sound(), 0
    with _sink(session, arriving, job, raw_frames) as write:
        for piece in _pieces(session, arriving, job.settings):
            write(piece)
            frames += len(piece.frames)
            report(Progress(stage="write", done=frames, total=0))
    return frames


def _pieces(session: Session, sound: Arriving, settings: Settings) -> Iterator[Piece]:
    """Hear and draw what arrives, mixed into one channel: what is heard is what is played.

    Raises:
        InputError: It goes on for longer than is allowed.
    """
    mixdown, samples = Mixdown(sound.layout, sound.channels, sound.rate), 0
    for block in sound:
        samples += len(block)
        if settings.max_duration is not None and samples > settings.max_duration * sound.rate:
            msg = (
                f"the sound on standard input goes on after {settings.max_duration:g} s, no more "
                "is allowed; raise --max-duration, or end what writes it"
            )
            raise InputError(msg)
        for piece in session.feed(mixdown.heard(block), sound.rate):
            yield piece
            if settings.preview and piece.start + len(piece.frames) >= settings.preview:
                return
    yield from session.finish()


@contextmanager
def _sink(session: Session, sound: Arriving, job: LiveJob, raw_frames: bool) -> Iterator[Write]:
    if raw_frames and not isinstance(job.output, Path):
        rows = RawWriter(job.output, session.size)

        def write_rows(piece: Piece) -> None:
            for frame in piece.frames:
                rows.write(frame)

        yield write_rows
        return
    with VideoWriter(
        job.output, size=session.size, fps=session.fps,
        sound=SoundFormat(rate=sound.rate, channels=1), overwrite=job.overwrite,
        tags=SYNTHETIC_TAGS, beside=job.beside,
    ) as video:  # fmt: skip

        def write(piece: Piece) -> None:
            for frame in piece.frames:
                video.write(frame)
            video.write_sound(piece.samples[:, None])

        yield write
