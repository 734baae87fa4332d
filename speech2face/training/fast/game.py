"""The fast generator against a discriminator: sharp mouths, once all else has been learnt."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from speech2face.models.patch_discriminator import PatchDiscriminator
from speech2face.synthesis.pairs import IdentityFrames
from speech2face.training.fast.adversarial import (
    feature_matching,
    hinge_discriminator,
    hinge_generator,
)
from speech2face.training.fast.task import FastRecipe, FastTask
from speech2face.training.loop.task import Turn


class FastGame(FastTask):
    """The generator's losses and a judge who tells its pictures from real ones."""

    def __init__(
        self,
        recipe: FastRecipe,
        identities: Sequence[IdentityFrames],
        held_out: Sequence[IdentityFrames] = (),
    ) -> None:
        """Build the networks and take the material, as `FastTask` does."""
        super().__init__(recipe, identities, held_out)
        self.judge: PatchDiscriminator = PatchDiscriminator(expansion=16, most=64)

    def modules(self) -> dict[str, nn.Module]:
        """Return the generator and its judge."""
        return {"generator": self.network, "judge": self.judge}

    def turns(self, step: int, rng: np.random.Generator, device: torch.device) -> Iterator[Turn]:
        """Let the generator learn, then the judge, from the same pictures."""
        batch, made, losses = self.compare(step, rng, device)
        weight = self.recipe.adversarial
        drawn = self.judge(made.image)
        with torch.no_grad():
            real = self.judge(batch.driving)
        game: dict[str, Tensor] = {
            "fooled": weight * hinge_generator(drawn.score),
            "matched": weight * feature_matching(real.features, drawn.features),
        }
        yield Turn(("generator",), {**losses, **game})
        real, drawn = self.judge(batch.driving), self.judge(made.image.detach())
        yield Turn(("judge",), {"judged": hinge_discriminator(real.score, drawn.score)})
