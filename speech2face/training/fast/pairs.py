"""Batches for the fast generator: two pictures of one face, their keypoints, and what is known.

A pair is shown through a random window, mirrored
half of the time, in random colours; both pictures are treated alike.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from speech2face.face.mirror import MIRROR
from speech2face.generators.fast.flow import square_border
from speech2face.generators.fast.generator import named_keypoints
from speech2face.landmarks import FAST_KEYPOINTS
from speech2face.synthesis.pairs import IdentityFrames

FLOW_SHARE = 4
"""Pixels of a picture for one cell of its flow."""
_NEAR_FACE = 0.12
"""Standard deviation of a window's middle around the face's, in sides of the picture."""
_FEATURE_WINDOWS = 0.35
"""Share of the windows that look at the mouth or an eye."""
_LOOKED_AT, _BESIDE = (13, 14, 14, 159, 386), 0.1
"""The mesh points that such windows look at, and how far beside them (sides of the window)."""
_COLOUR = 0.5
"""Share of the pairs whose colours are changed."""


@dataclass(frozen=True, kw_only=True)
class PairBatch:
    """Pairs of pictures in the coordinates of their windows."""

    source: Float[Tensor, "batch 3 side side"]
    driving: Float[Tensor, "batch 3 side side"]
    source_keypoints: Float[Tensor, "batch points 3"]
    driving_keypoints: Float[Tensor, "batch points 3"]
    border: Float[Tensor, "batch pinned 2"]
    """The whole picture's edges, where nothing moves."""
    flow: Float[Tensor, "batch 2 cells cells"]
    visible: Float[Tensor, "batch 1 cells cells"]
    known: Float[Tensor, " batch"]
    """1 where flow and visibility are the truth, else 0."""

    def to(self, device: torch.device) -> "PairBatch":
        """Bring everything to a device."""
        return PairBatch(**{
            name: value.to(device, non_blocking=True) for name, value in vars(self).items()
        })  # fmt: skip


class PairSampler:
    """Draws batches of pairs, from kinds by share and from people evenly."""

    def __init__(self, identities: Iterable[IdentityFrames], shares: dict[str, float]) -> None:
        """Take the identities; kinds without a share are never drawn."""
        groups: dict[str, dict[str, list[IdentityFrames]]] = {}
        for one in identities:
            if shares.get(one.kind, 0) > 0 and len(one.frames) > 1:
                groups.setdefault(one.kind, {}).setdefault(one.identity, []).append(one)
        self._kinds = [list(people.values()) for people in groups.values()]
        parts = np.array([shares[kind] for kind in groups])
        self._shares = parts / parts.sum()
        order = {int(point): place for place, point in enumerate(FAST_KEYPOINTS)}
        self._mirror = np.array([order[int(MIRROR[point])] for point in FAST_KEYPOINTS])
        self._border = square_border(1, torch.device("cpu"))[0].numpy()

    def draw(
        self, rng: np.random.Generator, batch: int, side: int, *, close: bool = False
    ) -> PairBatch:
        """Draw pairs.

        Args:
            rng: Decides everything.
            batch: How many.
            side: Of the pictures, in pixels.
            close: Look at mouths and eyes only.
        """
        share = 1.0 if close else _FEATURE_WINDOWS
        rows = [self._row(rng, self._pick(rng), side, share) for _ in range(batch)]
        return stack(rows)

    def _pick(self, rng: np.random.Generator) -> IdentityFrames:
        people = self._kinds[rng.choice(len(self._kinds), p=self._shares)]
        person = people[rng.integers(len(people))]
        return person[rng.integers(len(person))]

    def _row(
        self, rng: np.random.Generator, one: IdentityFrames, side: int, share: float
    ) -> dict[str, np.ndarray]:
        source, driving = rng.choice(len(one.frames), 2, replace=False)
        mesh = one.meshes[[source, driving], :, :2].mean(0)
        window = _window(rng, mesh, one.frames.shape[1], side, close=rng.random() < share)
        row = show(one, int(source), int(driving), window, side)
        row["border"] = (self._border - row.pop("middle")) / row.pop("scale")
        if rng.random() < 0.5:  # noqa: PLR2004 - a coin
            self._turn(row)
        if rng.random() < _COLOUR:
            table = _colours(rng)
            for name in ("source", "driving"):
                row[name] = cv2.LUT(row[name], table)
        return row

    def _turn(self, row: dict[str, np.ndarray]) -> None:
        """Mirror a pair, in place."""
        for name in ("source", "driving", "visible"):
            row[name] = np.ascontiguousarray(row[name][:, ::-1])
        row["flow"] = row["flow"][:, ::-1] * np.array([-1, 1], np.float32)
        for name in ("source_keypoints", "driving_keypoints"):
            row[name] = row[name][self._mirror] * np.array([-1, 1, 1], np.float32)
        row["border"] = row["border"] * np.array([-1, 1], np.float32)


def _window(
    rng: np.random.Generator,
    mesh: Float[np.ndarray, "478 2"],
    size: int,
    side: int,
    *,
    close: bool,
) -> tuple[int, int, int]:
    """Choose left, top and side of a window, in pixels of the picture.

    Args:
        rng: Decides.
        mesh: Of the face, in pixels.
        size: Of the picture.
        side: What the window will be resized to, and its least side.
        close: Look at the mouth or an eye.
    """
    if side >= size:
        return 0, 0, size
    if close:
        wide = round(side * rng.uniform(1, 1.25))
        middle = mesh[rng.choice(_LOOKED_AT)] + rng.normal(0, _BESIDE, 2) * wide
    else:
        wide = round(rng.uniform(side, size))
        middle = (mesh.min(0) + mesh.max(0)) / 2 + rng.normal(0, _NEAR_FACE, 2) * size
    wide = min(wide, size)
    left, top = np.clip(np.round(middle - wide / 2), 0, size - wide).astype(int)
    return int(left), int(top), wide


def show(
    one: IdentityFrames, source: int, driving: int, window: tuple[int, int, int], side: int
) -> dict[str, np.ndarray]:
    """Cut a pair out of an identity.

    Args:
        one: Whose pictures.
        source: Which of them is warped.
        driving: Which is wanted.
        window: Left, top and side in pixels.
        side: What the window is resized to.

    Returns:
        What a `PairBatch` holds, and the window's `middle` and `scale` in the picture.
    """
    left, top, wide = window
    size = one.frames.shape[1]
    middle = (2 * np.array([left, top], np.float32) + wide) / size - 1
    scale = wide / size
    row: dict[str, np.ndarray] = {"middle": middle, "scale": np.array(scale, np.float32)}
    for name, index in (("source", source), ("driving", driving)):
        cut = one.frames[index, top : top + wide, left : left + wide]
        row[name] = (
            cut if wide == side else cv2.resize(cut, (side, side), interpolation=cv2.INTER_AREA)
        )
        points = named_keypoints(one.meshes[index], size)
        row[f"{name}_keypoints"] = (points - np.append(middle, 0)) / scale
    cells = side // FLOW_SHARE
    row["flow"], row["visible"] = np.zeros((cells, cells, 2)), np.zeros((cells, cells))
    row["known"] = np.array(one.flows is not None, np.float32)
    if one.flows is not None and one.visible is not None:
        coarse = one.flows.shape[2]
        step = wide / size * coarse / cells
        start = np.array([left, top]) * coarse / size + step / 2 - 0.5
        grid = np.array([[step, 0, start[0]], [0, step, start[1]]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        for name, values in (("flow", one.flows), ("visible", one.visible)):
            known = values[source, driving].astype(np.float32)
            row[name] = cv2.warpAffine(
                known, grid, (cells, cells), flags=flags, borderMode=cv2.BORDER_REPLICATE
            )
        row["flow"] = row["flow"] / scale
        row["visible"] = row["visible"].clip(0, 1)
    return row


def stack(rows: Sequence[dict[str, np.ndarray]]) -> PairBatch:
    """Make a batch of what `show` gave, with borders."""

    def of(name: str) -> Tensor:
        return torch.from_numpy(np.stack([row[name] for row in rows])).float()

    return PairBatch(
        source=of("source").permute(0, 3, 1, 2) / 255,
        driving=of("driving").permute(0, 3, 1, 2) / 255,
        source_keypoints=of("source_keypoints"), driving_keypoints=of("driving_keypoints"),
        border=of("border"), flow=of("flow").permute(0, 3, 1, 2), visible=of("visible")[:, None],
        known=of("known"),
    )  # fmt: skip


def whole(one: IdentityFrames, source: int, driving: Sequence[int]) -> PairBatch:
    """Make a batch of one source and several driving frames, as they are."""
    size = one.frames.shape[1]
    rows = [show(one, source, index, (0, 0, size), size) for index in driving]
    border = square_border(1, torch.device("cpu"))[0].numpy()
    return stack([{**row, "border": border} for row in rows])


def _colours(rng: np.random.Generator) -> UInt8[np.ndarray, "1 256 3"]:
    """Draw a table of new levels for red, green and blue."""
    levels = np.linspace(0, 1, 256)[:, None]
    bent = levels ** np.exp(rng.normal(0, 0.15)) * np.exp(rng.normal(0, 0.08, 3))
    bent = (bent + rng.normal(0, 0.02)) * np.exp(rng.normal(0, 0.08))
    return (bent * 255).round().clip(0, 255).astype(np.uint8)[None]
