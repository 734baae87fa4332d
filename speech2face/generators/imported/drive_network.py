"""Landmarks2Keypoints: how a face moves becomes what an imported checkpoint would read of it.

Tensors only. The result is in the parts in which the checkpoint's own extractor reads motion: for
face-vid2vid turn of the head, translation and deformation of every keypoint (Wang, Mallya and Liu,
"One-Shot Free-View Neural Talking-Head Synthesis", 2021, section 3), for FOMM places and Jacobians
of keypoints, for X2Face a code. No motion gives exactly none.

Two branches are added up. One sees the landmarks of the skin, the head's place and the sound, and
is conditioned by emotion (FiLM: Perez et al. 2018, equation 1). The other sees the lids and the
gaze alone, so that blinks and looks are axes of their own: their effect does not depend on what the
mouth does, and nothing that the mouth does moves the lids.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

ANGLES, SHIFT = 3, 3
"""Numbers of a head pose: yaw, pitch, roll; and of a translation."""
EYES = 4
"""Numbers that drive the eyes: the openings of both, and the gaze's turn right and up."""


@dataclass(frozen=True, kw_only=True)
class Landmarks2KeypointsConfig:
    """Sizes of the network; they are stored with its weights."""

    parts: tuple[int, ...] = (3, 3, 45)
    """Numbers of each part of what the extractor reads; a part has one unit."""
    face: int = 45
    """Numbers that describe the portrait."""
    landmarks: int = 56
    """Landmarks of the skin that it sees, twice: in the head's frame and in the picture's."""
    sound: int = 8
    """Numbers that describe the sound of a frame."""
    emotions: int = 8
    """Emotion labels."""
    hidden: int = 96
    """Width of the layers."""

    @property
    def skin(self) -> int:
        """Numbers that the first branch sees: landmarks twice, head pose and place, sound."""
        return 2 * 3 * self.landmarks + ANGLES + SHIFT + self.sound

    @property
    def outputs(self) -> int:
        """Numbers that describe the motion."""
        return sum(self.parts)


class _Branch(nn.Module):
    """A linear map and a small network that corrects it; zero in, zero out."""

    def __init__(self, inputs: int, conditions: int, config: Landmarks2KeypointsConfig) -> None:
        super().__init__()
        hidden, source = config.hidden, config.face
        self.linear = nn.Linear(inputs, config.outputs, bias=False)
        self.enter = nn.Linear(inputs + source, hidden)
        self.film = nn.Linear(conditions, 2 * hidden, bias=False) if conditions else None
        self.middle = nn.Linear(hidden, hidden)
        self.leave = nn.Linear(hidden, config.outputs, bias=False)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.leave.weight)

    def forward(
        self,
        values: Float[Tensor, "frames inputs"],
        source: Float[Tensor, "frames coordinates"],
        condition: Float[Tensor, "frames conditions"] | None,
    ) -> Float[Tensor, "frames outputs"]:
        correction = self._correct(values, source, condition)
        rest = self._correct(torch.zeros_like(values), source, None)
        return self.linear(values) + self.leave(correction - rest)

    def _correct(
        self,
        values: Float[Tensor, "frames inputs"],
        source: Float[Tensor, "frames coordinates"],
        condition: Float[Tensor, "frames conditions"] | None,
    ) -> Float[Tensor, "frames hidden"]:
        features = functional.silu(self.enter(torch.cat([values, source], 1)))
        if self.film is not None and condition is not None:
            gain, offset = self.film(condition).chunk(2, 1)
            features = features * (1 + gain) + offset
        return functional.silu(self.middle(features))


class Landmarks2Keypoints(nn.Module):
    """Landmarks, sound, emotion, lids and gaze -> what the extractor reads; all relative.

    Buffers bring every number to unit size; they are measured when the network is fitted.
    """

    def __init__(self, config: Landmarks2KeypointsConfig) -> None:
        """Make a network that predicts no motion until it is fitted."""
        super().__init__()
        self.config = config
        self.skin = _Branch(config.skin, config.emotions, config)
        self.eyes = _Branch(EYES, 0, config)
        self.register_buffer("skin_scale", torch.ones(config.skin))
        self.register_buffer("eyes_scale", torch.ones(EYES))
        self.register_buffer("source_mean", torch.zeros(config.face))
        self.register_buffer("source_gain", torch.zeros(config.face))
        self.register_buffer("output_scale", torch.ones(config.outputs))

    skin_scale: Tensor
    eyes_scale: Tensor
    source_mean: Tensor
    source_gain: Tensor
    """1 / spread of the numbers over the portraits it was fitted on; 0 where there was but one,
    since nothing can be learnt of faces from a single face."""
    output_scale: Tensor

    def forward(
        self,
        skin: Float[Tensor, "frames skin"],
        eyes: Float[Tensor, "frames 4"],
        emotion: Float[Tensor, "frames emotions"],
        source: Float[Tensor, " face"] | Float[Tensor, "frames face"],
    ) -> Float[Tensor, "frames outputs"]:
        """Predict motion against the portrait as it is.

        Args:
            skin: Landmarks' motion in the head's frame and in the picture's, turn and place of the
                head, sound: the numbers of `Landmarks2KeypointsConfig.skin`.
            eyes: Change of the openings of the left and right eye; gaze right and up.
            emotion: Mix times intensity of each label.
            source: What describes the portrait.

        Returns:
            The parts side by side, each relative to the portrait's own.
        """
        faces = source.expand(len(skin), -1)
        faces = (faces - self.source_mean) * self.source_gain
        motion = self.skin(skin / self.skin_scale, faces, emotion)
        motion = motion + self.eyes(eyes / self.eyes_scale, faces, None)
        return motion * self.output_scale
