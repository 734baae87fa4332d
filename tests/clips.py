"""Small sounds and videos for tests, made by a whole ffmpeg, which is not what reads them."""

import subprocess
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import soundfile

CLICK_SECOND = 0.5


def ffmpeg(*arguments: str) -> str:
    """Run ffmpeg; return what it wrote to its standard output."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostdin", "-v", "error", "-y"]
    return subprocess.run([*command, *arguments], capture_output=True, text=True, check=True).stdout


def described(path: Path) -> str:
    """What ffmpeg says of a file's streams."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-i", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr


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
