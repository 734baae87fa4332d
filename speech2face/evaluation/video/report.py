"""`speech2face evaluate video`: measure the pipeline's videos in tables.

Every command makes the videos it needs (or takes those that are in the work folder already), has
them judged, prints its table as Markdown and keeps it as Markdown and JSON; `all` does everything.
The judge is a face landmarker task file that the user brings: --teacher, or
models/face_landmarker_v2_with_blendshapes.task in the data.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from speech2face.errors import InputError
from speech2face.evaluation import sheets
from speech2face.evaluation.material import (
    held_out_clips,
    measured_portraits,
    natural_sounds,
    sheet_portraits,
)
from speech2face.evaluation.options import Data, People, Teacher, load_judge
from speech2face.evaluation.tables import Table
from speech2face.evaluation.video import measures
from speech2face.evaluation.video import natural as natural_video
from speech2face.evaluation.video.emotions import LABELS
from speech2face.evaluation.video.judge import JudgedTrack
from speech2face.evaluation.video.life import life_table
from speech2face.evaluation.video.pipelined import PipelineAnimate
from speech2face.evaluation.video.playback import Played, find_browser, play, streams_of
from speech2face.evaluation.video.studio import Studio

_RATES = ("23.976", "25", "29.97", "30", "50", "60")
_BLINK_TIMES = (0.6, 1.5, 2.3)
"""Seconds, within the 3 s of a GRID clip."""
_SEAM_FRAMES = 10
_EMOTION_FRAMES = 50
"""Two seconds of a GRID clip: silence and speech."""

Work = Annotated[Path, typer.Option(help="Where videos and tables are kept.")]
Count = Annotated[int, typer.Option(min=1, help="Held-out clips.")]
Sounds = Annotated[list[Path] | None, typer.Option("--sound", help="A sound; may be repeated.")]
Chosen = Annotated[
    list[str] | None, typer.Option("--set", help="A setting for every video: --set emotion=happy:1")
]
Sanity = Annotated[bool, typer.Option(help="Only the rows that need no pipeline.")]

app = typer.Typer(
    help="Measure finished videos with an independent judge.", no_args_is_help=True,
    add_completion=False, pretty_exceptions_enable=False,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Desk:
    """What every command works with."""

    data: Path
    work: Path
    studio: Studio

    def publish(self, table: Table) -> None:
        """Print a table and keep it as Markdown and JSON."""
        table.write(self.work)
        typer.echo(table.markdown())


def desk(
    data: Path, work: Path, teacher: Path | None, chosen: Sequence[str] | None = None, *,
    sanity_only: bool = False,
) -> Desk:  # fmt: skip
    """Load the judge and, unless only sanity rows are wanted, the pipeline."""
    settings = dict(_pair(text) for text in chosen or ())
    judge = load_judge(data, teacher)
    animate = None if sanity_only else PipelineAnimate()
    studio = Studio(animate=animate, judge=judge, folder=work / "videos", settings=settings)
    return Desk(data=data, work=work, studio=studio)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        msg = f"--set {text} names no value; write for instance --set emotion=happy:1"
        raise InputError(msg)
    return name, value


def grid_tables(desk: Desk, count: int, makers: Sequence[Callable[..., Table]]) -> None:
    """Drive portraits by held-out GRID clips and publish tables about them."""
    clips = held_out_clips(desk.data, count)
    pairs = list(desk.studio.pairs(clips, measured_portraits(desk.data)))
    for maker in makers:
        desk.publish(maker(pairs))


@app.command()
def sync(
    data: Data, work: Work, teacher: Teacher = None, count: Count = 40, chosen: Chosen = None,
    sanity_only: Sanity = False,
) -> None:  # fmt: skip
    """Mouth opening against the real recording's."""
    here = desk(data, work, teacher, chosen, sanity_only=sanity_only)
    grid_tables(here, count, [measures.sync_table])


@app.command()
def natural(
    data: Data, work: Work, teacher: Teacher = None, chosen: Chosen = None,
    count: Annotated[int, typer.Option(min=1, help="Sentences with lip sensors.")] = 16,
) -> None:  # fmt: skip
    """Mouths against sensors and real talking videos, and the shapes they take."""
    natural_report(desk(data, work, teacher, chosen), count)


def natural_report(desk: Desk, count: int) -> None:
    """Drive held-out portraits and first frames by natural speech, and publish two tables."""
    folder = desk.data / "natural"
    sensors = natural_video.sensor_rows(
        desk.studio, folder, measured_portraits(desk.data), count
    )  # fmt: skip
    pairs = natural_video.talking_pairs(desk.studio, folder)
    desk.publish(natural_video.sync_table(sensors, pairs))
    desk.publish(natural_video.mouth_table(pairs))


@app.command()
def silence(
    data: Data, work: Work, teacher: Teacher = None, count: Count = 40, chosen: Chosen = None,
    sanity_only: Sanity = False,
) -> None:  # fmt: skip
    """Lip speed in pauses against speech."""
    here = desk(data, work, teacher, chosen, sanity_only=sanity_only)
    grid_tables(here, count, [measures.silence_table])


@app.command()
def motion(
    data: Data, work: Work, teacher: Teacher = None, count: Count = 40, chosen: Chosen = None,
    sanity_only: Sanity = False,
) -> None:  # fmt: skip
    """Trembling, head range, lip closure, lost faces."""
    here = desk(data, work, teacher, chosen, sanity_only=sanity_only)
    grid_tables(here, count, [measures.motion_table])


@app.command()
def life(
    data: Data, work: Work, teacher: Teacher = None, people: People = 12, sound: Sounds = None,
    real: Annotated[
        list[Path] | None, typer.Option(help="A video of a real speaker; may be repeated.")
    ] = None,
    frames: Annotated[int, typer.Option(min=25, help="Frames of each video.")] = 250,
    chosen: Chosen = None,
) -> None:  # fmt: skip
    """Head, brows, cheeks and lids beside the words, against those of real speakers."""
    here = desk(data, work, teacher, chosen)
    sounds = sound or natural_sounds(data, people)
    ours = [
        here.studio.track(
            here.studio.video(portrait, sounds[i % len(sounds)], "life", seed=i, preview=frames)
        )
        for i, portrait in enumerate(measured_portraits(data)[:people])
    ]
    groups = {"ours": ours}
    if real:
        groups["real given"] = [here.studio.track(path) for path in real]
    here.publish(life_table(groups))


@app.command()
def blinks(
    data: Data, work: Work, teacher: Teacher = None, people: People = 6, sound: Sounds = None
) -> None:
    """Blinks asked for, switched off, and natural ones a minute (on the sounds given)."""
    blink_report(desk(data, work, teacher), people, sound or [])


def blink_report(desk: Desk, people: int, sounds: Sequence[Path]) -> None:
    """Render the three settings and publish what lids did."""
    studio, portraits = desk.studio, measured_portraits(desk.data)[:people]
    clip = held_out_clips(desk.data, 1)[0]
    asked = ",".join(str(time) for time in _BLINK_TIMES)
    runs = []
    for portrait in portraits:
        for setting, times in ((asked, _BLINK_TIMES), ("off", ())):
            name = "times" if times else setting
            video = studio.video(portrait, clip.video, f"blink-{name}", blink=setting)
            runs.append(measures.BlinkRun(setting=name, track=studio.track(video), asked=times))
    for real in held_out_clips(desk.data, people):
        track = studio.track(real.video)
        runs.append(measures.BlinkRun(setting="ground truth (GRID)", track=track, asked=()))
    for index, path in enumerate(sounds):
        portrait = portraits[index % len(portraits)]
        track = studio.track(studio.video(portrait, path))
        runs.append(measures.BlinkRun(setting="natural", track=track, asked=()))
    desk.publish(measures.blink_table(runs))


@app.command()
def emotion(data: Data, work: Work, teacher: Teacher = None, people: People = 12) -> None:
    """What the judge reads from faces asked to be happy, sad, angry, surprised."""
    emotion_report(desk(data, work, teacher), people)


def emotion_report(desk: Desk, people: int) -> None:
    """Render each portrait neutral and with each emotion, and publish what the judge says."""
    studio = desk.studio
    sound = held_out_clips(desk.data, 1)[0].video
    references = []
    videos = {label: [] for label in LABELS}
    for portrait in measured_portraits(desk.data)[:people]:

        def seen(label: str, emotion: str, seed: int, portrait: Path = portrait) -> JudgedTrack:
            video = studio.video(
                portrait, sound, label, emotion=emotion, seed=seed, preview=_EMOTION_FRAMES
            )
            return studio.track(video)

        references.append(seen("neutral", "neutral", 0))
        videos["neutral"].append(seen("neutral-again", "neutral", 1))
        for label in LABELS[1:]:
            videos[label].append(seen(label, f"{label}:1", 0))
    desk.publish(measures.emotion_table(videos, references))


@app.command()
def seam(data: Data, work: Work, teacher: Teacher = None, people: People = 12) -> None:
    """What shows along the border of the animated square, on frames before encoding."""
    seam_report(desk(data, work, teacher), people)


def seam_report(desk: Desk, people: int) -> None:
    """Draw some frames of speech on each sheet portrait and publish what is seen."""
    sound = held_out_clips(desk.data, 1)[0].video
    animate = PipelineAnimate()
    found = {
        row.portrait.stem: animate.seam(row.portrait, sound, _SEAM_FRAMES)
        for row in sheet_portraits(desk.data)[:people]
    }
    desk.publish(measures.seam_table(found))


@app.command(name="sheets")
def sheet(
    data: Data, work: Work, teacher: Teacher = None, sound: Sounds = None, people: People = 12,
    frames: Annotated[int, typer.Option(min=2, help="Frames on a sheet.")] = 12,
    rotate: Annotated[bool, typer.Option(help="One sound for each portrait, in turn.")] = False,
    chosen: Chosen = None,
) -> None:  # fmt: skip
    """Contact sheets of portraits and sounds, whole and close up, for a person to look at."""
    sheet_report(desk(data, work, teacher, chosen), sound or [], people, frames, rotate=rotate)


def sheet_report(
    desk: Desk, sounds: Sequence[Path], people: int, frames: int, *, rotate: bool
) -> None:
    """Write two sheets for each portrait and sound; a GRID clip's real frames stand below."""
    clips = sounds or [clip.video for clip in held_out_clips(desk.data, 3)]
    for index, row in enumerate(sheet_portraits(desk.data)[:people]):
        typer.echo(f"{row.portrait.stem}: {row.why}")
        for path in [clips[index % len(clips)]] if rotate else clips:
            _sheets_of(desk, row.portrait, path, frames)


def _sheets_of(desk: Desk, portrait: Path, sound: Path, count: int) -> None:
    video = desk.studio.video(portrait, sound)
    track = desk.studio.track(video)
    shut, turned = -track.eye_opening.sum(-1), np.abs(track.pose_against(0)).max(-1)
    indices = sheets.telling_indices([track.mouth_opening, shut, turned], count)
    real = sound if sound.suffix == ".mp4" else None
    folder = desk.work / "sheets"
    folder.mkdir(parents=True, exist_ok=True)
    for name, below, focus in (("whole", real, None), ("close", None, track.meshes[..., :2])):
        output = folder / f"{video.stem}_{name}.png"
        output.unlink(missing_ok=True)
        sheets.contact_sheet(
            video, output, title=portrait.stem, indices=indices, real=below, focus=focus
        )
        typer.echo(f"  {output}")


@app.command()
def playback(data: Data, work: Work, teacher: Teacher = None) -> None:
    """Streams, lengths and a real browser, for six frame rates."""
    playback_report(desk(data, work, teacher))


def playback_report(desk: Desk) -> None:
    """Make a video of each rate, play it, publish."""
    portrait, clip = measured_portraits(desk.data)[0], held_out_clips(desk.data, 1)[0]
    browser = find_browser()
    played: dict[str, tuple[Played | None, float, str]] = {}
    for rate in _RATES:
        video = desk.studio.video(portrait, clip.video, f"fps-{rate}", fps=rate)
        streams = streams_of(video)
        report = play(video, browser) if browser else None
        played[rate] = (report, streams.gap, streams.words)
    desk.publish(measures.playback_table(played))


@app.command(name="all")
def everything(
    data: Data, work: Work, teacher: Teacher = None, sound: Sounds = None, count: Count = 40
) -> None:
    """All of it, with the default numbers of portraits."""
    here = desk(data, work, teacher)
    if (data / "natural").is_dir():
        natural_report(here, 16)
    grid_tables(here, count, [measures.sync_table, measures.silence_table, measures.motion_table])
    blink_report(here, 6, sound or [])
    emotion_report(here, 12)
    seam_report(here, 12)
    playback_report(here)
    sheet_report(here, sound or [], 12, 12, rotate=False)
