"""What a video costs on this machine, stage by stage."""

import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from time import perf_counter

import soundfile
import torch

from speech2face import devices
from speech2face.checked import typed
from speech2face.jobs.animate import Speech2Face
from speech2face.jobs.clip import Progress
from speech2face.jobs.preflight import Job, check
from speech2face.jobs.settings import Settings
from speech2face.media.sound.audio import open_sound
from speech2face.media.sound.sound import Sound
from speech2face.timing import parse_seconds

_MEGA = 1_000_000


@typed
def benchmark(
    portrait: Path, audio: Path, settings: Settings, *, device: str = "auto",
    seconds: float = 60.0, runs: int = 1,
) -> Iterator[dict[str, object]]:  # fmt: skip
    """Time the whole of animate; the clock starts after the imports.

    Args:
        portrait: A picture with a face.
        audio: A sound; it is repeated up to `seconds`.
        settings: As for a video.
        device: "auto", "cpu", "cuda", ...
        seconds: Length of the video, which goes to a temporary folder.
        runs: How often.

    Yields:
        Machine, stages in seconds, real-time factor, first frames, peak memory; of each run.
    """
    length = parse_seconds(seconds)
    with tempfile.TemporaryDirectory() as folder:
        sound, output = Path(folder) / "sound.wav", Path(folder) / "video.mp4"
        check(portrait, audio, None, settings, generator=settings.generator)
        repeated(open_sound(audio), length, sound)
        for _ in range(runs):
            clock = Clock()
            job = check(portrait, sound, output, settings, overwrite=True)
            clock.lap("preflight")
            engine = Speech2Face.from_pretrained(device)
            engine.parts(settings)
            clock.lap("load")
            engine.run(job, clock.ended)
            clock.lap("finish")
            yield {**hardware(device), **_result(clock, job, len(output.read_bytes()))}


def repeated(sound: Sound, seconds: Fraction, path: Path) -> None:
    """Write a sound as often as it takes to fill a time, as WAV."""
    left = round(seconds * sound.rate)
    with soundfile.SoundFile(path, "w", sound.rate, sound.channels, "PCM_16") as file:
        while left > 0:
            for block in sound.samples():
                file.write(block[:left])
                left -= min(left, len(block))


class Clock:
    """Attributes the time between two events to the stage whose end the second one is."""

    def __init__(self) -> None:
        """Start."""
        self.started = self.last = perf_counter()
        self.stages: dict[str, float] = {}
        self.first_frame: float | None = None
        self.frames = 0

    def lap(self, stage: str) -> None:
        """End a stage."""
        now = perf_counter()
        self.stages[stage] = self.stages.get(stage, 0.0) + now - self.last
        self.last = now

    def ended(self, progress: Progress) -> None:
        """Take up that a piece of a job has ended."""
        self.lap(progress.stage)
        if progress.stage == "write":
            self.frames = progress.done
            self.first_frame = self.first_frame or self.last - self.started


def _result(clock: Clock, job: Job, size: int) -> dict[str, object]:
    total = clock.last - clock.started
    return {
        "sound_seconds": round(float(job.duration), 3), "frames": clock.frames,
        "fps": str(job.settings.rate), "size": job.settings.size, "full": job.settings.full,
        "stages": {stage: round(spent, 3) for stage, spent in clock.stages.items()},
        "total_seconds": round(total, 3), "real_time_factor": round(total / float(job.duration), 3),
        "frames_per_second": round(clock.frames / total, 2),
        "first_frames_seconds": round(clock.first_frame or total, 3),
        "peak_memory_mb": _peak_memory(),
        "video_bytes": size,
    }  # fmt: skip


def hardware(device: str) -> dict[str, object]:
    """Describe the machine that computes."""
    place = devices.resolve(device)
    name = torch.cuda.get_device_name(place) if place.type == "cuda" else str(place)
    return {
        "cpu": cpu_name(), "cores": os.cpu_count(), "threads": torch.get_num_threads(),
        "device": name, "python": platform.python_version(), "torch": torch.__version__,
        "system": platform.platform(terse=True),
    }  # fmt: skip


def cpu_name() -> str:
    """Return the name of the processor."""
    table = Path("/proc/cpuinfo")
    if table.exists():
        for line in table.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _peak_memory() -> int | None:
    """Return the peak resident memory of this process in MB; None where nobody counts it."""
    if sys.platform == "win32":
        return None
    import resource  # noqa: PLC0415 - of POSIX only

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit // _MEGA
