"""A portrait speaks what arrives on a pipe, while it arrives; frames go to a file or a pipe."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from speech2face.checked import typed
from speech2face.jobs.animate import Speech2Face, described
from speech2face.jobs.clip import Progress, Report, silent
from speech2face.jobs.preflight import read_portrait
from speech2face.jobs.provenance import SYNTHETIC_TAGS, sidecar_path
from speech2face.jobs.settings import Settings
from speech2face.media.inputs import open_input
from speech2face.media.sound.arriving import Arriving
from speech2face.media.sound.soundtrack import SoundFormat
from speech2face.media.video.encode import Beside, ByteSink, RawWriter, VideoWriter
from speech2face.session import Piece, Session

Write = Callable[[Piece], None]


@typed
def speak_live(
    engine: Speech2Face,
    portrait: str | Path,
    sound: Arriving,
    output: Path | ByteSink,
    settings: Settings,
    *,
    raw_frames: bool = False,
    overwrite: bool = False,
    report: Report = silent,
) -> int:
    """Draw frames for a sound that is still arriving.

    Args:
        engine: Loads and draws.
        portrait: A picture with a face.
        sound: What arrives.
        output: An MP4 that appears when the sound has ended, or a stream: fragmented MP4.
        settings: How to animate.
        raw_frames: Write frames to the stream as rows of RGB bytes, without sound.
        overwrite: Replace a file that exists.
        report: Called as frames are written; their total is not known, and 0.

    Returns:
        How many frames were written.

    Raises:
        Speech2FaceError: An input, the output or the installation cannot be used.
    """  # noqa: DOC502 the parts raise it
    opened = open_input(portrait, "portrait")
    beside = None
    if isinstance(output, Path):
        path = sidecar_path(output, inputs=[opened], overwrite=overwrite)
        beside = described(output, settings=settings, inputs={"portrait": opened}, path=path)
    avatar = engine.avatar(read_portrait(opened, settings), settings)
    session, frames = avatar.session(settings), 0
    with _sink(session, sound, output, beside, raw_frames, overwrite) as write:
        for piece in _pieces(session, sound, settings.preview):
            write(piece)
            frames += len(piece.frames)
            report(Progress(stage="write", done=frames, total=0))
    return frames


def _pieces(session: Session, sound: Arriving, limit: int | None) -> Iterator[Piece]:
    for block in sound:
        for piece in session.feed(_mono(block), sound.rate):
            yield piece
            if limit is not None and piece.start + len(piece.frames) >= limit:
                return
    yield from session.finish()


def _mono(block: Float32[np.ndarray, "samples channels"]) -> Float32[np.ndarray, " samples"]:
    return block.mean(1, dtype=np.float32)


@contextmanager
def _sink(
    session: Session,
    sound: Arriving,
    output: Path | ByteSink,
    beside: Beside | None,
    raw_frames: bool,
    overwrite: bool,
) -> Iterator[Write]:
    if raw_frames and not isinstance(output, Path):
        rows = RawWriter(output, session.size)

        def write_rows(piece: Piece) -> None:
            for frame in piece.frames:
                rows.write(frame)

        yield write_rows
        return
    with VideoWriter(
        output, size=session.size, fps=session.fps, sound=SoundFormat(rate=sound.rate, channels=1),
        overwrite=overwrite, tags=SYNTHETIC_TAGS, beside=beside,
    ) as video:  # fmt: skip

        def write(piece: Piece) -> None:
            for frame in piece.frames:
                video.write(frame)
            video.write_sound(piece.samples[:, None])

        yield write
