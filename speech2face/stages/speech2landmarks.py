"""Sound to moving landmarks: the network run over windows, and the mouth at rest in silence."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from speech2face import landmarks, timing
from speech2face.checkpoints.networks import fill
from speech2face.checkpoints.store import load, read_weights
from speech2face.configs import from_table
from speech2face.errors import InputError, WeightsError
from speech2face.models.mel import CONTEXT, HOP, LogMel
from speech2face.models.speech2landmarks import (
    MEL_PER_STEP,
    PHONE_CLASSES,
    Condition,
    Speech2LandmarksConfig,
    Speech2LandmarksNetwork,
    State,
    mel_config,
)
from speech2face.stages.voice import Gate
from speech2face.types import LandmarkTrack, Speech

STEP = HOP * MEL_PER_STEP
"""Samples a frame: 640."""
_BLOCK = 250
"""Frames heard at once: 10 s."""

SHIPPED = "shipped"
"""Instead of a path: the weights that come with the program."""
_HEARING = "hearing."
"""How the names of the hearing's weights begin."""

_BILABIAL = (0.1, 0.3)
"""Probability of p, b or m from which the lips are helped together, and at which they meet. Low,
because a missed closure is seen; at 0.02 and 0.06 people never heard meet 90 instead of 82 % of
them, but on natural voices the lips then close twice as often as anything is said."""

Points = Float[np.ndarray, "frames 70 3"]


def meet_lips(
    offsets: Float[np.ndarray, "frames 70 3"], bilabial: Float[np.ndarray, " frames"]
) -> Float[np.ndarray, "frames 70 3"]:
    """Bring the lips together where p, b or m is heard.

    Regression answers a doubtful closure with a narrow gap; an eye takes that for a missed one.

    Args:
        offsets: Movements from the rest landmarks.
        bilabial: How likely each frame is p, b or m.
    """
    doubtful, sure = _BILABIAL
    closing = np.clip((bilabial - doubtful) / (sure - doubtful), 0, 1)
    upper, lower = np.array(landmarks.INNER_LIP_GAPS).T
    gap = (offsets[:, lower, 1] - offsets[:, upper, 1]).mean(1)
    return landmarks.lips_together(offsets, np.maximum(gap, 0) * closing)


class SpeechStream:
    """One sound, heard piece by piece; landmarks come 240 ms after the sound that moves them."""

    def __init__(
        self,
        network: Speech2LandmarksNetwork,
        rest: Float[np.ndarray, "70 3"],
        emotion: Float[np.ndarray, " 8"] | None = None,
    ) -> None:
        """Begin a sound.

        Args:
            network: In evaluation mode; it computes on the device it is on.
            rest: The portrait's rest landmarks, normalized.
            emotion: Weight of each of `types.EMOTIONS`; None is neutral.
        """
        weight = network.offset_scale
        feeling = np.zeros(8, np.float32) if emotion is None else emotion
        self._network: Speech2LandmarksNetwork = network
        self._mel: LogMel = LogMel(mel_config(network.config)).to(weight.device)
        self._rest: Float[np.ndarray, "70 3"] = rest.astype(np.float32)
        self._condition: Condition = Condition(
            torch.from_numpy(self._rest)[None].to(weight),
            torch.from_numpy(feeling)[None].to(weight),
        )
        self._state: State | None = None
        self._gate: Gate = Gate()
        self._late: int = network.config.delay
        self._heard: Float[np.ndarray, " past"] = np.zeros(CONTEXT, np.float32)
        self._samples: int = 0
        self._given: int = 0

    @property
    def late(self) -> int:
        """A frame is known once the sound of itself and of this many after it was fed."""
        return self._network.config.delay

    def feed(self, samples: Float[np.ndarray, " samples"]) -> Points:
        """Hear the next samples; give the landmarks that are known by now, perhaps none."""
        self._samples += len(samples)
        return self._hear(samples)

    def finish(self) -> Points:
        """Return the landmarks that were still to come: one frame for every 640 samples begun."""
        frames = max(1, -(-self._samples // STEP))
        missing = (frames + self._network.config.delay) * STEP - self._samples
        points = self._hear(np.zeros(missing, np.float32), limit=frames - self._given)
        self._heard = np.zeros(CONTEXT, np.float32)
        return points

    @torch.inference_mode()
    def _hear(self, samples: Float[np.ndarray, " samples"], limit: int | None = None) -> Points:
        self._heard = np.concatenate([self._heard, samples.astype(np.float32)])
        steps = (len(self._heard) - CONTEXT) // STEP
        found: list[Points] = []
        for first in range(0, steps, _BLOCK):
            last = min(steps, first + _BLOCK)
            found.append(self._step(self._heard[first * STEP : last * STEP + CONTEXT]))
        self._heard = self._heard[steps * STEP :]
        points = np.concatenate(found)[:limit] if found else np.zeros((0, 70, 3), np.float32)
        self._given += len(points)
        return points

    def _step(self, samples: Float[np.ndarray, " samples"]) -> Points:
        like = self._condition.rest
        mel = self._mel(torch.from_numpy(samples)[None].to(like))
        answer, self._state = self._network(mel, self._condition, self._state)
        ahead = min(self._late, answer.speech.shape[1])
        # The first answers are about frames before the sound began.
        self._late -= ahead
        bilabial = answer.phones[0, ahead:].softmax(-1)[:, PHONE_CLASSES.index("bilabial")]
        offsets = meet_lips(answer.offsets[0, ahead:].cpu().numpy(), bilabial.cpu().numpy())
        weight = self._gate(answer.speech[0, ahead:].cpu().numpy().astype(np.float64))
        return self._rest + offsets * weight[:, None, None]


def build_network(
    tensors: dict[str, torch.Tensor], sizes: dict[str, Any], where: str
) -> Speech2LandmarksNetwork:
    """Build a network from its weights; the shipped hearing is taken where they hold none.

    Args:
        tensors: The weights.
        sizes: The configuration stored with them.
        where: What to call the configuration in an error.
    """
    network = Speech2LandmarksNetwork(from_table(Speech2LandmarksConfig, sizes, where))
    if not any(name.startswith(_HEARING) for name in tensors):
        load_hearing(network)
        tensors = {**_hearing_of(network), **tensors}
    return fill(network, tensors, where)


def load_hearing(network: Speech2LandmarksNetwork) -> None:
    """Load the shipped hearing into a network.

    Raises:
        WeightsError: The network's hearing has other sizes.
    """
    tensors, sizes = load("hearing")
    # Look-ahead and look-back are no property of the weights; there are numbers for `span`.
    wanted = asdict(network.config.hearing)
    fixed = ("bands", "width", "heads", "layers", "span")
    if any(sizes[name] != wanted[name] for name in fixed):
        msg = (
            f"the shipped hearing has the sizes {sizes}, the network expects {wanted}; train the "
            "network again, or take weights that hold their own hearing"
        )
        raise WeightsError(msg)
    fill(network.hearing, tensors, "the shipped weights of the hearing")


def without_hearing(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the weights of all but the hearing, which ships in a file of its own."""
    return {name: value for name, value in tensors.items() if not name.startswith(_HEARING)}


def _hearing_of(network: Speech2LandmarksNetwork) -> dict[str, torch.Tensor]:
    return {
        name: value for name, value in network.state_dict().items() if name.startswith(_HEARING)
    }


class Speech2Landmarks:
    """The first stage: what the face does while it says what is heard."""

    def __init__(self, network: Speech2LandmarksNetwork) -> None:
        """Take a network in evaluation mode; the stage computes on the device it is on."""
        self.network: Speech2LandmarksNetwork = network
        self.source: Path | None = None
        """The file its weights are from, unless they are the shipped ones."""

    @classmethod
    def from_pretrained(cls, device: torch.device | str = "cpu") -> "Speech2Landmarks":
        """Load the shipped weights."""
        return cls._from(*load("speech2landmarks"), device)

    @classmethod
    def from_file(cls, path: Path, device: torch.device | str = "cpu") -> "Speech2Landmarks":
        """Load weights that training or fine-tuning wrote.

        Raises:
            WeightsError: The file is absent, or its weights are of another network.
        """
        found = read_weights(path)
        try:
            stage = cls._from(*found, device)
        except (InputError, WeightsError) as error:
            msg = (
                f"{path} holds no weights of Speech2Landmarks ({error}); expected a file that "
                "speech2face finetune or train wrote"
            )
            raise WeightsError(msg) from error
        stage.source = path
        return stage

    @classmethod
    def chosen(cls, path: Path | None, device: torch.device | str = "cpu") -> "Speech2Landmarks":
        """Load a user's weight file, or the shipped weights where none is named."""
        return cls.from_pretrained(device) if path is None else cls.from_file(path, device)

    @classmethod
    def _from(
        cls, tensors: dict[str, torch.Tensor], config: dict[str, Any], device: torch.device | str
    ) -> "Speech2Landmarks":
        network = build_network(tensors, config, "the weights")
        return cls(network.eval().to(device))

    def __call__(
        self,
        speech: Speech,
        rest: Float[np.ndarray, "70 3"],
        emotion: Float[np.ndarray, " 8"] | None = None,
    ) -> LandmarkTrack:
        """Turn a whole sound into landmarks at 25 frames a second.

        Args:
            speech: The sound.
            rest: The portrait's rest landmarks, normalized.
            emotion: Weight of each of `types.EMOTIONS`; None is neutral. The shipped weights have
                heard neutral speech only and do not answer to it.

        Returns:
            One frame for every 640 samples begun; the mouth is at rest where nobody speaks.

        Raises:
            InputError: The sound has no samples, or the rest landmarks are not finite.
        """
        if not len(speech.samples):
            msg = "the sound has no samples; expected at least one, give another file"
            raise InputError(msg)
        if not np.isfinite(rest).all():
            msg = "the portrait's rest landmarks are not finite numbers; find the face again"
            raise InputError(msg)
        points = np.concatenate(list(self.stream(_blocks(speech), rest, emotion)))
        return LandmarkTrack(points=points, fps=timing.MOTION_FPS)

    def stream(
        self,
        pieces: Iterator[Float[np.ndarray, " samples"]],
        rest: Float[np.ndarray, "70 3"],
        emotion: Float[np.ndarray, " 8"] | None = None,
    ) -> Iterator[Points]:
        """Turn a sound that arrives in pieces of any length into landmarks as they are known."""
        heard = SpeechStream(self.network, rest, emotion)
        for piece in pieces:
            yield heard.feed(piece)
        yield heard.finish()


def _blocks(speech: Speech) -> Iterator[Float[np.ndarray, " samples"]]:
    for first in range(0, len(speech.samples), _BLOCK * STEP):
        yield speech.samples[first : first + _BLOCK * STEP]
