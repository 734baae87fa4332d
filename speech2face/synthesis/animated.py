"""Pairs from photographs that the warp generator animates: real pixels, motion known exactly.

The first frame is the photograph itself. Frames say where each of their pixels comes from, so
motion and visibility follow; the mesh is the generator's own, its irises turned with the gaze.
"""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float

from speech2face import landmarks
from speech2face.devices import to_tensor
from speech2face.errors import InputError
from speech2face.face.normalize import pose_of
from speech2face.face.track import FaceTracker
from speech2face.face.view import View, cut_view
from speech2face.generators.warp.generator import WarpGenerator, WarpState
from speech2face.generators.warp.latents import pack, unpack
from speech2face.media.image import read_image
from speech2face.motion.motion import Motion
from speech2face.synthesis.flows import flows_by_sources
from speech2face.synthesis.heads.expressions import draw_expression
from speech2face.synthesis.held_out import is_stranger
from speech2face.synthesis.pairs import FRAME_SIZE, IdentityFrames
from speech2face.types import Face

FRAMES = 4
"""Frames of a photograph: itself and three others."""
_WIDEST = 30.0
"""Photographs turned by more degrees than this are left out: the far half tells little."""
_TURN = np.array([7.0, 5.0, 4.0])
_FURTHEST = np.array([15.0, 12.0, 10.0])
"""Standard deviation and limit of the turns (yaw, pitch, roll) in degrees."""
_DRIFT = np.array([0.05, 0.05, 0.03])
"""Standard deviation of the shift: right, down (eye distances), logarithm of the size."""
_LASHES = 0.10
"""Lashes are drawn with the lids, as the generator does (half widths of the eye)."""
_PURE = 0.02
"""Least share of a pixel that shows what lies behind lips or lids, to count as unknown."""


class AnimatedPhotographs:
    """Makes pairs from the photographs of a folder."""

    kind = "portraits"

    def __init__(self, data: Path, seed: int = 0, tracks: Path | None = None) -> None:
        """Look for photographs.

        Args:
            data: The folder that holds `portraits/` (pictures whose names end in a number).
            seed: Another number gives other faces and turns.
            tracks: Meshes that were tracked already: an npz file with `names` and `mesh`.

        Raises:
            InputError: There are no photographs.
        """
        folder = data / "portraits"
        self._paths = {
            path.stem: path
            for path in sorted(folder.glob("*"))
            if path.suffix.lower() in {".jpg", ".jpeg", ".png", ".webp"}
        }
        if not self._paths:
            msg = (
                f"{folder} holds no pictures (*.jpg, *.png, *.webp); expected portraits; "
                "give the folder above it"
            )
            raise InputError(msg)
        self._seed = seed
        self._generator = WarpGenerator(torch.device("cpu"))
        self._tracker: FaceTracker | None = None
        self._meshes: dict[str, np.ndarray] | None = None
        if tracks is not None:
            with np.load(tracks) as file:
                names = [Path(str(name)).stem for name in file["names"]]
                self._meshes = dict(zip(names, file["mesh"], strict=True))

    def names(self, count: int | None = None) -> list[str]:
        """Name the photographs, in an order that the seed shuffles."""
        names = list(self._paths)
        order = np.random.default_rng(self._seed).permutation(len(names))
        return [names[index] for index in order][:count]

    def make(self, name: str) -> IdentityFrames | None:
        """Animate one photograph; None where there is no face, or one turned too far."""
        image = read_image(self._paths[name])
        mesh = self._mesh(name, image)
        if mesh is None or abs(pose_of(mesh)[0]) > _WIDEST:
            return None
        box = np.concatenate([mesh[:, :2].min(0), mesh[:, :2].max(0)]).astype(np.float32)
        portrait = cut_view(image, Face(mesh=mesh, box=box, score=1.0), FRAME_SIZE)
        number = int("".join(filter(str.isdigit, name)) or 0)
        rng = np.random.default_rng([self._seed, number])
        return animate(self._generator, portrait, rng, identity=name, held_out=is_stranger(name))

    def _mesh(self, name: str, image: np.ndarray) -> Float[np.ndarray, "478 3"] | None:
        if self._meshes is not None:
            return self._meshes.get(name)
        if self._tracker is None:
            self._tracker = FaceTracker.from_pretrained()
        faces = self._tracker.find(image)
        return faces[0].mesh if faces else None


def animate(
    generator: WarpGenerator,
    portrait: View,
    rng: np.random.Generator,
    *,
    identity: str,
    held_out: bool,
    frames: int = FRAMES,
) -> IdentityFrames:
    """Make frames of one photograph: itself first, then random faces and turns.

    Args:
        generator: Draws the frames.
        portrait: The photograph, its crop `FRAME_SIZE` pixels wide.
        rng: Where chance comes from.
        identity: Whose photograph it is.
        held_out: Whether nothing may be trained on it.
        frames: How many.
    """
    names = generator.rig.names
    drawn = [draw_expression(names, rng) for _ in range(frames)]
    pose = np.clip(rng.normal(0, 1, (frames, 3)) * _TURN, -_FURTHEST, _FURTHEST)
    motion = Motion.of(
        np.stack([face.weights for face in drawn]),
        gaze=np.stack([face.gaze for face in drawn]),
        pose=pose,
        shift=rng.normal(0, 1, (frames, 3)) * _DRIFT,
    )
    values = pack(motion)
    values[0] = 0
    motion = unpack(values)
    state = generator.encode([portrait])
    traced = _trace(state, motion, state.points.meshes(motion))
    sources, known, meshes = traced
    flows, visible = flows_by_sources(sources, known)
    return IdentityFrames(
        kind=AnimatedPhotographs.kind,
        identity=identity,
        held_out=held_out,
        frames=generator.render(state, values),
        meshes=meshes,
        flows=flows,
        visible=visible,
        pose=values[:, -3:],
        coefficients=values[:, : len(names)],
        channels=tuple(names),
    )


@torch.inference_mode()
def _trace(
    state: WarpState, motion: Motion, meshes: Float[np.ndarray, "frames 478 3"]
) -> tuple[
    Float[np.ndarray, "frames size size 2"],
    Bool[np.ndarray, "frames size size"],
    Float[np.ndarray, "frames 478 3"],
]:
    """Find where the pixels of frames come from, where that is known, and turn the irises.

    As the generator lays pictures over each other, so lie their sources.

    Returns:
        Sources in pixels of the resting crop; known where the photograph's skin is shown; meshes.
    """
    device, size = state.picture.device, state.picture.shape[-1]
    shape = state.points.shape(to_tensor(motion.weights, device))
    placed = state.points.place(shape, motion.pose, motion.shift)
    moves = state.points.displacements(placed)
    sources = state.base.grid(moves)
    hidden = torch.zeros(sources.shape[:3], device=device)
    for opening, margin in (*((eye.opening, _LASHES) for eye in state.eyes), (state.mouth, 0.0)):
        travel = opening.travel(placed)
        moved = torch.cat([placed[..., :2] - travel[:, None], placed[..., 2:]], -1)
        slit = opening.slit(moved, margin=margin)
        lower = (slit.below(soft=0.6) > 0.5)[:, 0, ..., None]  # noqa: PLR2004 - the greater share
        above, below = opening.grids(moves, travel)
        drawn = torch.where(lower, below, above)
        share = (opening.above.window * slit.beside())[:, 0]
        gap = slit.inside()[:, 0] * share
        for index, way in enumerate(travel):
            area = (index, *opening.area(way))
            sources[area] += (drawn[index] - sources[area]) * share[index, ..., None]
            hidden[area] = torch.maximum(hidden[area], gap[index])
    meshes = meshes.copy()
    for eye, iris in zip(state.eyes, (landmarks.LEFT_IRIS, landmarks.RIGHT_IRIS), strict=True):
        opening, eyeball = eye.opening, eye.eyeball
        travel = opening.travel(placed)
        rigid = opening.rigid_sources(state.points, motion.pose, motion.shift, travel)
        turned = eyeball.shift(to_tensor(motion.gaze, device))
        rest = to_tensor(state.points.pixels[iris], device) + turned[:, None]
        placed_iris = _forward(rigid, opening.above.pixels, rest) + travel[:, None]
        meshes[:, iris, :2] = placed_iris.cpu().numpy()
    pixels = ((sources + 1) * size - 1) / 2
    return pixels.cpu().numpy(), (hidden < _PURE).cpu().numpy(), meshes


def _forward(
    sources: Float[torch.Tensor, "frames 2 height width"],
    pixels: Float[torch.Tensor, "height width 2"],
    points: Float[torch.Tensor, "frames points 2"],
) -> Float[torch.Tensor, "frames points 2"]:
    """Move points by the inverse of an affine map that is known pixel by pixel."""
    origin, right, down = sources[..., 0, 0], sources[..., 0, -1], sources[..., -1, 0]
    span_x = pixels[0, -1, 0] - pixels[0, 0, 0]
    span_y = pixels[-1, 0, 1] - pixels[0, 0, 1]
    linear = torch.stack([(right - origin) / span_x, (down - origin) / span_y], -1)
    offset = points - origin[:, None]
    return torch.linalg.solve(linear, offset.transpose(1, 2)).transpose(1, 2) + pixels[0, 0]
