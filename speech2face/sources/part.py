"""A part of a video in seconds becomes the numbers of its frames."""

from fractions import Fraction

from speech2face.errors import InputError


def exact(seconds: float) -> Fraction:
    """Return seconds as people write them, to a thousandth."""
    return Fraction(seconds).limit_denominator(1000)


def part_of(start: float, end: float | None, fps: Fraction, frames: int) -> range:
    """Return the numbers of a video's frames from one second to another.

    Args:
        start: In seconds.
        end: In seconds; None: to the end.
        fps: The video's rate.
        frames: How many it has.

    Raises:
        InputError: The video ends before the start.
    """
    first = round(exact(start) * fps)
    last = frames if end is None else min(frames, round(exact(end) * fps))
    if first >= last:
        msg = (
            f"the video lasts {float(frames / fps):.2f} s, there is nothing from {start:g} s on; "
            "choose an earlier --start"
        )
        raise InputError(msg)
    return range(first, last)
