"""Train the sync network, and ask others for lips that fit their sound.

The material is that of Speech2Landmarks: prepared GRID, through the same voices, rooms and noises.
Lips and sound of the same moment belong together; what does not are the same lips with the sound
moved by 2 to 12 frames, and the other clips of the batch. A last term keeps the order that the
scores are read by: in step, out of step, somebody else's words.
"""

from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from speech2face import landmarks
from speech2face.checkpoints import store
from speech2face.checkpoints.networks import build, ready
from speech2face.checkpoints.store import load, read_weights, write_weights
from speech2face.errors import InputError
from speech2face.models.mel import LogMel, MelConfig, log_of_power
from speech2face.models.sync import SyncConfig, SyncNetwork, agreement
from speech2face.training.loop.config import LoopConfig
from speech2face.training.speech.augment import AugmentConfig
from speech2face.training.speech.batches import Batch, BatchConfig, Sampler
from speech2face.training.speech.corpora import read_corpora, read_faces
from speech2face.training.speech.data import Stretch
from speech2face.training.speech.recipe import Recipe as SpeechRecipe

FILE = "sync.safetensors"
"""Name of the weight file."""
_REACH = 12
"""Frames by which sound is moved away, at most."""
_BLUR = 1
"""Frames beside the right moment that are neither right nor wrong."""
_LATE = 5
"""Frames of the shift that must score between the right moment and somebody else's words."""


@dataclass(frozen=True, kw_only=True)
class SyncBatch:
    """What a batch is."""

    size: int = 16
    shortest: int = 25
    """Frames of the lips that are shown, at least; 1 s."""
    longest: int = 60

    def __post_init__(self) -> None:
        """Check what no type can.

        Raises:
            InputError: Contrast needs two clips, and windows a length.
        """
        if self.size < 2 or not 1 <= self.shortest <= self.longest:  # noqa: PLR2004
            msg = (
                f"a batch of {self.size} windows of {self.shortest} to {self.longest} frames; "
                "expected at least 2 windows, the shortest first; correct the recipe"
            )
            raise InputError(msg)


@dataclass(frozen=True, kw_only=True)
class LipNoise:
    """What the lips go through, beside what the sound does."""

    still: float = 0.012
    """Spread of an error that stays, per coordinate, in eye distances: another rest."""
    moving: float = 0.004
    """Spread of an error from frame to frame: a tracker's noise."""
    least: float = 0.6
    """Movements are made smaller, down to this, or as much larger."""
    smooth: float = 0.3
    """Probability that movements are averaged over three frames, as networks and filters do."""


@dataclass(frozen=True, kw_only=True)
class SyncRecipe(LoopConfig):
    """Everything that decides a training run; the loop's part stands in the same table."""

    steps: int = 3000
    rate: float = 1.5e-3
    warmup: int = 150
    cooldown: int = 1500
    decay: float = 0.02
    average: float = 0.998
    held_out_speakers: tuple[str, ...] = ("grid-s31", "grid-s32")
    held_out_every: dict[str, int] = field(default_factory=lambda: {"grid-s1": 10})
    shares: dict[str, float] = field(default_factory=lambda: {"grid": 1.0})
    order: float = 1.0
    """Weight of the term that keeps the order of the scores."""
    margin: float = 0.1
    """By how much the shifted should score above somebody else's words, as a cosine."""
    network: SyncConfig = field(default_factory=SyncConfig)
    batch: SyncBatch = field(default_factory=SyncBatch)
    lips: LipNoise = field(default_factory=LipNoise)
    augment: AugmentConfig = field(default_factory=AugmentConfig)

    @property
    def split(self) -> SpeechRecipe:
        """Say what is held out in the words of Speech2Landmarks' recipe."""
        return SpeechRecipe(
            held_out_speakers=self.held_out_speakers,
            held_out_every=self.held_out_every,
            shares=self.shares,
        )


class SyncTask:
    """The sync network and what it is asked for; a `Task` of `training.loop`."""

    def __init__(
        self, recipe: SyncRecipe, corpora: dict[str, list[Stretch]], faces: np.ndarray
    ) -> None:
        """Take the material.

        Args:
            recipe: Everything that decides the run.
            corpora: What is learnt from, by corpus.
            faces: Rest landmarks of people who say nothing, lent to those who do.
        """
        torch.manual_seed(recipe.seed)
        self.recipe: SyncRecipe = recipe
        mel = MelConfig(bands=recipe.network.bands)
        self.network: SyncNetwork = SyncNetwork(recipe.network)
        self.mel: LogMel = LogMel(mel)
        real = next(iter(corpora.values()))
        moves = np.concatenate([one.offsets[:, landmarks.MOUTH, :2] for one in real])
        self.network.scale.copy_(torch.from_numpy(np.maximum(moves.std(0), 0.005)))
        frames = recipe.batch.longest + 2 * _REACH
        self.sampler: Sampler = Sampler(
            corpora, recipe.shares, faces, mel=mel, augment=recipe.augment, delay=0,
            batch=BatchConfig(size=recipe.batch.size, frames=frames, pause=0.0, nothing=0.0),
        )  # fmt: skip

    @classmethod
    def prepared(cls, recipe: SyncRecipe, prepared: Path) -> "SyncTask":
        """Read the prepared corpora and the faces that are lent."""
        return cls(recipe, read_corpora(prepared, recipe.split), read_faces(prepared))

    def modules(self) -> dict[str, nn.Module]:
        """Return the network."""
        return {"sync": self.network}

    def losses(
        self, step: int, rng: np.random.Generator, device: torch.device
    ) -> dict[str, Tensor]:
        """Draw a batch, score every window at every lag and against every other clip."""
        del step
        batch = Batch(*(values.to(device) for values in self.sampler.draw(rng)))
        mel = log_of_power(self.mel.to(device).power(batch.samples), batch.filters)
        frames = int(rng.integers(self.recipe.batch.shortest, self.recipe.batch.longest + 1))
        # The lips are cut before they are looked at, so that no edge tells the right moment.
        lips = batch.offsets[:, _REACH : _REACH + frames]
        seen = self.network.see(disturbed(lips, self.recipe.lips, rng))
        heard = self.network.hear(mel)
        # Where two clips were joined both sides jump together: that must not be learnt from.
        known = _far_from_seams(batch.weight, self._sight())
        lags, others = scores(heard, seen, known, _REACH)
        weight = known[:, _REACH : _REACH + frames].mean(1)
        return contrast(lags, others, weight, self.network.temperature.exp(), self.recipe)

    def _sight(self) -> int:
        """Count the steps to either side that an embedding depends on."""
        return 2 * self.recipe.network.blocks + 2

    def preview(self, folder: Path) -> dict[str, float]:
        """Show nothing: held-out figures are the evaluation's."""
        del folder
        return {"temperature": float(self.network.temperature.exp())}

    def write(self, folder: Path) -> Path:
        """Write the weights as they are used."""
        path = folder / FILE
        write_weights(path, self.network.state_dict(), asdict(self.recipe.network))
        return path


def disturbed(
    lips: Float[Tensor, "batch frames 70 3"], config: LipNoise, rng: np.random.Generator
) -> Float[Tensor, "batch frames 70 3"]:
    """Move lips as other trackers, rests and speakers would have them."""
    shape = lips.shape

    def normal(*sizes: int) -> Tensor:
        return torch.from_numpy(rng.standard_normal(sizes).astype(np.float32)).to(lips)

    reach = -np.log(config.least)
    size = np.exp(reach * rng.uniform(-1, 1, (shape[0], 1, 1, 3))).astype(np.float32)
    moved = lips * torch.from_numpy(size).to(lips)
    soft = torch.from_numpy(rng.random(shape[0]) < config.smooth).to(lips.device)
    around = torch.cat([moved[:, :1], moved, moved[:, -1:]], 1)
    average = (around[:, :-2] + around[:, 1:-1] + around[:, 2:]) / 3
    moved = torch.where(soft[:, None, None, None], average, moved)
    still = normal(shape[0], 1, *shape[2:]) * config.still
    return moved + still + normal(*shape) * config.moving


def _far_from_seams(
    weight: Float[Tensor, "batch frames"], sight: int
) -> Float[Tensor, "batch frames"]:
    wide = functional.max_pool1d(1 - weight[:, None], 2 * sight + 1, 1, sight)
    return 1 - wide[:, 0]


def scores(
    heard: Float[Tensor, "batch steps size"],
    seen: Float[Tensor, "batch frames size"],
    known: Float[Tensor, "batch steps"],
    reach: int,
) -> tuple[Float[Tensor, "batch lags"], Float[Tensor, "batch batch"]]:
    """Score windows of lips against their own sound at every lag, and against all sounds at lag 0.

    Args:
        heard: Of sounds that begin `reach` steps before the lips and end at least as much later.
        seen: Of the lips.
        known: 0 where a step does not count, whether as sound or as lips.
        reach: Lags go from -reach to reach; at a positive one the sound is later.

    Returns:
        Cosines by lag, and cosines of each row's lips with each column's sound.
    """
    frames = seen.shape[1]
    visible = known[:, reach : reach + frames]
    lags = torch.stack([
        agreement(heard[:, at : at + frames], seen, visible * known[:, at : at + frames])
        for at in range(2 * reach + 1)
    ], 1)  # fmt: skip
    now, sound = heard[:, reach : reach + frames], visible
    count = len(seen)
    others = agreement(
        now[None].expand(count, -1, -1, -1),
        seen[:, None].expand(-1, count, -1, -1),
        visible[:, None] * sound[None],
    )
    return lags, others


def contrast(
    lags: Float[Tensor, "batch lags"],
    others: Float[Tensor, "batch batch"],
    weight: Float[Tensor, " batch"],
    factor: Tensor,
    recipe: SyncRecipe,
) -> dict[str, Tensor]:
    """Ask that the right sound at the right moment wins, and that the losers keep their order.

    Args:
        lags: Cosines at lags -`_REACH` to `_REACH`.
        others: Cosines with every sound of the batch; the diagonal is lag 0.
        weight: What each window counts.
        factor: Makes logits of cosines.
        recipe: Weights.
    """
    count, reach = len(lags), lags.shape[1] // 2
    right = lags[:, reach]
    away = [lag + reach for lag in range(-reach, reach + 1) if abs(lag) > _BLUR]
    same = torch.eye(count, dtype=torch.bool, device=lags.device)
    strange = (others * factor).masked_fill(same, -torch.inf)
    logits = torch.cat([right[:, None] * factor, lags[:, away] * factor, strange], 1)
    target = torch.zeros(count, dtype=torch.long, device=lags.device)
    missed = functional.cross_entropy(logits, target, reduction="none")
    late = torch.stack([lags[:, reach - _LATE], lags[:, reach + _LATE]]).mean()
    apart = others[~same].mean()
    return {
        "contrast": (missed * weight).sum() / (weight.sum() + 1e-3),
        "order": recipe.order * functional.relu(apart + recipe.margin - late),
    }


def load_network(weights: Path | None = None) -> SyncNetwork:
    """Load the shipped sync network, or that of a weight file, ready for use and not to learn."""
    found = load("sync") if weights is None else read_weights(weights)
    return ready(build(SyncNetwork, SyncConfig, found, str(weights or "the shipped weights")))


def sync_loss(
    network: SyncNetwork,
    mel: Float[Tensor, "batch frames bands"],
    offsets: Float[Tensor, "batch steps 70 3"],
    weight: Float[Tensor, "batch steps"],
    *,
    reach: int = 5,
) -> Tensor:
    """Ask lips to fit their sound better than the same sound moved away.

    The cosine alone can be raised by moving more of everything; the contrast with other moments
    asks for the right movement at the right time. Gradients reach the lips alone.

    Args:
        network: From `load_network`.
        mel: What is heard, four frames for every step.
        offsets: Predicted movements from the rest landmarks.
        weight: 0 for steps that count for nothing.
        reach: Lags up to this many frames to either side are compared.

    Returns:
        0 for lips in step, up to about 5 for lips that fit every other moment better.
    """
    with torch.no_grad():
        heard = network.hear(mel[:, : 4 * offsets.shape[1]])
    lips = offsets[:, reach : offsets.shape[1] - reach]
    lags, _ = scores(heard, network.see(lips), weight, reach)
    logits = lags * network.temperature.exp()
    near = torch.ones_like(logits, dtype=torch.bool)
    near[:, reach - _BLUR : reach + _BLUR + 1] = False
    near[:, reach] = True
    logits = logits.masked_fill(~near, -torch.inf)
    target = torch.full((len(logits),), reach, device=logits.device)
    return functional.cross_entropy(logits, target)


def ship(weights: Path, pretrained: Path) -> Path:
    """Enter weights that the loop wrote into a pretrained folder."""
    return store.ship(pretrained, "sync", *read_weights(weights), row=_ROW)


_ROW = {
    "what": "Sync network: do these lips belong to this sound? Scores and a loss, not a generator",
    "licence": "MIT",
    "trained_on": (
        "GRID audiovisual corpus (CC BY 4.0; Cooke, Barker, Cunningham, Shao 2006) labelled by "
        "MediaPipe's face landmarker (Apache-2.0); rest faces of SFHQ-T2I portraits (MIT)"
    ),
    "command": "speech2face train sync.toml --data PREPARED -o DIR",
}
