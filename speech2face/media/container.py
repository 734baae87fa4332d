"""What goes into an MP4 beside the picture: the sound, the metadata, and the check of the whole."""

from fractions import Fraction
from pathlib import Path

from speech2face.errors import MediaError, OutputError
from speech2face.media.audio import AudioInfo, probe_audio
from speech2face.media.probe import probe_packets
from speech2face.media.xmp import append_xmp

SOURCE_TYPE = "digitalSourceType"
"""The tag that is written as XMP, because ffmpeg's MP4 knows no such name."""

_ENDINGS = (".mp4", ".m4v")

_COPIED_SOUND = ("aac", "mp3", "alac")
"""Sound that an MP4 holds as it is and players know; all other sound becomes AAC."""

_AAC_BITRATE = "192k"

_ROUNDING = Fraction(1, 1000)
"""Seconds by which a resampled or re-packed sound may differ in length from its original."""


def require_mp4_name(output: Path) -> None:
    """Check that a name says MP4.

    Raises:
        OutputError: It does not.
    """
    if output.suffix.lower() not in _ENDINGS:
        msg = (
            f"the output {output} has no ending of MP4; expected {' or '.join(_ENDINGS)}; rename it"
        )
        raise OutputError(msg)


def sound_codec(heard: AudioInfo, *, cut: bool = False) -> list[str]:
    """Give the options that put a sound into an MP4: a copy where players know it, else AAC.

    Args:
        heard: What the sound is.
        cut: Whether less than all of it is taken; a packet that is copied cannot be cut.
    """
    if heard.codec in _COPIED_SOUND and not cut:
        return ["-c:a", "copy"]
    return ["-c:a", "aac", "-b:a", _AAC_BITRATE]


def container_options(tags: dict[str, str], temporary: Path) -> list[str]:
    """Give the options that name, tag and lay out an MP4; nothing of the inputs' tags is kept."""
    named = [
        word
        for key, value in tags.items()
        if key != SOURCE_TYPE
        for word in ("-metadata", f"{key}={value}")
    ]
    return [
        "-map_metadata", "-1", "-map_chapters", "-1", *named,
        "-movflags", "+faststart", "-f", "mp4", "-y", f"file:{temporary}",
    ]  # fmt: skip


def write_source_type(path: Path, tags: dict[str, str]) -> None:
    """Write the tag that ffmpeg cannot write, where it is asked for."""
    if SOURCE_TYPE in tags:
        append_xmp(path, tags[SOURCE_TYPE])


def lengths(path: Path, frame: Fraction) -> tuple[Fraction, Fraction]:
    """Measure where picture and sound of a file end, in seconds.

    Args:
        path: A video with sound.
        frame: Seconds of a frame: how precise the answer has to be.
    """
    packets = {"doing": f"check {path.name}", "options": ("-c", "copy")}
    picture = probe_packets(path, "0:v:0", **packets).end_seconds
    sound = probe_packets(path, "0:a:0", **packets).end_seconds
    if abs(picture - sound) >= frame:
        # The last packet may hold padding that no player plays; decoding tells, at the price of
        # about a second for ten minutes.
        sound = probe_audio(path).duration
    return picture, sound


def check_lengths(path: Path, frame: Fraction, given: Fraction) -> None:
    """Check that picture and sound of a finished file end within one frame of each other.

    Args:
        path: A video with sound.
        frame: Seconds of a frame.
        given: Seconds of the sound that went in. Older ffmpegs fill the last packet with up to
            1,023 silent samples, which is longer than a frame at 60 a second, and is no fault.

    Raises:
        MediaError: They do not.
    """
    picture, sound = lengths(path, frame)
    sound = min(sound, given)
    if abs(picture - sound) >= frame + _ROUNDING:
        msg = (
            f"the picture lasts {float(picture):.3f} s and the sound {float(sound):.3f} s; "
            "expected less than one frame between them; give as many frames as the sound lasts"
        )
        raise MediaError(msg)
