"""Speech2Landmarks: log-mel frames in, movements of lips and jaw out, never looking far ahead.

A speech encoder (`hearing`) hears the sound; small recurrent networks turn its features and the
spectrum into movements. Everything is causal. The network answers `delay` steps late, which is all
the future it ever sees: a step is 40 ms of sound, so frame i of the face is known when the sound
has reached (i + 1 + delay) * 40 ms. Because of that a sound can be fed in chunks of any number of
steps and the result is the same as in one piece.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from speech2face.errors import InputError
from speech2face.models.hearing import (
    MEL_PER_POSITION,
    ExpectedLevel,
    HearingConfig,
    HearingNetwork,
    HearingState,
    hearing_mel,
)
from speech2face.models.mel import MelConfig

MEL_PER_STEP = 4
"""Mel frames of 10 ms in a step of 40 ms."""
_POSITIONS = MEL_PER_STEP // MEL_PER_POSITION
"""Positions of the encoder in a step."""

MOVING = (*range(17), *range(48, 68))
"""The landmarks that speech moves: jaw line and lips. The others are left to the controls."""

PHONE_CLASSES = (
    "silence", "bilabial", "labiodental", "dental", "alveolar", "postalveolar", "velar", "lateral",
    "rhotic", "labial glide", "palatal glide", "close front", "mid front", "open", "mid back",
    "close back", "front rounded", "central",
)  # fmt: skip
"""What the auxiliary head names: classes by what they ask of the lips, in any language."""


@dataclass(frozen=True, kw_only=True)
class Speech2LandmarksConfig:
    """Sizes of the network; they are stored with its weights and never change after training."""

    hearing: HearingConfig = field(default_factory=HearingConfig)
    """Of the speech encoder; how late its features are is how late the answer is."""
    channels: int = 128
    """Of the convolutions."""
    hidden: int = 192
    """Of the recurrent layers."""
    layers: int = 1
    """Recurrent layers."""
    dilations: tuple[int, ...] = (1, 2)
    """Of the convolutions at 25 steps a second."""
    condition: int = 32
    """Size of what emotion and rest landmarks are turned into."""
    dropout: float = 0.3
    """While training only."""
    members: int = 3
    """Networks of these sizes whose answers are averaged. What each has learnt of its few people
    alone averages out, which helps with people that none has heard."""

    def __post_init__(self) -> None:
        """Accept lists where a file gave them, and check what no type can.

        Raises:
            InputError: A size is not positive.
        """
        object.__setattr__(self, "dilations", tuple(self.dilations))
        sizes = (self.channels, self.hidden, self.layers, self.condition, self.members)
        if min(*sizes, *self.dilations) < 1:
            msg = f"the sizes of a Speech2Landmarks network must be positive, got {self}"
            raise InputError(msg)
        if self.hearing.late % _POSITIONS:
            msg = (
                f"the hearing answers {self.hearing.late} positions late; expected a multiple of "
                f"{_POSITIONS}, which is one step; change its look-ahead"
            )
            raise InputError(msg)

    @property
    def delay(self) -> int:
        """Steps of 40 ms by which the answer is late."""
        return self.hearing.late // _POSITIONS


class Condition(NamedTuple):
    """What the movements depend on beside the sound."""

    rest: Float[Tensor, "batch 70 3"]
    """The portrait's rest landmarks, normalized."""
    emotion: Float[Tensor, "batch 8"]
    """Weight of each emotion; zeros are neutral."""


class Answer(NamedTuple):
    """What the network says about each step of sound, `delay` steps late."""

    offsets: Float[Tensor, "batch steps 70 3"]
    """Movement from the rest landmarks, normalized units; zero where speech moves nothing."""
    speech: Float[Tensor, "batch steps"]
    """Logit: does the person speak?"""
    phones: Float[Tensor, "batch steps classes"]
    """Logits over `PHONE_CLASSES`."""


State = list[Tensor]
"""All that the network remembers between two chunks."""

_SILENT = -2.0
"""What the spectrum of silence is brought to."""


class CausalConv(nn.Module):
    """A convolution that sees only the past, normalized per frame, with its own memory."""

    def __init__(
        self, inputs: int, outputs: int, *, kernel: int, stride: int = 1, dilation: int = 1
    ) -> None:
        """Choose sizes; `kernel` - `stride` frames (times dilation) of the past are remembered."""
        super().__init__()
        self.conv: nn.Conv1d = nn.Conv1d(inputs, outputs, kernel, stride, dilation=dilation)
        self.norm: nn.LayerNorm = nn.LayerNorm(outputs)
        self.past: int = (kernel - 1) * dilation + 1 - stride

    def start(
        self, like: Float[Tensor, "batch frames channels"]
    ) -> Float[Tensor, "batch inputs past"]:
        """Return the memory before the first frame."""
        return like.new_zeros(len(like), self.conv.in_channels, self.past)

    def forward(
        self,
        frames: Float[Tensor, "batch frames channels"],
        past: Float[Tensor, "batch channels past"],
    ) -> tuple[Tensor, Tensor]:
        """Convolve; return the new frames and the new memory."""
        joined = torch.cat(
            [past, rearrange(frames, "batch frames channels -> batch channels frames")], 2
        )
        convolved = rearrange(self.conv(joined), "batch channels frames -> batch frames channels")
        return functional.gelu(self.norm(convolved)), joined[:, :, joined.shape[2] - self.past :]


class Lips(nn.Module):
    """One network from features and spectrum to movements: the part that learns."""

    def __init__(self, config: Speech2LandmarksConfig) -> None:
        """Build the layers."""
        super().__init__()
        width, points = config.channels, len(MOVING) * 3
        self.config: Speech2LandmarksConfig = config
        self.features: nn.Linear = nn.Linear(config.hearing.width * _POSITIONS, width)
        self.spectrum: nn.Linear = nn.Linear(config.hearing.bands * MEL_PER_STEP, width)
        self.norm: nn.LayerNorm = nn.LayerNorm(width)
        self.context: nn.ModuleList = nn.ModuleList(
            CausalConv(width, width, kernel=3, dilation=dilation) for dilation in config.dilations
        )
        self.dropout: nn.Dropout = nn.Dropout(config.dropout)
        self.recurrent: nn.GRU = nn.GRU(
            width, config.hidden, config.layers, batch_first=True,
            dropout=config.dropout if config.layers > 1 else 0.0,
        )  # fmt: skip
        self.rest: nn.Linear = nn.Linear(points, config.condition)
        self.emotion: nn.Linear = nn.Linear(8, config.condition, bias=False)
        self.film: nn.Linear = nn.Linear(config.condition, 2 * config.hidden)
        self.movement: nn.Sequential = nn.Sequential(
            nn.Linear(config.hidden, config.hidden), nn.GELU(), nn.Linear(config.hidden, points)
        )
        self.speech: nn.Linear = nn.Linear(config.hidden, 1)
        self.phones: nn.Linear = nn.Linear(config.hidden, len(PHONE_CLASSES))
        # No effect before training: an input that the data never moves must not disturb.
        for layer in (self.film, self.emotion):
            nn.init.zeros_(layer.weight)
        nn.init.zeros_(self.film.bias)

    def convs(self) -> list[CausalConv]:
        """Return the convolutions over steps."""
        return [conv for conv in self.context if isinstance(conv, CausalConv)]

    def start(self, like: Float[Tensor, "batch some size"]) -> State:
        """Return the memory before the first step."""
        wide = like.new_zeros(len(like), 1, self.config.channels)
        hidden = like.new_zeros(len(like), self.config.layers, self.config.hidden)
        return [*(conv.start(wide) for conv in self.convs()), hidden]

    def forward(
        self,
        features: Float[Tensor, "batch steps size"],
        spectrum: Float[Tensor, "batch steps bands"],
        shape: Float[Tensor, "batch coordinates"],
        emotion: Float[Tensor, "batch 8"],
        past: State,
    ) -> tuple[tuple[Tensor, Tensor, Tensor], State]:
        """Return scaled movements, speech and phones of every step, and the new memory."""
        frames = self.features(self.dropout(features)) + self.spectrum(self.dropout(spectrum))
        frames = functional.gelu(self.norm(frames))
        after: State = []
        for conv, before in zip(self.convs(), past[:-1], strict=True):
            new, memory = conv(frames, before)
            frames = frames + new
            after.append(memory)
        heard, hidden = self.recurrent(
            self.dropout(frames),
            rearrange(past[-1], "batch layer size -> layer batch size").contiguous(),
        )
        after.append(rearrange(hidden, "layer batch size -> batch layer size"))
        heard = self.dropout(heard)
        scale, shift = self.film(torch.tanh(self.rest(shape) + self.emotion(emotion))).chunk(2, -1)
        felt = heard * (1 + scale[:, None]) + shift[:, None]
        return (self.movement(felt), self.speech(heard)[..., 0], self.phones(heard)), after


class Speech2LandmarksNetwork(nn.Module):
    """A hearing, and one or more `Lips` that follow what it hears."""

    rest_mean: Tensor
    rest_scale: Tensor
    offset_scale: Tensor
    feature_mean: Tensor
    feature_scale: Tensor
    gain: Tensor

    def __init__(self, config: Speech2LandmarksConfig) -> None:
        """Build the layers; buffers hold the statistics that training measured."""
        super().__init__()
        self.config: Speech2LandmarksConfig = config
        points = len(MOVING) * 3
        self.level: ExpectedLevel = ExpectedLevel()
        self.hearing: HearingNetwork = HearingNetwork(config.hearing)
        # It has learnt from far more speech than lips can be learnt from.
        self.hearing.requires_grad_(requires_grad=False)
        self.lips: nn.ModuleList = nn.ModuleList(Lips(config) for _ in range(config.members))
        self.register_buffer("rest_mean", torch.zeros(points))
        self.register_buffer("rest_scale", torch.ones(points))
        self.register_buffer("offset_scale", torch.ones(points))
        self.register_buffer("feature_mean", torch.zeros(config.hearing.width))
        self.register_buffer("feature_scale", torch.ones(config.hearing.width))
        self.register_buffer("gain", torch.ones(()))

    def _members(self) -> list[Lips]:
        return [lips for lips in self.lips if isinstance(lips, Lips)]

    def start(self, mel: Float[Tensor, "batch frames bands"]) -> State:
        """Return the state before a sound, of which `mel` holds at least the first frame."""
        return [*self.hearing.start(mel), *self._start_lips(mel)]

    def _start_lips(self, mel: Float[Tensor, "batch frames bands"]) -> State:
        silent = mel.new_full((len(mel), MEL_PER_STEP * self.config.delay, mel.shape[2]), _SILENT)
        starts = [memory for lips in self._members() for memory in lips.start(mel)]
        return [self.level.start(mel), silent, *starts]

    def forward(
        self,
        mel: Float[Tensor, "batch frames bands"],
        condition: Condition,
        state: State | None = None,
    ) -> tuple[Answer, State]:
        """Hear a chunk of sound.

        Args:
            mel: Log-mel frames, `MEL_PER_STEP` for every step.
            condition: Whose face it is and how it feels.
            state: What the last chunk returned; None at the start of a sound.

        Returns:
            The answer to each step and the state for the next chunk.
        """
        past = self.start(mel) if state is None else state
        own = len(past) - self._remembered()
        features, heard = self.hear(mel, past[:own])
        answer, after = self.follow(mel, features, condition, past[own:])
        return answer, [*heard, *after]

    def _remembered(self) -> int:
        """Count the tensors that the lips remember."""
        return 2 + len(self.lips) * (1 + len(self.config.dilations))

    def hear(
        self, mel: Float[Tensor, "batch frames bands"], state: HearingState | None = None
    ) -> tuple[Float[Tensor, "batch positions width"], HearingState]:
        """Return the encoder's features of a chunk, `delay` steps late, and its state."""
        return self.hearing(mel, self.hearing.start(mel) if state is None else state)

    def follow(
        self,
        mel: Float[Tensor, "batch frames bands"],
        features: Float[Tensor, "batch positions width"],
        condition: Condition,
        state: State | None = None,
    ) -> tuple[Answer, State]:
        """Move the lips to a chunk that the hearing has heard; see `forward`."""
        past = self._start_lips(mel) if state is None else state
        level, after_level = self.level(mel, past[0])
        # Decibels below the speaker's level, cut at -60 dB: nothing quieter is worth hearing.
        decibels = (mel - level[..., None]).clamp(min=-14) / 4 + 1.5
        waiting = torch.cat([past[1], decibels], 1)
        spectrum = rearrange(
            waiting[:, : mel.shape[1]], "batch (steps n) bands -> batch steps (n bands)",
            n=MEL_PER_STEP,
        )  # fmt: skip
        known = rearrange(
            (features - self.feature_mean) / self.feature_scale,
            "batch (steps n) width -> batch steps (n width)", n=_POSITIONS,
        )  # fmt: skip
        shape = rearrange(condition.rest[:, list(MOVING)], "batch points xyz -> batch (points xyz)")
        shape = (shape - self.rest_mean) / self.rest_scale
        inputs = (known, spectrum, shape, condition.emotion)
        members = self._members()
        size = len(members[0].convs()) + 1
        pasts = [past[2 + i * size : 2 + (i + 1) * size] for i in range(len(members))]
        said = _apart(members, inputs, pasts) if self.training else [
            lips(*inputs, own) for lips, own in zip(members, pasts, strict=True)
        ]  # fmt: skip
        answers = [self._answer(*heads) for heads, _ in said]
        memories = [memory for _, own in said for memory in own]
        answer = (
            Answer(*(torch.cat(parts) for parts in zip(*answers, strict=True)))
            if self.training
            else _together(answers)
        )
        return answer, [after_level, waiting[:, mel.shape[1] :], *memories]

    def _answer(self, moved: Tensor, speech: Tensor, phones: Tensor) -> Answer:
        moved = moved * self.offset_scale * self.gain
        offsets = moved.new_zeros(*moved.shape[:2], 70, 3)
        offsets[:, :, list(MOVING)] = rearrange(
            moved, "batch steps (points xyz) -> batch steps points xyz", xyz=3
        )
        return Answer(offsets, speech, phones)


def _apart(
    members: list[Lips], inputs: tuple[Tensor, ...], pasts: list[State]
) -> list[tuple[tuple[Tensor, Tensor, Tensor], State]]:
    """Let every member answer to its own examples only, so that they stay independent.

    What is remembered afterwards is of those examples only: training hears no second chunk.

    Raises:
        InputError: There are fewer examples than members.
    """
    count = len(inputs[0])
    if count < len(members):
        msg = f"{count} examples for {len(members)} members; expected one each, take more"
        raise InputError(msg)
    places = torch.arange(count, device=inputs[0].device).tensor_split(len(members))
    found: list[tuple[tuple[Tensor, Tensor, Tensor], State]] = []
    for lips, own, past in zip(members, places, pasts, strict=True):
        mine = (part[own] for part in inputs)
        found.append(lips(*mine, [memory[own] for memory in past]))
    return found


def _together(answers: Sequence[Answer]) -> Answer:
    """Average what members say; of the phones the probabilities, so that one may be sure alone."""
    offsets, speech, phones = (torch.stack(parts) for parts in zip(*answers, strict=True))
    likely = phones.log_softmax(-1).logsumexp(0) - math.log(len(answers))
    return Answer(offsets.mean(0), speech.mean(0), likely)


def mel_config(config: Speech2LandmarksConfig) -> MelConfig:
    """Return the spectrum that a network hears."""
    return hearing_mel(config.hearing)
