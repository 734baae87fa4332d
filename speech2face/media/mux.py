"""Put a sound under a video that is finished: the picture is copied bit by bit."""

import warnings
from pathlib import Path

from speech2face.errors import Speech2FaceWarning
from speech2face.media.audio import probe_audio
from speech2face.media.container import (
    container_options,
    lengths,
    require_mp4_name,
    sound_codec,
    write_source_type,
)
from speech2face.media.ffmpeg import input_file, run_ffmpeg
from speech2face.media.output import atomic_output
from speech2face.media.video import probe_video


def mux(
    video: Path,
    sound: Path,
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
    with atomic_output(output, overwrite) as temporary:
        picture, heard = probe_video(video), probe_audio(sound)
        arguments = [
            *input_file(video), *input_file(sound),
            "-map", "0:V:0", "-map", "1:a:0", "-c:v", "copy", *sound_codec(heard),
            *container_options(tags, temporary),
        ]  # fmt: skip
        run_ffmpeg(arguments, doing=f"put the sound of {sound} under {video}")
        write_source_type(temporary, tags)
        seen, played = lengths(temporary, 1 / picture.fps)
    if abs(seen - played) >= 1 / picture.fps:
        note = (
            f"in {output} the picture lasts {float(seen):.3f} s and the sound {float(played):.3f} s"
        )
        warnings.warn(note, Speech2FaceWarning, stacklevel=2)
