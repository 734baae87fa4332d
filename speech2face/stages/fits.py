"""Which Landmarks2Latents belongs to which generator."""

from importlib import import_module
from typing import Any, Protocol, runtime_checkable

import torch

from speech2face.face.rig import Rig
from speech2face.generators.base import Generator
from speech2face.generators.facevid2vid.drive import KeypointFit
from speech2face.generators.facevid2vid.generator import FaceVid2Vid, load_extractor
from speech2face.generators.registry import FAST, WARP, full_name, imported_name
from speech2face.motion.solve import Landmarks2Latents
from speech2face.types import ControlTrack, LandmarkTrack, LatentTrack, Portrait, Speech


@runtime_checkable
class LatentFit(Protocol):
    """Landmarks and controls in, latents of one generator out."""

    space: str
    """The latent space, which is the generator's name."""
    rig: Rig

    def __call__(
        self,
        track: LandmarkTrack,
        controls: ControlTrack,
        portrait: Portrait,
        speech: Speech | None = None,
    ) -> LatentTrack:
        """Turn landmarks and controls into latents of the same length and rate."""
        ...


def create_fit(
    name: str, device: torch.device, generator: Generator[Any] | None = None
) -> LatentFit:
    """Make what fits a generator's latents.

    Args:
        name: The generator's name.
        device: Where networks compute.
        generator: The generator, if it has been loaded: networks that both need are loaded once.

    Raises:
        InputError: There is no such generator.
        WeightsError: Its weights are missing, damaged or not calibrated.
    """  # noqa: DOC502 the parts raise them
    name = full_name(name)
    if name == WARP:
        return Landmarks2Latents()
    if name == FAST:
        return import_module("speech2face.generators.fast.drive").Landmarks2Named()
    weights = imported_name(name)
    if isinstance(generator, FaceVid2Vid):
        return KeypointFit.from_weights(weights, generator.extractor)
    return KeypointFit.from_weights(weights, load_extractor(weights, device))
