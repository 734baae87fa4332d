"""The whole job: a video and another sound become that video saying that sound."""

import warnings
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from speech2face.controls.keyframes import sample
from speech2face.controls.prosody import analyse
from speech2face.controls.turns import Spans, read_turns, voice
from speech2face.errors import InputError, NoFaceError, Speech2FaceWarning
from speech2face.face.rig import shipped_rig
from speech2face.generators.base import following
from speech2face.jobs.avatar import Parts
from speech2face.jobs.clip import Progress, Report
from speech2face.jobs.dub.frames import Dubbed, Person
from speech2face.jobs.dub.mouth import NewMouth, OwnMouths, Said, say, speaking
from speech2face.jobs.dub.parts import finish_parts, folder_for, parts_of, remove_parts
from speech2face.jobs.dub.settings import DubSettings
from speech2face.jobs.group.job import GroupJob, check_group
from speech2face.jobs.group.speakers import in_turns
from speech2face.jobs.preflight import (
    Job,
    check,
    check_video,
    require_allowed,
    require_space,
)
from speech2face.jobs.provenance import COMPOSITE_TAGS, made_of, sidecar
from speech2face.jobs.sound import open_audio
from speech2face.media.inputs import Opened, Readable, open_input
from speech2face.media.sound.audio import open_sound
from speech2face.media.sound.framed import FramedSound, Under
from speech2face.media.sound.sound import Sound
from speech2face.media.video.carried import Kept, kept_of
from speech2face.media.video.encode import Beside, VideoWriter, require_encoders
from speech2face.media.video.joined import join
from speech2face.media.video.video import VideoReader, is_still
from speech2face.sources.part import exact, part_of
from speech2face.sources.picked import picked
from speech2face.sources.playing import Excerpt, Played, play
from speech2face.sources.tracks import FaceTrack, track_faces
from speech2face.sources.views import lay_squares

_LARGEST = 768
"""Pixels of the square unless more are asked for."""
_WEIGHTS = ("rig", "mouth", "speech2landmarks", "tracker")
_ALONG = ("freeze", "cut")
"""Ways to play the video in which its own sounds and subtitles run along with its picture."""


@dataclass(frozen=True, kw_only=True)
class DubJob:
    """One video to dub; its inputs have been probed and its output can be written."""

    video: VideoReader
    audio: Sound
    duration: Fraction
    """Seconds of the sound."""
    under: Sound | None
    """The video's own sound, where it is mixed under the new one."""
    output: Path | None
    """Where the video goes; None: frames are only handed out."""
    sidecar: Path | None
    overwrite: bool
    settings: DubSettings


def check_dub(
    video: Readable,
    audio: Readable | Sound,
    output: Path | None,
    settings: DubSettings,
    *,
    overwrite: bool = False,
) -> DubJob | Job | GroupJob:
    """Make sure of everything that needs no model: inputs, encoders, output, disk.

    Returns:
        The job; of a still picture that of `animate`.

    Raises:
        InputError: An input cannot be used, or the output is one of them.
    """
    source = open_input(video, "video")
    if is_still(source):
        shared = settings.shared()
        given = video if isinstance(video, str | Path | bytes) else source.content()
        if settings.faces is not None:
            return check_group(
                given, in_turns(settings.faces, audio), output, shared, overwrite=overwrite,
                files={"faces": settings.faces},
            )  # fmt: skip
        return check(given, audio, output, shared, overwrite=overwrite)
    path = None
    if output is not None:
        output, path = check_video(output, video, audio, settings.files, overwrite=overwrite)
    require_encoders()
    reader = VideoReader(source)
    if reader.info.changed:
        warnings.warn(f"of {source} {reader.info.changed}", Speech2FaceWarning, stacklevel=3)
    shared = settings.shared()
    sound = open_audio(audio, shared)
    under = None
    if settings.mix_original is not None:
        if settings.sync_mode not in _ALONG:
            msg = (
                f"the video's own sound cannot be mixed in with --sync-mode {settings.sync_mode}: "
                f"its picture jumps or changes speed; choose {' or '.join(_ALONG)}"
            )
            raise InputError(msg)
        under = open_sound(reader.source)
    duration = sound.duration
    require_allowed(sound.name, duration, settings.max_duration)
    part_of(settings.start, settings.end, reader.fps, reader.frames)
    if settings.faces is not None:
        read_turns(settings.faces)
    if output is not None:
        require_space(output, max(duration, reader.info.duration))
    return DubJob(
        video=reader, audio=sound, duration=duration, under=under, output=output, sidecar=path,
        overwrite=overwrite, settings=settings,
    )  # fmt: skip


def prepare_dub(job: DubJob, parts: Parts, report: Report) -> tuple[Dubbed, FramedSound | Sound]:
    """Follow the face and hear the sound: all that comes before the frames.

    Returns:
        The frames, and their sound: the given one where it fits as it is.

    Raises:
        NoFaceError: No frame that is shown has the face in it.
    """
    settings, reader = job.settings, job.video
    part = part_of(settings.start, settings.end, reader.fps, reader.frames)
    video = Excerpt(reader=reader, part=part)
    played = play(settings.sync_mode, len(video.part), video.fps, job.duration)
    needed = int(played.frames.max()) + 1
    said = _speakers(job)
    tracks = _tracked(video, needed, list(said), job, parts, report)
    if len(tracks[0]) < needed:  # rates that vary, and damaged ends
        played = play(settings.sync_mode, len(tracks[0]), video.fps, job.duration)
    if settings.preview is not None:
        played = replace(played, frames=played.frames[: settings.preview])
    people: list[Person] = []
    for (face, spans), track in zip(said.items(), tracks, strict=True):
        own = OwnMouths(track, shipped_rig(), video.fps)
        if own.share[played.frames].any():
            spoken = _said(job, parts, own.rest, len(played.frames), spans, report)
            people.append(_person(own, spoken, track, settings))
        elif len(said) == 1:
            raise NoFaceError(_no_face(job, face, track))
        else:
            warnings.warn(_no_face(job, face, track), Speech2FaceWarning, stacklevel=2)
    if not people:
        raise NoFaceError(_no_face(job, next(iter(said)), tracks[0]))
    generator = following(parts.generator)
    dubbed = Dubbed(video, people, played, generator, parts.drawers, report)
    return dubbed, _sound(job, played, video.fps)


def _speakers(job: DubJob) -> dict[str, Spans | None]:
    """Return the faces that say something, and their stretches of the sound."""
    if job.settings.faces is None:
        return {job.settings.face_select: None}
    return dict(read_turns(job.settings.faces))


def _person(own: OwnMouths, said: Said, track: FaceTrack, settings: DubSettings) -> Person:
    squares = lay_squares(track, settings.size, _LARGEST)
    return Person(track=track, squares=squares, mouth=NewMouth(own, said, shipped_rig()))


def run_dub(job: DubJob, parts: Parts, report: Report) -> Dubbed:
    """Do a job whose inputs have been checked; its video is written if it names an output."""
    dubbed, sound = prepare_dub(job, parts, report)
    if job.output is None:
        return dubbed
    assert job.sidecar is not None  # noqa: S101 where there is an output, there is one
    made = _ingredients(job)
    beside = sidecar(job.output, *made, path=job.sidecar)
    pieces = parts_of(len(dubbed), dubbed.fps)
    kept = _kept(job, len(dubbed) / dubbed.fps)
    if len(pieces) == 1 and kept is None:
        _write(dubbed, sound, job, job.output, beside)
        return dubbed
    folder = folder_for(job.output, made_of(*made))
    files = finish_parts(folder, pieces, dubbed.drawn, dubbed.size, dubbed.fps, dubbed.ended)
    join(
        files, job.output, fps=dubbed.fps, lengths=[len(piece) for piece in pieces], sound=sound,
        kept=kept, overwrite=job.overwrite, tags=COMPOSITE_TAGS, beside=beside,
    )  # fmt: skip
    remove_parts(folder)
    return dubbed


def _ingredients(job: DubJob) -> tuple[dict[str, Any], dict[str, Opened | Path], list[str]]:
    """Return what decides the video: all settings, all inputs, the names of the weights."""
    settings = job.settings
    own = settings.speech2landmarks
    named = {"speech2landmarks": own, "faces": settings.faces}
    inputs = {"video": job.video.source, "audio": job.audio.source} | {
        role: path for role, path in named.items() if path is not None
    }
    weights = [name for name in _WEIGHTS if not (own and name == "speech2landmarks")]
    return asdict(settings), inputs, weights


def _kept(job: DubJob, seconds: Fraction) -> Kept | None:
    """Return the tracks of the video that are carried over; what is lost is said."""
    settings, source = job.settings, job.video.source
    kept, lost = kept_of(source, exact(settings.start), seconds)
    note = ""
    if lost:
        note = (
            f"of {source} these tracks are not carried over, no MP4 holds them: {', '.join(lost)}"
        )
    if settings.sync_mode not in _ALONG and kept is not None:
        note = (
            f"further sounds and subtitles of {source} are not carried over: with --sync-mode "
            f"{settings.sync_mode} its picture jumps or changes speed"
        )
        kept = None
    if note:
        warnings.warn(note, Speech2FaceWarning, stacklevel=2)
    return kept


def _write(
    dubbed: Dubbed, sound: FramedSound | Sound, job: DubJob, output: Path, beside: Beside
) -> None:
    """Encode the frames with their sound while they are drawn."""
    heard = sound if isinstance(sound, Sound) else sound.format
    with VideoWriter(
        output, size=dubbed.size, fps=dubbed.fps, sound=heard, overwrite=job.overwrite,
        tags=COMPOSITE_TAGS, beside=beside,
    ) as video:  # fmt: skip
        for number, frame in enumerate(dubbed):
            if isinstance(sound, FramedSound):
                video.write_sound(sound.of_frame(number))
            video.write(frame)


def _tracked(
    video: Excerpt, needed: int, faces: list[str], job: DubJob, parts: Parts, report: Report
) -> list[FaceTrack]:
    def ended(done: int) -> None:
        report(Progress(stage="track", done=done, total=needed))

    chosen = [picked(face, job.video, parts.tracker) for face in faces]
    return track_faces(islice(video.since(0), needed), parts.tracker, chosen, ended)


def _no_face(job: DubJob, face: str, track: FaceTrack) -> str:
    which = "" if face == "largest" else f" {face!r}"
    why = "it is turned away in all of them" if track.seen.any() else "none was found"
    return (
        f"no frame of {job.video.source} shows a face{which} that could speak ({why} of "
        f"{len(track)} frames); expected one seen from the front, 48 px or more between the eyes; "
        "choose another video, part or face"
    )


def _said(
    job: DubJob, parts: Parts, rest: Float[np.ndarray, "70 3"], frames: int,
    spans: Spans | None, report: Report,
) -> Said:  # fmt: skip
    """Hear the sound: what a face with this mouth at rest does in each frame that is shown."""
    settings, fps = job.settings, job.video.fps
    speech = job.audio.speech()
    speech = speech if spans is None else voice(speech, spans)
    report(Progress(stage="sound", done=1, total=1))
    heard = parts.speech2landmarks(speech, rest)
    report(Progress(stage="landmarks", done=1, total=1))
    seconds = np.arange(len(heard)) / float(heard.fps)
    emotion = sample(settings.controls.resolve().emotion, seconds).astype(np.float32)
    speaks = np.ones(frames)
    if settings.keep_mouth_when_silent:
        speaks = speaking(analyse(speech), frames, fps)
    return say(heard, rest, emotion, speaks, fps, settings.strength)


def _sound(job: DubJob, played: Played, fps: Fraction) -> FramedSound | Sound:
    """Return the sound of the frames that are shown."""
    length = len(played.frames) / fps
    if job.under is None and job.duration > length - 1 / fps:
        return job.audio if job.duration <= length else job.audio.first(length)
    under = None
    if job.under is not None:
        gain = 10 ** ((job.settings.mix_original or 0) / 20)
        under = Under(sound=job.under, start=exact(job.settings.start), gain=gain)
    return FramedSound(job.audio, fps, seconds=min(job.duration, length), under=under)
