"""Which sides in pixels the square around a face may have."""

from speech2face.errors import InputError

SMALLEST, LARGEST = 64, 2048
STEP = 16
"""Sides are multiples of this, as networks that halve the resolution four times need."""


def check_size(size: int) -> int:
    """Accept a side in pixels.

    Raises:
        InputError: It is out of range or no multiple of `STEP`.
    """
    if not SMALLEST <= size <= LARGEST or size % STEP:
        msg = (
            f"the size {size} cannot be used; expected a multiple of {STEP} from {SMALLEST} to "
            f"{LARGEST}, for instance 256 or 512"
        )
        raise InputError(msg)
    return size
