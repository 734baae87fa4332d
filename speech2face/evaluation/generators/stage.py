"""Draws the pictures that people look at: blind pairs of speaking portraits, and turning heads."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from speech2face.evaluation.generators import side_by_side
from speech2face.evaluation.generators.identity import IdentityJudge, cosine
from speech2face.evaluation.generators.rows import GeneratorRow
from speech2face.evaluation.tables import Cell
from speech2face.evaluation.video.judge import Judge
from speech2face.face.choose import prepare_view
from speech2face.face.rig import load_rig
from speech2face.generators.warp.generator import WarpGenerator
from speech2face.generators.warp.latents import unpack
from speech2face.jobs.animate import Speech2Face
from speech2face.jobs.settings import Settings
from speech2face.media.image import read_image, write_png
from speech2face.motion.motion import Motion

_MOMENTS = 4
_YAWS = (-20.0, -10.0, 0.0, 10.0, 20.0)
"""Degrees."""


class Stage:
    """The pipeline that plans the motion, and the generators that draw it."""

    def __init__(self, work: Path, names: Sequence[str], size: int | None) -> None:
        """Load them.

        Args:
            work: Gets `sheets/` and `turns/`.
            names: The generators.
            size: Side of the crop in pixels; None: as fine as the picture.
        """
        device = torch.device("cpu")
        self.folder = work / "sheets"
        self._work, self._settings = work, Settings(size=size, full=False)
        self._rows = [GeneratorRow(name, device) for name in names]
        self._engine = Speech2Face.from_pretrained("cpu")
        self._mover, self._rig = WarpGenerator(device), load_rig()

    def sheet(self, portrait: Path, sound: Path, seed: int) -> None:
        """Write one blind sheet and enter who is who into the key file."""
        clip = self._engine.animate(portrait, sound, settings=self._settings)
        chosen = side_by_side.moments(
            unpack(clip.latents.values), self._rig, _MOMENTS
        )  # fmt: skip
        motion = unpack(clip.latents.values[chosen])
        drawn = {row.name: row.draw(clip.view, motion) for row in self._rows}
        state = self._mover.encode([clip.view])
        meshes = (state.points.meshes(motion) + 0.5) / len(clip.view.crop)
        title = f"{portrait.stem}_{sound.stem}"
        first, second = (row.name for row in self._rows)
        order = side_by_side.shuffled((first, second), title, seed)
        captions = [f"{index / float(clip.latents.fps):.2f} s" for index in chosen]
        picture = side_by_side.sheet(drawn, order, meshes, captions)
        write_png(side_by_side.sheet_path(self.folder, title), picture)
        self._enter(title, order)

    def _enter(self, title: str, order: tuple[str, str]) -> None:
        path = self.folder / "key.json"
        key = json.loads(path.read_text("utf-8")) if path.exists() else {}
        key[title] = {"A": order[0], "B": order[1]}
        path.write_text(json.dumps(key, indent=2, sort_keys=True) + "\n", encoding="utf-8")

    def turn(
        self, portrait: Path, judges: tuple[Judge, IdentityJudge] | None
    ) -> list[dict[str, Cell]]:
        """Write a sheet of a turning head, one row a generator, and measure who is still seen."""
        image = read_image(portrait)
        tracker = self._engine.parts(self._settings).tracker
        cut = prepare_view(image, tracker, size=self._settings.size)
        zero = np.zeros((len(_YAWS), len(self._rig.names)), np.float32)
        pose = np.array([[yaw, 0, 0] for yaw in _YAWS], np.float32)
        motion = Motion.of(zero, pose=pose)
        drawn = {row.name: row.draw(cut, motion) for row in self._rows}
        captions = [f"yaw {yaw:+.0f}" for yaw in _YAWS]
        picture = side_by_side.film_strips(drawn, captions)
        write_png(side_by_side.sheet_path(self._work / "turns", portrait.stem), picture)
        if judges is None:
            return []
        return [
            {
                "row": name,
                "portrait": portrait.stem,
                **kept_identity(frames, cut.crop, *judges),
            }
            for name, frames in drawn.items()
        ]


def kept_identity(
    frames: side_by_side.Frames, source: np.ndarray, judge: Judge, identity: IdentityJudge
) -> dict[str, Cell]:
    """Return the identity cosine with the source for each yaw at which a face was found."""
    judge.reset()
    origin = judge(source)
    if origin is None:
        return {}
    person = identity(source[None], origin.mesh[None])[0]
    cells: dict[str, Cell] = {}
    for yaw, frame in zip(_YAWS, frames, strict=True):
        face = judge(frame)
        if face is not None:
            seen = identity(frame[None], face.mesh[None])[0]
            cells[f"yaw {yaw:+.0f}"] = float(cosine(seen, person))
    return cells
