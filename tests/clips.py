"""Small sounds and videos for tests, made by the same ffmpeg that the package uses."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import soundfile

from speech2face.media.ffmpeg import run_ffmpeg

CLICK_SECOND = 0.5


def ffmpeg(*arguments: str) -> None:
    run_ffmpeg([*arguments], doing="make a file for a test")


def click(path: Path, *, rate: int = 48_000, channels: int = 2, seconds: float = 1.01) -> Path:
    """Write a sound that is quiet but for a short tone after half a second."""
    time = np.arange(round(seconds * rate)) / rate
    loud = (time >= CLICK_SECOND) & (time < CLICK_SECOND + 0.02)
    tone = 0.5 * np.sin(2 * np.pi * 1000 * time) * loud
    samples = np.repeat(tone[:, None], channels, axis=1)
    if path.suffix in {".wav", ".flac"}:
        soundfile.write(path, samples, rate)
        return path
    whole = path.with_name(f"{path.name}.wav")
    soundfile.write(whole, samples, rate)
    ffmpeg("-i", str(whole), *CODECS[path.suffix], str(path))
    return path


ROUNDING = Fraction(1, 1000)


def tail(path: Path) -> Fraction:
    """Seconds by which a sound that was put into an MP4 may seem longer than it is.

    An MP3 that is copied keeps the silence of its last packet; not all ffmpegs know how much.
    """
    return Fraction(1152, 48_000) if path.suffix == ".mp3" else ROUNDING


CODECS = {
    ".m4a": ("-c:a", "aac"),
    ".aac": ("-c:a", "aac"),
    ".mp3": ("-c:a", "libmp3lame"),
    ".ogg": ("-c:a", "libvorbis"),
    ".opus": ("-c:a", "libopus"),
    ".mov": ("-c:a", "alac"),
}


def video(path: Path, *options: str, source: str = "testsrc=s=64x48:r=30:d=1") -> Path:
    """Write a test card as a video."""
    ffmpeg("-f", "lavfi", "-i", source, *options, str(path))
    return path
