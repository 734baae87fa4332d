"""Hearing: log-mel frames in, features of a speech encoder out, a bounded time later.

Two convolutions and a few transformer layers, of the sizes and with the weights of Whisper's
encoder (Radford et al. 2022). Whisper hears 30 s at once; here every layer attends to a bounded
stretch of the past and a few positions of the future, so a sound can be heard in pieces of any
size. Whisper knows positions by number. They count from the start of a sound up to `span`; then the
encoder begins anew with the last `behind` positions as its past. Features come `late` positions
after the sound.
"""

from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from speech2face.errors import InputError
from speech2face.models.mel import HOP, Level, MelConfig
from speech2face.timing import SPEECH_RATE

MEL_PER_POSITION = 2
"""Mel frames of 10 ms in a position of 20 ms."""

HearingState = list[Tensor]
"""All that is remembered between two pieces of sound."""

QUIETEST = -3.0
"""Level (natural logarithm of the power in all bands) below which nothing is amplified; a voice
at -51 dBFS has it."""
_EXPECTED = 2.0
"""The least level that a speaker is expected to have at first, that of a voice at about -29 dBFS:
noise before the first word must not be taken for speech."""
_FORGOTTEN = 12.0
"""Decibels a second by which that expectation falls: quiet voices are soon heard as they are."""
_LN10 = 2.302585
_LOUDEST = 1.5
"""Decadic logarithm that the speaker's level is moved to, as in recordings that Whisper knows."""
_RANGE = 8.0
"""Decades below which nothing is heard, as in Whisper."""


@dataclass(frozen=True, kw_only=True)
class HearingConfig:
    """Sizes of the encoder; they are stored with its weights."""

    bands: int = 80
    """Mel bands from 0 to 8000 Hz."""
    width: int = 512
    heads: int = 8
    layers: int = 3
    ahead: tuple[int, ...] = (4, 4, 3)
    """Positions of 20 ms that each layer looks ahead."""
    behind: int = 64
    """Positions that each layer looks back."""
    span: int = 192
    """Positions after which counting begins anew; `behind` of them are then heard again."""

    def __post_init__(self) -> None:
        """Accept lists where a file gave them, and check what no type can.

        Raises:
            InputError: A size is not positive, or sizes do not fit each other.
        """
        object.__setattr__(self, "ahead", tuple(self.ahead))
        sizes = (self.bands, self.width, self.heads, self.layers, self.behind)
        if min(sizes) < 1 or self.width % self.heads or len(self.ahead) != self.layers:
            msg = (
                f"the sizes of a hearing must be positive, its width a multiple of its heads, and "
                f"every layer needs a look-ahead; got {self}"
            )
            raise InputError(msg)
        if not self.late < self.behind < self.span:
            msg = (
                f"a hearing that is {self.late} positions late looks back {self.behind} and counts "
                f"to {self.span}; expected each to be more than the one before"
            )
            raise InputError(msg)

    @property
    def late(self) -> int:
        """Positions by which features come after their sound; one is the convolutions'."""
        return 1 + sum(self.ahead)


class ExpectedLevel(nn.Module):
    """The level of the speaker (`mel.Level`), never lower than what is expected at first."""

    def __init__(self) -> None:
        """Build the follower."""
        super().__init__()
        self.follower: Level = Level()
        self.fall: float = _FORGOTTEN / 10 * _LN10 * HOP / SPEECH_RATE

    def start(self, mel: Float[Tensor, "batch frames bands"]) -> Float[Tensor, "batch past"]:
        """Return the state before a sound's first frame."""
        expected = mel.new_full((len(mel), 1), _EXPECTED)
        return torch.cat([self.follower.start(mel), expected], 1)

    def forward(
        self, mel: Float[Tensor, "batch frames bands"], past: Float[Tensor, "batch past"]
    ) -> tuple[Float[Tensor, "batch frames"], Float[Tensor, "batch past"]]:
        """Return the level at each frame and the state after the last."""
        level, after = self.follower(mel, past[:, :-1])
        fallen = self.fall * torch.arange(1, mel.shape[1] + 1, device=mel.device)
        expected = (past[:, -1:] - fallen).clamp(min=QUIETEST)
        return torch.maximum(level, expected), torch.cat([after, expected[:, -1:]], 1)


class HearingLayer(nn.Module):
    """One transformer layer that attends to a band of positions around each."""

    def __init__(self, width: int, heads: int, *, ahead: int, behind: int, first: int) -> None:
        """Choose sizes; inputs before number `first` are of a time before the sound."""
        super().__init__()
        self.heads: int = heads
        self.ahead: int = ahead
        self.behind: int = behind
        self.first: int = first
        self.attention_norm: nn.LayerNorm = nn.LayerNorm(width)
        self.project: nn.Linear = nn.Linear(width, 3 * width)
        self.merge: nn.Linear = nn.Linear(width, width)
        self.wide_norm: nn.LayerNorm = nn.LayerNorm(width)
        self.widen: nn.Linear = nn.Linear(width, 4 * width)
        self.narrow: nn.Linear = nn.Linear(4 * width, width)

    def start(self, like: Tensor) -> list[Tensor]:
        """Return an empty memory: inputs not yet answered, and queries, keys and values."""
        width = self.merge.in_features
        return [
            like.new_zeros(len(like), self.ahead, width),
            like.new_zeros(len(like), self.behind + self.ahead, 3 * width),
        ]

    def forward(
        self, frames: Float[Tensor, "batch n width"], memory: list[Tensor], heard: int
    ) -> tuple[Tensor, list[Tensor]]:
        """Answer n positions, `ahead` late; return them and the new memory.

        Args:
            frames: Inputs number `heard` and on.
            memory: What `start` or the last call returned.
            heard: How many inputs there were before.
        """
        waiting, past = memory
        count = frames.shape[1]
        projected = torch.cat([past, self.project(self.attention_norm(frames))], 1)
        asked = torch.cat([waiting, frames], 1)
        query, key, value = (
            rearrange(part, "batch n (head size) -> batch head n size", head=self.heads)
            for part in projected.chunk(3, -1)
        )
        query = query[:, :, self.behind : self.behind + count]
        attended = functional.scaled_dot_product_attention(
            query, key, value, attn_mask=self._seen(heard, count, frames.device)
        )
        answer = self._answer(asked[:, :count], attended)
        return answer, [asked[:, count:], projected[:, count:]]

    def whole(self, frames: Float[Tensor, "batch n width"]) -> Float[Tensor, "batch n width"]:
        """Answer all positions, each of which sees all others."""
        query, key, value = (
            rearrange(part, "batch n (head size) -> batch head n size", head=self.heads)
            for part in self.project(self.attention_norm(frames)).chunk(3, -1)
        )
        return self._answer(frames, functional.scaled_dot_product_attention(query, key, value))

    def _answer(self, asked: Tensor, attended: Tensor) -> Tensor:
        merged = rearrange(attended, "batch head n size -> batch n (head size)")
        answer = asked + self.merge(merged)
        return answer + self.narrow(functional.gelu(self.widen(self.wide_norm(answer))))

    def _seen(self, heard: int, count: int, device: torch.device) -> Bool[Tensor, "count keys"]:
        """Mark which inputs an answer sees: near ones, and none of before the sound."""
        asked = heard - self.ahead + torch.arange(count, device=device)[:, None]
        first = heard - self.behind - self.ahead
        known = torch.arange(first, heard + count, device=device)
        near = (known - asked >= -self.behind) & (known - asked <= self.ahead)
        # Answers about a time before the sound are thrown away, but must be numbers.
        return near & ((known >= self.first) | (asked < self.first))


class HearingNetwork(nn.Module):
    """Whisper's convolutions and first layers, in a band of positions."""

    places: Tensor

    def __init__(self, config: HearingConfig) -> None:
        """Build the layers."""
        super().__init__()
        self.config: HearingConfig = config
        self.level: ExpectedLevel = ExpectedLevel()
        self.first: nn.Conv1d = nn.Conv1d(config.bands, config.width, 3)
        self.second: nn.Conv1d = nn.Conv1d(config.width, config.width, 3, 2)
        self.layers: nn.ModuleList = nn.ModuleList(
            HearingLayer(
                config.width, config.heads, ahead=ahead, behind=config.behind,
                first=sum(config.ahead[:number]),
            )
            for number, ahead in enumerate(config.ahead)
        )  # fmt: skip
        self.register_buffer("places", torch.zeros(config.span, config.width))

    def start(self, mel: Float[Tensor, "batch frames bands"]) -> HearingState:
        """Return the state before a sound, of which `mel` holds at least the first frame."""
        config = self.config
        return [
            self.level.start(mel),
            mel.new_zeros(len(mel), 2, config.bands),
            mel.new_zeros(len(mel), 2, config.width),
            mel.new_zeros(len(mel), config.behind, config.width),
            torch.zeros((), dtype=torch.long),
            *self._empty(mel),
        ]

    def forward(
        self, mel: Float[Tensor, "batch frames bands"], state: HearingState
    ) -> tuple[Float[Tensor, "batch positions width"], HearingState]:
        """Hear a piece of sound.

        Args:
            mel: Natural log-mel frames (`hearing_mel`), `MEL_PER_POSITION` for every position.
            state: What `start` or the last piece returned.

        Returns:
            Features, `late` positions after their sound, and the state for the next piece.
        """
        level, after_level = self.level(mel, state[0])
        found = _brought_to(mel, level[..., None])
        after = [after_level]
        for conv, before in ((self.first, state[1]), (self.second, state[2])):
            joined = torch.cat([before, found], 1)
            found = functional.gelu(conv(joined.mT)).mT
            after.append(joined[:, joined.shape[1] - 2 :])
        features, recent, heard, memories = self._attend(found, state[3], int(state[4]), state[5:])
        after += [recent, torch.tensor(heard), *memories]
        return features, after

    def whole(
        self, mel: Float[Tensor, "batch frames bands"]
    ) -> Float[Tensor, "batch positions width"]:
        """Hear a sound with all of it at hand, as Whisper does: nothing is late, or forgotten.

        Args:
            mel: All frames, of no more positions than there are places.
        """
        found = _brought_to(mel, mel.logsumexp(-1).amax(1)[:, None, None])
        for conv in (self.first, self.second):
            found = functional.gelu(functional.conv1d(
                found.mT, conv.weight, conv.bias, conv.stride, padding=1
            )).mT  # fmt: skip
        found = found + self.places[: found.shape[1]]
        for layer in self._layers():
            found = layer.whole(found)
        return found

    def _attend(
        self, frames: Tensor, recent: Tensor, heard: int, memories: list[Tensor]
    ) -> tuple[Tensor, Tensor, int, list[Tensor]]:
        """Run the layers over positions, beginning anew where counting does."""
        config, found, done = self.config, [], 0
        known = torch.cat([recent, frames], 1)
        while done < frames.shape[1]:
            if heard == config.span:
                again = known[:, done : done + config.behind]
                memories = self._layered(again, 0, self._empty(frames))[1]
                heard = config.behind
            count = min(config.span - heard, frames.shape[1] - done)
            features, memories = self._layered(frames[:, done : done + count], heard, memories)
            found.append(features)
            done, heard = done + count, heard + count
        return torch.cat(found, 1), known[:, frames.shape[1] :], heard, memories

    def _layered(
        self, frames: Tensor, heard: int, memories: list[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        found = frames + self.places[heard : heard + frames.shape[1]]
        after: list[Tensor] = []
        for number, layer in enumerate(self._layers()):
            found, memory = layer(found, memories[2 * number : 2 * number + 2], heard)
            after += memory
        return found, after

    def _layers(self) -> list[HearingLayer]:
        return [layer for layer in self.layers if isinstance(layer, HearingLayer)]

    def _empty(self, like: Tensor) -> list[Tensor]:
        return [memory for layer in self._layers() for memory in layer.start(like)]


def _brought_to(mel: Tensor, level: Tensor) -> Tensor:
    """Bring a spectrum to the loudness and the units that Whisper hears."""
    decades = (mel - level.clamp(min=QUIETEST)) / _LN10 + _LOUDEST
    return (decades.clamp(min=_LOUDEST - _RANGE) + 4) / 4


def hearing_mel(config: HearingConfig) -> MelConfig:
    """Return the spectrum that the encoder hears."""
    return MelConfig(bands=config.bands, low=0.0, high=8000.0)
