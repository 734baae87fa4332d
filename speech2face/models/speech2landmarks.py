"""Speech2Landmarks: log-mel frames in, movements of lips and jaw out, never looking far ahead.

Everything is causal. The network answers `delay` steps late, which is all the future it ever sees:
a step is 40 ms of sound, so frame i of the face is known when the sound has reached
(i + 1 + delay) * 40 ms. Because of that a sound can be fed in chunks of any number of steps and the
result is the same as in one piece.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from speech2face.errors import InputError
from speech2face.models.mel import Level, MelConfig

MEL_PER_STEP = 4
"""Mel frames of 10 ms in a step of 40 ms."""

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

    bands: int = 80
    """Mel bands."""
    high: float = 7600.0
    """Upper edge of the last band, Hz; below 3500 a telephone sounds like the original."""
    channels: int = 192
    """Of the convolutions."""
    hidden: int = 256
    """Of the recurrent layers."""
    layers: int = 2
    """Recurrent layers."""
    dilations: tuple[int, ...] = (1, 2, 4)
    """Of the convolutions at 25 steps a second."""
    condition: int = 32
    """Size of what emotion and rest landmarks are turned into."""
    delay: int = 4
    """Steps of 40 ms by which the answer is late: look-ahead, with the step itself, of 200 ms."""
    dropout: float = 0.2
    """While training only."""
    members: int = 1
    """Networks of these sizes whose answers are averaged. What each has learnt of its few people
    alone averages out, which helps with people that none has heard."""

    def __post_init__(self) -> None:
        """Accept lists where a file gave them, and check what no type can.

        Raises:
            InputError: A size is not positive.
        """
        object.__setattr__(self, "dilations", tuple(self.dilations))
        sizes = (
            self.bands, self.channels, self.hidden, self.layers, self.condition, self.members,
        )  # fmt: skip
        if min(*sizes, *self.dilations) < 1 or self.delay < 0:
            msg = f"the sizes of a Speech2Landmarks network must be positive, got {self}"
            raise InputError(msg)


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
        """Give the memory before the first frame."""
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


class Speech2LandmarksNetwork(nn.Module):
    """Causal convolutions, a recurrent network, FiLM by rest landmarks and emotion, three heads."""

    rest_mean: Tensor
    rest_scale: Tensor
    offset_scale: Tensor
    gain: Tensor

    def __init__(self, config: Speech2LandmarksConfig) -> None:
        """Build the layers; buffers hold the statistics that training measured."""
        super().__init__()
        self.config: Speech2LandmarksConfig = config
        width, points = config.channels, len(MOVING) * 3
        self.level: Level = Level()
        self.front: nn.ModuleList = nn.ModuleList([
            CausalConv(config.bands, width, kernel=5),
            CausalConv(width, width, kernel=5, stride=2),
            CausalConv(width, width, kernel=5, stride=2),
        ])  # fmt: skip
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
        self.register_buffer("rest_mean", torch.zeros(points))
        self.register_buffer("rest_scale", torch.ones(points))
        self.register_buffer("offset_scale", torch.ones(points))
        self.register_buffer("gain", torch.ones(()))
        self.others: nn.ModuleList = nn.ModuleList(
            self._another() for _ in range(config.members - 1)
        )

    def _another(self) -> "Speech2LandmarksNetwork":
        """Make a member that knows the same statistics, and stores them nowhere else."""
        other = Speech2LandmarksNetwork(replace(self.config, members=1))
        for name in ("rest_mean", "rest_scale", "offset_scale", "gain"):
            other.register_buffer(name, getattr(self, name), persistent=False)
        return other

    def _convs(self) -> list[CausalConv]:
        return [conv for conv in (*self.front, *self.context) if isinstance(conv, CausalConv)]

    def start(self, mel: Float[Tensor, "batch frames bands"]) -> State:
        """Give the state before a sound, of which `mel` holds at least the first frame."""
        wide = mel.new_zeros(len(mel), 1, self.config.channels)
        first = [self.level.start(mel)]
        convs = [conv.start(wide) for conv in self._convs()]
        hidden = mel.new_zeros(len(mel), self.config.layers, self.config.hidden)
        own = [*first, *convs, hidden]
        return own * (1 + len(self.others))

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
        if not self.others:
            return self._hear(mel, condition, past)
        members = [self._hear, *(other._hear for other in self._members())]  # noqa: SLF001
        size = len(past) // len(members)
        pasts = [past[i * size : (i + 1) * size] for i in range(len(members))]
        if self.training:
            return self._learn_apart(members, mel, condition, pasts)
        heard = [hear(mel, condition, own) for hear, own in zip(members, pasts, strict=True)]
        answers, after = zip(*heard, strict=True)
        return _together(answers), [memory for own in after for memory in own]

    def _members(self) -> list["Speech2LandmarksNetwork"]:
        return [other for other in self.others if isinstance(other, Speech2LandmarksNetwork)]

    @staticmethod
    def _learn_apart(
        members: list[Callable[[Tensor, Condition, State], tuple[Answer, State]]],
        mel: Tensor,
        condition: Condition,
        pasts: list[State],
    ) -> tuple[Answer, State]:
        """Let every member answer to its own examples only, so that they stay independent.

        What is remembered afterwards is of those examples only: training hears no second chunk.

        Raises:
            InputError: There are fewer examples than members.
        """
        if len(mel) < len(members):
            msg = f"{len(mel)} examples for {len(members)} members; expected one each, take more"
            raise InputError(msg)
        answers: list[Answer] = []
        after: State = []
        places = torch.arange(len(mel), device=mel.device).chunk(len(members))
        for hear, own, past in zip(members, places, pasts, strict=True):
            asked = Condition(*(part[own] for part in condition))
            answer, memories = hear(mel[own], asked, [memory[own] for memory in past])
            answers.append(answer)
            after += memories
        return Answer(*(torch.cat(parts) for parts in zip(*answers, strict=True))), after

    def _hear(
        self, mel: Float[Tensor, "batch frames bands"], condition: Condition, past: State
    ) -> tuple[Answer, State]:
        level, after_level = self.level(mel, past[0])
        # Decibels below the speaker's level, cut at -60 dB: nothing quieter is worth hearing.
        frames = (mel - level[..., None]).clamp(min=-14) / 4 + 1.5
        after = [after_level]
        for conv, before in zip(self.front, past[1:4], strict=True):
            frames, memory = conv(frames, before)
            after.append(memory)
        frames = self.dropout(frames)
        for conv, before in zip(self.context, past[4:-1], strict=True):
            new, memory = conv(frames, before)
            frames = frames + new
            after.append(memory)
        heard, hidden = self.recurrent(
            self.dropout(frames),
            rearrange(past[-1], "batch layer size -> layer batch size").contiguous(),
        )
        after.append(rearrange(hidden, "layer batch size -> batch layer size"))
        return self._answer(heard, condition), after

    def _answer(self, heard: Float[Tensor, "batch steps hidden"], condition: Condition) -> Answer:
        shape = rearrange(condition.rest[:, list(MOVING)], "batch points xyz -> batch (points xyz)")
        shape = self.rest((shape - self.rest_mean) / self.rest_scale)
        scale, shift = self.film(torch.tanh(shape + self.emotion(condition.emotion))).chunk(2, -1)
        felt = heard * (1 + scale[:, None]) + shift[:, None]
        moved = self.movement(self.dropout(felt)) * self.offset_scale * self.gain
        offsets = moved.new_zeros(*moved.shape[:2], 70, 3)
        offsets[:, :, list(MOVING)] = rearrange(
            moved, "batch steps (points xyz) -> batch steps points xyz", xyz=3
        )
        return Answer(offsets, self.speech(heard)[..., 0], self.phones(heard))


def _together(answers: Sequence[Answer]) -> Answer:
    """Average what members say; of the phones the probabilities, so that one may be sure alone."""
    offsets, speech, phones = (torch.stack(parts) for parts in zip(*answers, strict=True))
    likely = phones.log_softmax(-1).logsumexp(0) - math.log(len(answers))
    return Answer(offsets.mean(0), speech.mean(0), likely)


def mel_config(config: Speech2LandmarksConfig) -> MelConfig:
    """Give the spectrum that a network hears."""
    return MelConfig(bands=config.bands, high=config.high)
