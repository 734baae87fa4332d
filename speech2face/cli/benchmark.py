"""`speech2face benchmark`: what a video costs on this machine, stage by stage."""

import json
import os
import platform
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from speech2face.cli import options
from speech2face.cli.settings_options import with_settings
from speech2face.jobs.settings import Settings

if TYPE_CHECKING:
    from speech2face.jobs.clip import Progress
    from speech2face.jobs.preflight import Job
    from speech2face.media.sound import Sound

_MEGA = 1_000_000


@with_settings("size", "fps", "full", "batch_size", "generator", size=512, full=False)
def benchmark(
    portrait: Annotated[Path | None, typer.Argument(help="A picture with a face.")] = None,
    audio: Annotated[Path | None, typer.Argument(help="A sound file, or a video's.")] = None,
    *,
    steps: Annotated[
        str | None,
        typer.Option(
            metavar="PRESET",
            help="Instead: what each exact speed-up of a face-vid2vid preset gains (256, "
            "256-original, 512, tiny ...), with random weights; needs no PORTRAIT and no AUDIO.",
        ),
    ] = None,
    frames: Annotated[int, typer.Option(help="With --steps: frames at once.", min=1)] = 1,
    seconds: Annotated[float, typer.Option(help="The sound is repeated up to this length.")] = 60.0,
    runs: Annotated[int, typer.Option(help="How often; each run has its own table.", min=1)] = 1,
    settings: Settings,
    device: options.Device = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one object a run.")] = False,
) -> None:
    """Time the whole of animate: each stage, real-time factor, first frame, peak memory.

    The clock starts after the imports, which are timed apart. The video goes to a temporary folder.
    """
    if steps is not None:
        _print_steps(steps, device, frames, runs, as_json=as_json)
        return
    if portrait is None or audio is None:
        _refuse()
    started = perf_counter()
    from speech2face import devices
    from speech2face.cli.calibrate import ensure_calibrated
    from speech2face.jobs.animate import Speech2Face
    from speech2face.jobs.preflight import check
    from speech2face.media.audio import open_sound

    imports = perf_counter() - started
    with tempfile.TemporaryDirectory() as folder:
        sound, output = Path(folder) / "sound.wav", Path(folder) / "video.mp4"
        check(portrait, audio, None, settings, generator=settings.generator)
        ensure_calibrated(settings.generator, devices.resolve(device), options.ProgressKind.NONE)
        _repeat(open_sound(audio), seconds, sound)
        for _ in range(runs):
            clock = _Clock()
            job = check(portrait, sound, output, settings, overwrite=True)
            clock.lap("preflight")
            engine = Speech2Face.from_pretrained(device)
            engine.parts(settings)
            clock.lap("load")
            engine.run(job, clock.ended)
            clock.lap("finish")
            found = {
                "imports": imports,
                **_hardware(device),
                **_result(clock, job, len(output.read_bytes())),
            }
            typer.echo(json.dumps(found)) if as_json else _print(found)


def _repeat(sound: "Sound", seconds: float, path: Path) -> None:
    """Write a sound as often as it takes to fill a time, as WAV."""
    import soundfile

    left = round(seconds * sound.rate)
    with soundfile.SoundFile(path, "w", sound.rate, sound.channels, "PCM_16") as file:
        while left > 0:
            for block in sound.samples():
                file.write(block[:left])
                left -= min(left, len(block))


def _refuse() -> NoReturn:
    msg = "PORTRAIT and AUDIO are missing; give both, or --steps PRESET"
    raise typer.BadParameter(msg)


def _print_steps(preset: str, device: str, frames: int, runs: int, *, as_json: bool) -> None:
    from speech2face import devices
    from speech2face.evaluation.generators.steps import compare_steps

    table = compare_steps(preset, devices.resolve(device), frames=frames, repeats=runs)
    typer.echo(table.json() if as_json else f"{_cpu_name()}\n\n{table.markdown()}")


class _Clock:
    """Attributes the time between two events to the stage whose end the second one is."""

    def __init__(self) -> None:
        self.started = self.last = perf_counter()
        self.stages: dict[str, float] = {}
        self.first_frame: float | None = None
        self.frames = 0

    def lap(self, stage: str) -> None:
        now = perf_counter()
        self.stages[stage] = self.stages.get(stage, 0.0) + now - self.last
        self.last = now

    def ended(self, progress: "Progress") -> None:
        self.lap(progress.stage)
        if progress.stage == "write":
            self.frames = progress.done
            self.first_frame = self.first_frame or self.last - self.started


def _result(clock: _Clock, job: "Job", size: int) -> dict[str, object]:
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


def _hardware(device: str) -> dict[str, object]:
    import torch

    from speech2face import devices

    place = devices.resolve(device)
    name = torch.cuda.get_device_name(place) if place.type == "cuda" else str(place)
    return {
        "cpu": _cpu_name(), "cores": os.cpu_count(), "threads": torch.get_num_threads(),
        "device": name, "python": platform.python_version(), "torch": torch.__version__,
        "system": platform.platform(terse=True),
    }  # fmt: skip


def _cpu_name() -> str:
    table = Path("/proc/cpuinfo")
    if table.exists():
        for line in table.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _peak_memory() -> int | None:
    """Give the peak resident memory of this process in MB; None where the system keeps no count."""
    if sys.platform == "win32":
        return None
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit // _MEGA


def _print(found: dict[str, object]) -> None:
    stages = found.pop("stages")
    total = found["total_seconds"]
    table = Table("stage", "seconds", "share", box=None, pad_edge=False)
    if isinstance(stages, dict) and isinstance(total, float):
        for stage, spent in stages.items():
            table.add_row(stage, f"{spent:.2f}", f"{spent / total:.0%}")
    rest = Table(box=None, show_header=False, pad_edge=False)
    for name, value in found.items():
        rest.add_row(
            name.replace("_", " "), f"{value:.2f}" if isinstance(value, float) else str(value)
        )
    console = Console()
    console.print(rest)
    console.print(table)
