"""Sound in: any file that soundfile or ffmpeg can decode, read in blocks and resampled on the way.

soundfile reads the formats that state their exact length (WAV, FLAC, AIFF, ...); ffmpeg reads all
others and the sound of videos, on the file's own clock: what starts late starts late here too.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile
import soxr
from jaxtyping import Float32

from speech2face.errors import InputError, MediaError
from speech2face.media.ffmpeg import FfmpegProcess, input_file
from speech2face.media.files import require_file
from speech2face.media.probe import probe_packets
from speech2face.timing import SPEECH_RATE
from speech2face.types import Speech

_BLOCK_SECONDS = 4
"""Sound is decoded in blocks of this length, whatever the file's length."""

_SOUNDFILE_FORMATS = ("WAV", "WAVEX", "RF64", "W64", "AIFF", "CAF", "AU", "FLAC")
"""Formats whose header states the exact number of samples; of the others (MP3, Ogg) readers differ
by their treatment of the encoder's padding, and ffmpeg's is the one that the output will have."""

_PADDED_BY_DECODERS = ("aac",)
"""ffmpegs before 8 decode the silence that fills the last packet; its packet states the true end.
(Of MP3 the opposite holds: the decoder knows, the packets do not.)"""

_SAMPLE_BYTES = 4
"""Of a float32."""

_ON_THE_CLOCK = ("-af", "aresample=async=1:first_pts=0")
"""Fill holes in the sound, and its start where it begins after the picture, with silence."""


@dataclass(frozen=True, kw_only=True)
class AudioInfo:
    """What the sound of a file is."""

    duration: Fraction
    """Seconds, exact: decoded samples over their rate."""
    rate: int
    """Samples a second."""
    channels: int
    codec: str
    """Lower case: ffmpeg's name ("aac", "mp3"), or soundfile's for what it reads ("pcm_16")."""


def probe_audio(path: Path) -> AudioInfo:
    """Measure the sound of a file.

    Compressed sound is decoded once for it (about a second for ten minutes): only so is its length
    exact, and a damaged file is found before any work is done.

    Raises:
        InputError: There is no such file, or its sound lasts 0 s.
        MediaError: It holds no sound that can be decoded.
    """  # noqa: DOC502 _opened raises the second
    with _opened(path) as source:
        return source.info


def read_speech(path: Path) -> Speech:
    """Read the sound of a file as the models hear it: mono, 16 kHz.

    Channels are averaged. Besides the result (64 kB a second of sound) memory holds a few seconds.

    Args:
        path: A sound file, or a video with sound.

    Returns:
        The whole sound; where a float file exceeds [-1, 1] it is scaled back into it.

    Raises:
        InputError: There is no such file, its sound lasts 0 s, or it holds NaN or infinity.
        MediaError: It holds no sound that can be decoded.
    """  # noqa: DOC502 those below raise them
    with _opened(path) as source:
        expected = int(source.info.duration * SPEECH_RATE) + SPEECH_RATE
        samples = np.empty(expected, np.float32)
        filled = 0
        for block in _at_speech_rate(source):
            if filled + len(block) > len(samples):
                samples.resize((filled + len(block)) * 5 // 4, refcheck=False)
            samples[filled : filled + len(block)] = block
            filled += len(block)
    samples.resize(filled, refcheck=False)
    peak = max(samples.max(), -samples.min())
    if peak > 1:
        samples /= peak
    return Speech(samples=samples)


class _SoundFileSource:
    """A file that soundfile decodes."""

    def __init__(self, path: Path, file: soundfile.SoundFile) -> None:
        self.path: Path = path
        self._file: soundfile.SoundFile = file
        self.info: AudioInfo = AudioInfo(
            duration=Fraction(file.frames, file.samplerate),
            rate=file.samplerate,
            channels=file.channels,
            codec="flac" if file.format == "FLAC" else file.subtype.lower(),
        )

    def blocks(self) -> Iterator[Float32[np.ndarray, "samples channels"]]:
        size = self.info.rate * _BLOCK_SECONDS
        try:
            while len(block := self._file.read(size, dtype="float32", always_2d=True)):
                yield block
        except soundfile.LibsndfileError as error:
            msg = f"{self.path} is damaged ({error}); expected whole sound; copy or export it again"
            raise MediaError(msg) from error


class _FfmpegSource:
    """A file that ffmpeg decodes."""

    def __init__(self, path: Path) -> None:
        self.path: Path = path
        state = path.stat()
        self.info: AudioInfo = _decoded_info(path.resolve(), state.st_size, state.st_mtime_ns)

    def blocks(self) -> Iterator[Float32[np.ndarray, "samples channels"]]:
        rate, channels = self.info.rate, self.info.channels
        left = round(self.info.duration * rate)
        arguments = [
            *input_file(self.path), "-map", "0:a:0", *_ON_THE_CLOCK, "-c:a", "pcm_f32le",
            "-ar", str(rate), "-ac", str(channels), "-f", "f32le", "pipe:1",
        ]  # fmt: skip
        doing = f"decode the sound of {self.path}"
        with FfmpegProcess(arguments, doing=doing, gives=True) as process:
            while True:
                block = np.empty((rate * _BLOCK_SECONDS, channels), "<f4")
                read = process.read_into(block.data.cast("B"))
                here = min(left, read // (_SAMPLE_BYTES * channels))
                yield block[:here]
                left -= here
                if read < block.nbytes:
                    break
            process.finish()


@lru_cache(maxsize=16)
def _decoded_info(path: Path, size: int, changed: int) -> AudioInfo:  # noqa: ARG001 cache keys
    """Decode a sound once to measure it; a job asks for it three times."""
    decoded = probe_packets(
        path, "0:a:0", doing="decode it", options=[*_ON_THE_CLOCK, "-c:a", "pcm_f32le"]
    )
    packets = probe_packets(path, "0:a:0", doing="read it", options=["-c", "copy"])
    codec = packets.header.get("codec_id", "unknown")
    duration = decoded.end_seconds if decoded.count else Fraction(0)
    if codec in _PADDED_BY_DECODERS:
        duration = min(duration, packets.end_seconds)
    return AudioInfo(
        duration=duration,
        rate=int(decoded.header.get("sample_rate", 0)),
        channels=decoded.bytes // (_SAMPLE_BYTES * max(1, decoded.total)),
        codec=codec,
    )


_Source = _SoundFileSource | _FfmpegSource


@contextmanager
def _opened(path: Path) -> Iterator[_Source]:
    """Open a file with the decoder that suits it.

    Raises:
        InputError: There is no such file, or its sound lasts 0 s.
        MediaError: It holds no sound that can be decoded.
    """  # noqa: DOC502 require_file and _not_empty raise the first
    require_file(path, "sound")
    file = _opened_by_soundfile(path)
    if file is not None:
        with file:
            yield _not_empty(_SoundFileSource(path, file))
        return
    try:
        source = _FfmpegSource(path)
    except MediaError as error:
        msg = (
            f"{path} holds no sound that can be decoded ({error}); "
            "expected a sound file or a video with sound"
        )
        raise MediaError(msg) from error
    yield _not_empty(source)


def _opened_by_soundfile(path: Path) -> soundfile.SoundFile | None:
    try:
        file = soundfile.SoundFile(path)
    except soundfile.LibsndfileError:
        return None
    if file.format in _SOUNDFILE_FORMATS:
        return file
    file.close()
    return None


def _not_empty(source: _Source) -> _Source:
    if source.info.duration == 0:
        msg = f"the sound of {source.path} lasts 0 s; expected speech; choose another file"
        raise InputError(msg)
    return source


def _at_speech_rate(source: _Source) -> Iterator[Float32[np.ndarray, " samples"]]:
    """Average the channels and resample, block by block, with no seam between blocks.

    Raises:
        InputError: The sound holds NaN or infinity.
        MediaError: It holds nothing at all in spite of its header.
    """
    stream = soxr.ResampleStream(source.info.rate, SPEECH_RATE, 1, dtype="float32", quality="HQ")
    done = 0
    for block in source.blocks():
        mono = block.mean(1, dtype=np.float32)
        finite = np.isfinite(mono)
        if not finite.all():
            second = (done + int(np.argmin(finite))) / source.info.rate
            msg = (
                f"{source.path} holds samples that are no numbers (NaN or infinity, first at "
                f"{second:.2f} s); expected finite samples; export the sound again"
            )
            raise InputError(msg)
        done += len(mono)
        yield stream.resample_chunk(mono)
    if done == 0:
        msg = f"{source.path} ends before its first sample; the file is damaged: copy it again"
        raise MediaError(msg)
    yield stream.resample_chunk(np.empty(0, np.float32), last=True)
