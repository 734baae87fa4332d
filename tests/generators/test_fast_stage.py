"""From landmarks and motion to the fast generator's keypoints, and to its frames."""

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
import torch
from fast_material import TOY, mesh

from speech2face import landmarks
from speech2face.face.likeness import Likeness
from speech2face.face.rig import load_rig
from speech2face.face.view import View
from speech2face.generators.base import Generator
from speech2face.generators.fast.generator import NAME, Fast, create, named_keypoints
from speech2face.generators.fast.network import FastGenerator
from speech2face.motion.motion import Motion
from speech2face.stages.landmarks2latents import landmarks2latents
from speech2face.types import ControlTrack, Face, LandmarkTrack, joined

_RIG = load_rig()


@pytest.fixture(scope="module")
def portrait() -> View:
    shape = mesh(96)
    box = np.concatenate([shape[:, :2].min(0), shape[:, :2].max(0)])
    crop = np.random.default_rng(0).integers(0, 255, (96, 96, 3), np.uint8)
    return View(
        image=crop, face=Face(mesh=shape, box=box, score=1.0), crop=crop,
        to_crop=np.eye(2, 3, dtype=np.float32),
    )  # fmt: skip


@pytest.fixture(scope="module")
def fast() -> Fast:
    torch.manual_seed(0)
    network = FastGenerator(TOY)
    with torch.no_grad():
        for value in network.parameters():
            value.add_(0.05 * torch.randn_like(value))
    return Fast(network, torch.device("cpu"))


def motion(frames: int = 1, gaze: tuple[float, float] = (0, 0), **weights: float) -> Motion:
    rows = np.tile(_RIG.weights(**weights), (frames, 1))
    return Motion.of(rows, gaze=np.tile(np.array(gaze, np.float32), (frames, 1)))


@pytest.fixture(scope="module")
def drive(fast: Fast, portrait: View) -> Callable[[Motion], np.ndarray]:
    state = fast.encode([portrait])
    return lambda motion: fast.drive(state, motion)


def keypoint(values: np.ndarray, point: int) -> np.ndarray:
    place = int(np.flatnonzero(point == landmarks.FAST_KEYPOINTS)[0])
    return values.reshape(len(values), -1, 3)[0, place]


def test_it_is_a_generator_whose_latents_are_all_keypoints(fast: Fast) -> None:
    assert isinstance(fast, Generator)
    assert fast.spec.name == NAME
    assert fast.spec.latent_size == 3 * len(landmarks.FAST_KEYPOINTS)


def test_no_motion_gives_the_portraits_own_keypoints(portrait: View, drive) -> None:
    values = drive(motion(2))

    wanted = named_keypoints(portrait.mesh, 96).ravel()
    np.testing.assert_allclose(values, np.stack([wanted] * 2), atol=1e-4)


def test_no_motion_draws_the_portrait(fast: Fast, portrait: View, drive) -> None:
    values = drive(motion())

    frame = fast.render(fast.encode([portrait]), values)[0]

    assert np.abs(frame.astype(int) - portrait.crop).max() <= 1


def test_frames_do_not_depend_on_their_batch(fast: Fast, portrait: View, drive) -> None:
    values = drive(motion(6, jawOpen=0.4))
    values = values * np.linspace(0.98, 1.02, 6, dtype=np.float32)[:, None]
    state = fast.encode([portrait])

    together = fast.render(state, values).astype(int)

    alone = np.concatenate([fast.render(state, row[None]) for row in values])
    assert np.abs(together - alone).max() <= 1


def test_parted_lips_show_teeth_and_closed_ones_nothing(fast: Fast, portrait: View, drive) -> None:
    state = fast.encode([portrait])
    both = drive(joined([motion(jawOpen=0.6), motion()]))
    points = torch.from_numpy(both).unflatten(1, (-1, 3))
    grey = torch.full((2, 3, 96, 96), 0.5)

    state.openings.draw_mouth(grey, points)

    assert (grey[1] == 0.5).all()
    rows, columns = (grey[0] != 0.5).any(0).nonzero().T
    middle = (keypoint(both[:1], 13) + keypoint(both[:1], 14))[:2] / 2
    centre = torch.stack([columns.float().mean(), rows.float().mean()]).numpy()
    np.testing.assert_allclose((2 * centre + 1) / 96 - 1, middle, atol=0.05)
    assert grey[0].amin() < 0.35  # the throat


def test_eyes_are_the_photographs_own_and_turn_and_shut(fast: Fast, portrait: View, drive) -> None:
    both = motion(), motion(gaze=(15.0, 0.0)), motion(eyeBlink_L=1.0, eyeBlink_R=1.0)
    values = drive(joined(both))
    grey, openings = torch.full((3, 3, 96, 96), 0.5), fast.encode([portrait]).openings

    openings.draw_eyes(grey, torch.from_numpy(values).unflatten(1, (-1, 3)))

    still, turned, shut = grey
    places = [
        round(float(at))
        for at in portrait.mesh[[*landmarks.LEFT_IRIS[:1], *landmarks.RIGHT_IRIS[:1]], :2].ravel()
    ]
    photo = torch.from_numpy(portrait.crop).permute(2, 0, 1) / 255
    for x, y in (places[:2], places[2:]):
        torch.testing.assert_close(still[:, y, x], photo[:, y, x], rtol=0, atol=0.01)
        assert (turned[:, y, x] - still[:, y, x]).abs().max() > 0.02
        assert (shut[:, y, x] - still[:, y, x]).abs().max() > 0.02
    # Where eyes are not, nothing is drawn.
    assert (grey[..., 70:, :] == 0.5).all()
    assert 0 <= grey.amin() <= grey.amax() <= 1


def test_an_open_jaw_lowers_the_lip_and_leaves_the_brow(drive) -> None:
    rest, open_ = (drive(motion(1, jawOpen=jaw)) for jaw in (0.0, 0.5))

    assert keypoint(open_, 14)[1] - keypoint(rest, 14)[1] > 0.05
    np.testing.assert_allclose(keypoint(open_, 105), keypoint(rest, 105), atol=1e-3)


def test_gaze_moves_the_irises_and_a_blink_the_lids(drive) -> None:
    rest = drive(motion())
    looked = drive(motion(gaze=(15.0, 0.0)))
    shut = drive(motion(eyeBlink_L=1.0, eyeBlink_R=1.0))

    assert keypoint(looked, 468)[0] - keypoint(rest, 468)[0] > 0.01
    np.testing.assert_allclose(keypoint(looked, 159), keypoint(rest, 159), atol=1e-6)
    gap = keypoint(shut, 145)[1] - keypoint(shut, 159)[1]
    assert abs(gap) < 0.1 * (keypoint(rest, 145)[1] - keypoint(rest, 159)[1])


def test_landmarks_and_controls_become_a_track_of_keypoints(fast: Fast, portrait: View) -> None:
    rest = Likeness(portrait.face.mesh).rest
    track = LandmarkTrack(points=np.stack([rest] * 3), fps=Fraction(25))

    state, calm = fast.encode([portrait]), ControlTrack.neutral(3, Fraction(25))

    latents = landmarks2latents(fast, state, portrait, track, calm)

    assert latents.space == NAME
    assert latents.values.shape == (3, 3 * len(landmarks.FAST_KEYPOINTS))


def test_the_shipped_weights_draw_an_open_mouth_and_leave_the_corner(portrait: View) -> None:
    shipped = create(torch.device("cpu"))
    state = shipped.encode([portrait])

    frame = shipped.render(state, shipped.drive(state, motion(jawOpen=0.5)))[0]

    change = np.abs(frame.astype(int) - portrait.crop).mean(2)
    assert change[50:80, 30:66].mean() > 10
    assert change[:6, :6].max() <= 12
