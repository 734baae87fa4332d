"""The warp generator: the photograph itself, laid on a 3-D face that a rig moves.

Nothing is drawn by a network: every pixel of skin, hair and cloth is the portrait's own, moved by
smooth fields that follow the face's control points. Lips and lids are cut along their edges, so
that mouth and eyes open onto what lies behind them.
"""

from collections.abc import Sequence

import numpy as np
import torch

from speech2face.errors import InputError
from speech2face.face.rig import Rig, shipped_rig
from speech2face.face.view import View
from speech2face.generators.ahead import side_by_side
from speech2face.generators.base import Frame, Frames, GeneratorSpec, Latents, Loudness, cannot_read
from speech2face.generators.warp.drawing import draw_still, draw_view, to_bytes
from speech2face.generators.warp.latents import BESIDE_WEIGHTS, pack, unpack
from speech2face.generators.warp.state import WarpState, of_still, of_views
from speech2face.motion.motion import Motion


class WarpGenerator:
    """Moves a photograph by rig weights, gaze and head pose; no network draws."""

    def __init__(self, device: torch.device) -> None:
        """Read the rig; frames are drawn on `device`."""
        self.device = device
        self.rig: Rig = shipped_rig()
        self.spec = GeneratorSpec(
            name="warp", latent_size=len(self.rig.names) + BESIDE_WEIGHTS,
            side_by_side=side_by_side(device), follows=True,
        )  # fmt: skip

    def encode(
        self,
        views: Sequence[View],
        after: WarpState | None = None,
        mouths: Sequence[View] = (),
    ) -> WarpState:
        """Lay out a still, or views of a video.

        Args:
            views: One view is a still, unless `after` or `mouths` are given: then each is drawn
                once.
            after: State of the views before these in the same video: what they share with these is
                not computed again.
            mouths: Views of the video in which the mouth is open: what is seen in a mouth that
                opens is taken from them. They are kept for the views that come after these.

        Raises:
            InputError: There are no views, or they differ in size.
        """  # noqa: DOC502 those below raise it
        if len(views) == 1 and after is None and not mouths:
            return of_still(views[0], self.rig, self.device)
        return of_views(views, self.rig, self.device, after, mouths)

    def drive(self, state: WarpState, motion: Motion, loudness: Loudness | None = None) -> Latents:
        """Lay the parts of the motion side by side: they are the latents."""
        del state, loudness
        return pack(motion)

    def read(self, state: WarpState, frames: Frames, first: Frame) -> Latents:
        """Refuse: the tracker reads the motion."""
        del state, frames, first
        cannot_read(self.spec.name)

    @torch.inference_mode()
    def render(self, state: WarpState, latents: Latents) -> Frames:
        """Draw a still once for every row of latents, or each view of a video with its row.

        Raises:
            InputError: There are not as many rows as views.
        """
        if not state.views:
            return to_bytes(draw_still(state, unpack(latents)))
        if len(state.views) != len(latents):
            msg = f"each view is drawn once: {len(state.views)} views, {len(latents)} latents"
            raise InputError(msg)
        rows = (unpack(row[None]) for row in latents)
        return np.stack([draw_view(*pair) for pair in zip(state.views, rows, strict=True)])
