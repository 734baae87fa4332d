"""Portraits animated by the warp generator, as training pictures for the tracker.

Portraits seldom blink, speak or look aside. The generator makes them do it; the teacher then looks
at the result, so that the labels say what the picture shows and not what was asked for.
"""

from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Float

from speech2face.face.rig import Rig
from speech2face.face.teacher import FaceMeshTeacher
from speech2face.face.view import cut_view
from speech2face.generators.warp.generator import WarpGenerator
from speech2face.generators.warp.latents import pack
from speech2face.motion.motion import Motion
from speech2face.synthesis.neutral import read_picture
from speech2face.training.tracker.labels import Sample, rough_yaw
from speech2face.types import Face

_WIDEST_YAW = 25.0
"""Degrees: the generator moves heads well up to about here."""
_SURE = 0.9
_FRAMES = 4


def animate_portraits(portraits: list[Sample], labels: Path, task: Path, count: int) -> None:
    """Animate portraits and let the teacher label the frames; once, the result is kept.

    Args:
        portraits: Of which `count` that look ahead are animated.
        labels: Gets `animated/*.jpg` and `animated.npz`.
        task: The teacher's task file.
        count: How many portraits.
    """
    target = labels / "animated.npz"
    if target.exists():
        return
    folder = labels / "animated"
    folder.mkdir(parents=True, exist_ok=True)
    teacher = FaceMeshTeacher(task)
    generator = WarpGenerator(torch.device("cpu"))
    rng = np.random.default_rng(0)
    frontal = [sample for sample in portraits if abs(rough_yaw(sample.mesh)) < _WIDEST_YAW]
    names, meshes = [], []
    every = max(1, len(frontal) // count)
    for index, sample in enumerate(frontal[::every][:count]):
        for frame, picture in enumerate(_animate(sample, generator, teacher, rng)):
            found = teacher(picture)
            if found is not None and found.presence > _SURE:
                names.append(f"{index:04d}_{frame}.jpg")
                meshes.append(found.mesh)
                quality = [cv2.IMWRITE_JPEG_QUALITY, 95]
                cv2.imwrite(str(folder / names[-1]), picture[:, :, ::-1], quality)
    np.savez_compressed(target, names=names, mesh=np.array(meshes).reshape(-1, 478, 3))


def animated_samples(labels: Path) -> list[Sample]:
    """Read what `animate_portraits` left; nothing where it never ran."""
    if not (labels / "animated.npz").exists():
        return []
    with np.load(labels / "animated.npz") as file:
        rows = list(zip(file["names"], file["mesh"], strict=True))
    return [
        Sample(image=read_picture(labels / "animated" / str(name)), mesh=mesh, group="animated")
        for name, mesh in rows
    ]


def draw_latents(
    rig: Rig, frames: int, rng: np.random.Generator
) -> Float[np.ndarray, "frames latent"]:
    """Draw faces that blink, speak, feel something, look aside and turn a little."""
    weights = np.zeros((frames, len(rig.names)), np.float32)

    def add(names: tuple[str, ...], low: float, high: float, chance: float) -> None:
        for row in weights:
            if rng.random() < chance:
                row[[rig.index(name) for name in names]] = rng.uniform(low, high)

    add(("eyeBlink_L", "eyeBlink_R"), 0.3, 1.0, 0.45)
    add(("eyeBlink_L",), 0.3, 1.0, 0.08)
    add(("eyeWide_L", "eyeWide_R"), 0.2, 0.9, 0.15)
    add(("jawOpen",), 0.05, 0.8, 0.65)
    add(("mouthPucker",), 0.2, 0.8, 0.15)
    add(("mouthFunnel",), 0.2, 0.8, 0.15)
    add(("mouthSmile_L", "mouthSmile_R"), 0.2, 1.0, 0.3)
    add(("mouthFrown_L", "mouthFrown_R"), 0.2, 0.8, 0.12)
    add(("mouthUpperUp_L", "mouthUpperUp_R"), 0.2, 0.7, 0.15)
    add(("mouthLowerDown_L", "mouthLowerDown_R"), 0.2, 0.7, 0.15)
    add(("browInnerUp_L", "browInnerUp_R"), 0.2, 1.0, 0.2)
    add(("browDown_L", "browDown_R"), 0.2, 1.0, 0.15)
    gaze, pose = rng.normal(0, 7, (frames, 2)), rng.normal(0, 5, (frames, 3))
    return pack(Motion.of(weights, gaze=gaze, pose=pose))


def _animate(
    sample: Sample, generator: WarpGenerator, teacher: FaceMeshTeacher, rng: np.random.Generator
) -> np.ndarray:
    """Return frames of one portrait; the teacher has seen it at rest and follows it from there."""
    box = np.concatenate([sample.mesh[:, :2].min(0), sample.mesh[:, :2].max(0)])
    portrait = cut_view(sample.image, Face(mesh=sample.mesh, box=box, score=1.0))
    teacher.reset()
    teacher(portrait.crop)
    return generator.render(generator.encode([portrait]), draw_latents(generator.rig, _FRAMES, rng))
