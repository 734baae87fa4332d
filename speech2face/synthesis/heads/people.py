"""Random people for rendered heads, and the room that they are photographed in."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from scipy.spatial import KDTree

from speech2face.errors import InputError
from speech2face.media.image import read_image
from speech2face.signals import eased
from speech2face.synthesis.heads.head_model import (
    BROW,
    CLOTH,
    FLIP,
    HAIR,
    SKIN,
    Cards,
    HeadModel,
)
from speech2face.synthesis.heads.strands import scalp_density
from speech2face.synthesis.heads.wardrobe import sweater

SPREAD = 0.85
"""Standard deviation of the identity weights; 1 is the model's own, less is more usual."""
_BALD, _CROPPED = 0.07, 0.12
"""Chances of no hair at all, and of hair too short to be more than a colour on the scalp."""
_HAIRLINE = 8.3
"""Height of the hairline in ICT's frame, centimetres."""
_FOLLOW = 40
"""Vertices of the skin that carry a vertex of hair along; of brows twelve."""
_STILL, _TURNED = 14.5, 5.5
"""Height (down) below which the neck stays where it is, and above which it turns wholly."""

EYES_SIZE = 0.965
"""Size of the eyeballs over the mesh's own: else corneas come through shut lids."""
_UNDER = 2.8
"""Skin that lies further than this below the sweater's edge is left out, centimetres."""
_ANYBODY = ("short02", "short04", "bob02")
"""Hair that men and women wear."""
_LIFTED = 0.05
"""Brows lie this far before the skin, centimetres."""
_FRINGE = 0.05
"""Chance of the haircut that hides an eye, relative to the others."""
DARK = 0.15
"""Skins that reflect less than this on average are dark; so, mostly, is the hair above them."""

# fmt: off
_PIGMENTS = np.array([
    [0.006, 0.005, 0.004], [0.018, 0.011, 0.007], [0.05, 0.026, 0.013], [0.11, 0.060, 0.028],
    [0.24, 0.15, 0.07], [0.42, 0.31, 0.17], [0.16, 0.045, 0.015], [0.35, 0.34, 0.33],
    [0.60, 0.59, 0.57],
])
"""Linear colours of hair: black, browns, blonds, red, grey, white."""
_PIGMENT_SHARES = np.array([0.22, 0.22, 0.17, 0.11, 0.08, 0.05, 0.05, 0.06, 0.04])
_IRISES = np.array([
    [0.10, 0.05, 0.025], [0.16, 0.09, 0.04], [0.055, 0.03, 0.018], [0.10, 0.16, 0.22],
    [0.14, 0.17, 0.09], [0.20, 0.23, 0.25],
])
# fmt: on


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A part of a person: its own vertices beyond those of ICT's mesh."""

    base: Float[np.ndarray, "vertices 3"]
    follow: Float[np.ndarray, "vertices neighbours"]
    """How much each vertex moves with each of its neighbours on the skin; rows sum to 1 or 0."""
    neighbours: np.ndarray
    turns: Float[np.ndarray, " vertices"]
    """Share of the head's turn."""


@dataclass(frozen=True, kw_only=True)
class Person:
    """One person, ready to make faces."""

    base: Float[np.ndarray, "vertices 3"]
    """ICT's vertices with this identity."""
    turns: Float[np.ndarray, " vertices"]
    pieces: tuple[Piece, ...]
    triangles: np.ndarray
    """Of everything, into ICT's vertices followed by the pieces'."""
    material: np.ndarray
    uv: Float[np.ndarray, "triangles 3 2"]
    rest: Float[np.ndarray, "every 3"]
    """Where on the mean head a vertex lies: materials depend on it."""
    scalp: Float[np.ndarray, " every"]
    """How densely hair grows there."""
    eye_centres: Float[np.ndarray, "2 3"]
    eye_radius: float
    skin: UInt8[np.ndarray, "side side 3"]
    pale: float
    """Share of light that the skin's texture reflects."""
    hair: UInt8[np.ndarray, "side2 side2 4"]
    brow: UInt8[np.ndarray, "side3 side3 4"]
    pigment: Float[np.ndarray, " 3"]
    iris: Float[np.ndarray, " 3"]
    pupil: float
    """Radius over the eyeball's."""
    tint: Float[np.ndarray, " 3"]
    oil: float
    cloth: Float[np.ndarray, "2 3"]
    """Two colours of the sweater."""


def draw_person(model: HeadModel, rng: np.random.Generator) -> Person:
    """Draw a person: shape, skin, hair, brows, eyes and sweater."""
    modes = rng.normal(0, SPREAD, len(model.identities)).astype(np.float32)
    offset = np.tensordot(modes, model.identities, 1)
    base = model.rest + offset
    male = rng.random() < 0.5  # noqa: PLR2004 - a coin
    bald, style = _draw_haircut(model, rng, male=male)
    brow = model.brows[rng.integers(len(model.brows))]
    parts = _parts(model, rng, offset, brow, style)
    triangles, material, uv = _join(model, parts)
    made = tuple(part.piece for part in parts)
    rest = np.concatenate([model.rest, *(piece.base for piece in made)])
    centres, radius = _eyeballs(model, base)
    skins = [path for path in model.skins if ("_male_" in path.name) == male]
    skin = read_image(skins[rng.integers(len(skins))])
    pale = float(((skin[::16, ::16] / 255) ** 2.2).mean())
    shares = _PIGMENT_SHARES ** (2.5 if pale < DARK else 1.0)
    pigment = _PIGMENTS[rng.choice(len(_PIGMENTS), p=shares / shares.sum())]
    cloth = rng.uniform(0, 1, (2, 3)) ** 2.2 * rng.uniform(0.1, 0.8)
    return Person(
        base=base, turns=turns(model.rest[:, 1] + 0.3 * model.rest[:, 2]), pieces=made,
        triangles=triangles, material=material, uv=uv, rest=rest.astype(np.float32),
        scalp=_scalp(model, rest, none=bald), eye_centres=centres, eye_radius=EYES_SIZE * radius,
        skin=_square(skin, 1024), pale=pale, hair=_texture(style), brow=_texture(brow),
        pigment=pigment * rng.uniform(0.7, 1.4),
        iris=_IRISES[rng.integers(len(_IRISES))] * rng.uniform(0.8, 1.5),
        pupil=float(rng.uniform(0.13, 0.24)), tint=np.exp(rng.normal(0, [0.06, 0.04, 0.05])),
        oil=float(rng.random()),
        cloth=np.where(rng.random() < 0.5, cloth, cloth[:1]),  # noqa: PLR2004 - a coin
    )  # fmt: skip


def _draw_haircut(
    model: HeadModel, rng: np.random.Generator, *, male: bool
) -> tuple[bool, Cards | None]:
    """Return whether a person is bald, and which hair there is beyond the scalp's colour."""
    styles = [
        card for card in model.hair if ("short" in card.name) == male or card.name in _ANYBODY
    ]
    chance = rng.random()
    bald, cropped = chance < _BALD, _BALD <= chance < _BALD + _CROPPED
    shares = np.array([_FRINGE if card.name == "bob02" else 1.0 for card in styles])
    style = styles[rng.choice(len(styles), p=shares / shares.sum())]
    return bald, None if bald or cropped else style


@dataclass(frozen=True, kw_only=True)
class _Part:
    """A piece with its triangles."""

    piece: Piece
    triangles: np.ndarray
    uv: np.ndarray
    material: int


def _parts(
    model: HeadModel, rng: np.random.Generator, offset: np.ndarray, brow: Cards, style: Cards | None
) -> list[_Part]:
    """Dress a person: sweater, brows, hair."""
    surface = np.unique(model.triangles[model.material == SKIN])
    tree = KDTree(model.rest[surface])
    parts = [_sweater(rng, offset[surface].mean(0))]
    for card, material, count, soft in ((brow, BROW, 12, 0.05), (style, HAIR, _FOLLOW, 1.0)):
        if card is not None:
            distance, nearest = tree.query(card.vertices, count)
            weight = 1 / (distance + soft) ** 2
            weight = (weight / weight.sum(1, keepdims=True)).astype(np.float32)
            piece = _bind(card, weight, surface[nearest], offset, material)
            parts.append(
                _Part(piece=piece, triangles=card.triangles, uv=card.uv, material=material)
            )
    return parts


def _join(model: HeadModel, parts: list[_Part]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Put the triangles of everything together, into one list of vertices."""
    seen = ~_dressed(model)
    triangles, material, uv = [model.triangles[seen]], [model.material[seen]], [model.uv[seen]]
    first = len(model.rest)
    for part in parts:
        triangles.append(part.triangles + first)
        material.append(np.full(len(part.triangles), part.material))
        uv.append(part.uv)
        first += len(part.piece.base)
    corner_uv = np.concatenate(uv).astype(np.float32)
    return np.concatenate(triangles), np.concatenate(material), corner_uv


def _bind(
    card: Cards, weight: np.ndarray, neighbours: np.ndarray, offset: np.ndarray, material: int
) -> Piece:
    """Let hair or brows follow the skin around them: brows its motion too, hair its shape alone."""
    base = card.vertices + np.einsum("vn,vnd->vd", weight, offset[neighbours])
    if material == BROW:
        base = base - [0, 0, _LIFTED]
        share = np.ones(len(base), np.float32)
    else:
        weight = weight * 0
        share = np.maximum(turns(base[:, 1]), np.clip((14.0 - base[:, 1]) / 6, 0, 1))
    return Piece(
        base=base.astype(np.float32), follow=weight, neighbours=neighbours,
        turns=share.astype(np.float32),
    )  # fmt: skip


def _sweater(rng: np.random.Generator, offset: np.ndarray) -> _Part:
    garment = sweater(int(rng.integers(2**31)), across=96, down=48)
    down = np.array([0.0, rng.uniform(-0.3, 0.6), 0.0])
    base = garment.vertices * [1.03, 1.0, 1.05] * FLIP + down + offset
    uv = garment.weave[garment.triangles][..., :2] * 0.02
    none = np.zeros((len(base), 1), np.float32)
    piece = Piece(
        base=base.astype(np.float32), follow=none, neighbours=np.zeros((len(base), 1), int),
        turns=none[:, 0],
    )  # fmt: skip
    return _Part(piece=piece, triangles=garment.triangles, uv=uv.astype(np.float32), material=CLOTH)


def _dressed(model: HeadModel) -> np.ndarray:
    """Mark the triangles of chest and shoulders, which the sweater covers and must not touch."""
    middle = model.rest[model.triangles].mean(1)
    x, z = middle[:, 0], middle[:, 2] + 1.2
    ahead = -z / np.hypot(x, z)
    collar = 10.0 + np.where(ahead > 0, 4.0, -1.6) * ahead**2
    return (middle[:, 1] > collar + _UNDER) & (model.material == SKIN)


def turns(down: Float[np.ndarray, " vertices"]) -> Float[np.ndarray, " vertices"]:
    """Share of the head's turn at a height, smooth along the neck."""
    share = np.clip((_STILL - down) / (_STILL - _TURNED), 0, 1)
    return eased(share).astype(np.float32)


def _scalp(model: HeadModel, rest: np.ndarray, *, none: bool) -> Float[np.ndarray, " every"]:
    density = np.zeros(len(rest), np.float32)
    if not none:
        used = np.unique(model.triangles[model.material == SKIN])
        density[used] = scalp_density(rest[used] * FLIP, _HAIRLINE)
    return density


def _eyeballs(model: HeadModel, base: np.ndarray) -> tuple[Float[np.ndarray, "2 3"], float]:
    centres, radii = [], []
    for vertices in model.eyes:
        ball = base[vertices]
        low, high = ball.min(0), ball.max(0)
        radius = float(high[0] - low[0]) / 2
        # The front bulges where the cornea is: measure the depth from the back.
        centres.append([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, high[2] - radius])
        radii.append(radius)
    return np.array(centres), float(np.mean(radii))


def _texture(card: Cards | None) -> UInt8[np.ndarray, "side side 4"]:
    """Read a texture with its opacity.

    Raises:
        InputError: It is no picture.
    """
    if card is None:
        return np.zeros((4, 4, 4), np.uint8)
    read = cv2.imread(str(card.texture), cv2.IMREAD_UNCHANGED)
    if read is None:
        msg = f"{card.texture} is no picture; expected MakeHuman's assets; copy them again"
        raise InputError(msg)
    picture = _square(np.atleast_3d(np.asarray(read)), 512)
    if picture.shape[2] == 3:  # noqa: PLR2004 - no opacity
        picture = np.concatenate([picture, np.full_like(picture[..., :1], 255)], 2)
    return np.ascontiguousarray(picture[..., [2, 1, 0, 3]])


def _square(picture: np.ndarray, side: int) -> np.ndarray:
    return cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
