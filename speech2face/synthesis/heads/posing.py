"""Faces and turns of a rendered person: blend shapes, eyeballs, and a neck that bends.

Frame: centimetres, x right, y down, z away from the viewer.
"""

import numpy as np
from jaxtyping import Float

from speech2face.synthesis.heads.head_model import HeadModel
from speech2face.synthesis.heads.people import EYES_SIZE, Person

_NECK = np.array([0.0, 6.0, 1.0])
"""Where the head turns: in the neck, below the ears."""


def pose_person(
    person: Person,
    model: HeadModel,
    weights: Float[np.ndarray, " channels"],
    gaze: Float[np.ndarray, " 2"],
    rotation: Float[np.ndarray, "3 3"],
    shift: Float[np.ndarray, " 3"],
) -> tuple[Float[np.ndarray, "every 3"], Float[np.ndarray, "2 3 3"]]:
    """Make a face and turn the head.

    Args:
        person: Who.
        model: What all people share.
        weights: Of the model's expression channels.
        gaze: Turn of the eyes: to the image's right, up; degrees.
        rotation: Of the head.
        shift: Of head and shoulders, centimetres.

    Returns:
        Vertices of everything, and how each eyeball is turned against the room.
    """
    active = np.flatnonzero(weights)
    moved = np.einsum("c,cvd->vd", weights[active], model.expressions[active])
    eye = rotation @ look_rotation(gaze)
    parts = []
    for base, turns in (
        (person.base + moved, person.turns),
        *(
            (p.base + np.einsum("vn,vnd->vd", p.follow, moved[p.neighbours]), p.turns)
            for p in person.pieces
        ),
    ):
        turned = (base - _NECK) @ rotation.T + _NECK
        parts.append(base + (turned - base) * turns[:, None])
    for vertices, centre in zip(model.eyes, person.eye_centres, strict=True):
        place = (centre - _NECK) @ rotation.T + _NECK
        parts[0][vertices] = EYES_SIZE * (person.base[vertices] - centre) @ eye.T + place
    return (np.concatenate(parts) + shift).astype(np.float32), np.stack([eye, eye])


def look_rotation(gaze: Float[np.ndarray, " 2"]) -> Float[np.ndarray, "3 3"]:
    """Turn an eyeball that looks ahead (-z): right and up in degrees."""
    right, up = np.deg2rad(gaze)
    about_y = np.array([
        [np.cos(right), 0, -np.sin(right)], [0, 1, 0], [np.sin(right), 0, np.cos(right)],
    ])  # fmt: skip
    about_x = np.array([
        [1, 0, 0], [0, np.cos(up), np.sin(up)], [0, -np.sin(up), np.cos(up)],
    ])  # fmt: skip
    return about_y @ about_x


def place_on_head(
    point: Float[np.ndarray, " 3"], rotation: Float[np.ndarray, "3 3"], shift: np.ndarray
) -> Float[np.ndarray, " 3"]:
    """Move a point of the skull with the head."""
    return rotation @ (point - _NECK) + _NECK + shift
