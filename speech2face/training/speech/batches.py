"""Draw batches of speech with the movements that belong to it."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int8
from torch import Tensor

from speech2face.models.mel import CONTEXT, MelConfig
from speech2face.training.speech.augment import (
    AugmentConfig,
    Voices,
    coloured_noise,
    dirty,
    jitter_face,
    music,
    put_on_face,
    speed_up,
)
from speech2face.training.speech.data import STEP, UNKNOWN, Stretch
from speech2face.training.speech.lag import at_times, in_time

_SEAM = 4
"""Frames on either side of a joint whose movement nobody made."""


@dataclass(frozen=True, kw_only=True)
class BatchConfig:
    """What a batch is."""

    size: int = 12
    frames: int = 125
    """Frames of 40 ms in an example: 5 s."""
    pause: float = 0.35
    """Probability of a pause of 0.4 to 2 s, with the mouth at rest, where two clips are joined."""
    nothing: float = 0.04
    """Probability of an example in which nobody speaks: hiss, hum, music, or digital silence."""
    loyalty: float = 0.5
    """How much more often one is heard who says more: 0 not at all, 1 as often as that."""


class Batch(NamedTuple):
    """Examples of equal length; sound runs on for `delay` frames after the last movement."""

    samples: Float[Tensor, "batch samples"]
    filters: Float[Tensor, "batch bands bins"]
    offsets: Float[Tensor, "batch frames 70 3"]
    rest: Float[Tensor, "batch 70 3"]
    speech: Float[Tensor, "batch frames"]
    phones: Float[Tensor, "batch frames"]
    weight: Float[Tensor, "batch frames"]
    """0 where movements were joined or made up, and count for nothing."""


class _Line(NamedTuple):
    """An example while it is put together."""

    samples: Float[np.ndarray, " samples"]
    offsets: Float[np.ndarray, "frames 70 3"]
    speech: Int8[np.ndarray, " frames"]
    phones: Int8[np.ndarray, " frames"]
    weight: Float[np.ndarray, " frames"]

    def then(self, other: "_Line") -> "_Line":
        return _Line(*(np.concatenate(pair) for pair in zip(self, other, strict=True)))

    def part(self, first: int, last: int) -> "_Line":
        rest = (values[first:last] for values in self[1:])
        return _Line(self.samples[first * STEP : last * STEP], *rest)


class Sampler:
    """Draws examples: corpora by their share, people by a root of how much they say."""

    def __init__(
        self,
        corpora: dict[str, list[Stretch]],
        shares: dict[str, float],
        faces: Float[np.ndarray, "faces 70 3"],
        *,
        mel: MelConfig,
        batch: BatchConfig,
        augment: AugmentConfig,
        delay: int,
        trust: dict[str, float] | None = None,
    ) -> None:
        """Take the material.

        Args:
            corpora: Stretches by corpus; lips that are late are moved to their sound.
            shares: How often each corpus is drawn.
            faces: Rest landmarks of people who say nothing, lent to those who do.
            mel: What the network hears.
            batch: Size and length.
            augment: What examples go through.
            delay: Frames that the network answers late.
            trust: What the movements of a corpus weigh; 1 where nothing is said.
        """
        self.people: list[list[list[Stretch]]] = [
            _by_speaker([in_time(one) for one in own]) for own in corpora.values()
        ]
        self.names: list[str] = list(corpora)
        self.trust: dict[str, float] = trust or {}
        share = np.array([shares.get(name, 0.0) for name in self.names])
        self.shares: Float[np.ndarray, " corpora"] = share / share.sum()
        self.faces: Float[np.ndarray, "faces 70 3"] = faces
        self.voices: Voices = Voices(mel, augment)
        self.batch: BatchConfig = batch
        self.augment: AugmentConfig = augment
        self.delay: int = delay

    def draw(self, rng: np.random.Generator, count: int | None = None) -> Batch:
        """Draw a batch, or `count` examples; the generator decides everything."""
        examples = [self._example(rng) for _ in range(count or self.batch.size)]
        filters = np.stack([self.voices.draw(rng) for _ in examples])
        lines, rests = zip(*examples, strict=True)
        columns = [torch.from_numpy(np.stack(column)) for column in zip(*lines, strict=True)]
        samples, offsets, speech, phones, weight = columns
        rest = torch.from_numpy(np.stack(rests))
        return Batch(
            samples, torch.from_numpy(filters), offsets.float(), rest.float(), speech.float(),
            phones.float(), weight.float(),
        )  # fmt: skip

    def _person(self, rng: np.random.Generator) -> tuple[str, list[Stretch]]:
        corpus = rng.choice(len(self.people), p=self.shares)
        people = self.people[corpus]
        weight = np.array([len(own) for own in people]) ** self.batch.loyalty
        return self.names[corpus], people[rng.choice(len(people), p=weight / weight.sum())]

    def _example(self, rng: np.random.Generator) -> tuple[_Line, Float[np.ndarray, "70 3"]]:
        corpus, own = self._person(rng)
        first = own[rng.integers(len(own))]
        lends = rng.random() < self.augment.face
        face = self.faces[rng.integers(len(self.faces))] if lends else first.rest
        wanted = self.batch.frames + self.delay
        fast = rng.random() < self.augment.speed
        speed = (
            float(np.exp(rng.uniform(*np.log([self.augment.slowest, self.augment.fastest]))))
            if fast
            else 1.0
        )
        line = self._line(first, face, speed)
        line = line.part(
            int(rng.integers(0, max(1, min(40, len(line.offsets) - 50)))), len(line.offsets)
        )
        while len(line.offsets) < wanted:
            if rng.random() < self.batch.pause:
                line = line.then(_pause(rng, line))
            seam = len(line.offsets)
            line = line.then(self._line(own[rng.integers(len(own))], face, speed))
            line.weight[max(0, seam - _SEAM) : seam + _SEAM] = 0
        line = line.part(0, wanted)
        if rng.random() < self.batch.nothing:
            line = _nothing(rng, wanted)
        line = line._replace(weight=line.weight * np.float32(self.trust.get(corpus, 1.0)))
        babble = self._babble(rng, len(line.samples))
        line = line._replace(samples=dirty(rng, self.augment, line.samples, babble))
        # The network hears `delay` frames more than it is asked about.
        ends = {name: getattr(line, name)[: self.batch.frames] for name in _Line._fields[1:]}
        past = np.zeros(CONTEXT, np.float32)
        return line._replace(samples=np.concatenate([past, line.samples]), **ends), jitter_face(
            rng, face
        )

    def _line(self, stretch: Stretch, face: Float[np.ndarray, "70 3"], speed: float) -> _Line:
        offsets = put_on_face(stretch.offsets, stretch.rest, face)
        samples, speech, phones = stretch.samples, stretch.speech, stretch.phones
        if speed != 1:
            samples = speed_up(samples, speed)
            frames = len(samples) // STEP
            at = np.clip((np.arange(frames) + 0.5) * speed - 0.5, 0, len(offsets) - 1)
            offsets = at_times(offsets, at)
            nearest = np.round(at).astype(int)
            samples, speech, phones = samples[: frames * STEP], speech[nearest], phones[nearest]
        return _Line(samples, offsets, speech, phones, np.ones(len(offsets), np.float32))

    def _babble(self, rng: np.random.Generator, count: int) -> Float[np.ndarray, " more"]:
        others = [self._person(rng)[1] for _ in range(2)]
        sounds = [own[rng.integers(len(own))].samples for own in others]
        return np.sum([np.resize(sound, count) for sound in sounds], 0)


def _by_speaker(stretches: list[Stretch]) -> list[list[Stretch]]:
    people: dict[str, list[Stretch]] = {}
    for stretch in stretches:
        people.setdefault(stretch.speaker, []).append(stretch)
    return list(people.values())


def _nothing(rng: np.random.Generator, frames: int) -> _Line:
    """Make a sound in which nobody speaks."""
    level = 10 ** rng.uniform(-5, -1) * rng.choice([0.0, 1.0], p=[0.3, 0.7])
    # Whoever hears music should not sing it.
    make = music if rng.random() < 0.4 else coloured_noise  # noqa: PLR2004 - nearly as often
    samples = (make(rng, frames * STEP) * level).astype(np.float32)
    silent = np.zeros(frames, np.int8)
    return _Line(
        samples,
        np.zeros((frames, 70, 3), np.float32),
        silent,
        silent.copy(),
        np.ones(frames, np.float32),
    )


def _pause(rng: np.random.Generator, line: _Line) -> _Line:
    """Make silence, of digital zeros or the recording's own hiss, with the mouth at rest."""
    frames = int(rng.integers(10, 50))
    level = float(np.percentile(np.abs(line.samples), 10)) * rng.choice([0.0, 1.0])
    samples = (rng.standard_normal(frames * STEP) * level).astype(np.float32)
    silent = np.zeros(frames, np.int8)
    weight = np.ones(frames, np.float32)
    # How fast a mouth closes is not known here.
    weight[:6] = weight[-4:] = 0
    return _Line(samples, np.zeros((frames, 70, 3), np.float32), silent, silent.copy(), weight)


__all__ = ["UNKNOWN", "Batch", "BatchConfig", "Sampler"]
