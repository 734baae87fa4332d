"""What dubbing and leading cost is measured, a frame at a time."""

from pathlib import Path

from speech2face.jobs.settings import Settings
from speech2face.jobs.video_benchmark import benchmark_videos


def test_both_commands_are_measured_with_tracking(portrait: Path, speech: Path) -> None:
    rows = list(benchmark_videos(portrait, speech, Settings(size=96), device="cpu", seconds=0.4))

    assert [row["command"] for row in rows] == ["dub", "reenact"]
    for row in rows:
        assert row["frames"] == 10
        assert isinstance(row["stages"], dict)
        assert row["stages"]["track"] > 0
        assert row["milliseconds_a_frame"] > 0
        assert row["cpu_milliseconds_a_frame"] > 0
