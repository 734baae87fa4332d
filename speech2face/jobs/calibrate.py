"""Calibration of an imported checkpoint, on demand and at its first use."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import torch

from speech2face.checked import typed
from speech2face.errors import Speech2FaceWarning
from speech2face.face.choose import prepare_view
from speech2face.face.track import FaceTracker
from speech2face.generators import registry
from speech2face.media.image import read_image
from speech2face.media.sound.audio import read_speech
from speech2face.progress import Counted
from speech2face.training.calibration import calibrate as calibration
from speech2face.training.calibration.calibrate import Calibrated


def is_due(generator: str) -> bool:
    """Check whether a generator's weights have to be calibrated before they can draw."""
    name = registry.full_name(generator)
    return name not in registry.names() and registry.needs_calibration(registry.imported_name(name))


def ensure_calibrated(
    generator: str, device: torch.device, progress: Counted | None = None
) -> Calibrated | None:
    """Calibrate imported weights if they are used for the first time.

    Args:
        generator: The generator's name.
        device: Where to compute.
        progress: Called as the work goes on.

    Returns:
        What was fitted; None where nothing had to be.
    """
    if not is_due(generator):
        return None
    note = (
        f"{registry.full_name(generator)} is used for the first time: it is calibrated once, which "
        "takes some minutes on a CPU (speech2face calibrate does it with portraits of your own)"
    )
    warnings.warn(note, Speech2FaceWarning, stacklevel=2)
    return calibrate(generator, device, progress=progress)


@typed
def calibrate(
    generator: str,
    device: torch.device,
    *,
    portraits: Sequence[Path] = (),
    speech: Path | None = None,
    seed: int = 0,
    progress: Counted | None = None,
) -> Calibrated:
    """Fit what an imported checkpoint reads to our landmarks, and store the fit beside it.

    Args:
        generator: Family and name or path of the weights: "fomm:NAME".
        device: Where to compute.
        portraits: Pictures that are animated for it; none: the example's portrait.
        speech: The sound they speak; None: the example's.
        seed: Another one gives other blinks and head motion.
        progress: Called as the work goes on.
    """
    registry.require(generator)
    generator = registry.full_name(generator)
    tracker = FaceTracker.from_pretrained(device)
    extractor = registry.extractor(generator, device)
    paths = portraits or [calibration.example("portrait.png")]
    views = [prepare_view(read_image(path), tracker, size=extractor.size) for path in paths]
    sound = read_speech(speech or calibration.example("speech.wav"))
    plan = calibration.CalibrationPlan(seed=seed)
    return calibration.calibrate(generator, extractor, views, sound, plan=plan, told=progress)
