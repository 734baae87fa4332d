"""Makes the videos that are measured and has them judged; what exists is not made again."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Protocol, runtime_checkable

import cv2
import numpy as np
from jaxtyping import UInt8

from speech2face.errors import InputError
from speech2face.evaluation.material import GridClip
from speech2face.evaluation.video.judge import Judge, JudgedTrack, judge_frames, judge_video
from speech2face.evaluation.video.measures import Pair
from speech2face.media.image import read_image
from speech2face.media.video.encode import VideoWriter
from speech2face.media.video.video import VideoReader


@runtime_checkable
class Animate(Protocol):
    """Whatever turns a portrait and a sound into a video file; settings as on the command line."""

    def __call__(self, portrait: Path, audio: Path, output: Path, **settings: str | int) -> None:
        """Write the video."""
        ...


@dataclass(frozen=True, kw_only=True)
class Studio:
    """The pipeline under test, the judge, and the folder where videos are kept."""

    animate: Animate | None
    """None: only sanity rows can be computed."""
    judge: Judge
    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    """What every video is asked for, beside its own settings."""
    _judged: dict[Path, JudgedTrack] = field(default_factory=dict)

    def video(self, portrait: Path, sound: Path, label: str = "", **settings: str | int) -> Path:
        """Animate a portrait unless that video exists already.

        Args:
            portrait: A picture.
            sound: Speech.
            label: Tells videos of other settings apart.
            settings: As on the command line.

        Raises:
            InputError: The studio has no pipeline, and the video does not exist yet.
        """
        words = [f"{name}-{value}" for name, value in self.settings.items()]
        parts = [portrait.stem, sound.parent.name, sound.stem, *words, *([label] if label else [])]
        output = self.folder / ("_".join(parts) + ".mp4")
        if not output.exists():
            if self.animate is None:
                msg = (
                    f"there is no pipeline to make {output}; load one, or ask for sanity rows only"
                )
                raise InputError(msg)
            self.folder.mkdir(parents=True, exist_ok=True)
            self.animate(portrait, sound, output, **{**self.settings, **settings})
        return output

    def track(self, video: Path) -> JudgedTrack:
        """Have a video judged, once."""
        if video not in self._judged:
            self._judged[video] = judge_video(self.judge, video)
        return self._judged[video]

    def pairs(self, clips: Sequence[GridClip], portraits: Iterable[Path]) -> Iterator[Pair]:
        """Drive portraits in turn by real clips, and judge the real ones too."""
        for clip, portrait in zip(clips, cycle(portraits), strict=False):
            output = None
            if self.animate is not None:
                output = self.track(self.video(portrait, clip.video))
            real = self.track(clip.video)
            reader = VideoReader(clip.video)
            mirrored = judge_frames(self.judge, map(_mirror, reader), reader.fps)
            yield Pair(
                clip=clip, portrait=portrait.stem, output=output, real=real, mirrored=mirrored,
                still=self.track(self.still(portrait, len(real), real)),
            )  # fmt: skip

    def still(self, portrait: Path, frames: int, like: JudgedTrack) -> Path:
        """Write the portrait repeated as a video, encoded as any other."""
        output = self.folder / f"{portrait.stem}_still_{frames}.mp4"
        if not output.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            image = read_image(portrait)
            size = (image.shape[1], image.shape[0])
            with VideoWriter(
                output, size=size, fps=like.fps, sound=None, overwrite=False, tags={}
            ) as writer:
                for _ in range(frames):
                    writer.write(image)
        return output


def _mirror(frame: UInt8[np.ndarray, "height width 3"]) -> UInt8[np.ndarray, "height width 3"]:
    return cv2.flip(frame, 1)
