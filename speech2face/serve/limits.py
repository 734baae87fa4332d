"""What a service takes on: whoever talks to it, it stays within these bounds."""

from dataclasses import dataclass

from speech2face.errors import InputError

MEGABYTE = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Bounds of a service; what goes beyond them is refused by name."""

    megabytes: int = 500
    """Size of one request, all of its files together."""
    seconds: float = 1800.0
    """Length of one sound or video."""
    megapixels: int = 100
    """Size of one picture."""
    work_minutes: float = 240.0
    """Time that one job may take."""
    waiting: int = 20
    """Jobs that wait, or are drawn, at once."""
    workers: int = 1
    """Jobs that are drawn at once; they share the processor."""
    uploads: int = 4
    """Requests with files that are read at once."""
    sessions: int = 2
    """Portraits that speak live at once."""
    listeners: int = 100
    """Event streams that are open at once."""
    keep_hours: float = 24.0
    """How long a result is kept. Uploads are removed as soon as their job has ended."""
    store_megabytes: int = 10_000
    """All that is stored."""

    def __post_init__(self) -> None:
        """Check the bounds.

        Raises:
            InputError: One of them leaves room for nothing.
        """
        for name, value in vars(self).items():
            if value <= 0:
                msg = f"the limit {name} of {value:g} leaves room for nothing; give one above 0"
                raise InputError(msg)
