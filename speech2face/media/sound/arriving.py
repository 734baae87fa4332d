"""A sound that is read while it arrives: from a pipe, of unknown length, block by block."""

import io
import os
from collections.abc import Iterator
from typing import BinaryIO

import av
import av.error
import numpy as np
from jaxtyping import Float32

from speech2face.errors import MediaError
from speech2face.media.libav import Callbacks, Failure, passed_on
from speech2face.media.sound.raw_audio import RawFormat

_PROBED = 4096
"""Bytes that are looked at before decoding begins; a WAV's header is 44."""


class Arriving:
    """Blocks of a sound in the order in which they come; each can be had once."""

    def __init__(self, stream: BinaryIO, raw: RawFormat | None = None) -> None:
        """Read the header.

        Args:
            stream: A pipe or standard input; it is read as far as there is something to read.
            raw: How to read samples that have no header; None: the header says it.

        Raises:
            MediaError: What comes is no sound that can be decoded.
        """
        layout = raw.options if raw else {}
        # Not as options of the container: beside those PyAV forgets the others.
        options = {
            "protocol_whitelist": "",
            "probesize": str(_PROBED),
            "analyzeduration": "0",
            **layout,
        }
        try:
            with passed_on():
                self._container = av.open(
                    Callbacks(_Pipe(stream)), "r", format=raw.form if raw else None,
                    options=options, buffer_size=_PROBED, metadata_errors="replace",
                )  # fmt: skip
            self._track = self._container.streams.audio[0]
        except (*Failure, IndexError) as error:
            msg = (
                f"standard input holds no sound that can be decoded ({error}); expected a WAV, or "
                "raw samples with --raw-audio RATE,CHANNELS,FORMAT"
            )
            raise MediaError(msg) from error
        self.rate = self._track.rate
        """Samples a second."""
        self.channels = self._track.channels
        self.layout = self._track.layout.name
        """ffmpeg's name of where the channels belong."""

    def __iter__(self) -> Iterator[Float32[np.ndarray, "samples channels"]]:
        """Decode what arrives, in [-1, 1]; ends where the stream does.

        Raises:
            MediaError: It cannot be decoded any further.
        """
        floats = av.AudioResampler(format="fltp")
        try:
            with passed_on():
                for frame in self._container.decode(self._track):
                    for block in floats.resample(frame):
                        yield np.ascontiguousarray(block.to_ndarray().T)
        except av.error.FFmpegError as error:
            msg = f"the sound on standard input broke off ({error}); what came before it was used"
            raise MediaError(msg) from error
        finally:
            self._container.close()


class _Pipe(io.RawIOBase):
    """A file without positions, whose `read` returns what is there instead of waiting for more."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self._descriptor = stream.fileno()

    def read(self, size: int = -1, /) -> bytes:
        return os.read(self._descriptor, size)
