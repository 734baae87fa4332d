"""`speech2face benchmark`: what a video costs on this machine, stage by stage."""

import json
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from speech2face.cli import options
from speech2face.cli.learning.calibrate import calibrate_at_first_use
from speech2face.cli.settings_options import with_settings
from speech2face.jobs.settings import Settings


@with_settings("size", "fps", "full", "batch_size", "generator", "tracker", size=512, full=False)
def benchmark(
    portrait: Annotated[Path | None, typer.Argument(help="A picture with a face.")] = None,
    audio: Annotated[Path | None, typer.Argument(help="A sound file, or a video's.")] = None,
    *,
    steps: Annotated[
        str | None,
        typer.Option(
            metavar="PRESET",
            help="Instead: what each exact speed-up of a network gains (256, 256-original and "
            "others of face-vid2vid, fomm-256, x2face-256, dagan-256), with random weights; needs "
            "no PORTRAIT and no AUDIO.",
        ),
    ] = None,
    live: Annotated[
        bool,
        typer.Option(
            "--live",
            help="Instead: feed the sound to a session as it is spoken, 20 ms at a time; delay, "
            "first frame, interruption, memory.",
        ),
    ] = False,
    videos: Annotated[
        bool,
        typer.Option(
            "--videos",
            help="Instead: dub a video, and lead PORTRAIT by it; it is made of PORTRAIT and AUDIO "
            "first. Milliseconds a frame, tracking included.",
        ),
    ] = False,
    frames: Annotated[int, typer.Option(help="With --steps: frames at once.", min=1)] = 1,
    seconds: Annotated[float, typer.Option(help="The sound is repeated up to this length.")] = 60.0,
    runs: Annotated[int, typer.Option(help="How often; each run has its own table.", min=1)] = 1,
    settings: Settings,
    device: options.Device = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one object a run.")] = False,
) -> None:
    """Time the whole of animate: each stage, real-time factor, first frame, peak memory.

    The clock starts after the imports, which are timed apart. The video goes to a temporary folder.
    """  # noqa: DOC501 - the text is the command's help
    if steps is not None:
        _print_steps(steps, device, frames, runs, as_json=as_json)
        return
    if portrait is None or audio is None:
        msg = "PORTRAIT and AUDIO are missing; give both, or --steps PRESET"
        raise typer.BadParameter(msg)
    started = perf_counter()
    from speech2face import devices
    from speech2face.jobs.benchmark import benchmark as measure
    from speech2face.timing import parse_seconds

    imports = perf_counter() - started
    parse_seconds(seconds)
    calibrate_at_first_use(settings.generator, devices.resolve(device), options.ProgressKind.NONE)
    if live:
        _show(_live(portrait, audio, settings, device, seconds), as_json=as_json)
        return
    if videos:
        from speech2face.jobs.video_benchmark import benchmark_videos

        for run in benchmark_videos(portrait, audio, settings, device=device, seconds=seconds):
            _show(run, as_json=as_json)
        return
    for run in measure(portrait, audio, settings, device=device, seconds=seconds, runs=runs):
        _show({"imports": imports, **run}, as_json=as_json)


def _live(
    portrait: Path, audio: Path, settings: Settings, device: str, seconds: float
) -> dict[str, object]:
    from dataclasses import asdict

    from speech2face.jobs.animate import Speech2Face
    from speech2face.jobs.benchmark import hardware
    from speech2face.jobs.live_benchmark import measure_live
    from speech2face.media.sound.audio import read_speech
    from speech2face.timing import SPEECH_RATE

    avatar = Speech2Face.from_pretrained(device).avatar(portrait, settings)
    cost = measure_live(avatar, read_speech(audio).samples, SPEECH_RATE, seconds)
    return {**hardware(device), **asdict(cost)}


def _show(measured: dict[str, object], *, as_json: bool) -> None:
    typer.echo(json.dumps(measured)) if as_json else _print(measured)


def _print_steps(preset: str, device: str, frames: int, runs: int, *, as_json: bool) -> None:
    from speech2face import devices
    from speech2face.evaluation.generators.steps import compare_steps
    from speech2face.jobs.benchmark import cpu_name

    table = compare_steps(preset, devices.resolve(device), frames=frames, repeats=runs)
    typer.echo(table.json() if as_json else f"{cpu_name()}\n\n{table.markdown()}")


def _print(measured: dict[str, object]) -> None:
    stages, total = measured.pop("stages", None), measured.get("total_seconds")
    table = Table("stage", "seconds", "share", box=None, pad_edge=False)
    if isinstance(stages, dict) and isinstance(total, float):
        for stage, spent in stages.items():
            table.add_row(stage, f"{spent:.2f}", f"{spent / total:.0%}")
    rest = Table(box=None, show_header=False, pad_edge=False)
    for name, value in measured.items():
        rest.add_row(
            name.replace("_", " "), f"{value:.2f}" if isinstance(value, float) else str(value)
        )
    console = Console()
    console.print(rest)
    if stages:
        console.print(table)
