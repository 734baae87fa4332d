"""Put a sound under a video that is finished: the picture is copied bit by bit."""

import warnings
from fractions import Fraction
from pathlib import Path

import av
import av.error
from av.container import OutputContainer
from av.video.stream import VideoStream

from speech2face.errors import MediaError, Speech2FaceWarning, shown
from speech2face.media.inputs import Opened, Readable, open_input
from speech2face.media.libav import as_output_error, demuxed
from speech2face.media.output import atomic_output, check_outputs
from speech2face.media.sound.audio import open_sound
from speech2face.media.sound.sound import Sound
from speech2face.media.sound.soundtrack import SoundTrack
from speech2face.media.video.container import (
    append_source_type,
    lengths,
    require_mp4_name,
    write_tags,
)
from speech2face.media.video.video import picture_of, probe_video

_PLAYED = ("h264", "hevc", "av1", "vp9", "mpeg4")
"""Pictures that an MP4 holds and players know."""


def mux(
    video: Readable,
    sound: Sound | Readable,
    output: Path,
    overwrite: bool,
    tags: dict[str, str] | None = None,
) -> None:
    """Write a video's picture and another file's sound as one MP4.

    A sound that is longer or shorter than the picture is kept whole, with a warning.

    Args:
        video: A video whose picture an MP4 can hold (H.264, HEVC, AV1, VP9, MPEG-4).
        sound: A sound file, or a video with sound.
        output: The file, ending in .mp4 or .m4v.
        overwrite: Whether an existing file may be replaced.
        tags: Metadata, as in `VideoWriter`.

    Raises:
        InputError: An input is missing, or the sound lasts 0 s.
        MediaError: An input cannot be decoded or an MP4 cannot hold it.
        OutputError: The output cannot be written, or exists and may not be replaced.
    """  # noqa: DOC502 the functions called raise them
    tags = tags or {}
    require_mp4_name(output)
    check_outputs(output, inputs=[video, sound], overwrite=overwrite)
    with atomic_output(output, overwrite) as temporary:
        source, heard = open_input(video, "video"), open_sound(sound)
        picture = probe_video(source)
        if picture.codec not in _PLAYED:
            msg = (
                f"the picture of {source} is {picture.codec}, which an MP4 cannot hold so that "
                f"players show it; expected one of {', '.join(_PLAYED)}; convert it first"
            )
            raise MediaError(msg)
        _write(source, heard, temporary, tags, f"put the sound of {heard.name} under {source}")
        append_source_type(temporary, tags)
        seen, played = lengths(temporary, 1 / picture.fps)
    if abs(seen - played) >= 1 / picture.fps:
        note = (
            f"in {shown(output)} the picture lasts {float(seen):.3f} s and the sound "
            f"{float(played):.3f} s"
        )
        warnings.warn(note, Speech2FaceWarning, stacklevel=2)


def _write(source: Opened, heard: Sound, temporary: Path, tags: dict[str, str], doing: str) -> None:
    """Copy the picture's packets, and the sound beside them.

    Raises:
        MediaError: They cannot be put into an MP4.
        OutputError: The disk is full.
    """  # noqa: DOC501, DOC502
    try:
        with (
            demuxed(source) as container,
            av.open(
                f"file:{temporary}", "w", "mp4", container_options={"movflags": "faststart"}
            ) as out,
        ):
            write_tags(out, tags)
            stream = picture_of(container)
            copied = _template(out, stream)
            track = SoundTrack(out, heard)
            for packet in container.demux(stream):
                if not packet.size:
                    continue
                time = packet.dts if packet.dts is not None else packet.pts
                if time is not None and packet.time_base is not None:
                    track.write_until(max(Fraction(0), time * packet.time_base))
                packet.stream = copied
                out.mux_one(packet)
            track.finish()
    except av.error.FFmpegError as error:
        raise as_output_error(error, doing) from error


def _template(out: OutputContainer, stream: VideoStream) -> VideoStream:
    copied = out.add_stream_from_template(stream)
    copied.metadata.clear()
    return copied
