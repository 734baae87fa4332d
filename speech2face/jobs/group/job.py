"""The whole job: a picture of several people becomes a video in which each says its own sound."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from speech2face.controls.turns import Spans, voice
from speech2face.errors import InputError
from speech2face.face.choose import prepare_views
from speech2face.generators import registry
from speech2face.jobs.avatar import Avatar, Parts
from speech2face.jobs.clip import Clip, Progress, Report
from speech2face.jobs.group.frames import GroupClip
from speech2face.jobs.group.speakers import Speaker
from speech2face.jobs.ingredients import ingredients
from speech2face.jobs.preflight import (
    check_video,
    needed_of,
    read_portrait,
    require_allowed,
    require_space,
)
from speech2face.jobs.provenance import SYNTHETIC_TAGS, sidecar
from speech2face.jobs.settings import Settings
from speech2face.jobs.sound import open_audio
from speech2face.media.inputs import Opened, Readable, open_input
from speech2face.media.sound.mixed import MixedSound, Placed
from speech2face.media.sound.sound import Sound
from speech2face.media.video.encode import Beside, ByteSink, VideoWriter, require_encoders
from speech2face.media.video.video import probe_video
from speech2face.sources.part import exact
from speech2face.timing import SPEECH_RATE
from speech2face.types import Speech


@dataclass(frozen=True, kw_only=True)
class Line:
    """What one face says, and when."""

    face: str
    said: Placed
    spans: Spans | None
    """As in `Speaker`."""


@dataclass(frozen=True, kw_only=True)
class GroupJob:
    """One picture of several people; its inputs have been probed and its output can be written."""

    portrait: Opened
    image: UInt8[np.ndarray, "height width 3"]
    """The picture, upright, sRGB."""
    lines: tuple[Line, ...]
    duration: Fraction
    """Seconds until the last sound ends."""
    files: dict[str, Path]
    """What else was read, by its role."""
    output: Path | None
    """Where the video goes; None: frames are only handed out."""
    sidecar: Path | None
    overwrite: bool
    settings: Settings

    @property
    def sounds(self) -> list[Placed]:
        """What is heard: a sound in which several speak is heard once."""
        lines = [line.said for line in self.lines]
        return list({(id(said.sound), said.start): said for said in lines}.values())


def check_group(
    portrait: Readable,
    speakers: Sequence[Speaker],
    output: Path | None,
    settings: Settings,
    *,
    files: Mapping[str, Path] | None = None,
    overwrite: bool = False,
) -> GroupJob:
    """Make sure of everything that needs no model: generator, inputs, encoders, output, disk.

    Args:
        portrait: The picture.
        speakers: Who says what.
        output: A file, or a folder for which a name is made from the inputs; None: no file.
        settings: How faces are animated; each has blinks and motion of its own.
        files: What else was read, by its role.
        overwrite: Replace an output that exists.

    Raises:
        InputError: An input cannot be used, the settings show one face alone, or the output is one
            of the inputs.
    """  # noqa: DOC502 those below raise it
    _require_fitting(speakers, settings)
    registry.require(settings.generator)
    pose, path, files = settings.resolve().pose, None, dict(files or {})
    if output is not None:
        others = [*(one.sound for one in speakers[1:]), *files.values(), *settings.files]
        output, path = check_video(output, portrait, speakers[0].sound, others, overwrite=overwrite)
    seen = open_input(portrait, "portrait")
    lines = _lines(speakers, settings)
    if isinstance(pose, Path):
        probe_video(pose)
    require_encoders()
    duration = max(line.said.end for line in lines)
    require_allowed("the sound", duration, settings.max_duration)
    if output is not None:
        require_space(output, duration)
    return GroupJob(
        portrait=seen, image=read_portrait(seen, settings), lines=lines, duration=duration,
        files=files, output=output, sidecar=path, overwrite=overwrite, settings=settings,
    )  # fmt: skip


def _require_fitting(speakers: Sequence[Speaker], settings: Settings) -> None:
    """Refuse settings that show or choose one face alone.

    Raises:
        InputError: Nobody speaks, or such a setting is there.
    """
    if not speakers:
        msg = "nobody speaks in the picture; expected a face and its sound: --speaker left=a.wav"
        raise InputError(msg)
    if not settings.full:
        msg = "--crop shows one face, of several speakers the whole picture is shown; leave it out"
        raise InputError(msg)
    if settings.face_select != "largest":
        msg = (
            f"--face-select {settings.face_select} chooses one face; of several speakers each is "
            "chosen where its sound is: --speaker left=a.wav; leave --face-select out"
        )
        raise InputError(msg)


def _lines(speakers: Sequence[Speaker], settings: Settings) -> tuple[Line, ...]:
    """Open the sounds, a file that is named twice once, and place them in time."""
    lines: list[Line] = []
    end = Fraction(0)

    @cache
    def opened(given: Readable | Sound) -> Sound:
        return needed_of(open_audio(given, settings), settings)

    for one in speakers:
        start = exact(one.start) + (end if one.follows else 0)
        said = Placed(sound=opened(one.sound), start=start)
        lines.append(Line(face=one.face, said=said, spans=one.spans))
        end = said.end
    return tuple(lines)


def prepare_group(job: GroupJob, parts: Parts, report: Report) -> GroupClip:
    """Find the faces, hear the speech and plan everybody's motion: all that precedes the frames.

    Raises:
        NoFaceError: A face that is to speak is not there, or cannot be animated.
    """  # noqa: DOC502 prepare_views raises it
    settings = job.settings
    views, places = prepare_views(
        job.image, parts.tracker, [line.face for line in job.lines], size=settings.size,
        force=settings.force,
    )  # fmt: skip
    report(Progress(stage="portrait", done=1, total=1))
    clips: list[Clip] = []
    for number, view in enumerate(views):
        own = [line for line, place in zip(job.lines, places, strict=True) if place == number]
        # Faces with one seed would blink and nod as one.
        living = replace(settings, seed=settings.seed + number)
        speech = _speech(own, job.duration)
        avatar = Avatar(view, parts, living)
        name = own[0].said.sound.name if own else None
        clips.append(avatar.clip(speech, job.duration, living, report, name=name))
    return GroupClip(clips, parts.drawers, settings.batch_size, report)


def _speech(lines: Iterable[Line], duration: Fraction) -> Speech:
    """Return all that one face says; a face without lines listens in silence."""
    samples = np.zeros(max(1, math.ceil(duration * SPEECH_RATE)), np.float32)
    for line in lines:
        heard = line.said.sound.speech()
        said = (heard if line.spans is None else voice(heard, line.spans)).samples
        start = math.ceil(line.said.start * SPEECH_RATE)
        part = samples[start : start + len(said)]
        part += said[: len(part)]
    return Speech(samples=np.clip(samples, -1, 1))


def run_group(
    job: GroupJob, parts: Parts, report: Report, stream: ByteSink | None = None
) -> GroupClip:
    """Do a job whose inputs have been checked.

    Args:
        job: Its video is written if it names an output.
        parts: Loaded networks.
        report: Called whenever a piece of work has ended.
        stream: Takes the video as fragmented MP4, instead of a file.
    """
    clip = prepare_group(job, parts, report)
    if stream is not None:
        _write(clip, job, stream, None)
    elif job.output is not None:
        assert job.sidecar is not None  # noqa: S101 where there is an output, there is one
        sounds = {f"audio {n}": said.sound.source for n, said in enumerate(job.sounds, 1)}
        made = ingredients(job.settings, {"portrait": job.portrait, **sounds, **job.files})
        lines = [
            {"face": line.face, "start": float(line.said.start), "spans": _shown(line.spans)}
            for line in job.lines
        ]
        settings, inputs, weights = made
        beside = sidecar(
            job.output, {**settings, "speakers": lines}, inputs, weights, path=job.sidecar
        )
        _write(clip, job, job.output, beside)
    return clip


def _shown(spans: Spans | None) -> list[list[float | None]] | None:
    """Return stretches as JSON knows them: None where one goes on to the end."""
    if spans is None:
        return None
    return [[None if math.isinf(end) else end for end in span] for span in spans]


def _write(clip: GroupClip, job: GroupJob, output: Path | ByteSink, beside: Beside | None) -> None:
    """Encode the frames with the sounds while they are drawn."""
    heard, fps = job.sounds, clip.fps
    # One sound from the start on is played as it is.
    alone = len(heard) == 1 and heard[0].start == 0
    mixed = None if alone else MixedSound(heard, fps)
    with VideoWriter(
        output, size=clip.size, fps=fps, sound=heard[0].sound if mixed is None else mixed.format,
        overwrite=job.overwrite, tags=SYNTHETIC_TAGS,
        seconds=None if job.settings.preview is None else len(clip) / fps, beside=beside,
    ) as video:  # fmt: skip
        for number, frame in enumerate(clip):
            if mixed is not None:
                video.write_sound(mixed.of_frame(number))
            video.write(frame)
