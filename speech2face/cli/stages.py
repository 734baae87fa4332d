"""`landmarks`, `latents`, `render` and `mux`: one stage each, with plain files in between."""

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from speech2face.cli import options
from speech2face.cli.settings_options import with_settings
from speech2face.cli.terminal.progress import reporter
from speech2face.cli.terminal.say import say_path
from speech2face.jobs.settings import Settings

if TYPE_CHECKING:
    import numpy as np

    from speech2face.face.track import FaceTracker
    from speech2face.face.view import View
    from speech2face.media.inputs import Opened
    from speech2face.types import Face, Speech

_PortraitOption = Annotated[
    Path | None,
    typer.Option(help="Whose resting face the landmarks start from; without it: an average one."),
]
_Audio = Annotated[
    Path | None,
    typer.Option(help="The sound: head, brows, gaze and lids follow it. Without it: silence."),
]
_Seconds = Annotated[
    float | None,
    typer.Option(help="Length of the video, as of the sound. Without it: that of the latents."),
]
_Output = Annotated[Path, typer.Option("--output", "-o", help="The file to write.")]
_PLOTTED = 12
"""Frames on the sheet that `render --plot` draws."""


@with_settings(
    "expression_scale",
    "face_select",
    "force",
    "background",
    "tracker",
    "speech2landmarks",
    "audio_track",
    "raw_audio",
)
def landmarks(
    audio: options.AudioArgument,
    *,
    output: _Output,
    portrait: _PortraitOption = None,
    settings: Settings,
    device: options.Device = "auto",
    overwrite: options.Overwrite = False,
    plot: options.Plot = None,
) -> None:
    """Stage 1: the AUDIO becomes landmarks of a speaking face, 25 frames a second.

    The file (.npz) holds points (frames x 70 x 3: 68 landmarks and two irises; frontal, origin at
    the nose bridge, unit = distance of the outer eye corners, x right, y down, z away) and fps.
    """
    from speech2face import devices
    from speech2face.face.alignment import create_tracker
    from speech2face.face.likeness import Likeness
    from speech2face.face.rig import shipped_rig
    from speech2face.jobs.avatar import scaled
    from speech2face.jobs.sound import open_audio
    from speech2face.media.inputs import open_input
    from speech2face.media.output import check_outputs, together
    from speech2face.stages.artifacts import Origin, save_track
    from speech2face.stages.speech2landmarks import Speech2Landmarks

    check_outputs(output, plot, inputs=[audio, portrait, *settings.files], overwrite=overwrite)
    _require_plots(plot)
    place = devices.resolve(device)
    sound = open_audio(audio, settings)
    speech = sound.speech()
    likeness, seen = Likeness(shipped_rig().neutral), None
    if portrait is not None:
        seen = open_input(portrait, "portrait")
        likeness = _view(seen, settings, create_tracker(settings.tracker, place)).likeness
    rest = likeness.rest
    track = Speech2Landmarks.chosen(settings.speech2landmarks, place)(speech, rest)
    track = scaled(track, rest, settings.expression_scale)
    origin = Origin(portrait=seen and seen.sha256, sound=sound.sha256)
    with together():
        save_track(output, track, overwrite=overwrite, origin=origin)
        if plot is not None:
            from speech2face.evaluation.plots import plot_motion

            plot_motion(plot, speech, landmarks=track, overwrite=overwrite)
    say_path(output)


@with_settings(
    "emotion", "blink", "gaze", "pose", "pose_strength", "timeline", "seed",
    "face_select", "force", "background", "generator", "tracker", "audio_track", "raw_audio",
)  # fmt: skip
def latents(
    portrait: options.PortraitArgument,
    landmarks_file: Annotated[
        Path, typer.Argument(help="What the stage landmarks wrote.", metavar="LANDMARKS")
    ],
    *,
    output: _Output,
    audio: _Audio = None,
    settings: Settings,
    device: options.Device = "auto",
    overwrite: options.Overwrite = False,
    plot: options.Plot = None,
) -> None:
    """Stage 2: LANDMARKS, and what the director adds, become what drives the generator.

    The file (.npz) holds values (frames x size of the latent space), the space's name and fps.
    """
    from speech2face import devices
    from speech2face.cli.learning.calibrate import calibrate_at_first_use
    from speech2face.controls.director import direct
    from speech2face.controls.head_room import HeadRoom
    from speech2face.face.alignment import create_tracker
    from speech2face.generators.registry import create, require
    from speech2face.jobs.pose_video import follow_pose
    from speech2face.jobs.sound import open_audio
    from speech2face.media.inputs import open_input
    from speech2face.media.output import check_outputs, together
    from speech2face.stages.artifacts import Origin, check_origin, load_track, save_track
    from speech2face.stages.landmarks2latents import landmarks2latents
    from speech2face.types import LandmarkTrack

    check_outputs(
        output, plot, inputs=[portrait, landmarks_file, audio, *settings.files], overwrite=overwrite
    )
    _require_plots(plot)
    given, seen = open_input(landmarks_file, "stage file"), open_input(portrait, "portrait")
    track = load_track(given, LandmarkTrack)
    sound = None if audio is None else open_audio(audio, settings)
    made_from = check_origin(given, portrait=seen, sound=sound, force=settings.force)
    place = devices.resolve(device)
    require(settings.generator)
    calibrate_at_first_use(settings.generator, place, options.ProgressKind.BAR)
    tracker = create_tracker(settings.tracker, place)
    speech = _silence(len(track), track.fps) if sound is None else sound.speech()
    settings = follow_pose(settings, tracker, len(track))
    draws, view = create(settings.generator, place), _view(seen, settings, tracker)
    controls = direct(speech, settings, len(track), track.fps, HeadRoom.of(view))
    found = landmarks2latents(draws, draws.encode([view]), view, track, controls, speech)
    origin = Origin(portrait=seen.sha256, sound=made_from.sound)
    with together():
        save_track(output, found, overwrite=overwrite, origin=origin)
        if plot is not None:
            from speech2face.evaluation.plots import plot_motion

            plot_motion(
                plot, speech, landmarks=track, controls=controls, latents=found,
                overwrite=overwrite,
            )  # fmt: skip
    say_path(output)


@with_settings(
    "size", "fps", "full", "background", "face_select", "force", "tracker", "preview", "batch_size"
)
def render(
    portrait: options.PortraitArgument,
    latents_file: Annotated[
        Path, typer.Argument(help="What the stage latents wrote.", metavar="LATENTS")
    ],
    *,
    output: _Output,
    seconds: _Seconds = None,
    settings: Settings,
    device: options.Device = "auto",
    overwrite: options.Overwrite = False,
    progress: options.ProgressOption = options.ProgressKind.BAR,
    plot: options.Plot = None,
) -> None:
    """Stage 3: the generator draws the PORTRAIT as LATENTS say, as a video without sound."""
    from speech2face import devices
    from speech2face.face.alignment import create_tracker
    from speech2face.generators.ahead import Drawers
    from speech2face.generators.registry import create
    from speech2face.jobs.avatar import at_rate
    from speech2face.jobs.clip import Clip
    from speech2face.jobs.provenance import SYNTHETIC_TAGS
    from speech2face.media.inputs import open_input
    from speech2face.media.output import check_outputs, together
    from speech2face.media.video.container import require_mp4_name
    from speech2face.media.video.encode import VideoWriter
    from speech2face.stages.artifacts import check_origin, load_track, require_drawable
    from speech2face.timing import frames_for, parse_seconds
    from speech2face.types import LatentTrack

    require_mp4_name(output)
    check_outputs(output, plot, inputs=[portrait, latents_file], overwrite=overwrite)
    _require_plots(plot)
    given, seen = open_input(latents_file, "stage file"), open_input(portrait, "portrait")
    found = load_track(given, LatentTrack)
    check_origin(given, portrait=seen, force=settings.force)
    duration = len(found) / found.fps if seconds is None else parse_seconds(seconds)
    frames = frames_for(duration, settings.rate)
    found = at_rate(found, settings, min(frames, settings.preview or frames))
    place = devices.resolve(device)
    tracker = create_tracker(settings.tracker, place)
    generator = create(found.space, place)
    require_drawable(given, found, generator.spec.latent_size)
    drawers, view = Drawers(generator.spec.side_by_side), _view(seen, settings, tracker)
    state = generator.encode([view])
    with reporter(progress) as report, together():
        clip = Clip(view, state, found, generator, drawers, settings, report)
        plotted = _Plotted(len(clip), settings.rate, tracker)
        with VideoWriter(
            output, size=clip.size, fps=settings.rate, sound=None, overwrite=overwrite,
            tags=SYNTHETIC_TAGS,
        ) as video:  # fmt: skip
            for index, frame in enumerate(clip):
                video.write(frame)
                if plot is not None:
                    plotted.take(index, frame)
        if plot is not None:
            plotted.save(plot, overwrite=overwrite)
    say_path(output)


@with_settings("audio_track", "raw_audio")
def mux(
    video: Annotated[Path, typer.Argument(help="The picture.", metavar="VIDEO")],
    audio: options.AudioArgument,
    *,
    output: _Output,
    settings: Settings,
    overwrite: options.Overwrite = False,
) -> None:
    """Stage 4: the picture of VIDEO and the sound of AUDIO become one file, neither encoded anew.

    Sound that MP4 cannot hold becomes AAC of its own rate and channels.
    """
    from speech2face.jobs.provenance import SYNTHETIC_TAGS
    from speech2face.jobs.sound import open_audio
    from speech2face.media.output import check_outputs
    from speech2face.media.video.mux import mux as join

    check_outputs(output, inputs=[video, audio], overwrite=overwrite)
    join(video, open_audio(audio, settings), output, overwrite, SYNTHETIC_TAGS)
    say_path(output)


def _view(seen: "Opened", settings: Settings, tracker: "FaceTracker") -> "View":
    from speech2face.face.choose import prepare_view
    from speech2face.jobs.preflight import read_portrait

    return prepare_view(
        read_portrait(seen, settings),
        tracker,
        size=settings.size,
        select=settings.face_select,
        force=settings.force,
    )


def _require_plots(plot: Path | None) -> None:
    """Make sure that a plot can be drawn, before any work is done for it."""
    if plot is not None:
        from speech2face.evaluation.plots import require_matplotlib

        require_matplotlib()


class _Plotted:
    """Frames spread over a video, with the landmarks that the tracker sees on them."""

    def __init__(self, frames: int, fps: Fraction, tracker: "FaceTracker") -> None:
        count = min(frames, _PLOTTED)
        self._shown = {round(i * (frames - 1) / max(1, count - 1)) for i in range(count)}
        self._fps, self._tracker = fps, tracker
        self._face: Face | None = None
        self._images: list[np.ndarray] = []
        self._points: list[np.ndarray] = []
        self._titles: list[str] = []

    def take(self, index: int, frame: "np.ndarray") -> None:
        """Look at a frame; where no face is seen it is shown without landmarks."""
        import numpy as np

        from speech2face import landmarks as scheme

        if index not in self._shown:
            return
        face = self._face = self._tracker.follow(frame, self._face)
        nowhere = np.full((scheme.LANDMARKS, 3), np.nan, np.float32)
        self._images.append(frame.copy())
        self._points.append(nowhere if face is None else scheme.from_mesh(face.mesh))
        self._titles.append(f"{float(index / self._fps):.2f} s")

    def save(self, plot: Path, *, overwrite: bool) -> None:
        """Draw them as one sheet."""
        from speech2face.evaluation.plots import plot_faces

        plot_faces(plot, self._images, self._points, self._titles, overwrite=overwrite)


def _silence(frames: int, fps: Fraction) -> "Speech":
    import numpy as np

    from speech2face.timing import SPEECH_RATE, samples_at
    from speech2face.types import Speech

    return Speech(samples=np.zeros(samples_at(frames, fps, SPEECH_RATE), np.float32))
