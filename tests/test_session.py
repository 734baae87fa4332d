"""A session: frames that do not depend on how sound was cut, with exactly their sound."""

from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile

from speech2face.controls.live import LiveDirector
from speech2face.controls.planned import Planned
from speech2face.controls.settings import ControlSettings
from speech2face.errors import InputError
from speech2face.face.choose import prepare_view
from speech2face.jobs.animate import Speech2Face
from speech2face.jobs.settings import Settings
from speech2face.media.image import read_image
from speech2face.session import Cast, Piece, Session
from speech2face.types import ControlTrack

EXAMPLE = Path(__file__).parents[1] / "examples" / "speech.wav"


@pytest.fixture(scope="module")
def cast(engine: Speech2Face, portrait: Path) -> Cast:
    parts = engine.parts(Settings())
    view = prepare_view(read_image(portrait), parts.tracker, size=64)
    return Cast(
        view=view, state=parts.generator.encode([view]), generator=parts.generator,
        drawers=parts.drawers, speech2landmarks=parts.speech2landmarks,
    )  # fmt: skip


@pytest.fixture(scope="module")
def sound() -> tuple[np.ndarray, int]:
    samples, rate = soundfile.read(EXAMPLE, dtype="float32")
    return samples[: 10 * rate], rate


def play(session: Session, samples: np.ndarray, rate: int, size: int) -> list[Piece]:
    pieces: list[Piece] = []
    for start in range(0, len(samples), size):
        pieces += session.feed(samples[start : start + size], rate)
    return [*pieces, *session.finish()]


def frames(pieces: list[Piece]) -> np.ndarray:
    return np.concatenate([piece.frames for piece in pieces]).astype(np.int16)


def heard(pieces: list[Piece]) -> np.ndarray:
    return np.concatenate([piece.samples for piece in pieces])


def test_ten_seconds_in_pieces_of_any_size_give_the_same_frames(cast: Cast, sound) -> None:
    samples, rate = sound

    whole, small, uneven = (
        play(Session(cast, full=False), samples, rate, size)
        for size in (len(samples), round(0.02 * rate), round(0.333 * rate))
    )

    assert frames(whole).shape == (250, 64, 64, 3)
    assert np.abs(frames(whole) - frames(small)).max() <= 1
    assert np.abs(frames(whole) - frames(uneven)).max() <= 1
    for pieces in (whole, small, uneven):
        np.testing.assert_array_equal(heard(pieces), samples)


@pytest.mark.parametrize("fps", ["25", "29.97", "60"])
@pytest.mark.parametrize("rate", [8_000, 16_000, 48_000])
def test_a_piece_holds_the_sound_of_its_frames(cast: Cast, fps: str, rate: int) -> None:
    session = Session(cast, fps=Fraction(30_000, 1001) if fps == "29.97" else Fraction(fps))
    samples = np.random.default_rng(0).normal(0, 0.05, round(0.83 * rate)).astype(np.float32)

    pieces = play(session, samples, rate, round(0.05 * rate))

    np.testing.assert_array_equal(heard(pieces), samples)
    assert [piece.start for piece in pieces] == np.cumsum(
        [0, *(len(piece.frames) for piece in pieces[:-1])]
    ).tolist()
    for piece in pieces[:-1]:
        length = len(piece.frames) / session.fps
        assert abs(len(piece.samples) / rate - length) <= 1 / Fraction(rate)
    shown = sum(len(piece.frames) for piece in pieces) / session.fps
    assert 0 <= shown - Fraction(len(samples), rate) < 1 / session.fps


def test_frames_come_no_later_than_the_delay_says(cast: Cast, sound) -> None:
    samples, rate = sound
    session, step, latest = Session(cast), round(0.02 * rate), 0.0

    for start in range(0, 2 * rate, step):
        for piece in session.feed(samples[start : start + step], rate):
            latest = max(latest, (start + step) / rate - piece.start / 25)

    assert session.delay <= Fraction(1, 2)
    assert latest <= float(session.delay) + step / rate


def test_two_sessions_in_two_threads_give_the_frames_they_give_alone(cast: Cast, sound) -> None:
    samples, rate = sound
    cuts = samples[: 2 * rate], samples[2 * rate : 4 * rate]

    def run(cut: np.ndarray) -> np.ndarray:
        return frames(play(Session(cast, full=False), cut, rate, round(0.1 * rate)))

    alone = [run(cut) for cut in cuts]
    with ThreadPoolExecutor(2) as threads:
        together = list(threads.map(run, cuts))

    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_interruption_silences_the_mouth_in_a_fifth_of_a_second_without_a_jump(
    cast: Cast, sound
) -> None:
    samples, rate = sound
    session, step = Session(cast, full=False), round(0.04 * rate)
    speaking: list[Piece] = []
    for start in range(0, 2 * rate, step):
        speaking += session.feed(samples[start : start + step], rate)
    before = frames(speaking)

    session.interrupt()
    after = [*session.idle(12)]

    shown = frames(after)
    assert len(shown) >= 8  # they come at once, not after the look-ahead
    assert after[0].start == len(before)
    assert not heard(after).any()
    moves = np.abs(np.diff(np.concatenate([before, shown]), axis=0)).mean((1, 2, 3))
    normal = np.quantile(moves[: len(before) - 1], 0.999)
    assert moves[len(before) - 1 :].max() <= normal
    mouth = slice(40, 56), slice(22, 42)
    resting = np.abs(shown[5:, *mouth] - shown[-1, *mouth]).mean()
    assert resting < 0.5 * np.abs(np.diff(before[:, *mouth], axis=0)).mean()


def test_an_idle_face_lives_and_keeps_its_mouth_at_rest(cast: Cast) -> None:
    session = Session(cast, full=False)

    shown = frames([*session.idle(150)])

    eyes, mouth = (slice(20, 32), slice(18, 46)), (slice(40, 56), slice(22, 42))
    assert np.abs(np.diff(shown[:, *eyes], axis=0)).max() > 10  # a blink
    assert np.abs(np.diff(shown, axis=0)).any((1, 2, 3)).mean() > 0.5
    assert np.abs(np.diff(shown[:, *mouth], axis=0)).mean() < 1


def test_steering_changes_the_face_smoothly(cast: Cast) -> None:
    session = Session(cast, LiveDirector(ControlSettings(blink="off")), full=False)
    calm = frames([*session.idle(40)])

    session.steer(ControlSettings(blink="off", emotion="happy"))
    happy = frames([*session.idle(40)])

    assert np.abs(happy[-1] - calm[-1]).mean() > 0.5
    moves = np.abs(np.diff(np.concatenate([calm[-1:], happy]), axis=0)).mean((1, 2, 3))
    assert moves.max() < 0.5 * np.abs(happy[-1] - calm[-1]).mean()


def test_a_plan_is_followed_row_by_row(cast: Cast, sound) -> None:
    samples, rate = sound
    controls = ControlTrack.neutral(25, Fraction(25))
    controls.blink[10:14] = 1
    session = Session(cast, Planned(controls), full=False)

    shown = frames(play(session, samples[:rate] * 0, rate, 500))

    assert len(shown) == 25
    moved = np.abs(shown - shown[0])[:, :32].max((1, 2, 3))  # eyes; lips may rest otherwise
    assert (moved > 10).tolist() == [10 <= frame < 14 for frame in range(25)]


def test_what_is_not_taken_comes_with_the_next_call(cast: Cast, sound) -> None:
    samples, rate = sound
    session = Session(cast)
    session.feed(samples[:rate], rate)  # never looked at

    pieces = [*session.feed(samples[rate : 2 * rate], rate), *session.finish()]

    assert sum(len(piece.frames) for piece in pieces) == 50
    np.testing.assert_array_equal(heard(pieces), samples[: 2 * rate])


def test_ten_minutes_of_feeding_keep_only_what_is_needed(cast: Cast) -> None:
    session = Session(cast, full=False)
    noise = np.random.default_rng(0).normal(0, 0.01, 16_000).astype(np.float32)

    def kept() -> int:
        arrays = [value for value in vars(session).values() if isinstance(value, np.ndarray)]
        return sum(array.nbytes for array in arrays)

    def run(seconds: int) -> int:
        for _ in range(seconds):
            for _piece in session.feed(noise, 16_000):
                pass
        return kept()

    assert run(4) == run(4)


@pytest.mark.parametrize(
    ("samples", "rate", "words"),
    [
        (np.zeros((4, 2), np.float32), 16_000, "mono"),
        (np.full(4, np.nan, np.float32), 16_000, "finite"),
        (np.zeros(4, np.float32), 0, "above 0"),
        (np.zeros(4, np.float32), 8_000, "began with 16000 Hz"),
    ],
)
def test_sound_that_cannot_be_heard_is_refused(cast: Cast, samples, rate: int, words: str) -> None:
    session = Session(cast)
    session.feed(np.zeros(10, np.float32), 16_000)

    with pytest.raises(InputError, match=words):
        session.feed(samples, rate)


def test_a_finished_session_says_so(cast: Cast) -> None:
    session = Session(cast)

    assert list(session.finish()) == []
    with pytest.raises(InputError, match="begin another"):
        session.idle(1)


def test_a_single_sample_gives_a_frame(cast: Cast) -> None:
    session = Session(cast)

    pieces = [*session.feed(np.zeros(1, np.float32), 48_000), *session.finish()]

    assert [len(piece.frames) for piece in pieces] == [1]
    assert len(heard(pieces)) == 1
