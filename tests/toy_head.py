"""A head model of simple shapes in the place of ICT-FaceKit's, with painted assets."""

from pathlib import Path

import cv2
import numpy as np
from drawn_head import drawn_head

from speech2face.face.rig import load_rig
from speech2face.synthesis.heads.head_model import EYES, FLIP, GUMS, LASH, SKIN, Cards, HeadModel
from speech2face.synthesis.heads.surfaces import Surface
from speech2face.synthesis.heads.wardrobe import grid_triangles


def toy_head(folder: Path) -> HeadModel:
    """Build it; textures go to the folder."""
    head = drawn_head()
    rest = (head.rest * FLIP).astype(np.float32)
    rng = np.random.default_rng(0)
    parts = (
        ("M_Face", SKIN), ("M_IrisRight", EYES), ("M_IrisLeft", EYES), ("M_EyeLashes", LASH),
    )  # fmt: skip
    triangles = np.concatenate([head.parts[name] for name, _ in parts])
    material = np.concatenate([np.full(len(head.parts[name]), kind) for name, kind in parts])
    material[:40] = GUMS
    uv = rng.uniform(0, 1, (len(triangles), 3, 2)).astype(np.float32)
    jaw = np.zeros_like(rest)
    jaw[:, 1] = np.clip(rest[:, 1] - 2, 0, 3) * 0.3
    eyes = [np.unique(head.parts[name]) for name in ("M_IrisRight", "M_IrisLeft")]
    jaw[np.concatenate(eyes)] = 0
    mesh = load_rig().neutral[:468] * 9 + np.array([0.0, -3.0, -9.0])
    for name in ("young_male_", "young_female_"):
        skin = rng.integers(60, 220, (32, 32, 3), np.uint8)
        cv2.imwrite(str(folder / f"{name}diffuse.png"), skin)
    return HeadModel(
        rest=rest,
        identities=rng.normal(0, 0.02, (3, 1, 3)).astype(np.float32) + np.zeros_like(rest),
        expressions=np.stack([jaw, jaw * 0.1]).astype(np.float32),
        channels=("jawOpen", "eyeLookDown_L"),
        triangles=triangles,
        material=material,
        uv=uv,
        points=Surface(rest.astype(np.float64), head.parts["M_Face"]).nearest(mesh),
        eyes=(eyes[0], eyes[1]),
        hair=tuple(_cards(folder, name, -10.0) for name in ("short01", "long01")),
        brows=(_cards(folder, "eyebrow001", -2.0),),
        skins=tuple(sorted(folder.glob("*diffuse.png"))),
    )


def _cards(folder: Path, name: str, down: float) -> Cards:
    """A band around the head."""
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    ring = np.stack([8.2 * np.sin(angle), np.full(24, down), -10.5 * np.cos(angle) - 1.5], 1)
    vertices = np.concatenate([ring, ring + np.array([0, 1.5, 0])])
    triangles = grid_triangles(2, 24)
    picture = np.random.default_rng(1).integers(0, 256, (16, 16, 4), np.uint8)
    cv2.imwrite(str(folder / f"{name}.png"), picture)
    uv = np.random.default_rng(2).uniform(0, 1, (len(triangles), 3, 2))
    return Cards(
        name=name, vertices=vertices.astype(np.float32), triangles=triangles,
        uv=uv.astype(np.float32), texture=folder / f"{name}.png",
    )  # fmt: skip
