"""What Speech2Landmarks is asked for: the parts of its loss and what each weighs."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from speech2face import landmarks
from speech2face.models.speech2landmarks import MOVING, Answer
from speech2face.training.speech.data import UNKNOWN
from speech2face.training.speech.heard import Heard

_GAP = 0.05
"""Standard deviation of the mouth opening of GRID's speakers, normalized units."""


_WIDE = 0.025
"""The same of the mouth's width."""
_NEAR = 0.02
"""Usual distance of a lip landmark from where it should be, normalized units."""


@dataclass(frozen=True, kw_only=True)
class Losses:
    """Weight of each part of the loss."""

    position: float = 1.0
    velocity: float = 2.0
    opening: float = 1.0
    """Squared error of the three lip gaps."""
    width: float = 0.0
    """Squared error of the mouth's widths, outside and inside. Every corpus counts alike here: a
    model of coarticulation knows where lips round, whatever its openings are worth."""
    closure: float = 1.0
    """What the lips stay open where the real ones are shut."""
    distance: float = 0.0
    """Distance of the lip landmarks in the picture plane, not squared: what is scored in the end.
    It asks for the likeliest movement where squares ask for the mean of all possible ones."""
    spread: float = 0.1
    """Difference of the standard deviations of the opening: regression alone shrinks it."""
    sync: float = 0.0
    """Contrast of the right moment with others, by the shipped sync network (`training.sync`)."""
    speech: float = 0.1
    phones: float = 0.1


def lip_gaps(points: Float[Tensor, "batch frames 70 3"]) -> Float[Tensor, "batch frames gaps"]:
    """Return the signed height of the three inner-lip gaps."""
    upper, lower = (list(side) for side in zip(*landmarks.INNER_LIP_GAPS, strict=True))
    return points[:, :, lower, 1] - points[:, :, upper, 1]


def lip_widths(
    points: Float[Tensor, "batch frames 70 3"],
) -> Float[Tensor, "batch frames widths"]:
    """Compute the distances across between the corners, outside and inside."""
    left, right = (list(side) for side in zip(*landmarks.LIP_CORNERS, strict=True))
    return points[:, :, right, 0] - points[:, :, left, 0]


def losses(
    answer: Answer, batch: Heard, scale: Float[Tensor, " coordinates"], weights: Losses
) -> dict[str, Tensor]:
    """Compute the parts of the loss, each times its weight.

    Args:
        answer: The network's, already moved back by its delay.
        batch: The truth.
        scale: Standard deviation of every moving coordinate.
        weights: Of the parts.
    """
    moving = list(MOVING)
    valid = batch.weight
    error = (answer.offsets - batch.offsets)[:, :, moving].flatten(2) / scale
    # z of the teacher is a guess; lips matter more than the jaw line.
    points = (
        error.new_tensor([1.0, 1.0, 0.4])
        * error.new_tensor([0.5] * 17 + [1.0] * 12 + [1.5] * 8)[:, None]
    )
    error = error * points.flatten()
    both = valid[:, 1:] * valid[:, :-1]
    gaps = lip_gaps(batch.offsets) / _GAP
    said = lip_gaps(answer.offsets) / _GAP
    # The rest has its own gap, near nothing; what is least in the truth is shut.
    shut = (gaps.mean(-1) < 0.25).float() * valid  # noqa: PLR2004 - a quarter of the usual gap
    # The teacher loses the lips now and then: beyond two standard deviations the loss is linear.
    position = functional.smooth_l1_loss(error, 0 * error, reduction="none", beta=2.0).mean(-1) * 2
    parts = {
        "position": _mean(position, valid),
        "velocity": _mean((error[:, 1:] - error[:, :-1]).square().mean(-1), both),
        "opening": _mean((said - gaps).square().mean(-1), valid),
        "closure": _mean(functional.relu(said - gaps).mean(-1), shut),
        "distance": _mean(_lip_distance(answer.offsets - batch.offsets) / _NEAR, valid),
        "spread": (_spread(said, valid) - _spread(gaps, valid)).square().mean(),
    }  # fmt: skip
    if weights.width:
        wide = (lip_widths(answer.offsets) - lip_widths(batch.offsets)) / _WIDE
        parts["width"] = _mean(wide.square().mean(-1), (valid > 0).float())
    known = (batch.speech != UNKNOWN).float()
    speech = functional.binary_cross_entropy_with_logits(
        answer.speech, batch.speech.clamp(min=0), reduction="none"
    )
    parts["speech"] = _mean(speech, known)
    named = (batch.phones != UNKNOWN).float()
    phones = functional.cross_entropy(
        answer.phones.flatten(0, 1), batch.phones.clamp(min=0).long().flatten(), reduction="none"
    )
    parts["phones"] = _mean(phones.view_as(named), named)
    return {name: part * getattr(weights, name) for name, part in parts.items()}


def _lip_distance(
    wrong: Float[Tensor, "batch frames 70 3"],
) -> Float[Tensor, "batch frames"]:
    # Rounded off below a thousandth of the eye distance, where a distance has no slope.
    far = wrong[:, :, landmarks.MOUTH, :2].square().sum(-1).add(1e-6).sqrt()
    return far.mean(-1) - 1e-3


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    return (values * weight).sum() / (weight.sum() + 1)


def _spread(
    gaps: Float[Tensor, "batch frames gaps"], weight: Float[Tensor, "batch frames"]
) -> Tensor:
    middle = gaps.mean(-1)
    count = weight.sum(1) + 1
    mean = (middle * weight).sum(1) / count
    return ((middle - mean[:, None]).square() * weight).sum(1).div(count).add(1e-4).sqrt()
