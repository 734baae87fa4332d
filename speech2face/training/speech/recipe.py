"""Everything that decides how Speech2Landmarks is trained."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from speech2face.configs import from_table, read_table
from speech2face.models.speech2landmarks import Speech2LandmarksConfig
from speech2face.training.loop.config import LoopConfig
from speech2face.training.speech.augment import AugmentConfig
from speech2face.training.speech.batches import BatchConfig
from speech2face.training.speech.losses import Losses


@dataclass(frozen=True, kw_only=True)
class Recipe(LoopConfig):
    """A training run of Speech2Landmarks; the loop's part stands in the same table."""

    steps: int = 2800
    rate: float = 1.4e-3
    warmup: int = 200
    cooldown: int = 1000
    decay: float = 0.02
    start: str = ""
    """Weights to begin with: "shipped", the path of a weight file, or none. The network's sizes and
    its statistics of the material are then those of the weights."""
    frozen: tuple[str, ...] = ()
    """Parts of the network that do not learn: `front`, `context`, `recurrent`, ..."""
    held_out_speakers: tuple[str, ...] = ("grid-s31", "grid-s32")
    held_out_every: dict[str, int] = field(default_factory=lambda: {"grid-s1": 10})
    """Of these speakers every n-th clip is held out, from the first on."""
    held_out_end: float = 0.0
    """Share of every speaker's clips, the last ones by name, that is held out as well."""
    shares: dict[str, float] = field(
        default_factory=lambda: {"grid": 0.72, "facegood": 0.1, "synthetic": 0.18}
    )
    heard: int = 1600
    """Examples that are drawn and heard once, and learnt from again and again."""
    hearing: str = "shipped"
    """Weights of the hearing of a new network: "shipped", or "random" for networks of odd sizes."""
    noise: float = 0.1
    """Noise on the features, in their standard deviations."""
    trust: dict[str, float] = field(default_factory=lambda: {"synthetic": 0.5})
    """What the movements of a corpus weigh in the loss; 1 where nothing is said."""
    network: Speech2LandmarksConfig = field(default_factory=Speech2LandmarksConfig)
    batch: BatchConfig = field(default_factory=BatchConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    losses: Losses = field(default_factory=Losses)


def read_recipe(path: Path) -> Recipe:
    """Read a recipe of Speech2Landmarks; an `InputError` says what is wrong with it."""
    table = read_table(path)
    table.pop("system", None)
    return from_table(Recipe, table, str(path))


_MINUTE = 60.0
_MOST = 5.0
"""Minutes of speech from which on a fine-tuning gets no longer."""


def for_material(recipe: Recipe, seconds: float) -> Recipe:
    """Return a fine-tuning, whose steps are for a minute, as many as its seconds ask for."""
    factor = min(max(seconds / _MINUTE, 1.0), _MOST)
    return replace(
        recipe, steps=round(recipe.steps * factor), cooldown=round(recipe.cooldown * factor)
    )
