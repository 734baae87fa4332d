"""The pipeline as the studio wants it: settings as words, and frames before they are encoded."""

from pathlib import Path

from speech2face.configs import from_words
from speech2face.evaluation.video import video_metrics
from speech2face.jobs.animate import Speech2Face
from speech2face.jobs.settings import Settings

_FIRST = 25
"""The first second of a GRID clip is mostly silent: a seam is looked for after it."""


class PipelineAnimate:
    """The shipped pipeline, loaded once."""

    def __init__(self) -> None:
        """Load the shipped weights."""
        self._engine = Speech2Face.from_pretrained()

    def __call__(self, portrait: Path, audio: Path, output: Path, **settings: str | int) -> None:
        """Write a video."""
        self._engine.animate(
            portrait, audio, output, settings=from_words(Settings, settings, "--set")
        )

    def seam(self, portrait: Path, audio: Path, frames: int) -> video_metrics.Seam:
        """Draw some frames of speech and look along the border of the animated square."""
        settings = Settings(preview=_FIRST + frames)
        clip = self._engine.animate(portrait, audio, settings=settings)
        drawn = list(clip)[_FIRST:]
        found = clip.view
        return video_metrics.seam(drawn, found.image, found.to_crop, len(found.crop))
