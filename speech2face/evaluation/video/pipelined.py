"""The pipeline as the studio wants it: settings as words, and frames before they are encoded."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Final

from speech2face.errors import InputError
from speech2face.evaluation.video import video_metrics
from speech2face.jobs.animate import Speech2Face
from speech2face.jobs.settings import Settings

_FIRST = 25
"""The first second of a GRID clip is mostly silent: a seam is looked for after it."""


_NUMBERS: Final[Mapping[str, type[int | float]]] = {
    "size": int, "seed": int, "preview": int, "batch_size": int,
    "expression_scale": float, "pose_strength": float,
}  # fmt: skip


def settings_of(words: Mapping[str, str | int]) -> Settings:
    """Build settings from words, as they come from the command line.

    Raises:
        InputError: There is no such setting, or its value cannot be used.
    """
    known = [field.name for field in fields(Settings)]
    for name, value in words.items():
        if name not in known:
            msg = f"there is no setting {name}={value}; use one of {', '.join(known)}"
            raise InputError(msg)
    try:
        values = {name: _NUMBERS.get(name, str)(value) for name, value in words.items()}
    except ValueError as error:
        msg = f"a setting in {dict(words)} is not the number it must be ({error}); give a number"
        raise InputError(msg) from error
    return Settings(**values)  # pyright: ignore[reportArgumentType] - they are checked there


class PipelineAnimate:
    """The shipped pipeline, loaded once."""

    def __init__(self) -> None:
        """Load the shipped weights."""
        self._engine = Speech2Face.from_pretrained()

    def __call__(self, portrait: Path, audio: Path, output: Path, **settings: str | int) -> None:
        """Write a video."""
        self._engine.animate(portrait, audio, output, settings=settings_of(settings))

    def seam(self, portrait: Path, audio: Path, frames: int) -> video_metrics.Seam:
        """Draw some frames of speech and look along the border of the animated square."""
        settings = Settings(preview=_FIRST + frames)
        clip = self._engine.animate(portrait, audio, settings=settings)
        drawn = list(clip)[_FIRST:]
        found = clip.view
        return video_metrics.seam(drawn, found.image, found.to_crop, len(found.crop))
