"""Pairs from rendered heads: random people, faces, turns and light, with exact truth.

Rendering is deferred: a z-buffer finds what every pixel shows, a shader colours it, and the same
buffer says where a point of one frame lies in another.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from speech2face import landmarks
from speech2face.geometry import rotation_matrix
from speech2face.synthesis.flows import Shown, flows_by_surface
from speech2face.synthesis.heads.expressions import draw_expression
from speech2face.synthesis.heads.head_model import (
    BROW,
    HAIR,
    LASH,
    SKIN,
    HeadModel,
    load_head_model,
)
from speech2face.synthesis.heads.people import Person, draw_person
from speech2face.synthesis.heads.posing import place_on_head, pose_person
from speech2face.synthesis.heads.shade import Pixels, Shader
from speech2face.synthesis.heads.studio import (
    Camera,
    develop,
    draw_background,
    draw_lights,
    finish,
    frame_face,
)
from speech2face.synthesis.heads.zbuffer import Fragments, draw
from speech2face.synthesis.held_out import is_stranger
from speech2face.synthesis.pairs import FRAME_SIZE, IdentityFrames

FRAMES = 5
"""Frames of a person."""
_FINER = 2
"""Pixels of the renders along a side of each pixel of the frame."""
_TURN = np.rad2deg([0.25, 0.13, 0.08])
"""Standard deviation of yaw, pitch and roll in degrees."""
_FURTHEST = np.array([40.0, 25.0, 15.0])
_SWAY = 0.35
"""Standard deviation of the shift of the head between frames, centimetres."""
_IRIS_RING = 0.47
"""Radius of the painted iris over that of the eyeball."""
_LIPS = 2081
"""A vertex of ICT's mesh on the upper lip's edge: what is behind it lies in the mouth."""
_BRIGHT, _PALE = 0.30, 0.35
"""Linear brightness that a face is developed to if its skin reflects as much as the second."""


class RenderedHeads:
    """Makes pairs from random people."""

    kind = "heads"

    def __init__(
        self,
        data: Path,
        seed: int = 0,
        kept: Path | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        """Read the heads.

        Args:
            data: The folder that holds `ict_facekit/`, `makehuman_cc0/` and `models/`.
            seed: Another number gives other people.
            kept: Where the fit of skins and hair is kept between runs (an npz file); without it
                it is made anew, which takes half a minute.
            device: Where to render.
        """
        self._seed, self._device = seed, torch.device(device)
        self._model = load_head_model(data, kept)

    def names(self, count: int | None = None) -> list[str]:
        """Name the people; there is no end of them."""
        return [f"h{self._seed:02d}{number:06d}" for number in range(count or 500)]

    def make(self, name: str) -> IdentityFrames:
        """Render one person."""
        number = int(name[-6:])
        rng = np.random.default_rng([self._seed, number])
        return render_person(
            self._model, rng, identity=name, held_out=is_stranger(name), device=self._device
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _Shot:
    """One frame before and after it is drawn."""

    vertices: Float[np.ndarray, "every 3"]
    mesh: Float[np.ndarray, "478 3"]
    """In the room."""
    eyes: Float[np.ndarray, "2 3 3"]
    """How the eyeballs are turned."""
    centres: Float[np.ndarray, "2 3"]
    """Where they are."""


def render_person(
    model: HeadModel,
    rng: np.random.Generator,
    *,
    identity: str,
    held_out: bool,
    frames: int = FRAMES,
    device: torch.device | str = "cpu",
) -> IdentityFrames:
    """Draw a person and render frames of them in one place under one light.

    Args:
        model: What all people share.
        rng: Where chance comes from.
        identity: A name for the person.
        held_out: Whether nothing may be trained on it.
        frames: How many.
        device: Where to render.
    """
    person = draw_person(model, rng)
    drawn = [draw_expression(model.channels, rng) for _ in range(frames)]
    poses = np.clip(rng.normal(0, 1, (frames, 3)) * _TURN, -_FURTHEST, _FURTHEST)
    sway = rng.normal(0, _SWAY, (frames, 3))
    shots = [
        _shoot(model, person, face.weights, face.gaze, pose, shift)
        for face, pose, shift in zip(drawn, poses, sway, strict=True)
    ]
    lights = draw_lights(rng)
    camera = frame_face(shots[0].mesh, FRAME_SIZE, rng)
    background = draw_background(FRAME_SIZE, rng)
    shader = Shader(person, lights, float(model.rest[_LIPS, 2]) + 0.3, torch.device(device))
    pictures, buffers, exposure = [], [], None
    for shot in shots:
        linear, cover, buffer = _render(person, shot, shader, camera.finer(_FINER), model)
        skin = (buffer.material == SKIN).cpu().numpy()
        exposure = exposure or _exposure(linear[skin], person)
        shown = develop(linear, exposure)
        picture = shown * cover[..., None] + _enlarge(background) * (1 - cover[..., None])
        pictures.append(finish(_shrink(picture), rng))
        buffers.append(buffer)
    flows, visible = flows_by_surface(buffers, torch.from_numpy(person.triangles))
    return IdentityFrames(
        kind=RenderedHeads.kind,
        identity=identity,
        held_out=held_out,
        frames=np.stack(pictures),
        meshes=np.stack([_in_pixels(shot.mesh, camera) for shot in shots]),
        flows=flows,
        visible=visible,
        pose=poses.astype(np.float32),
        coefficients=np.stack([face.weights for face in drawn]),
        channels=model.channels,
    )


def _shoot(
    model: HeadModel, person: Person, weights: np.ndarray, gaze: np.ndarray, pose: np.ndarray,
    shift: np.ndarray,
) -> _Shot:  # fmt: skip
    """Pose a person and read the face mesh."""
    rotation = rotation_matrix(pose)
    weights = weights.copy()
    for index, name in enumerate(model.channels):
        # Lids follow the eyes.
        if name.startswith(("eyeLookDown", "eyeLookUp")):
            way = -gaze[1] if "Down" in name else gaze[1]
            weights[index] = np.clip(way / 30, 0, 1)
    vertices, eyes = pose_person(person, model, weights, gaze, rotation, shift)
    centres = np.stack([place_on_head(c, rotation, shift) for c in person.eye_centres])
    mesh = np.zeros((landmarks.MESH_POINTS, 3))
    mesh[: landmarks.SURFACE_POINTS] = model.points.read(vertices)
    slope = np.sqrt(1 - _IRIS_RING**2)
    # Middle, then right, up, left and down as seen, as the trackers count.
    ring = np.array([[0, 0], [1, 0], [0, -1], [-1, 0], [0, 1]]) * _IRIS_RING
    ways = np.concatenate([ring, np.array([[-1], *[[-slope]] * 4])], 1)
    for iris, turn, centre in zip(
        (landmarks.LEFT_IRIS, landmarks.RIGHT_IRIS), eyes, centres, strict=True
    ):
        mesh[iris] = ways @ turn.T * person.eye_radius + centre
    return _Shot(vertices=vertices, mesh=mesh, eyes=eyes, centres=centres)


def _in_pixels(mesh: Float[np.ndarray, "478 3"], camera: Camera) -> Float[np.ndarray, "478 3"]:
    """Return the mesh as trackers do: pixels, z in the same unit from the face's mean depth."""
    placed = camera.project(mesh)
    depth = placed[:, 2]
    placed[:, 2] = (depth - depth.mean()) * camera.focal / depth.mean()
    return placed


@torch.inference_mode()
def _render(
    person: Person, shot: _Shot, shader: Shader, camera: Camera, model: HeadModel
) -> tuple[np.ndarray, np.ndarray, Shown]:
    """Draw one frame.

    Returns:
        Light, how much of each pixel is covered, and what each pixel shows.
    """
    device = shader.device
    vertices = torch.from_numpy(shot.vertices).to(device)
    triangles = torch.from_numpy(person.triangles).to(device)
    material = torch.from_numpy(person.material).to(device)
    placed = torch.from_numpy(camera.project(shot.vertices)).to(device)
    size = FRAME_SIZE * _FINER
    sheets = (material == BROW) | (material == LASH)
    solid = torch.where(~sheets)[0]
    holes = shader.cutout()
    found = draw(placed[None], triangles[solid], size, holes.of(solid))
    fragments = Fragments(
        triangle=torch.where(found.triangle >= 0, solid[found.triangle.clamp(min=0)], -1),
        weights=found.weights,
        depth=found.depth,
    )
    rest = torch.from_numpy(_rest(person, shot, model)).to(device)
    normals = _normals(vertices, triangles)
    shadow = shader.shadow(vertices, triangles)
    eye = vertices.new_tensor([0.0, 0.0, -camera.distance])
    attributes = torch.cat(
        [vertices, rest, normals, torch.from_numpy(person.scalp).to(device)[:, None]], 1
    )
    linear = vertices.new_zeros(size, size, 3)
    shown = fragments.triangle[0] >= 0
    pixels = _pixels(person, attributes, fragments, shown, eye)
    linear[shown] = shader.colour(pixels, eye, shadow)
    over = draw(placed[None], triangles[sheets], size)
    hair = torch.where(sheets)[0]
    front = (over.triangle[0] >= 0) & (over.depth[0] < fragments.depth[0] + 0.15)
    strands = Fragments(
        triangle=torch.where(over.triangle >= 0, hair[over.triangle.clamp(min=0)], -1),
        weights=over.weights,
        depth=over.depth,
    )
    pixels = _pixels(person, attributes, strands, front, eye)
    alpha = (shader.opacity(pixels) * shown[front])[:, None]
    linear[front] = linear[front] * (1 - alpha) + shader.colour(pixels, eye, shadow) * alpha
    where = fragments.triangle[0]
    shape = torch.einsum("hwk,hwkd->hwd", fragments.weights[0], rest[triangles[where.clamp(min=0)]])
    buffer = Shown(
        fragments=fragments, rest=shape, placed=placed,
        material=torch.where(shown, material[where.clamp(min=0)], -1),
    )  # fmt: skip
    return linear.cpu().numpy(), shown.float().cpu().numpy(), buffer


def _rest(person: Person, shot: _Shot, model: HeadModel) -> Float[np.ndarray, "every 3"]:
    """Return where on the mean head vertices lie; on eyeballs the direction in their own axes."""
    rest = person.rest.copy()
    for vertices, turn, centre in zip(model.eyes, shot.eyes, shot.centres, strict=True):
        rest[vertices] = (shot.vertices[vertices] - centre) @ turn / person.eye_radius
    return rest


def _normals(
    vertices: Float[Tensor, "every 3"], triangles: Int[Tensor, "triangles 3"]
) -> Float[Tensor, "every 3"]:
    a, b, c = vertices[triangles].unbind(1)
    each = torch.linalg.cross(b - a, c - a)
    total = torch.zeros_like(vertices)
    for corner in range(3):
        total.index_add_(0, triangles[:, corner], each)
    return functional.normalize(total, dim=1)


def _pixels(
    person: Person, attributes: Float[Tensor, "every 10"], fragments: Fragments,
    shown: Bool[Tensor, "height width"], eye: Float[Tensor, " 3"],
) -> Pixels:  # fmt: skip
    """Interpolate over the pixels that show something."""
    device = attributes.device
    triangle, weights = fragments.triangle[0][shown], fragments.weights[0][shown]
    corners = torch.from_numpy(person.triangles).to(device)[triangle]
    values = torch.einsum("nk,nkd->nd", weights, attributes[corners])
    uv = torch.einsum("nk,nkd->nd", weights, torch.from_numpy(person.uv).to(device)[triangle])
    place, rest, normal, scalp = values.split([3, 3, 3, 1], 1)
    normal = functional.normalize(normal, dim=1)
    # Sheets of hair and lashes are seen from both sides.
    away = (normal * (eye - place)).sum(1, keepdim=True) < 0
    material = torch.from_numpy(person.material).to(device)[triangle]
    sheet = (material >= HAIR)[:, None]
    return Pixels(
        material=material, uv=uv, place=place, rest=rest,
        normal=torch.where(away & sheet, -normal, normal), scalp=scalp[:, 0],
    )  # fmt: skip


def _exposure(skin: Float[np.ndarray, "pixels 3"], person: Person) -> float:
    """Expose for the face, dark skin darker than fair skin, but less so than it is."""
    wanted = np.clip(_BRIGHT * (person.pale / _PALE) ** 0.6, 0.06, 0.45)
    bright = float(np.median(skin.mean(-1))) if len(skin) else 0.1
    return float(-np.log(1 - wanted) / max(bright, 1e-3))


def _shrink(picture: Float[np.ndarray, "fine fine 3"]) -> Float[np.ndarray, "size size 3"]:
    size = len(picture) // _FINER
    return picture.reshape(size, _FINER, size, _FINER, 3).mean((1, 3))


def _enlarge(picture: Float[np.ndarray, "size size 3"]) -> Float[np.ndarray, "fine fine 3"]:
    return picture.repeat(_FINER, 0).repeat(_FINER, 1)
