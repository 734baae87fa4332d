"""What a live session costs is measured at the pace of speech."""

from pathlib import Path

import soundfile

from speech2face.jobs.animate import Speech2Face
from speech2face.jobs.live_benchmark import measure_live
from speech2face.jobs.settings import Settings


def test_a_live_session_is_measured(engine: Speech2Face, portrait: Path, cut_speech) -> None:
    samples, rate = soundfile.read(cut_speech(2), dtype="float32")
    avatar = engine.avatar(portrait, Settings(size=64, full=False))

    cost = measure_live(avatar, samples, rate, seconds=1.5)

    assert cost.size == (64, 64)
    assert cost.real_time_factor > 0
    assert cost.delay <= cost.slowest
    assert cost.slowest > 0.2  # sound that is still to come cannot be drawn
    assert 0 <= cost.interrupt < 0.5
