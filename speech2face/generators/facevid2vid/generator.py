"""The generator face-vid2vid with imported weights: Zhang's, SadTalker's, and their kin.

A latent is how far every keypoint lies from where the view has it: zero draws the view as the
network sees it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from speech2face.face.rig import shipped_rig
from speech2face.face.view import View
from speech2face.generators.base import (
    LOUDNESS_BANDS,
    Frames,
    GeneratorSpec,
    Latents,
    Loudness,
    only,
)
from speech2face.generators.facevid2vid.drive import (
    MotionReader,
    drive,
    keypoint_motion,
    load_calibration,
)
from speech2face.generators.facevid2vid.drive_network import Landmarks2Keypoints
from speech2face.generators.facevid2vid.exact.exact import GPU_STEPS, STEPS, accelerate
from speech2face.generators.facevid2vid.extractor import (
    KIND,
    KeypointExtractor,
    SourceFace,
    extractor_of,
    load_network,
    read_system,
    resized,
)
from speech2face.generators.facevid2vid.network import FaceVid2VidGenerator
from speech2face.motion.motion import Motion

_AT_ONCE_CPU = 2
"""Frames in one forward pass on a CPU: more only need memory (a SPADE decoder's maps: 300 MB)."""


@dataclass(frozen=True, kw_only=True)
class FaceVid2VidState:
    """Everything that depends on the view alone."""

    volume: Float[Tensor, "1 channels depth height width"]
    source: SourceFace
    reader: MotionReader
    size: int
    """Side of the view's crop in pixels, which is that of the frames too."""


class FaceVid2Vid:
    """Draws frames from keypoints with imported weights."""

    def __init__(
        self,
        name: str,
        network: FaceVid2VidGenerator,
        extractor: KeypointExtractor,
        calibration: Landmarks2Keypoints | None = None,
    ) -> None:
        """Take the networks, in evaluation mode on the extractor's device.

        Args:
            name: "facevid2vid:" and the name of the weights.
            network: Draws.
            extractor: Finds keypoints in pictures.
            calibration: Turns motion into keypoints; None: read when motion is first given.
        """
        # Its convolutions are large enough to keep every core busy, and its maps to fill memory:
        # one chunk at a time.
        self.spec = GeneratorSpec(
            name=name, latent_size=3 * extractor.config.keypoints,
            hears=extractor.estimator is not None, reads=extractor.estimator is not None,
        )  # fmt: skip
        self.network, self.extractor = network, extractor
        self._calibration = calibration

    @classmethod
    def from_weights(cls, weights: str, device: torch.device) -> "FaceVid2Vid":
        """Load imported weights by name or path; the network is sped up, its pictures are the same.

        Raises:
            WeightsError: They are missing, damaged, or of another kind of network.
        """  # noqa: DOC502 the parts raise it
        tensors, config = read_system(weights)
        network = FaceVid2VidGenerator(config)
        load_network(network, tensors, "generator", torch.device("cpu"))
        network = accelerate(network, STEPS if device.type == "cpu" else GPU_STEPS).to(device)
        extractor = extractor_of(tensors, config, device)
        return cls(f"{KIND}:{weights}", network, extractor)

    @torch.inference_mode()
    def encode(self, views: Sequence[View]) -> FaceVid2VidState:
        """Compute the feature volume and the keypoints of a still."""
        view = only(views, self.spec.name)
        return FaceVid2VidState(
            volume=self.network.encode(self.extractor.pictures(view.crop[None])),
            source=self.extractor.source(view),
            reader=MotionReader(view, shipped_rig(), self.extractor.device),
            size=len(view.crop),
        )

    @torch.inference_mode()
    def drive(
        self, state: FaceVid2VidState, motion: Motion, loudness: Loudness | None = None
    ) -> Latents:
        """Turn motion into keypoints: by calibration, or riding on the surface where there is none.

        Raises:
            WeightsError: The weights could be calibrated and have not been.
        """  # noqa: DOC502 load_calibration raises it
        if self.spec.reads and self._calibration is None:
            weights = self.spec.name.partition(":")[2]
            self._calibration = load_calibration(weights).to(self.extractor.device)
        if loudness is None:
            loudness = np.zeros((len(motion), LOUDNESS_BANDS), np.float32)
        moved = drive(
            motion, loudness, state.reader, state.source, self._calibration, self.extractor
        )
        return moved.flatten(1).cpu().numpy()

    @torch.inference_mode()
    def read(self, state: FaceVid2VidState, frames: Frames, first: Frames) -> Latents:
        """Move the view's keypoints as the checkpoint's extractor sees the driving face move.

        Raises:
            WeightsError: The checkpoint has no head-pose estimator.
        """  # noqa: DOC502 the extractor raises it
        start, seen = self.extractor.read(first), self.extractor.read(frames)
        angles = [seen.yaw - start.yaw, seen.pitch - start.pitch, seen.roll - start.roll]
        change = torch.stack(angles, 1), seen.t - start.t, seen.exp - start.exp
        return keypoint_motion(state.source, change, self.extractor).flatten(1).cpu().numpy()

    @torch.inference_mode()
    def render(self, state: FaceVid2VidState, latents: Latents) -> Frames:
        """Draw the crop once for every row of latents, at the crop's size."""
        device, keypoints = self.extractor.device, state.source.keypoints
        moves = torch.as_tensor(latents, dtype=torch.float32, device=device)
        driving = keypoints + moves.unflatten(1, (-1, 3))
        frames = []
        for part in driving.split(_AT_ONCE_CPU if device.type == "cpu" else len(driving)):
            drawn = self.network.render(state.volume, keypoints, part)
            pixels = (drawn * 255).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)
            frames += [resized(frame, state.size) for frame in pixels.contiguous().cpu().numpy()]
        return np.stack(frames)
