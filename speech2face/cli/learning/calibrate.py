"""`speech2face calibrate`: teach our landmarks the keypoints of an imported checkpoint."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from speech2face.cli import options
from speech2face.cli.terminal.progress import counting
from speech2face.cli.terminal.say import say_path

if TYPE_CHECKING:
    import torch

_Report = Annotated[
    Path | None, typer.Option("--output", "-o", help="Write the held-out errors here too (JSON).")
]
_Portraits = Annotated[
    list[Path] | None,
    typer.Option(help="Pictures that are animated for it; more portraits teach more faces. Without "
                 "it: the example's portrait."),
]  # fmt: skip


def calibrate(
    *,
    generator: Annotated[str, typer.Option(help="The checkpoint: FAMILY:NAME, or FAMILY:PATH.")],
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
    """Fit what an imported checkpoint reads to our landmarks, without a data set.

    Portraits are animated by the warp generator over visemes, poses, blinks, gaze, emotions and
    speech; the checkpoint's own motion extractor reads the motion off the frames; a small
    network is fitted to them and stored beside the weights. The errors are of motion that it was
    not fitted to, beside those of no motion and of keypoints that ride on the face's surface.
    """
    from speech2face import devices
    from speech2face.jobs.calibrate import calibrate as fit
    from speech2face.media.output import atomic_output, check_outputs

    check_outputs(output, inputs=[*(portraits or []), speech], overwrite=overwrite)
    with counting(progress, "calibrating") as report:
        done = fit(
            generator, devices.resolve(device), portraits=portraits or [], speech=speech,
            seed=seed, progress=report,
        )  # fmt: skip
    typer.echo(done.table(), err=True)
    if output is not None:
        with atomic_output(output, overwrite) as partial:
            partial.write_text(json.dumps(done.errors, indent=2) + "\n", encoding="utf-8")
    say_path(done.path)


def calibrate_at_first_use(
    generator: str, device: "torch.device", progress: options.ProgressKind
) -> None:
    """Calibrate imported weights that were never used before, and show how far it is."""
    from speech2face.jobs.calibrate import ensure_calibrated, is_due

    if is_due(generator):
        with counting(progress, "calibrating") as report:
            done = ensure_calibrated(generator, device, report)
        typer.echo(done.table() if done else "", err=True)
