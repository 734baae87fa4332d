"""The group of the measurements."""

import typer

from speech2face.cli.evaluate import generators, speech, tracker, video, video_in


def build() -> typer.Typer:
    """Put the group's commands together."""
    group = typer.Typer(
        help="Measure networks and videos on held-out material.", no_args_is_help=True
    )
    group.command("speech2landmarks")(speech.speech2landmarks)
    group.command("learning-curve")(speech.learning_curve)
    group.command("tracker")(tracker.tracker)
    group.command("dub")(video_in.dub)
    group.command("reenact")(video_in.reenact)
    group.add_typer(video.build(), name="video")
    group.add_typer(generators.build(), name="generators")
    return group
