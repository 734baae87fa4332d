"""Measurements of the pipeline's videos, each a table.

The judge is a face landmarker task file that the user brings, or
models/face_landmarker_v2_with_blendshapes.task in the data.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from speech2face.errors import InputError
from speech2face.evaluation import sheets
from speech2face.evaluation.material import (
    held_out_clips,
    lid_portraits,
    load_judge,
    measured_portraits,
    natural_sounds,
    sheet_portraits,
)
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
_GRID_TABLES: Final = {
    "sync": measures.sync_table,
    "silence": measures.silence_table,
    "motion": measures.motion_table,
}


@dataclass(frozen=True, kw_only=True)
class Desk:
    """What every measurement works with: material, judge, pipeline, and the folder of results."""

    data: Path
    output: Path
    studio: Studio
    tell: Callable[[str], None]
    """Called with each table as Markdown, and with the paths of sheets."""

    @classmethod
    def load(
        cls, data: Path, output: Path, teacher: Path | None, chosen: Sequence[str] = (), *,
        sanity_only: bool = False, tell: Callable[[str], None],
    ) -> "Desk":  # fmt: skip
        """Load the judge and, unless only sanity rows are wanted, the pipeline.

        Args:
            data: Folder with grid/, portraits/ and models/.
            output: Where videos and tables are kept.
            teacher: The judge's task file, if it is not the data's.
            chosen: Settings for every video, as "emotion=happy:1".
            sanity_only: Leave the pipeline out.
            tell: Called with every result.
        """
        settings = dict(_pair(text) for text in chosen)
        judge = load_judge(data, teacher)
        animate = None if sanity_only else PipelineAnimate()
        studio = Studio(animate=animate, judge=judge, folder=output / "videos", settings=settings)
        return cls(data=data, output=output, studio=studio, tell=tell)

    def publish(self, table: Table) -> None:
        """Keep a table as Markdown and JSON, and tell it."""
        table.write(self.output)
        self.tell(table.markdown())

    def grid_tables(self, count: int, names: Sequence[str]) -> None:
        """Drive portraits by held-out GRID clips and publish tables: sync, silence, motion."""
        clips = held_out_clips(self.data, count)
        pairs = list(self.studio.pairs(clips, measured_portraits(self.data)))
        for name in names:
            self.publish(_GRID_TABLES[name](pairs))

    def natural(self, count: int) -> None:
        """Drive held-out portraits and first frames by natural speech, and publish two tables."""
        folder = self.data / "natural"
        people = measured_portraits(self.data)
        sensors = natural_video.sensor_rows(self.studio, folder, people, count)
        pairs = natural_video.talking_pairs(self.studio, folder)
        self.publish(natural_video.sync_table(sensors, pairs))
        self.publish(natural_video.mouth_table(pairs))

    def life(self, people: int, sounds: Sequence[Path], real: Sequence[Path], frames: int) -> None:
        """Animate portraits and publish what moves beside the words, beside real speakers."""
        given = sounds or natural_sounds(self.data, people)
        portraits = measured_portraits(self.data)[:people]
        videos = [
            self.studio.video(portrait, given[i % len(given)], "life", seed=i, preview=frames)
            for i, portrait in enumerate(portraits)
        ]
        groups = {"ours": [self.studio.track(video) for video in videos]}
        if real:
            groups["real given"] = [self.studio.track(path) for path in real]
        self.publish(life_table(groups))

    def blinks(self, people: int, sounds: Sequence[Path]) -> None:
        """Render the three settings and publish what lids did."""
        studio, portraits = self.studio, lid_portraits(self.data)[:people]
        clip = held_out_clips(self.data, 1)[0]
        asked = ",".join(str(time) for time in _BLINK_TIMES)
        runs = []
        for portrait in portraits:
            for setting, times in ((asked, _BLINK_TIMES), ("off", ())):
                name = "times" if times else setting
                video = studio.video(portrait, clip.video, f"blink-{name}", blink=setting)
                runs.append(measures.BlinkRun(setting=name, track=studio.track(video), asked=times))
        for real in held_out_clips(self.data, people):
            track = studio.track(real.video)
            runs.append(measures.BlinkRun(setting="ground truth (GRID)", track=track, asked=()))
        for index, path in enumerate(sounds):
            portrait = portraits[index % len(portraits)]
            track = studio.track(studio.video(portrait, path))
            runs.append(measures.BlinkRun(setting="natural", track=track, asked=()))
        self.publish(measures.blink_table(runs))

    def emotion(self, people: int) -> None:
        """Render each portrait neutral and with each emotion, and publish what the judge says."""
        studio = self.studio
        sound = held_out_clips(self.data, 1)[0].video
        real, references = studio.track(sound), []
        videos = {label: [] for label in (*LABELS, "still image")}
        for portrait in measured_portraits(self.data)[:people]:

            def seen(label: str, emotion: str, seed: int, portrait: Path = portrait) -> JudgedTrack:
                video = studio.video(
                    portrait, sound, label, emotion=emotion, seed=seed, liveliness=0,
                    preview=_EMOTION_FRAMES,
                )  # fmt: skip
                return studio.track(video)

            references.append(seen("neutral", "neutral", 0))
            videos["neutral"].append(seen("neutral-again", "neutral", 1))
            for label in LABELS[1:]:
                videos[label].append(seen(label, f"{label}:1", 0))
            still = studio.still(portrait, _EMOTION_FRAMES, real)
            videos["still image"].append(studio.track(still))
        self.publish(measures.emotion_table(videos, references, real))

    def seam(self, people: int) -> None:
        """Draw some frames of speech on each sheet portrait and publish what is seen."""
        sound = held_out_clips(self.data, 1)[0].video
        animate = PipelineAnimate()
        found = {
            row.portrait.stem: animate.seam(row.portrait, sound, _SEAM_FRAMES)
            for row in sheet_portraits(self.data)[:people]
        }
        self.publish(measures.seam_table(found))

    def sheets(self, sounds: Sequence[Path], people: int, frames: int, *, rotate: bool) -> None:
        """Write two sheets for each portrait and sound; a GRID clip's real frames stand below."""
        clips = sounds or [clip.video for clip in held_out_clips(self.data, 3)]
        for index, row in enumerate(sheet_portraits(self.data)[:people]):
            self.tell(f"{row.portrait.stem}: {row.why}")
            for path in [clips[index % len(clips)]] if rotate else clips:
                self._sheets_of(row.portrait, path, frames)

    def _sheets_of(self, portrait: Path, sound: Path, count: int) -> None:
        video = self.studio.video(portrait, sound)
        track = self.studio.track(video)
        shut, turned = -track.eye_opening.sum(-1), np.abs(track.pose_against(0)).max(-1)
        indices = sheets.telling_indices([track.mouth_opening, shut, turned], count)
        real = sound if sound.suffix == ".mp4" else None
        folder = self.output / "sheets"
        folder.mkdir(parents=True, exist_ok=True)
        for name, below, focus in (("whole", real, None), ("close", None, track.meshes[..., :2])):
            output = folder / f"{video.stem}_{name}.png"
            output.unlink(missing_ok=True)
            sheets.contact_sheet(
                video, output, title=portrait.stem, indices=indices, real=below, focus=focus
            )
            self.tell(f"  {output}")

    def playback(self) -> None:
        """Make a video of each rate, play it, publish."""
        portrait, clip = measured_portraits(self.data)[0], held_out_clips(self.data, 1)[0]
        browser = find_browser()
        played: dict[str, tuple[Played | None, float, str]] = {}
        for rate in _RATES:
            video = self.studio.video(portrait, clip.video, f"fps-{rate}", fps=rate)
            streams = streams_of(video)
            report = play(video, browser) if browser else None
            played[rate] = (report, streams.gap, streams.words)
        self.publish(measures.playback_table(played))


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        msg = f"--set {text} names no value; write for instance --set emotion=happy:1"
        raise InputError(msg)
    return name, value
