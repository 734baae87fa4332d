"""`speech2face evaluate tracker`: the face tracker against its teacher, on people it never saw."""

import typer

from speech2face.cli.evaluate import options


def tracker(data: options.Data, output: options.Output, teacher: options.Teacher = None) -> None:
    """Measure the shipped face tracker on held-out portraits and speakers.

    Beside it stand a mean face on the detector's points and the teacher on mirrored pictures. The
    teacher's labels are kept in the output's labels/ (a training's folder has them already).
    """
    from speech2face.evaluation.tracker import evaluate
    from speech2face.face.teacher import TASK
    from speech2face.media.output import atomic_output
    from speech2face.training.tracker.labels import label_folder

    task, labels = teacher or data / TASK, output / "labels"
    label_folder(data, labels, task)
    report = evaluate(data, labels, task)
    with atomic_output(output / "tracker.md", overwrite=True) as partial:
        partial.write_text(report + "\n", encoding="utf-8")
    typer.echo(report)
