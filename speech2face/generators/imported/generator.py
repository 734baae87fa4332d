"""A generator that draws with imported weights.

What differs from system to system is what its extractor reads and how its network draws; all else
is here. A latent is relative to the view: zero draws the view as the network sees it.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from speech2face.face.rig import shipped_rig
from speech2face.face.view import View
from speech2face.generators.base import (
    LOUDNESS_BANDS,
    Frame,
    Frames,
    GeneratorSpec,
    Latents,
    Loudness,
    only,
)
from speech2face.generators.imported.drive import MotionReader, drive, load_calibration
from speech2face.generators.imported.drive_network import Landmarks2Keypoints
from speech2face.generators.imported.extractor import Extractor, pictures, resized
from speech2face.motion.motion import Motion

Source = TypeVar("Source")
Features = TypeVar("Features")

_AT_ONCE_CPU = 2
"""Frames in one forward pass on a CPU: more only need memory (a SPADE decoder's maps: 300 MB)."""


@dataclass(frozen=True, kw_only=True)
class ImportedState(Generic[Source, Features]):
    """Everything that depends on the view alone."""

    features: Features
    """What the network draws from."""
    source: Source
    """What the extractor sees in the view."""
    reader: MotionReader
    size: int
    """Side of the view's crop in pixels, which is that of the frames too."""


class ImportedGenerator(ABC, Generic[Source, Features]):
    """Draws frames with imported weights."""

    def __init__(
        self,
        name: str,
        extractor: Extractor[Source],
        calibration: Landmarks2Keypoints | None = None,
    ) -> None:
        """Take the extractor, whose device and size are the generator's.

        Args:
            name: Family and name of the weights: "facevid2vid:vox".
            extractor: Sees faces in pictures.
            calibration: Turns motion into what it reads; None: loaded when motion is first given.
        """
        # Such networks keep every core busy, and their maps fill memory: one chunk at a time.
        self.spec = GeneratorSpec(
            name=name, latent_size=extractor.latent_size,
            hears=extractor.reads, reads=extractor.reads,
        )  # fmt: skip
        self.extractor = extractor
        self._calibration = calibration

    @abstractmethod
    def features(self, picture: Float[Tensor, "1 3 side side"], source: Source) -> Features:
        """Compute all that the network draws from, once a view."""

    @abstractmethod
    def draw(
        self, features: Features, source: Source, latents: Float[Tensor, "frames latent"]
    ) -> Float[Tensor, "frames 3 side side"]:
        """Draw frames, RGB in [0, 1]."""

    @torch.inference_mode()
    def encode(self, views: Sequence[View]) -> ImportedState[Source, Features]:
        """Compute all that depends on a still alone."""
        view = only(views, self.spec.name)
        extractor = self.extractor
        picture = pictures(view.crop[None], extractor.size, extractor.device)
        source = extractor.source(view)
        return ImportedState(
            features=self.features(picture, source),
            source=source,
            reader=MotionReader(view, shipped_rig(), extractor.device),
            size=len(view.crop),
        )

    @torch.inference_mode()
    def drive(
        self,
        state: ImportedState[Source, Features],
        motion: Motion,
        loudness: Loudness | None = None,
    ) -> Latents:
        """Turn motion into latents: by calibration, or riding on the surface where there is none.

        Raises:
            WeightsError: The weights could be calibrated and have not been.
        """  # noqa: DOC502 load_calibration raises it
        if self.spec.reads and self._calibration is None:
            self._calibration = load_calibration(self.spec.name).to(self.extractor.device)
        if loudness is None:
            loudness = np.zeros((len(motion), LOUDNESS_BANDS), np.float32)
        moved = drive(
            motion, loudness, state.reader, state.source, self._calibration, self.extractor
        )
        return moved.cpu().numpy()

    @torch.inference_mode()
    def read(self, state: ImportedState[Source, Features], frames: Frames, first: Frame) -> Latents:
        """Move the view as the checkpoint's extractor sees the driving face move.

        Raises:
            WeightsError: The checkpoint has no extractor.
        """  # noqa: DOC502 the extractor raises it
        return self.extractor.transfer(state.source, frames, first).cpu().numpy()

    @torch.inference_mode()
    def render(self, state: ImportedState[Source, Features], latents: Latents) -> Frames:
        """Draw the crop once for every row of latents, at the crop's size."""
        device = self.extractor.device
        rows = torch.as_tensor(latents, dtype=torch.float32, device=device)
        frames = []
        for part in rows.split(_AT_ONCE_CPU if device.type == "cpu" else len(rows)):
            drawn = self.draw(state.features, state.source, part)
            pixels = (drawn * 255).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)
            frames += [resized(frame, state.size) for frame in pixels.contiguous().cpu().numpy()]
        return np.stack(frames)
