"""Calibration: our landmarks learn what an imported checkpoint reads, without a data set.

The warp generator animates portraits; the checkpoint's own motion extractor reads the motion off
the frames; a linear map (ridge regression) and a small network on top of it are fitted to what was
read. The distance counts where it matters: at the points that move the picture.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

import speech2face
from speech2face.checkpoints import library
from speech2face.devices import to_tensor
from speech2face.errors import InputError
from speech2face.face.rig import load_rig
from speech2face.face.view import View
from speech2face.generators.imported.drive import KIND, SKIN, MotionReader
from speech2face.generators.imported.drive_network import (
    Landmarks2Keypoints,
    Landmarks2KeypointsConfig,
)
from speech2face.generators.imported.extractor import Extractor
from speech2face.generators.warp.generator import WarpGenerator
from speech2face.progress import Counted, ignore
from speech2face.training.calibration.fit import (
    CalibrationPlan,
    Rows,
    errors_of,
    measure,
    predict,
    ridge,
    train,
)
from speech2face.training.calibration.motion import (
    RANDOM,
    SPOKEN,
    ShownMotion,
    plan_motion,
)
from speech2face.types import Speech, cut

_AT_ONCE = 8
"""Frames drawn and read at once."""
_TEST, _CHOOSE = 0.2, 0.15
"""Shares of the rows that test, and that choose strength and duration of the fit."""


@dataclass(frozen=True, kw_only=True)
class Calibrated:
    """A fitted network and how far it is from what the checkpoint reads."""

    network: Landmarks2Keypoints
    errors: dict[str, dict[str, float]]
    """Mean distance of the extractor's points in frames that were held out: for each way to
    predict them, of speech and of designed and random faces."""
    unit: str
    """Of the errors."""
    path: Path | None = None
    """Where the network has been stored."""

    def table(self) -> str:
        """Write the errors as a table."""
        lines = [f"{'held out, ' + self.unit:<28}{'speech':>9}{'faces':>9}"]
        lines += [
            f"{name:<28}{row['speech']:9.3f}{row['faces']:9.3f}"
            for name, row in self.errors.items()
        ]
        return "\n".join(lines)


def example(name: str) -> Path:
    """Find a file of the examples: inside the installed package, else of the checkout.

    Raises:
        InputError: It is in neither.
    """
    package = Path(speech2face.__file__).parent
    for folder in (package / "examples", package.parent / "examples"):
        if (folder / name).is_file():
            return folder / name
    msg = (
        f"the example {name} is not installed; give files of your own: speech2face calibrate "
        "--portraits FACE.jpg --speech TALK.wav"
    )
    raise InputError(msg)


def calibrate(
    generator: str,
    extractor: Extractor[Any],
    portraits: Sequence[View],
    speech: Speech,
    *,
    plan: CalibrationPlan | None = None,
    told: Counted | None = None,
) -> Calibrated:
    """Fit a network to imported weights and store it beside them.

    Args:
        generator: Family and name or path of the weights.
        extractor: Of these weights.
        portraits: Whom to animate.
        speech: What they say.
        plan: How to go about it.
        told: Called as the work goes on.

    Raises:
        InputError: The weights have no motion extractor, so there is nothing to fit to.
        WeightsError: The weights are missing or damaged.
    """  # noqa: DOC502 library.find raises it
    plan = plan or CalibrationPlan()
    found = library.find(generator.partition(":")[2])
    if not extractor.reads:
        msg = (
            f"{generator} has no motion extractor, so there is nothing to calibrate: its keypoints "
            "follow the face's surface; to fit them to the network, import the file that holds "
            "the extractor (he_estimator) along with it"
        )
        raise InputError(msg)
    fitted = fit(extractor, portraits, speech, plan=plan, told=told)
    config = {
        "kind": KIND,
        "network": asdict(fitted.network.config),
        "fitted_for": found.sha256,
        "plan": asdict(plan),
        "errors": fitted.errors,
        "licence": found.licence,
        "trained_on": f"{len(portraits)} portraits animated by the warp generator",
    }
    path = library.calibration_path(found)
    library.add(
        path, fitted.network.state_dict(), config,
        what=f"Landmarks2Keypoints, fitted to {generator}",
        command=f"speech2face calibrate --generator {generator}",
    )  # fmt: skip
    return replace(fitted, path=path)


def fit(
    extractor: Extractor[Any],
    portraits: Sequence[View],
    speech: Speech,
    *,
    plan: CalibrationPlan | None = None,
    told: Counted | None = None,
) -> Calibrated:
    """Fit a network to a motion extractor."""
    plan = plan or CalibrationPlan()
    say = told or ignore
    rng = np.random.default_rng(plan.seed)
    rig = load_rig()
    motions = [plan_motion(rig, portrait, speech, plan.motion, rng) for portrait in portraits]
    total, done, rows = sum(map(len, motions)), 0, []
    for portrait, motion in zip(portraits, motions, strict=True):
        say_from = partial(_say_from, say, done, total)
        rows.append(_observe(extractor, portrait, motion, rng, say_from))
        done += len(motion)
    config = Landmarks2KeypointsConfig(
        parts=extractor.parts, face=len(rows[0].face), landmarks=len(SKIN),
        sound=motions[0].sound.shape[1],
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):  # the caller's own randomness stays as it is
        torch.manual_seed(plan.seed)
        network = Landmarks2Keypoints(config).to(extractor.device)
    measure(network, rows)
    errors = {"no motion": errors_of(rows, lambda row: torch.zeros_like(row.points))}
    errors["riding on the surface"] = errors_of(rows, lambda row: row.surface)
    ridge(network, extractor, rows)
    errors["linear"] = errors_of(rows, lambda row: predict(network, extractor, row))
    train(network, extractor, rows, plan, say)
    errors["network"] = errors_of(rows, lambda row: predict(network, extractor, row))
    deaf = slice(-config.sound, None)
    errors["network without sound"] = errors_of(
        rows, lambda row: predict(network, extractor, row, silence=deaf)
    )
    ready = network.eval().requires_grad_(requires_grad=False)
    return Calibrated(network=ready, errors=errors, unit=extractor.unit)


@torch.no_grad()
def _observe(
    extractor: Extractor[Any],
    portrait: View,
    shown: ShownMotion,
    rng: np.random.Generator,
    told: Callable[[int], None],
) -> Rows:
    """Animate a portrait and read the motion off the frames."""
    device = extractor.device
    generator = WarpGenerator(device)
    state, source = generator.encode([portrait]), extractor.source(portrait)
    changes = []
    for start in range(0, len(shown), _AT_ONCE):
        part = cut(shown.motion, slice(start, start + _AT_ONCE))
        frames = generator.render(state, generator.drive(state, part))
        changes.append(extractor.change(source, frames))
        told(min(start + _AT_ONCE, len(shown)))
    change = torch.cat(changes)
    reader = MotionReader(portrait, generator.rig, device)
    seen = reader(shown.motion, shown.sound)
    ridden = extractor.ride(source, reader.places, seen.surface)
    return Rows(
        source=source, face=extractor.face(source), skin=seen.skin, eyes=seen.eyes,
        emotion=to_tensor(shown.motion.emotion, device), change=change,
        points=extractor.points(extractor.latents(source, change)),
        surface=extractor.points(ridden),
        spoken=shown.kind == SPOKEN, role=_roles(shown.kind, rng),
    )  # fmt: skip


def _roles(kind: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Hold rows out: the end of the speech, and a share of the random faces.

    Designed rows are all fitted to: each shows something that no other does.
    """
    role = np.full(len(kind), "fit", dtype="<U6")
    spoken, random = np.flatnonzero(kind == SPOKEN), np.flatnonzero(kind == RANDOM)
    for rows in (spoken, rng.permutation(random)):
        test, choose = round(_TEST * len(rows)), round(_CHOOSE * len(rows))
        role[rows[len(rows) - test :]] = "test"
        role[rows[len(rows) - test - choose : len(rows) - test]] = "choose"
    return role


def _say_from(say: Counted, before: int, total: int, done: int) -> None:
    say(before + done, total, "looking")
