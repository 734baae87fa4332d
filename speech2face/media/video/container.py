"""What an MP4 is beside its streams: its name, its tags, and the check of the whole."""

from fractions import Fraction
from pathlib import Path

from av.container import OutputContainer

from speech2face.errors import MediaError, OutputError, shown
from speech2face.media.inputs import Opened, open_input
from speech2face.media.libav import demuxed, start_of
from speech2face.media.sound.audio import probe_audio
from speech2face.media.video.xmp import xmp_box

SOURCE_TYPE = "digitalSourceType"
"""The tag that is written as XMP, because ffmpeg's MP4 knows no such name."""

_ENDINGS = (".mp4", ".m4v")

_ROUNDING = Fraction(1, 1000)
"""Seconds by which a resampled or re-packed sound may differ in length from its original."""


def require_mp4_name(output: Path) -> None:
    """Check that a name says MP4.

    Raises:
        OutputError: It does not.
    """
    if not output.suffix:
        msg = (
            f"the output {shown(output)} is no folder that exists; expected one, or a file that "
            f"ends in {' or '.join(_ENDINGS)}; create the folder, or add an ending"
        )
        raise OutputError(msg)
    if output.suffix.lower() not in _ENDINGS:
        msg = (
            f"the output {shown(output)} has no ending of MP4; expected {' or '.join(_ENDINGS)}; "
            "rename it"
        )
        raise OutputError(msg)


def write_tags(container: OutputContainer, tags: dict[str, str]) -> None:
    """Tag an MP4 that is being written."""
    container.metadata.update({key: tags[key] for key in tags if key != SOURCE_TYPE})


def source_type_box(tags: dict[str, str]) -> bytes:
    """Return what is appended to a finished MP4 for the tag that ffmpeg cannot write."""
    return xmp_box(tags[SOURCE_TYPE]) if SOURCE_TYPE in tags else b""


def append_source_type(path: Path, tags: dict[str, str]) -> None:
    """Append the tag that ffmpeg cannot write, where it is asked for."""
    with path.open("ab") as file:
        file.write(source_type_box(tags))


def lengths(path: Path, frame: Fraction) -> tuple[Fraction, Fraction]:
    """Measure where picture and sound of a file end, in seconds.

    Args:
        path: A video with sound.
        frame: Seconds of a frame: how precise the answer has to be.

    Raises:
        MediaError: It lacks one of both.
    """
    source = open_input(path, "video")
    try:
        ends = _ends(source)
        if not {"video", "audio"} <= ends.keys():
            msg = f"{path.name} lacks picture or sound; expected both; free some disk and try again"
            raise MediaError(msg)
        if abs(ends["video"] - ends["audio"]) >= frame:
            # The last packet may hold padding that no player plays; decoding shows it.
            ends["audio"] = probe_audio(source).duration
    finally:
        source.close()
    return ends["video"], ends["audio"]


def _ends(source: Opened) -> dict[str, Fraction]:
    """Return where the last packet of each kind of stream ends, in seconds."""
    found: dict[str, Fraction] = {}
    with demuxed(source) as container:
        for packet in container.demux():
            if packet.pts is None or packet.time_base is None or not packet.size:
                continue
            start = start_of(container, packet.stream) or Fraction(0)
            end = (packet.pts + (packet.duration or 0)) * packet.time_base - start
            kind = packet.stream.type
            found[kind] = max(found.get(kind, Fraction(0)), end)
    return found


def check_lengths(path: Path, frame: Fraction, given: Fraction) -> None:
    """Check that picture and sound of a finished file end within one frame of each other.

    Args:
        path: A video with sound.
        frame: Seconds of a frame.
        given: Seconds of the sound that went in; a file may seem longer by the padding of its
            last packet, which is no fault.

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
