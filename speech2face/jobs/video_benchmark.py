"""What a frame costs when videos come in: dubbing one, and leading a portrait by one."""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from time import process_time

from speech2face.checked import typed
from speech2face.jobs.animate import Speech2Face
from speech2face.jobs.benchmark import Clock, hardware, repeated
from speech2face.jobs.clip import Report
from speech2face.jobs.dub.settings import DubSettings
from speech2face.jobs.reenact.settings import ReenactSettings
from speech2face.jobs.settings import Settings
from speech2face.media.sound.audio import open_sound
from speech2face.timing import parse_seconds


@typed
def benchmark_videos(
    portrait: Path, audio: Path, settings: Settings, *, device: str = "auto", seconds: float = 12.0
) -> Iterator[dict[str, object]]:
    """Time `dub` and `reenact` of a video that is made of a portrait and a sound before.

    Args:
        portrait: A picture with a face.
        audio: A sound; it is repeated up to `seconds`.
        settings: Size, rate and generator.
        device: "auto", "cpu", "cuda", ...
        seconds: Length of the video.

    Yields:
        Machine, stages in seconds (tracking is one of them), milliseconds a frame by the clock and
        of all cores together; of each command.
    """
    with tempfile.TemporaryDirectory() as folder:
        sound, video = Path(folder) / "sound.wav", Path(folder) / "video.mp4"
        repeated(open_sound(audio), parse_seconds(seconds), sound)
        engine = Speech2Face.from_pretrained(device)
        engine.animate(portrait, sound, video, settings=replace(settings, full=False))
        output, size, generator = Path(folder) / "made.mp4", settings.size, settings.generator

        def dub(report: Report) -> None:
            chosen = DubSettings(size=size, tracker=settings.tracker)
            engine.dub(video, sound, output, settings=chosen, overwrite=True, progress=report)

        def reenact(report: Report) -> None:
            chosen = ReenactSettings(
                size=size, full=settings.full, generator=generator, tracker=settings.tracker
            )
            engine.reenact(
                portrait, video, output, settings=chosen, overwrite=True, progress=report
            )

        for name, work in (("dub", dub), ("reenact", reenact)):
            yield {**hardware(device), "command": name, "size": size, **_timed(work)}


def _timed(work: Callable[[Report], None]) -> dict[str, object]:
    clock, started = Clock(), process_time()
    work(clock.ended)
    clock.lap("finish")
    total, spent = clock.last - clock.started, process_time() - started
    frames = max(1, clock.frames)
    return {
        "frames": clock.frames,
        "stages": {stage: round(seconds, 3) for stage, seconds in clock.stages.items()},
        "total_seconds": round(total, 3),
        "milliseconds_a_frame": round(1000 * total / frames, 1),
        "cpu_milliseconds_a_frame": round(1000 * spent / frames, 1),
    }
