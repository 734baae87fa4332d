"""`speech2face calibrate`: teach our landmarks the keypoints of an imported checkpoint."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from speech2face.cli import options
from speech2face.cli.progress import counting
from speech2face.cli.say import say_path

if TYPE_CHECKING:
    import torch

_Report = Annotated[
    Path | None, typer.Option("--output", "-o", help="Write the held-out errors here too (JSON).")
]
_Portraits = Annotated[
    list[Path] | None,
    typer.Option(help="Whom to animate for it; more portraits teach more faces. Without it: the "
                 "example's portrait."),
]  # fmt: skip


def calibrate(
    *,
    generator: Annotated[str, typer.Option(help="The checkpoint: facevid2vid:NAME, or its path.")],
    portraits: _Portraits = None,
    speech: Annotated[
        Path | None, typer.Option(help="The sound they speak. Without it: the example's.")
    ] = None,
    output: _Report = None,
    seed: Annotated[
        int, typer.Option(help="Another number gives other blinks and head motion.")
    ] = 0,
    device: options.Device = "auto",
    overwrite: options.Overwrite = False,
    progress: options.ProgressOption = options.ProgressKind.BAR,
) -> None:
    """Fit the keypoints of an imported checkpoint to our landmarks, without a data set.

    Portraits are animated by the warp generator over visemes, poses, blinks, gaze, emotions and
    speech; the checkpoint's own motion extractor reads its keypoints off the frames; a small
    network is fitted to them and stored beside the weights. The errors are of motion that it was
    not fitted to, beside those of no motion and of keypoints that ride on the face's surface.
    """
    from speech2face import devices
    from speech2face.generators import registry
    from speech2face.media.output import check_outputs

    check_outputs(output, inputs=[*(portraits or []), speech], overwrite=overwrite)
    registry.require(generator)
    _calibrate(
        registry.imported_name(registry.full_name(generator)), devices.resolve(device), progress,
        portraits=portraits, speech=speech, seed=seed, report=output,
    )  # fmt: skip


def ensure_calibrated(
    generator: str, device: "torch.device", progress: options.ProgressKind
) -> None:
    """Calibrate imported weights when they are used for the first time."""
    from speech2face.generators import registry

    name = registry.full_name(generator)
    if name in registry.names():
        return
    from speech2face.generators.facevid2vid.drive import needs_calibration

    weights = registry.imported_name(name)
    if needs_calibration(weights):
        typer.echo(
            f"speech2face: {name} is used for the first time: it is calibrated once, which takes "
            "some minutes on a CPU (speech2face calibrate does it with portraits of your own)",
            err=True,
        )
        _calibrate(weights, device, progress)


def _calibrate(
    weights: str,
    device: "torch.device",
    progress: options.ProgressKind,
    *,
    portraits: list[Path] | None = None,
    speech: Path | None = None,
    seed: int = 0,
    report: Path | None = None,
) -> None:
    import json

    from speech2face.face.choose import prepare_view
    from speech2face.face.track import FaceTracker
    from speech2face.media.audio import read_speech
    from speech2face.media.image import read_image
    from speech2face.media.output import atomic_output
    from speech2face.training.calibration import calibrate as calibration

    paths = portraits or [calibration.example("portrait.png")]
    tracker = FaceTracker.from_pretrained(device)
    size = calibration.picture_size(weights)
    faces = [prepare_view(read_image(path), tracker, size=size) for path in paths]
    sound = read_speech(speech or calibration.example("speech.wav"))
    plan = calibration.CalibrationPlan(seed=seed)
    with counting(progress, "calibrating") as told:
        done = calibration.calibrate(weights, faces, sound, device, plan=plan, told=told)
    typer.echo(done.table(), err=True)
    if report is not None:
        with atomic_output(report, overwrite=True) as partial:
            partial.write_text(json.dumps(done.errors, indent=2) + "\n", encoding="utf-8")
    say_path(done.path)
