"""Decoded frames become upright, square-pixelled, full-range sRGB, rounded accurately.

High dynamic range is brought to sRGB; of interlaced frames one field is kept.
"""

import struct
from collections.abc import Iterator
from fractions import Fraction
from math import atan2, degrees

import numpy as np
from av.filter import Graph
from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from jaxtyping import UInt8

from speech2face.media.hdr import TRANSFERS, to_sdr
from speech2face.media.libav import chain

_FLAGS = "bicubic+accurate_rnd+full_chroma_int"
_Filter = tuple[str, str]


class Upright:
    """Converts frames; what a frame needs is worked out anew where its kind changes."""

    def __init__(self, stream: VideoStream, size: tuple[int, int] | None = None) -> None:
        """Take the stream of the frames, which knows the shape of their pixels.

        Args:
            stream: The stream.
            size: Width and height of the result; None: those that a frame has by itself.
        """
        aspect = stream.sample_aspect_ratio or Fraction(1)
        self._aspect = f"{aspect.numerator}/{aspect.denominator}"
        self._size = size
        self._kind: tuple[object, ...] | None = None
        self._graph: Graph | None = None
        self._rotation: int | None = None  # of the last frame, in degrees
        self._turn: tuple[_Filter, ...] = ()

    def __call__(self, frame: VideoFrame) -> UInt8[np.ndarray, "height width 3"]:
        """Convert one frame."""
        if frame.rotation != self._rotation:
            # A frame whose side data were looked at is in a cycle with them: it would be held
            # until Python looks for cycles, and a gigabyte of frames with it.
            self._rotation, self._turn = frame.rotation, _turn(frame)
        transfer = int(frame.color_trc)
        transfer = transfer if transfer in TRANSFERS else 0
        kind = (
            frame.width, frame.height, frame.format.name, int(frame.colorspace),
            int(frame.color_range), self._turn, transfer, frame.interlaced_frame,
        )  # fmt: skip
        if self._graph is None or kind != self._kind:
            self._graph, self._kind = self._built(frame, self._turn, deep=transfer > 0), kind
        self._graph.vpush(frame)
        image = np.ascontiguousarray(self._graph.vpull().to_ndarray())
        return to_sdr(image, transfer) if transfer else image

    def _built(self, frame: VideoFrame, turn: tuple[_Filter, ...], *, deep: bool) -> Graph:
        source = (
            f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}"
            f":time_base=1/1000:pixel_aspect={self._aspect}"
            f":colorspace={int(frame.colorspace)}:range={int(frame.color_range)}"
        )
        filters: list[_Filter] = [
            ("buffer", source), *(self._one_field() if frame.interlaced_frame else ()), *turn,
            ("scale", f"w='max(1,round(iw*sar))':h=ih:out_range=full:flags={_FLAGS}"),
            ("setsar", "1"), ("format", "rgb48le" if deep else "rgb24"),
        ]  # fmt: skip
        if self._size is not None:
            filters.append(("scale", f"{self._size[0]}:{self._size[1]}"))
        return chain(filters)

    def _one_field(self) -> tuple[_Filter, ...]:
        """Keep one field: two are two moments, and lips that move between them would be combed."""
        higher = ("scale", "iw:ih*2:flags=bicubic")
        return ("field", "type=top"), higher, ("setsar", self._aspect)


def _turn(frame: VideoFrame) -> tuple[_Filter, ...]:
    """Return the filters that undo what a display matrix says of a frame.

    The matrix maps stored to shown pixels: ((a, b, u), (c, d, v), (x, y, w)), fixed point.
    """
    side = frame.side_data.get(Type.DISPLAYMATRIX)  # pyright: ignore[reportCallIssue,reportArgumentType] PyAV's types are behind
    if side is None:
        return ()
    a, b, _, c, d = struct.unpack_from("=5i", bytes(side))
    turned = round(degrees(atan2(b, a))) % 360
    if turned == 90:  # noqa: PLR2004 quarter turns
        return (("transpose", "cclock_flip" if c > 0 else "clock"),)
    if turned == 270:  # noqa: PLR2004
        return (("transpose", "clock_flip" if c < 0 else "cclock"),)
    if turned == 180:  # noqa: PLR2004
        return tuple(_flips(across=a < 0, down=d < 0))
    if turned == 0:
        return tuple(_flips(across=False, down=d < 0))
    return (("rotate", f"{turned}*PI/180"),)


def _flips(*, across: bool, down: bool) -> Iterator[_Filter]:
    if across:
        yield "hflip", ""
    if down:
        yield "vflip", ""
