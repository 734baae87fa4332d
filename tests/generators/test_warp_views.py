"""Views of a video in warp: only what moves changes, old mouths close, patches are shared."""

import cv2
import numpy as np
import pytest
import torch

from speech2face import landmarks
from speech2face.errors import InputError
from speech2face.face.rig import Rig
from speech2face.face.view import View
from speech2face.generators.warp.generator import WarpGenerator
from speech2face.generators.warp.latents import pack
from speech2face.generators.warp.state import WarpState
from speech2face.geometry import rotation_matrix
from speech2face.motion.motion import Motion
from speech2face.types import Face

SIZE = 128
OPEN = 0.5


@pytest.fixture(scope="module")
def generator() -> WarpGenerator:
    return WarpGenerator(torch.device("cpu"))


def _view(rig: Rig, yaw: float = 0.0, right: float = 0.0, **weights: float) -> View:
    """Return the rig's face on a texture; its mouth's inside is white where it is open."""
    mesh = rig.pose(rig.weights(**weights)) @ rotation_matrix(np.array([yaw, 0, 0])).T
    mesh = (mesh * (SIZE / 3.2) + [SIZE / 2 + right, SIZE / 2.4, 0]).astype(np.float32)
    noise = np.random.default_rng(0).integers(60, 140, (SIZE // 4, SIZE // 4, 3), np.uint8)
    image = noise.repeat(4, 0).repeat(4, 1)
    inner = np.concatenate([
        mesh[landmarks.UPPER_LIP_INNER, :2], mesh[landmarks.LOWER_LIP_INNER, :2][::-1]
    ])  # fmt: skip
    if weights.get("jawOpen"):
        cv2.fillPoly(image, [np.round(inner).astype(np.int32)], (255, 255, 255))
    box = np.concatenate([mesh[:, :2].min(0), mesh[:, :2].max(0)])
    return View(
        image=image, face=Face(mesh=mesh, box=box, score=1.0), crop=image,
        to_crop=np.eye(2, 3, dtype=np.float32),
    )  # fmt: skip


@pytest.fixture(scope="module")
def views(rig: Rig) -> list[View]:
    return [_view(rig), _view(rig, yaw=6.0, right=3.0, jawOpen=OPEN), _view(rig, right=-4.0)]


@pytest.fixture(scope="module")
def state(generator: WarpGenerator, views: list[View]) -> WarpState:
    return generator.encode(views)


def _latents(*weights: np.ndarray, gaze: float = 0.0) -> np.ndarray:
    rows = np.stack(weights)
    return pack(Motion.of(rows, gaze=np.full((len(rows), 2), gaze)))


def test_views_without_motion_are_returned_bit_for_bit(generator, state, views) -> None:
    frames = generator.render(state, np.zeros((3, generator.spec.latent_size), np.float32))

    for frame, view in zip(frames, views, strict=True):
        np.testing.assert_array_equal(frame, view.crop)


def test_a_new_mouth_changes_the_lower_face_alone(generator, state, views, rig) -> None:
    frames = generator.render(state, _latents(*[rig.weights(jawOpen=0.4)] * 3))

    for frame, view in zip(frames, views, strict=True):
        changed = (frame != view.crop).any(-1)
        brows = int(view.mesh[[105, 334], 1].max())
        assert changed.any()
        assert not changed[:brows].any()


def test_an_open_mouth_closes_without_a_trace(generator, state, views, rig) -> None:
    still, closing = rig.weights(), -views[1].likeness.opening

    frame = generator.render(state, _latents(still, closing, still))[1]

    lips = views[1].mesh[np.concatenate([landmarks.UPPER_LIP_INNER, landmarks.LOWER_LIP_INNER])]
    (left, top), (right, bottom) = lips[:, :2].min(0).astype(int), lips[:, :2].max(0).astype(int)
    before = (views[1].crop[top:bottom, left:right] > 200).all(-1).mean()
    after = (frame[top:bottom, left:right] > 200).all(-1).mean()
    assert before > 0.3
    assert after < 0.02


def test_a_view_moves_as_a_still_of_it_does(generator, state, views, rig) -> None:
    weights = rig.weights(jawOpen=0.3)
    alone = generator.encode([views[2]])

    shared = generator.render(state, _latents(*[weights] * 3))[2]
    own = generator.render(alone, _latents(weights))[0]

    lips = views[2].mesh[np.concatenate([landmarks.UPPER_LIP_OUTER, landmarks.LOWER_LIP_OUTER])]
    (left, top), (right, bottom) = lips[:, :2].min(0).astype(int), lips[:, :2].max(0).astype(int)
    part = (slice(top, bottom + 4), slice(left, right))
    difference = np.abs(shared[part].astype(int) - own[part])
    moved = np.abs(own[part].astype(int) - views[2].crop[part])
    assert difference.mean() < 0.1 * moved.mean()


def test_gaze_draws_a_views_own_eyes(generator, state, views, rig) -> None:
    frames = generator.render(state, _latents(*[rig.weights()] * 3, gaze=12.0))

    for frame, view in zip(frames, views, strict=True):
        changed = np.nonzero((frame != view.crop).any(-1))[0]
        lids = view.mesh[[159, 386, 145, 374], 1]
        assert len(changed) > 0
        assert abs(changed.mean() - lids.mean()) < 6


def test_views_in_the_same_pose_share_what_was_factorised(generator, state, rig) -> None:
    more = generator.encode([_view(rig, right=2.0)], after=state)
    turned = generator.encode([_view(rig, yaw=25.0)], after=state)

    assert len(state.references) == len(more.references) == 1
    assert more.views[0].state.base is state.base
    assert len(turned.references) == 2
    assert turned.views[0].state.base is not state.base


def test_views_and_latents_of_other_numbers_are_refused(generator, state) -> None:
    with pytest.raises(InputError, match="3 views, 2 latents"):
        generator.render(state, np.zeros((2, generator.spec.latent_size), np.float32))


def test_views_of_other_sizes_are_refused(generator, state, rig) -> None:
    view = _view(rig)
    small = View(
        image=view.image, face=view.face, crop=view.crop[::2, ::2],
        to_crop=np.array([[0.5, 0, 0], [0, 0.5, 0]], np.float32),
    )  # fmt: skip

    with pytest.raises(InputError, match="cut all alike"):
        generator.encode([small], after=state)


def test_a_mouth_that_opens_shows_the_inside_of_another_frame(generator, views, rig) -> None:
    opening = _latents(rig.weights(jawOpen=0.45))
    closed = views[0]
    first = generator.encode([closed])

    drawn = generator.render(generator.encode([closed], after=first), opening)[0]
    lent = generator.encode([closed], after=first, mouths=[views[1], views[2]])
    seen = generator.render(lent, opening)[0]
    later = generator.render(generator.encode([closed], after=lent), opening)[0]

    def white(frame: np.ndarray) -> int:
        return int((frame > 200).all(-1).sum())

    assert white(seen) > 20
    assert white(seen) > 3 * white(drawn)
    np.testing.assert_array_equal(later, seen)
