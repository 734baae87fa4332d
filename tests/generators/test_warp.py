"""The warp generator: exact at rest, still where nothing may move, alive where it was asked."""

from fractions import Fraction

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from speech2face import landmarks
from speech2face.errors import InputError
from speech2face.face.likeness import Likeness
from speech2face.face.neutral import bounded_least_squares
from speech2face.face.normalize import normalize
from speech2face.face.rig import Rig
from speech2face.face.view import View
from speech2face.generators.registry import create, names
from speech2face.generators.warp.eyes import fill_eye
from speech2face.generators.warp.fields import make_patches
from speech2face.generators.warp.generator import WarpGenerator, WarpState
from speech2face.generators.warp.latents import pack, unpack
from speech2face.motion.articulation import GAP, WIDTH
from speech2face.motion.motion import Motion
from speech2face.motion.solve import Solve
from speech2face.types import EMOTIONS, ControlTrack, Face, LandmarkTrack

SIZE = 128
CPU = torch.device("cpu")
FPS = Fraction(25)


@pytest.fixture(scope="module")
def portrait(rig: Rig) -> View:
    return _portrait(rig, opening=0.0)


def _portrait(rig: Rig, opening: float) -> View:
    """Return the rig's own face on a random texture: every pixel tells where it came from."""
    mesh = rig.pose(rig.weights(jawOpen=opening)) * (SIZE / 3.2) + np.array(
        [SIZE / 2, SIZE / 2.4, 0]
    )
    noise = np.random.default_rng(0).integers(0, 256, (SIZE // 4, SIZE // 4, 3), np.uint8)
    image = noise.repeat(4, 0).repeat(4, 1)
    return View(
        image=image,
        face=Face(mesh=mesh.astype(np.float32), box=np.array([0, 0, 9, 9], np.float32), score=1.0),
        crop=image,
        to_crop=np.array([[1, 0, 0], [0, 1, 0]], np.float32),
    )


@pytest.fixture(scope="module")
def generator() -> WarpGenerator:
    return WarpGenerator(CPU)


@pytest.fixture(scope="module")
def state(generator: WarpGenerator, portrait: View) -> WarpState:
    return generator.encode([portrait])


def _latent(rig: Rig, pose=(0.0, 0.0, 0.0), gaze=(0.0, 0.0), **weights: float) -> np.ndarray:
    weighted = rig.weights(**weights)[None]
    return pack(Motion.of(weighted, gaze=np.array([gaze]), pose=np.array([pose])))


def _changed(generator: WarpGenerator, state: WarpState, latent: np.ndarray) -> np.ndarray:
    rest = generator.render(state, np.zeros_like(latent))[0].astype(int)
    return np.abs(generator.render(state, latent)[0].astype(int) - rest).max(-1)


def test_the_zero_latent_reproduces_the_portrait(generator, state, portrait):
    frame = generator.render(state, np.zeros((1, generator.spec.latent_size), np.float32))[0]

    assert np.abs(frame.astype(int) - portrait.crop).max() <= 1


def test_an_open_mouth_at_rest_is_reproduced_too(generator, rig):
    portrait = _portrait(rig, opening=0.4)

    frame = generator.render(
        generator.encode([portrait]), np.zeros((1, generator.spec.latent_size), np.float32)
    )[0]

    assert np.abs(frame.astype(int) - portrait.crop).max() <= 1


def test_the_border_never_moves(state, rig):
    shape = state.points.shape(torch.from_numpy(rig.weights(jawOpen=1.0))[None])
    placed = state.points.place(shape, np.array([[8.0, 5.0, 4.0]]))

    moved = state.base.grid(state.points.displacements(placed))[0] - state.base.home

    pixels = moved.norm(dim=-1) * SIZE / 2
    border = torch.cat([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    assert border.max() < 0.5
    assert pixels.max() > 5


def test_a_batch_gives_the_same_frames_as_one_by_one(generator, state, rig):
    latents = np.concatenate([_latent(rig, jawOpen=0.5), _latent(rig, pose=(5.0, 0.0, 0.0))])

    together = generator.render(state, latents)
    alone = np.concatenate([generator.render(state, row[None]) for row in latents])

    assert np.abs(together.astype(int) - alone).max() <= 1


def test_a_blink_changes_the_eyes_and_leaves_the_mouth(generator, state, rig, portrait):
    changed = _changed(generator, state, _latent(rig, eyeBlink_L=1.0, eyeBlink_R=1.0))

    eyes, mouth = portrait.mesh[[33, 263], 1].mean(), portrait.mesh[[61, 291], 1].mean()
    middle = int((eyes + mouth) / 2)
    assert changed[:middle].max() > 30
    assert changed[middle:].max() <= 2


def test_closed_lids_meet(state, rig):
    weights = torch.from_numpy(rig.weights(eyeBlink_L=1.0, eyeBlink_R=1.0))[None]

    shape = state.points.shape(weights)[0].numpy()

    for upper, lower in (
        (landmarks.LEFT_UPPER_LID, landmarks.LEFT_LOWER_LID),
        (landmarks.RIGHT_UPPER_LID, landmarks.RIGHT_LOWER_LID),
    ):
        assert np.abs(shape[lower[1:-1], 1] - shape[upper[1:-1], 1]).max() < 0.01


def test_lips_never_cross(state, rig):
    crossing = rig.weights(mouthClose=1.5, mouthRollLower=1.0, mouthRollUpper=1.0)

    shape = state.points.shape(torch.from_numpy(crossing)[None])[0].numpy()

    upper, lower = landmarks.UPPER_LIP_INNER[1:-1], landmarks.LOWER_LIP_INNER[1:-1]
    assert (shape[lower, 1] - shape[upper, 1]).min() > -0.01


def test_gaze_moves_the_iris_to_the_side_asked_for(state):
    ball = state.eyes[0].eyeball

    shift = ball.shift(torch.tensor([[10.0, 5.0]]))[0]

    assert shift[0] > 0
    assert shift[1] < 0


def test_the_head_turns_to_the_side_asked_for(state):
    points = state.points
    rest = points.rest[None]

    turned = (
        points.place(rest, np.array([[10.0, 0, 0]]))[0, 1]
        - points.place(rest, np.zeros((1, 3)))[0, 1]
    )

    assert turned[0] > 0  # the tip of the nose goes to the image's right


@pytest.mark.parametrize("yaw", [-25.0, 25.0])
def test_a_mouth_that_turns_away_is_open_over_its_whole_width(generator, state, rig, yaw):
    latent = _latent(rig, pose=(yaw, 0.0, 0.0), jawOpen=0.6)

    frame = generator.render(state, latent)[0]

    lips = state.points.meshes(unpack(latent))[0]
    middle = (lips[landmarks.UPPER_LIP_INNER] + lips[landmarks.LOWER_LIP_INNER]) / 2
    x, y = np.round(middle[2:-2, :2]).astype(int).T
    # The texture is noise around 128; the mouth's inside is dark, teeth aside.
    assert (frame[y, x].mean(-1) < 80).mean() > 0.8


def test_a_photograph_that_moves_half_a_pixel_keeps_its_detail(generator, state, portrait):
    still = np.zeros((1, len(generator.rig.names)))
    half = pack(Motion.of(still, shift=np.array([[0.5 / state.points.head.scale, 0, 0]])))

    frame = generator.render(state, half)[0].astype(float)

    rows, columns = (slice(50, 70), slice(50, 78))  # skin between eyes and mouth
    source = portrait.crop.astype(float)
    kept = (
        np.diff(frame, axis=1)[rows, columns].std() / np.diff(source, axis=1)[rows, columns].std()
    )
    assert kept > 0.75  # bilinear: 0.69


def test_teeth_that_the_picture_shows_leave_no_thread_between_closed_lips(generator, rig):
    open_lips = _portrait(rig, opening=0.3)
    picture = np.full((SIZE, SIZE, 3), 110, np.uint8)
    lips = open_lips.mesh[:, :2]
    inner = np.concatenate([
        lips[landmarks.UPPER_LIP_INNER] - [0, 1], (lips[landmarks.LOWER_LIP_INNER] + [0, 1])[::-1]
    ])  # fmt: skip
    cv2.fillPoly(picture, [np.round(inner).astype(np.int32)], (250, 250, 250))
    smiling = View(
        image=picture, face=open_lips.face, crop=picture, to_crop=open_lips.to_crop
    )  # fmt: skip
    state = generator.encode([smiling])
    closed = _latent(rig)
    closed[0, : len(rig.names)] = -Likeness(smiling.mesh).opening

    shut = generator.render(state, closed)[0]
    rest = generator.render(state, _latent(rig))[0]

    assert np.abs(rest.astype(int) - picture).max() <= 1
    middle = slice(*np.sort(lips[[81, 311], 0]).astype(int))
    assert shut[60:110, middle].max() < 160


def test_a_shift_moves_and_enlarges_the_whole_face(state):
    points, unit = state.points, state.points.head.scale
    rest, still = points.rest[None], np.zeros((1, 3))

    home = points.place(rest, still)[0]
    moved = points.place(rest, still, np.array([[0.1, -0.05, 0.0]]))[0]
    larger = points.place(rest, still, np.array([[0.0, 0.0, np.log(1.1)]]))[0]

    expected = torch.tensor([0.1 * unit, -0.05 * unit, 0.0]).expand_as(home)
    torch.testing.assert_close(moved - home, expected.float(), atol=1e-3, rtol=0)
    torch.testing.assert_close(larger - larger[0], 1.1 * (home - home[0]), atol=1e-3, rtol=1e-5)


def test_latents_that_are_packed_and_unpacked_are_the_same(rig):
    random = np.random.default_rng(0)
    parts = {"weights": len(rig.names), "gaze": 2, "pose": 3, "shift": 3}
    rows = {name: random.normal(size=(4, size)).astype(np.float32) for name, size in parts.items()}

    unpacked = unpack(pack(Motion.of(**rows)))

    for name, values in rows.items():
        np.testing.assert_array_equal(getattr(unpacked, name), values)


@settings(deadline=None, derandomize=True, max_examples=20)
@given(x=st.floats(-6, 6), y=st.floats(-6, 6))
def test_a_patch_whose_points_move_together_moves_as_one(x: float, y: float) -> None:
    sites = np.random.default_rng(1).uniform(0, 64, (20, 2))
    (patch,) = make_patches(
        (0.0, 0.0, 64.0, 64.0), 4, 64, sites, [np.arange(20)], feather=0.0, device=CPU
    )  # fmt: skip
    moves = torch.tensor([x, y], dtype=torch.float32).expand(1, 20, 2)

    grid = patch.grid(moves)

    expected = patch.home - torch.tensor([x, y]) * 2 / 64
    torch.testing.assert_close(grid[0], expected, rtol=0, atol=2e-3)


def test_the_registry_names_what_it_makes():
    for name in names():
        assert create(name, CPU).spec.name == name
    with pytest.raises(InputError, match="there is no generator named 'gan'"):
        create("gan", CPU)


def test_an_open_mouth_is_read_off_and_closed(rig):
    mesh = _portrait(rig, opening=0.5).mesh

    opening = Likeness(mesh).opening
    closed = Likeness(mesh).closed

    assert opening[rig.index("jawOpen")] > 0.1
    upper, lower = landmarks.UPPER_LIP_INNER[1:-1], landmarks.LOWER_LIP_INNER[1:-1]
    np.testing.assert_allclose(closed[upper, 1], closed[lower, 1], atol=1e-6)


def test_bounded_least_squares_matches_the_corner_cases():
    hessian = np.array([[2.0, 0.5], [0.5, 1.0]])
    free = np.array([0.3, 0.4])
    linear = np.stack([hessian @ free, np.array([-1.0, -1.0])])

    found = bounded_least_squares(hessian, linear, np.zeros(2), np.ones(2))

    np.testing.assert_allclose(found[0], free, atol=1e-6)
    np.testing.assert_allclose(found[1], 0, atol=1e-9)


def _track(portrait: View, rig: Rig, opening: np.ndarray) -> LandmarkTrack:
    rest = Likeness(portrait.mesh).rest
    jaw = landmarks.from_mesh(rig.offsets(opening[:, None] * rig.weights(jawOpen=1.0)))
    return LandmarkTrack(points=(rest + jaw).astype(np.float32), fps=FPS)


def test_landmarks_come_back_out_of_the_latents(portrait, rig):
    opening = np.array([0, 0.2, 0.6, 0.1], np.float32)
    track = _track(portrait, rig, opening)

    weights = Solve(portrait)(track, ControlTrack.neutral(4, FPS)).weights

    drawn = landmarks.from_mesh(Likeness(portrait.mesh).closed + rig.offsets(weights))
    np.testing.assert_allclose(
        landmarks.mouth_opening(drawn),
        landmarks.mouth_opening(track.points) * GAP,
        atol=0.015,
    )


def test_rounded_lips_narrow_the_mouth_and_a_smile_still_widens_it(portrait, rig):
    rest = Likeness(portrait.mesh).rest
    points = np.repeat(rest[None], 3, 0)
    left, right = np.array(landmarks.LIP_CORNERS).T
    asked = 0.005
    points[1:, left, 0] += asked / 2
    points[1:, right, 0] -= asked / 2
    controls = ControlTrack.neutral(3, FPS)
    controls.emotion[2, EMOTIONS.index("happy")] = 1.0

    track = LandmarkTrack(points=points.astype(np.float32), fps=FPS)

    weights = Solve(portrait)(track, controls).weights

    closed = Likeness(portrait.mesh).closed
    drawn = np.stack([normalize(closed + moved) for moved in rig.offsets(weights)])
    wide = (drawn[:, right, 0] - drawn[:, left, 0]).mean(1)
    assert wide[1] - wide[0] == pytest.approx(-WIDTH * asked, rel=0.15)
    assert wide[2] > wide[1] + 0.02


def test_a_portrait_with_parted_lips_closes_them(rig):
    portrait = _portrait(rig, opening=0.3)
    track = _track(portrait, rig, np.zeros(2, np.float32))

    motion = Solve(portrait)(track, ControlTrack.neutral(2, FPS))

    assert motion.weights[:, rig.index("jawOpen")].max() < -0.05


def test_emotion_leaves_closed_lips_closed(portrait, rig):
    track = _track(portrait, rig, np.zeros(1, np.float32))
    calm = ControlTrack.neutral(1, FPS)
    emotion = np.eye(8, dtype=np.float32)[1:2]
    happy = ControlTrack(
        emotion=emotion,
        blink=calm.blink,
        gaze=calm.gaze,
        pose=calm.pose,
        brow=calm.brow,
        frown=calm.frown,
        smile=calm.smile,
        fps=FPS,
    )

    weights = Solve(portrait)(track, happy).weights

    drawn = landmarks.from_mesh(Likeness(portrait.mesh).closed + rig.offsets(weights))
    upper, lower = np.array(landmarks.INNER_LIP_GAPS).T
    assert (drawn[0, lower, 1] - drawn[0, upper, 1]).max() < 0.03
    assert weights[0, rig.index("mouthSmile_L")] > 0.3


def test_a_full_blink_shuts_the_lids_whatever_else_was_asked(portrait, rig):
    track = _track(portrait, rig, np.zeros(1, np.float32))
    ones = np.ones((1, 2), np.float32)
    calm = ControlTrack.neutral(1, FPS)
    controls = ControlTrack(
        emotion=np.eye(8, dtype=np.float32)[4:5], blink=ones, gaze=calm.gaze, pose=calm.pose,
        brow=calm.brow, frown=calm.frown, smile=calm.smile, fps=FPS,
    )  # fmt: skip

    weights = Solve(portrait)(track, controls).weights[0]

    assert weights[rig.index("eyeBlink_L")] == pytest.approx(1)
    assert weights[rig.index("eyeWide_L")] == pytest.approx(0)


def test_landmarks_and_controls_of_other_lengths_are_refused(portrait, rig):
    track = _track(portrait, rig, np.zeros(3, np.float32))

    with pytest.raises(InputError, match="landmarks have 3 frames"):
        Solve(portrait)(track, ControlTrack.neutral(4, FPS))


def test_an_eye_is_filled_in_around_its_lids_only():
    crop = np.random.default_rng(2).integers(0, 256, (96, 96, 3), np.uint8)
    turn = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    outline = np.array([40, 48]) + np.stack([9 * np.cos(turn), 4 * np.sin(turn)], 1)

    filled = fill_eye(crop, outline, np.array([40.0, 48.0]), 4.0)

    assert (filled[45:52, 38:43] == crop[45:52, 38:43]).all()  # what is seen of the eye stays
    assert (filled[40:43, 36:44] != crop[40:43, 36:44]).any(-1).mean() > 0.9
    assert (filled[:20] == crop[:20]).all()
    assert (filled[:, 70:] == crop[:, 70:]).all()


@pytest.mark.parametrize("opening", [0.0, 0.4])
def test_the_mouths_hole_lies_between_the_lips(generator, rig, opening):
    state = generator.encode([_portrait(rig, opening)])

    sure = state.mouth_hole[0, 1].numpy()

    rows, columns = np.nonzero(sure > 0.5)
    lips = state.points.pixels[: landmarks.SURFACE_POINTS][landmarks.LOWER_LIP_INNER]
    assert (len(rows) > 0) == (opening > 0)
    assert (np.abs(columns - lips[:, 0].mean()) < np.ptp(lips[:, 0])).all()
