"""`speech2face batch`: many videos by one engine."""

from pathlib import Path
from typing import Annotated

import typer

from speech2face.cli import options
from speech2face.cli.settings_options import with_settings
from speech2face.cli.terminal.progress import counting
from speech2face.cli.terminal.say import say_path
from speech2face.jobs.settings import Settings

_Jobs = Annotated[Path, typer.Argument(help="A .csv or .jsonl file, or a folder.", metavar="JOBS")]
_Folder = Annotated[
    Path,
    typer.Option("--output", "-o", help="The folder for videos and report; it is made."),
]
_Workers = Annotated[
    int,
    typer.Option(
        help="Videos made side by side, each in a process of its own.", min=1, max=64,
        rich_help_panel=options.RUN,
    ),
]  # fmt: skip


@with_settings()
def batch(
    jobs: _Jobs,
    *,
    output: _Folder,
    overwrite: options.Overwrite = False,
    workers: _Workers = 1,
    settings: Settings,
    device: options.Device = "auto",
    progress: options.ProgressOption = options.ProgressKind.BAR,
) -> None:
    """Make a video of each row of JOBS; one that cannot be made harms no other.

    JOBS is a CSV with the columns portrait, audio, output (may be left out) and any option of
    animate, a file of JSON objects with the same names, or a folder in which pictures and sounds
    of one name belong together. Options given here hold for rows that say nothing else.

    speech2face batch jobs.csv -o videos/ --emotion happy:0.5

    Run it again to go on after an interruption: a video that was made of the same inputs with the
    same settings is kept. videos/batch.csv, .json and .png tell what became of each row; where one
    failed the exit status is 9.
    """  # noqa: DOC501 typer's own way to end with a status
    from speech2face.jobs.batch.batch import FAILED, STATUSES, Outcome, run_batch
    from speech2face.jobs.batch.report import report_paths, write_report
    from speech2face.jobs.batch.rows import read_rows

    rows = read_rows(jobs)
    report = report_paths(output, overwrite=overwrite)
    made = run_batch(
        rows, output, settings=settings, device=device, workers=workers, overwrite=overwrite
    )
    outcomes = list[Outcome]()
    try:
        with counting(progress, "videos") as counted:
            for outcome in made:
                outcomes.append(outcome)
                counted(len(outcomes), len(rows), outcome.output.name)
                for said in (outcome.notes and f"warning: {outcome.notes}", outcome.reason):
                    if said:
                        typer.echo(f"speech2face: row {outcome.row}: {said}", err=True)
    finally:
        # An interrupted batch has its report too.
        if outcomes:
            write_report(outcomes, report)
    counts = {status: sum(one.status == status for one in outcomes) for status in STATUSES}
    typer.echo(", ".join(f"{count} {status}" for status, count in counts.items()), err=True)
    say_path(report[0])
    if counts[FAILED]:
        raise typer.Exit(options.SOME_FAILED)
