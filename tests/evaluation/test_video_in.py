"""Tables of dubbing and reenactment: a perfect result, a still one, and the wrong one are told."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from speech2face.evaluation.material import GridClip
from speech2face.evaluation.video.dubbing import Dubbing, dubbing_table, pairs_of
from speech2face.evaluation.video.judge import JudgedTrack
from speech2face.evaluation.video.reenacting import Reenactment, calmest, reenacting_table
from speech2face.face.rig import Rig
from speech2face.geometry import rotation_matrix

FRAMES = 75


def _track(rig: Rig, opening: np.ndarray, blink_at: int = 40) -> JudgedTrack:
    weights = np.stack([
        rig.weights(
            jawOpen=float(value), eyeBlink_L=float(abs(i - blink_at) < 3),
            eyeBlink_R=float(abs(i - blink_at) < 3),
        )
        for i, value in enumerate(opening)
    ])  # fmt: skip
    turn = rotation_matrix(np.stack([5 * np.sin(np.arange(FRAMES) / 9)] * 3, 1))
    meshes = np.einsum("fij,fpj->fpi", turn, rig.pose(weights)) * 80 + [100, 100, 0]
    return JudgedTrack(
        meshes=meshes.astype(np.float32), blendshapes=np.zeros((FRAMES, 52), np.float32),
        found=np.ones(FRAMES, bool), fps=Fraction(25),
    )  # fmt: skip


@pytest.fixture
def speech() -> tuple[np.ndarray, np.ndarray]:
    time = np.arange(FRAMES)
    return 0.2 + 0.2 * np.sin(time * 0.9), 0.2 + 0.2 * np.sin(time * 0.37 + 1)


def _dubbed(rig: Rig, shown: np.ndarray, old: np.ndarray, new: np.ndarray) -> dict:
    one = Dubbing(
        name="one", dubbed=_track(rig, shown), old=_track(rig, old), new=_track(rig, new),
        outside=0.0,
    )  # fmt: skip
    return dict(dubbing_table([one]).rows[0])


def test_a_perfect_dubbing_is_told_from_none(rig: Rig, speech: tuple) -> None:
    old, new = speech

    perfect, untouched = _dubbed(rig, new, old, new), _dubbed(rig, old, old, new)

    assert perfect["r new"] > 0.99
    assert abs(perfect["r old"]) < 0.4
    assert perfect["closures"] == 1
    assert perfect["pose, degrees"] < 0.1
    assert untouched["r old"] > 0.99
    assert untouched["r new"] < 0.4


def test_clips_are_paired_within_a_speaker() -> None:
    clips = [
        GridClip(video=Path(f"{speaker}/{name}.mp4"), speaker=speaker, words=())
        for speaker, name in (("s1", "a"), ("s31", "b"), ("s1", "c"), ("s1", "d"))
    ]

    pairs = [(video.video.stem, sound.video.stem) for video, sound in pairs_of(clips)]

    assert pairs == [("a", "c"), ("c", "d"), ("d", "a")]


def test_a_led_face_is_compared_with_its_leader(rig: Rig, speech: tuple) -> None:
    real = _track(rig, speech[0])
    same = Reenactment(name="same", group="good", made=real, real=real)
    other = Reenactment(
        name="other", group="bad", made=_track(rig, speech[1], blink_at=60), real=real
    )

    good, bad = reenacting_table([same, other]).rows

    assert good["r yaw"] == good["r lips"] == pytest.approx(1)
    assert good["blinks"] == 1
    assert bad["blinks"] == 0
    assert bad["r lips"] < 0.5


def test_the_calmest_frame_has_closed_lips_and_open_eyes(rig: Rig, speech: tuple) -> None:
    track = _track(rig, speech[0])

    number = calmest(track)

    assert track.mouth_opening[number] < 0.03
    assert abs(number - 40) > 2
