"""Find faces in a picture with MTCNN; the facenet-pytorch package carries the weights.

Only its weight files are read: importing the package imports torchvision, which takes longer than
all the rest of what happens before a video's first frame.

Source: Zhang et al., "Joint face detection and alignment using multi-task cascaded convolutional
networks" (2016).
"""

import pickle
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn

from speech2face.errors import WeightsError
from speech2face.models.mtcnn import OutputNetwork, ProposalNetwork, RefinementNetwork, normalized

_LONGEST_SIDE = 640
"""Pictures are searched at this size: faces of 3 % of the side are still found, in 0.2 s."""
_SMALLEST = 20
"""Pixels: faces smaller than this, in the picture that is searched, are not looked for."""
_WINDOW, _STRIDE = 12, 2
"""Side of a proposal's window and pixels between two, in the picture as the network sees it."""
_SHRINK = 0.709
"""From one size of the picture to the next: faces shrink to half their area."""
_SCORES = (0.6, 0.7, 0.7)
"""Least scores after each network."""
_SAME_SIZE, _SAME = 0.5, 0.7
"""Overlap from which two boxes are one face: among those of one size, and among all."""
_AT_ONCE = 512
"""Cuts that a network looks at together: of a crowd there are thousands."""


@dataclass(frozen=True, kw_only=True)
class Detection:
    """One face as the detector sees it, in pixels of the picture."""

    box: Float[np.ndarray, " 4"]
    """Left, top, right, bottom."""
    points: Float[np.ndarray, "5 2"]
    """Eyes (left and right as seen), nose tip, mouth corners."""
    score: float
    """Confidence, 0 to 1."""


def detect_faces(image: UInt8[np.ndarray, "height width 3"]) -> list[Detection]:
    """Find the faces of an upright picture, the largest first.

    Raises:
        WeightsError: The detector's weights are missing or damaged.
    """  # noqa: DOC502 the loader raises it
    scale = min(1.0, _LONGEST_SIDE / max(image.shape[:2]))
    if min(image.shape[:2]) * scale < _SMALLEST:
        return []  # no room for a face
    small = image
    if scale < 1:
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    boxes, scores, points = _search(small)
    found = [
        Detection(box=box / np.float32(scale), points=five / np.float32(scale), score=float(score))
        for box, five, score in zip(boxes, points, scores, strict=True)
    ]
    return sorted(found, key=lambda face: -float(np.ptp(face.box[0::2]) * np.ptp(face.box[1::2])))


@torch.inference_mode()
def _search(
    image: UInt8[np.ndarray, "height width 3"],
) -> tuple[
    Float[np.ndarray, "faces 4"], Float[np.ndarray, " faces"], Float[np.ndarray, "faces 5 2"]
]:
    """Run the cascade: boxes, scores and points in pixels of the picture."""
    propose, refine, look = _networks()
    picture = _Picture(image)
    boxes = picture.on_it(_proposals(propose, picture))
    if not len(boxes):
        return boxes, boxes[:, 0], np.zeros((0, 5, 2), np.float32)
    scores, shifts = _looked_at(refine, picture, boxes)
    sure = scores > _SCORES[1]
    boxes, scores, shifts = boxes[sure], scores[sure], shifts[sure]
    kept = suppress(boxes, scores, _SAME)
    boxes = picture.on_it(_squared(_corrected(boxes[kept], shifts[kept])))
    if not len(boxes):
        return boxes, boxes[:, 0], np.zeros((0, 5, 2), np.float32)
    scores, shifts, points = _looked_at(look, picture, boxes)
    sure = scores > _SCORES[2]
    boxes, scores, shifts = boxes[sure], scores[sure], shifts[sure]
    # Points come as x and y over the box, whose sides count their first and last pixel.
    sides = (boxes[:, 2:] - boxes[:, :2] + 1)[:, None]
    points = sides * points[sure].transpose(0, 2, 1) + boxes[:, None, :2] - 1
    boxes = _corrected(boxes, shifts)
    kept = suppress(boxes, scores, _SAME, of_smaller=True)
    return boxes[kept], scores[kept], points[kept]


def _proposals(network: ProposalNetwork, picture: "_Picture") -> Float[np.ndarray, "boxes 4"]:
    """Search the picture at falling sizes for windows that may show a face: squares in pixels."""
    scale = _WINDOW / _SMALLEST
    smaller = min(picture.height, picture.width) * scale
    boxes, scores, shifts = [], [], []
    while smaller >= _WINDOW:
        size = int(picture.height * scale + 1), int(picture.width * scale + 1)
        seen, moved = network(normalized(picture.shrunk(size)))
        seen, moved = seen.numpy(), moved.numpy()
        row, column = np.nonzero(seen >= _SCORES[0])
        corner = _STRIDE * np.stack([column, row], 1).astype(np.float32)
        ends = [np.floor((corner + 1) / scale), np.floor((corner + _WINDOW) / scale)]
        kept = suppress(np.concatenate(ends, 1), seen[row, column], _SAME_SIZE)
        boxes.append(np.concatenate(ends, 1)[kept])
        scores.append(seen[row, column][kept])
        shifts.append(moved[:, row, column].T[kept])
        scale, smaller = scale * _SHRINK, smaller * _SHRINK
    every = np.concatenate(boxes)
    kept = suppress(every, np.concatenate(scores), _SAME)
    every, shift = every[kept], np.concatenate(shifts)[kept]
    sides = every[:, 2:] - every[:, :2]
    return _squared(every + shift * np.tile(sides, 2))


class _Picture:
    """The searched picture, from which any part can be had at any smaller size.

    A pixel of a smaller picture is the mean over the pixels it touches. Sums over rectangles are
    differences of running sums, which are whole numbers and therefore exact.
    """

    def __init__(self, image: UInt8[np.ndarray, "height width 3"]) -> None:
        self.height, self.width = image.shape[:2]
        self._sums = cv2.integral(image, sdepth=cv2.CV_32S)

    def shrunk(self, size: tuple[int, int]) -> Float[Tensor, "1 3 height width"]:
        """Return the whole picture at a size (height, width), 0 to 255."""
        whole = np.array([0, 0, self.width, self.height])
        return torch.from_numpy(self._part(whole, size)[None]).permute(0, 3, 1, 2)

    def cuts(self, boxes: Float[np.ndarray, "boxes 4"], side: int) -> Float[Tensor, "boxes 3 a a"]:
        """Return the part of the picture in each box at `side` x `side`, 0 to 255."""
        corners = self._corners(boxes)
        cuts = np.stack([self._part(corner, (side, side)) for corner in corners])
        return torch.from_numpy(cuts).permute(0, 3, 1, 2).contiguous()

    def on_it(self, boxes: Float[np.ndarray, "boxes 4"]) -> Float[np.ndarray, "some 4"]:
        """Leave boxes out that lie beside the picture."""
        corners = self._corners(boxes)
        return boxes[(corners[:, 2:] > corners[:, :2]).all(1)]

    def _corners(self, boxes: Float[np.ndarray, "boxes 4"]) -> Int[np.ndarray, "boxes 4"]:
        """Return the first pixel of each box on the picture, and the first behind it."""
        whole = np.trunc(boxes).astype(int)
        ends = np.minimum(whole[:, 2:], [self.width, self.height])
        return np.concatenate([np.maximum(whole[:, :2], 1) - 1, ends], 1)

    def _part(
        self, corners: Int[np.ndarray, " 4"], size: tuple[int, int]
    ) -> Float[np.ndarray, "height width 3"]:
        left, top, right, bottom = corners.tolist()
        first_x, last_x = _touched(left, right, size[1])
        first_y, last_y = _touched(top, bottom, size[0])
        rows = self._sums[last_y] - self._sums[first_y]
        sums = (rows[:, last_x] - rows[:, first_x]).astype(np.float32)
        high, wide = (last_y - first_y).astype(np.float32), (last_x - first_x).astype(np.float32)
        return np.ascontiguousarray(sums / high[:, None, None] / wide[:, None])


def _touched(first: int, last: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Split pixels into `count` parts: the first pixel of each, and the first behind it."""
    length, at = last - first, np.arange(count)
    return first + at * length // count, first - (-(at + 1) * length // count)


def _looked_at(
    network: RefinementNetwork | OutputNetwork,
    picture: _Picture,
    boxes: Float[np.ndarray, "boxes 4"],
) -> list[np.ndarray]:
    """Return what a network says of each box."""
    cuts = normalized(picture.cuts(boxes, network.side))
    answers = [network(some) for some in cuts.split(_AT_ONCE)]
    return [torch.cat(parts).numpy() for parts in zip(*answers, strict=True)]


def _corrected(
    boxes: Float[np.ndarray, "boxes 4"], shifts: Float[np.ndarray, "boxes 4"]
) -> Float[np.ndarray, "boxes 4"]:
    """Move the edges of boxes by shares of their sides."""
    return boxes + shifts * np.tile(boxes[:, 2:] - boxes[:, :2] + 1, 2)


def _squared(boxes: Float[np.ndarray, "boxes 4"]) -> Float[np.ndarray, "boxes 4"]:
    """Widen boxes to squares about their middles."""
    sides = boxes[:, 2:] - boxes[:, :2]
    longer = sides.max(1, keepdims=True)
    corner = boxes[:, :2] + sides * np.float32(0.5) - longer * np.float32(0.5)
    return np.concatenate([corner, corner + longer], 1)


def suppress(
    boxes: Float[np.ndarray, "boxes 4"],
    scores: Float[np.ndarray, " boxes"],
    overlap: float,
    *,
    of_smaller: bool = False,
) -> Int[np.ndarray, " kept"]:
    """Keep the best of each group of boxes that overlap by more than a share; the best come first.

    Args:
        boxes: Left, top, right, bottom.
        scores: How good each is.
        overlap: Largest share of two boxes' common area in their joint area.
        of_smaller: Take the share of the smaller box instead; edges then count as pixels.
    """
    low, high = boxes[:, :2], boxes[:, 2:]
    edge = np.float32(1 if of_smaller else 0)
    areas = (high - low + edge).prod(1)
    order = np.argsort(-scores, kind="stable")
    kept = []
    while len(order):
        best, rest = order[0], order[1:]
        kept.append(best)
        sides = np.minimum(high[best], high[rest]) - np.maximum(low[best], low[rest]) + edge
        shared = np.maximum(sides, 0).prod(1)
        joint = (
            np.minimum(areas[best], areas[rest]) if of_smaller
            else areas[best] + areas[rest] - shared
        )  # fmt: skip
        order = rest[shared / joint <= overlap]
    return np.array(kept, int)


@cache
def _networks() -> tuple[ProposalNetwork, RefinementNetwork, OutputNetwork]:
    """Read the weights that the facenet-pytorch package carries.

    Raises:
        WeightsError: They are missing or damaged.
    """
    package = find_spec("facenet_pytorch")
    if package is None or package.origin is None:
        msg = "the face detector's weights are missing: install the package facenet-pytorch"
        raise WeightsError(msg)
    folder = Path(package.origin).parent / "data"
    networks = ProposalNetwork(), RefinementNetwork(), OutputNetwork()
    for network, name in zip(networks, ("pnet.pt", "rnet.pt", "onet.pt"), strict=True):
        _read_into(network, folder / name)
    return networks


def _read_into(network: nn.Module, path: Path) -> None:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        network.eval().requires_grad_(requires_grad=False).load_state_dict(state)
    except (OSError, RuntimeError, KeyError, pickle.UnpicklingError) as error:
        msg = (
            f"the face detector's weights {path} cannot be read ({error}); "
            "install the package facenet-pytorch again"
        )
        raise WeightsError(msg) from error
