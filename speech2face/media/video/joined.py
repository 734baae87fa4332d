"""Finished parts of a video become one: their pictures are copied, the sound is put beside them."""

from collections.abc import Sequence
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path

import av
import av.error
from av.container import OutputContainer
from av.video.stream import VideoStream

from speech2face.media.inputs import open_input
from speech2face.media.libav import as_output_error, demuxed
from speech2face.media.output import atomic_outputs
from speech2face.media.sound.framed import FramedSound
from speech2face.media.sound.sound import Sound
from speech2face.media.sound.soundtrack import SoundTrack
from speech2face.media.video.carried import CarriedTracks, Kept
from speech2face.media.video.container import append_source_type, check_lengths, write_tags
from speech2face.media.video.encode import Beside
from speech2face.media.video.video import picture_of


def join(
    parts: Sequence[Path],
    output: Path,
    *,
    fps: Fraction,
    lengths: Sequence[int],
    sound: Sound | FramedSound,
    kept: Kept | None,
    overwrite: bool,
    tags: dict[str, str],
    beside: Beside,
) -> None:
    """Write the pictures of parts one after another, with a sound and carried tracks.

    Args:
        parts: Videos of `VideoWriter`, all of one size and rate, without sound.
        output: The file, ending in .mp4 or .m4v.
        fps: Their rate.
        lengths: Frames of each.
        sound: A whole sound, or one that is cut into the pieces of frames.
        kept: Tracks that are carried over.
        overwrite: Whether an existing file may be replaced.
        tags: Metadata, as in `VideoWriter`.
        beside: A file that belongs to the video.

    Raises:
        MediaError: They do not fit together.
        OutputError: The output cannot be written, or the disk is full.
    """  # noqa: DOC501, DOC502
    with atomic_outputs([output, beside.path], overwrite) as (temporary, aside):
        try:
            with (
                ExitStack() as opened,
                av.open(
                    f"file:{temporary}", "w", "mp4", container_options={"movflags": "faststart"}
                ) as out,
            ):
                write_tags(out, tags)
                with demuxed(open_input(parts[0], "part")) as first:
                    picture = out.add_stream_from_template(picture_of(first))
                track = SoundTrack(out, sound if isinstance(sound, Sound) else sound.format)
                carried = None if kept is None else CarriedTracks(out, kept, opened)
                _copy(parts, lengths, fps, out, picture, sound, track, carried)
        except av.error.FFmpegError as error:
            raise as_output_error(error, f"write {output.name}") from error
        append_source_type(temporary, tags)
        if isinstance(sound, Sound):
            check_lengths(temporary, 1 / fps, sound.duration)
        aside.write_bytes(beside.content(temporary))


def _copy(
    parts: Sequence[Path],
    lengths: Sequence[int],
    fps: Fraction,
    out: OutputContainer,
    picture: VideoStream,
    sound: Sound | FramedSound,
    track: SoundTrack,
    carried: CarriedTracks | None,
) -> None:
    """Copy the packets of the parts, and beside them what is heard meanwhile."""
    done = 0  # frames of the parts before
    heard = 0  # frames whose sound is written
    for part, length in zip(parts, lengths, strict=True):
        with demuxed(open_input(part, "part")) as container:
            stream = picture_of(container)
            base = stream.time_base or 1 / fps
            offset = round(done / fps / base)
            shown = done
            for packet in container.demux(stream):
                if not packet.size:
                    continue
                packet.pts = (packet.pts or 0) + offset
                packet.dts = packet.pts if packet.dts is None else packet.dts + offset
                packet.stream = picture
                out.mux_one(packet)
                shown += 1
                if isinstance(sound, FramedSound):
                    while heard < shown:
                        track.write(sound.of_frame(heard))
                        heard += 1
                else:
                    track.write_until(shown / fps)
                if carried is not None:
                    carried.write_until(shown / fps)
        done += length
    track.finish()
    if carried is not None:
        carried.finish()
