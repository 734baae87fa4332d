"""The fit of a calibration: ridge regression, then a small network on top of it.

Distances count where they matter, at the points that move the picture; held-out rows choose and
test.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from speech2face.generators.imported.drive_network import ANGLES, EYES, SHIFT, Landmarks2Keypoints
from speech2face.generators.imported.extractor import Extractor
from speech2face.progress import Counted
from speech2face.training.calibration.motion import MotionPlan

_RIDGES = (1e-3, 1e-2, 1e-1, 1.0)
"""Prices of a weight that are tried, as shares of the mean square of what it weighs."""
_FLOOR = 0.05
"""Inputs that move less than this share of the liveliest of their group are not blown up."""
_POINTS = 0.2
"""Weight of the error of the points against that of what was read, all in units of their own size:
the first counts in the picture, the second says more to learn from."""
_LOOK = 20
"""Steps between two looks at the rows that choose."""


@dataclass(frozen=True, kw_only=True)
class CalibrationPlan:
    """How calibration goes."""

    motion: MotionPlan = field(default_factory=MotionPlan)
    steps: int = 600
    """Of the network's training; each sees every row."""
    rate: float = 1e-3
    decay: float = 0.1
    noise: float = 0.1
    """Standard deviation of noise on the inputs, in units of their size: it keeps a network that
    has seen a few hundred rows smooth (Bishop 1995)."""
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Rows:
    """What one portrait did, what the checkpoint read of it, and where it stands."""

    source: Any
    """What the extractor saw in the portrait."""
    face: Float[Tensor, " face"]
    """The numbers by which portraits differ."""
    skin: Float[Tensor, "rows skin"]
    eyes: Float[Tensor, "rows 4"]
    emotion: Float[Tensor, "rows 8"]
    change: Float[Tensor, "rows outputs"]
    """Motion against the portrait, as read."""
    points: Float[Tensor, "rows points dims"]
    """The extractor's points, as read."""
    surface: Float[Tensor, "rows points dims"]
    """The same if they ride on the face's surface."""
    spoken: np.ndarray
    """Whether a row is of speech."""
    role: np.ndarray
    """What a row is for: "fit", "choose" or "test"."""


def measure(network: Landmarks2Keypoints, rows: Sequence[Rows]) -> None:
    """Measure the sizes of inputs and outputs, so that the network sees numbers near one."""
    config = network.config
    half = 3 * config.landmarks
    groups = [half, half, ANGLES, SHIFT, config.sound]
    parts = torch.cat([row.skin for row in rows]).split(groups, 1)
    network.skin_scale.copy_(torch.cat([_scale(part) for part in parts]))
    eyes = torch.cat([row.eyes for row in rows]).split([2, 2], 1)
    network.eyes_scale.copy_(torch.cat([_scale(part) for part in eyes]))
    outputs = torch.cat([row.change for row in rows]).split(config.parts, 1)
    network.output_scale.copy_(torch.cat([_scale(part) for part in outputs]))
    faces = torch.stack([row.face for row in rows])
    network.source_mean.copy_(faces.mean(0))
    if len(faces) > 1:
        network.source_gain.copy_(1 / _scale(faces - faces.mean(0)))


def _scale(values: Float[Tensor, "rows n"]) -> Float[Tensor, " n"]:
    """Return the root mean square of each column, no less than a share of the group's largest."""
    size = values.square().mean(0).sqrt()
    most = float(size.max())
    return size.clamp(min=_FLOOR * most if most > 0 else 1.0)


def ridge(network: Landmarks2Keypoints, extractor: Extractor[Any], rows: Sequence[Rows]) -> None:
    """Set the linear maps of both branches by ridge regression."""
    inputs, outputs = [], []
    for row in rows:
        chosen = torch.from_numpy(row.role == "fit").to(row.skin.device)
        scaled = torch.cat([row.skin / network.skin_scale, row.eyes / network.eyes_scale], 1)
        inputs.append(scaled[chosen].double())
        outputs.append((row.change / network.output_scale)[chosen].double())
    seen, wanted = torch.cat(inputs), torch.cat(outputs)
    square, product = seen.T @ seen, seen.T @ wanted
    best, least = None, float("inf")
    for ridge in _RIDGES:
        price = ridge * len(seen) * torch.eye(len(square), dtype=seen.dtype, device=seen.device)
        weight = torch.linalg.solve(square + price, product).T.float()
        _set_linear(network, weight)
        error = _distance(network, extractor, rows, "choose")
        if error < least:
            best, least = weight, error
    if best is not None:
        _set_linear(network, best)


def _set_linear(network: Landmarks2Keypoints, weight: Float[Tensor, "outputs inputs"]) -> None:
    skin, eyes = weight.split([network.config.skin, EYES], 1)
    network.skin.linear.weight.data.copy_(skin)
    network.eyes.linear.weight.data.copy_(eyes)


def train(
    network: Landmarks2Keypoints,
    extractor: Extractor[Any],
    rows: Sequence[Rows],
    plan: CalibrationPlan,
    told: Counted,
) -> None:
    """Train what the linear maps leave; the state that suits unseen rows best is kept.

    The linear maps stand still: trained along they forget what the ridge taught them about rows
    that are not fitted to (toy extractor: no state was better than the linear one).
    """
    for branch in (network.skin, network.eyes):
        branch.linear.requires_grad_(requires_grad=False)
    learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(learning, plan.rate, weight_decay=plan.decay)
    chance = torch.Generator(network.skin_scale.device).manual_seed(plan.seed)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, plan.steps)
    best, least = _copy(network), _distance(network, extractor, rows, "choose")
    for step in range(1, plan.steps + 1):
        loss = _loss(network, extractor, [_shaken(row, network, plan, chance) for row in rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % _LOOK == 0:
            error = _distance(network, extractor, rows, "choose")
            if error < least:
                best, least = _copy(network), error
            told(step, plan.steps, "fitting")
    network.load_state_dict(best)


def _loss(
    network: Landmarks2Keypoints, extractor: Extractor[Any], rows: Sequence[Rows]
) -> Float[Tensor, ""]:
    """Sum the distances of points, and of what moves them in units of its own size."""
    losses = []
    for row in rows:
        chosen = torch.from_numpy(row.role == "fit").to(row.skin.device)
        change = _forward(network, row, chosen)
        moved = extractor.points(extractor.latents(row.source, change))
        size = row.points.square().mean() + 1e-12
        far = (moved - row.points[chosen]).square().mean() / size
        off = (change - row.change[chosen]) / network.output_scale
        losses.append(off.square().mean() + _POINTS * far)
    return torch.stack(losses).mean()


def _shaken(
    row: Rows, network: Landmarks2Keypoints, plan: CalibrationPlan, chance: torch.Generator
) -> Rows:
    """Add noise to the inputs."""

    def shaken(values: Tensor, scale: Tensor) -> Tensor:
        noise = torch.randn(values.shape, generator=chance, device=values.device)
        return values + plan.noise * noise * scale

    return replace(
        row,
        skin=shaken(row.skin, network.skin_scale),
        eyes=shaken(row.eyes, network.eyes_scale),
    )


def _forward(
    network: Landmarks2Keypoints, row: Rows, chosen: Tensor, silence: slice | None = None
) -> Float[Tensor, "chosen outputs"]:
    skin = row.skin[chosen].clone()
    if silence is not None:
        skin[:, silence] = 0
    return network(skin, row.eyes[chosen], row.emotion[chosen], row.face)


@torch.no_grad()
def predict(
    network: Landmarks2Keypoints,
    extractor: Extractor[Any],
    row: Rows,
    silence: slice | None = None,
) -> Float[Tensor, "rows points dims"]:
    """Predict the points in all rows, as if some inputs were silent."""
    everything = torch.ones(len(row.skin), dtype=torch.bool, device=row.skin.device)
    change = _forward(network, row, everything, silence)
    return extractor.points(extractor.latents(row.source, change))


def _distance(
    network: Landmarks2Keypoints, extractor: Extractor[Any], rows: Sequence[Rows], role: str
) -> float:
    """Return the mean distance of points in the rows of a role."""
    distances = []
    for row in rows:
        chosen = torch.from_numpy(row.role == role)
        distances.append((predict(network, extractor, row) - row.points).norm(dim=2)[chosen])
    return float(torch.cat(distances).mean())


def errors_of(
    rows: Sequence[Rows], predict: Callable[[Rows], Float[Tensor, "rows points dims"]]
) -> dict[str, float]:
    """Measure a way to predict points on the held-out rows, of speech and of faces."""
    found: dict[str, list[Tensor]] = {"speech": [], "faces": []}
    for row in rows:
        distance = (predict(row) - row.points).norm(dim=2).mean(1).cpu()
        for name, kind in (("speech", row.spoken), ("faces", ~row.spoken)):
            found[name].append(distance[torch.from_numpy(kind & (row.role == "test"))])
    return {name: float(torch.cat(parts).mean()) for name, parts in found.items()}


def _copy(network: Landmarks2Keypoints) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}
