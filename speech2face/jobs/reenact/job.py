"""The whole job: a portrait and a driving video become a video of the portrait moving likewise."""

from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from speech2face.controls.head_room import HeadRoom
from speech2face.errors import InputError, MediaError
from speech2face.face.rig import shipped_rig
from speech2face.face.view import View
from speech2face.generators import registry
from speech2face.jobs.avatar import Avatar, Parts
from speech2face.jobs.avatar import scaled as strengthened
from speech2face.jobs.clip import Clip, Progress, Report
from speech2face.jobs.pose_video import LIMITS
from speech2face.jobs.preflight import check_video, read_portrait, require_space
from speech2face.jobs.provenance import SYNTHETIC_TAGS, sidecar
from speech2face.jobs.reenact.leaders import Leader, VideoLeader, open_leader
from speech2face.jobs.reenact.own import read_latents
from speech2face.jobs.reenact.settings import OWN, ReenactSettings
from speech2face.jobs.sound import open_audio
from speech2face.media.inputs import Opened, Readable, open_input
from speech2face.media.sound.audio import open_sound
from speech2face.media.sound.framed import FramedSound
from speech2face.media.sound.sound import Sound
from speech2face.media.video.encode import VideoWriter, require_encoders
from speech2face.motion.motion import Motion
from speech2face.motion.regions import scaled, with_lips_of
from speech2face.motion.solve import Solve
from speech2face.regions import parse_regions
from speech2face.signals import resample
from speech2face.sources.part import exact, part_of
from speech2face.sources.playing import play
from speech2face.types import ControlTrack, Speech, cut

_ROOM = HeadRoom(low=(-LIMITS[0], -LIMITS[1], -LIMITS[2]), high=LIMITS)
"""How far a head may be led: beyond it pictures tear."""
_WEIGHTS = ("rig", "tracker")


@dataclass(frozen=True, kw_only=True)
class ReenactJob:
    """One portrait to move; its inputs have been probed and its output can be written."""

    portrait: Opened
    image: UInt8[np.ndarray, "height width 3"]
    """The portrait's picture, upright, sRGB."""
    driving: Leader
    audio: Sound | None
    """The sound that moves the lips; None: they are the driver's."""
    sound: Sound | None
    """The sound of the result; None: there is none."""
    output: Path | None
    """Where the video goes; None: frames are only handed out."""
    sidecar: Path | None
    overwrite: bool
    settings: ReenactSettings


def check_reenact(
    portrait: Readable,
    driving: Readable,
    output: Path | None,
    settings: ReenactSettings,
    *,
    audio: Readable | Sound | None = None,
    overwrite: bool = False,
) -> ReenactJob:
    """Make sure of everything that needs no model: generator, inputs, encoders, output, disk.

    Raises:
        InputError: An input cannot be used, or the output is one of them.
    """  # noqa: DOC502 those below raise it
    registry.require(settings.generator)
    path = None
    if output is not None:
        files = [audio, *settings.files]
        output, path = check_video(output, portrait, driving, files, overwrite=overwrite)
    seen = open_input(portrait, "portrait")
    leader = open_leader(driving, settings)
    if settings.motion == OWN:
        _require_own(settings.generator, leader, audio)
    require_encoders()
    part = part_of(settings.start, settings.end, leader.fps, leader.frames)
    shared = settings.shared(leader.fps)
    heard = None if audio is None else open_audio(audio, shared)
    sound = heard or _own_sound(leader)
    if output is not None:
        require_space(output, heard.duration if heard else len(part) / leader.fps)
    return ReenactJob(
        portrait=seen, image=read_portrait(seen, shared), driving=leader, audio=heard,
        sound=sound, output=output, sidecar=path, overwrite=overwrite, settings=settings,
    )  # fmt: skip


def _require_own(generator: str, leader: Leader, audio: Readable | Sound | None) -> None:
    """Make sure that a generator can read what leads by itself, and that nothing else is asked for.

    Raises:
        InputError: It cannot, no video leads, or a sound is to move the lips.
    """
    if not registry.reads(generator):
        msg = f"{generator} has no motion extractor of its own; leave out --motion own"
    elif not isinstance(leader, VideoLeader):
        msg = f"--motion own reads videos, {leader.source} is none; leave it out"
    elif audio is not None:
        msg = "with --motion own the whole face is the driver's; leave out --audio, or --motion"
    else:
        return
    raise InputError(msg)


def _own_sound(leader: Leader) -> Sound | None:
    """Return the sound of the driving video; None where it has none, or is no video."""
    try:
        return open_sound(leader.source) if isinstance(leader, VideoLeader) else None
    except MediaError:
        return None


def prepare_reenact(job: ReenactJob, avatar: Avatar, parts: Parts, report: Report) -> Clip:
    """Follow what leads and decide the motion; frames are drawn when they are asked for.

    Raises:
        NoFaceError: The driving video shows no face most of the time.
    """  # noqa: DOC502 the leader raises it
    settings, driving = job.settings, job.driving
    part = part_of(settings.start, settings.end, driving.fps, driving.frames)
    part = part if settings.preview is None else part[: settings.preview]

    def ended(done: int) -> None:
        report(Progress(stage="track", done=done, total=len(part)))

    if settings.motion == OWN and isinstance(driving, VideoLeader):
        seen = driving.follow(part, settings, parts.tracker, ended)
        values = read_latents(avatar.latents_like, seen)
        report(Progress(stage="latents", done=1, total=1))
        return avatar.drawn(values, driving.fps, settings.shared(driving.fps), report)
    motion = driving.motion(part, avatar.view, settings, parts.tracker, ended)
    fps = motion.fps
    names, strengths = shipped_rig().names, parse_regions(settings.regions)
    speech: Speech | None = None
    if job.audio is not None:
        played = play("bounce", len(motion), fps, job.audio.duration)
        rows = played.frames[: settings.preview]
        motion, speech = scaled(cut(motion, rows), names, strengths), job.audio.speech()
        said = _said(speech, avatar.view, parts, settings)
        lips = resample(said.weights, said.fps, fps, len(rows))
        motion = with_lips_of(motion, Motion.of(lips, fps=fps), names)
    else:
        motion = scaled(motion, names, strengths)
    if not settings.absolute:
        motion = replace(motion, pose=_ROOM.hold(motion.pose).astype(np.float32))
    report(Progress(stage="latents", done=1, total=1))
    return avatar.moved(motion, speech, settings.shared(fps), report)


def _said(speech: Speech, view: View, parts: Parts, settings: ReenactSettings) -> Motion:
    """Return the motion of what a sound says, at 25 frames a second."""
    rest = view.likeness.rest
    track = parts.speech2landmarks(speech, rest)
    track = strengthened(track, rest, settings.expression_scale)
    return Solve(view)(track, ControlTrack.neutral(len(track), track.fps))


def run_reenact(job: ReenactJob, avatar: Avatar, parts: Parts, report: Report) -> Clip:
    """Do a job whose inputs have been checked; its video is written if it names an output."""
    clip = prepare_reenact(job, avatar, parts, report)
    if job.output is None:
        return clip
    assert job.sidecar is not None  # noqa: S101 where there is an output, there is one
    settings, fps = job.settings, clip.latents.fps
    own = settings.speech2landmarks
    files = {"portrait": job.portrait, "driving": job.driving.source}
    files |= {} if job.audio is None else {"audio": job.audio.source}
    hears = job.audio is not None and not own
    beside = sidecar(
        job.output,
        settings=asdict(settings) | {"generator": registry.full_name(settings.generator)},
        inputs={**files} | ({"speech2landmarks": own} if own else {}),
        weights=sorted({
            *_WEIGHTS, *registry.weights_of(settings.generator),
            *(["speech2landmarks"] if hears else []),
        }),
        path=job.sidecar,
    )  # fmt: skip
    start = exact(settings.start) if job.audio is None else Fraction(0)
    sound = None if job.sound is None else FramedSound(job.sound, fps, start=start)
    with VideoWriter(
        job.output, size=clip.size, fps=fps, sound=sound and sound.format,
        overwrite=job.overwrite, tags=SYNTHETIC_TAGS, beside=beside,
    ) as video:  # fmt: skip
        for number, frame in enumerate(clip):
            if sound is not None:
                video.write_sound(sound.of_frame(number))
            video.write(frame)
    return clip
