"""Pictures of what the stages exchange: motion over the spectrogram, landmarks on frames.

They need matplotlib, the extra `plot`. All of it is drawn off screen, without global state.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import librosa
import numpy as np
from jaxtyping import Float, UInt8

from speech2face.errors import InputError
from speech2face.landmarks import (
    BROWS,
    INNER_LIPS,
    IRISES,
    JAW_LINE,
    LEFT_EYE,
    NOSE,
    OUTER_LIPS,
    RIGHT_EYE,
    mouth_opening,
)
from speech2face.media.output import atomic_output
from speech2face.timing import SPEECH_RATE
from speech2face.types import (
    EMOTIONS,
    ControlTrack,
    LandmarkTrack,
    LatentTrack,
    Speech,
)

# matplotlib's; an optional extra cannot be named where it may be absent.
Axes: TypeAlias = Any
Figure: TypeAlias = Any

_COLUMNS = 1500  # of a spectrogram: more than a picture can show, whatever the sound's length
_WINDOW = 512  # samples, 32 ms
_HIGHEST = 5000  # Hz; what is above says little about lips
_RANGE_DB = 70

_LINES = (  # landmarks that belong together; the second says whether the line is closed
    (JAW_LINE, False), (slice(BROWS.start, BROWS.start + 5), False),
    (slice(BROWS.start + 5, BROWS.stop), False), (slice(NOSE.start, NOSE.start + 4), False),
    (slice(NOSE.start + 4, NOSE.stop), False), (LEFT_EYE, True), (RIGHT_EYE, True),
    (OUTER_LIPS, True), (INNER_LIPS, True),
)  # fmt: skip


def plot_motion(
    path: Path,
    speech: Speech,
    *,
    landmarks: LandmarkTrack | None = None,
    controls: ControlTrack | None = None,
    latents: LatentTrack | None = None,
    overwrite: bool = False,
) -> None:
    """Draw motion over the spectrogram of the sound it belongs to, as a PNG.

    Args:
        path: Where to.
        speech: The sound.
        landmarks: Their mouth opening is drawn onto the spectrogram.
        controls: Their blinks are marked on it; lids, head, eyes, brows and emotion get rows.
        latents: Drawn as a map of channels over time.
        overwrite: Whether an existing file may be replaced.

    Raises:
        InputError: matplotlib is not installed.
        OutputError: The file exists already or cannot be written.
    """  # noqa: DOC502 atomic_output raises it
    rows: list[Callable[[Axes], None]] = []
    if controls is not None:
        rows += _control_rows(controls)
    if latents is not None:
        rows.append(lambda axes: _latent_map(axes, latents))
    figure = _figure(14.0, 3.2 + 1.6 * len(rows))
    heights = [2.0, *[1.0] * len(rows)]
    grid = figure.subplots(
        len(heights), 1, squeeze=False, sharex=True, gridspec_kw={"height_ratios": heights}
    )[:, 0]
    _spectrogram(grid[0], speech)
    if landmarks is not None:
        over = grid[0].twinx()
        time = np.arange(len(landmarks)) / float(landmarks.fps)
        over.plot(time, mouth_opening(landmarks.points), color="white", lw=1.2)
        over.set_ylim(0, None)
        over.set_ylabel("mouth opening\n(eye distances)")
    if controls is not None:
        for start, stop in _blinks(controls):
            grid[0].axvspan(start, stop, color="cyan", alpha=0.45, lw=0)
    for axes, draw in zip(grid[1:], rows, strict=True):
        draw(axes)
    grid[-1].set_xlabel("seconds")
    _save(figure, path, overwrite=overwrite)


def plot_faces(
    path: Path,
    images: Sequence[UInt8[np.ndarray, "height width 3"]],
    points: Sequence[Float[np.ndarray, "70 axes"]],
    titles: Sequence[str],
    *,
    overwrite: bool = False,
) -> None:
    """Draw landmarks on frames, as one sheet of small pictures in a PNG.

    Args:
        path: Where to.
        images: The frames, RGB.
        points: The landmarks of each, x and y first, in its pixels.
        titles: What to write over each.
        overwrite: Whether an existing file may be replaced.

    Raises:
        InputError: matplotlib is not installed, or there are no frames.
        OutputError: The file exists already or cannot be written.
    """  # noqa: DOC502 atomic_output raises it
    if not images:
        msg = "there are no frames to draw landmarks on; give at least one"
        raise InputError(msg)
    columns = min(4, len(images))
    rows = -(-len(images) // columns)
    height, width = images[0].shape[:2]
    figure = _figure(3.6 * columns, rows * (3.6 * height / width + 0.3))
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, image, marks, title in zip(grid.flat, images, points, titles, strict=False):
        axes.imshow(image)
        _draw_landmarks(axes, marks)
        axes.set_title(title, fontsize=9)
        axes.set_xlim(-0.5, image.shape[1] - 0.5)
        axes.set_ylim(image.shape[0] - 0.5, -0.5)
    _save(figure, path, overwrite=overwrite)


def _draw_landmarks(axes: Axes, points: Float[np.ndarray, "70 axes"]) -> None:
    for part, closed in _LINES:
        line = points[part]
        line = np.concatenate([line, line[:1]]) if closed else line
        axes.plot(line[:, 0], line[:, 1], color="#30ff60", lw=1.0)
    axes.scatter(points[:, 0], points[:, 1], s=3, color="#ffe040", zorder=3)
    axes.scatter(*points[IRISES, :2].T, s=14, color="#ff4060", zorder=4)


def _spectrogram(axes: Axes, speech: Speech) -> None:
    """Draw the loudness of frequencies over time; the cost hardly depends on the length."""
    samples = speech.samples
    hop = max(SPEECH_RATE // 100, -(-len(samples) // _COLUMNS))
    amplitude = np.abs(librosa.stft(samples, n_fft=_WINDOW, hop_length=hop))
    decibels = librosa.amplitude_to_db(amplitude, ref=np.max, top_db=_RANGE_DB)
    axes.imshow(
        decibels, aspect="auto", origin="lower", cmap="magma", vmin=-_RANGE_DB, vmax=0.0,
        extent=(0.0, len(samples) / SPEECH_RATE, 0.0, SPEECH_RATE / 2),
    )  # fmt: skip
    axes.set_ylim(0, _HIGHEST)
    axes.set_ylabel("Hz")


def _control_rows(controls: ControlTrack) -> list[Callable[[Axes], None]]:
    """List the rows of a plot that show what the director asks for."""
    time = np.arange(len(controls)) / float(controls.fps)

    def row(values: np.ndarray, names: Sequence[str], unit: str) -> Callable[[Axes], None]:
        def draw(axes: Axes) -> None:
            axes.plot(time, values, lw=1.1)
            axes.set_ylabel(unit)
            axes.legend(names, loc="upper right", fontsize=7, ncols=len(names))
            axes.grid(alpha=0.3)

        return draw

    face = np.column_stack([controls.blink.mean(1), controls.brow, controls.frown, controls.smile])
    rows = [
        row(face, ("lids shut", "brows up", "brows down", "smile"), "share"),
        row(controls.pose, ("yaw", "pitch", "roll"), "head, degrees"),
        row(controls.gaze, ("right", "up"), "eyes, degrees"),
    ]
    if controls.emotion.any():
        felt = np.flatnonzero(controls.emotion.any(0))
        names = [EMOTIONS[index] for index in felt]
        rows.append(row(controls.emotion[:, felt], names, "emotion"))
    return rows


def _latent_map(axes: Axes, latents: LatentTrack) -> None:
    """Show every latent over time, each scaled to its own largest value."""
    values = latents.values.T
    scale = np.maximum(np.abs(values).max(1, keepdims=True), 1e-6)
    end = len(latents) / float(latents.fps)
    axes.imshow(
        values / scale, aspect="auto", cmap="RdBu_r", vmin=-1, vmax=1, interpolation="nearest",
        extent=(0.0, end, len(values) - 0.5, -0.5),
    )  # fmt: skip
    axes.set_ylabel(f"{latents.space} latent")


def _blinks(controls: ControlTrack) -> list[tuple[float, float]]:
    """List when the lids are more than half shut, in seconds."""
    shut = np.concatenate([[False], controls.blink.max(1) > 0.5, [False]])  # noqa: PLR2004 (half)
    edges = np.flatnonzero(np.diff(shut.astype(np.int8))) / float(controls.fps)
    return [(float(start), float(stop)) for start, stop in edges.reshape(-1, 2)]


def require_matplotlib() -> None:
    """Make sure that plots can be drawn.

    Raises:
        InputError: matplotlib is not installed.
    """
    try:
        import matplotlib.figure  # noqa: F401, PLC0415 (an optional extra)
    except ImportError as error:
        msg = (
            f"plots need matplotlib, which cannot be imported ({error}); "
            "install it with: pip install 'speech2face[plot]'"
        )
        raise InputError(msg) from error


def _figure(width: float, height: float) -> Figure:
    """Open an empty figure of that many inches; `InputError` where matplotlib is missing."""
    require_matplotlib()
    from matplotlib import figure  # noqa: PLC0415 (an optional extra)

    return figure.Figure(figsize=(width, height), layout="constrained")


def _save(figure: Figure, path: Path, *, overwrite: bool) -> None:
    with atomic_output(path, overwrite) as temporary:
        figure.savefig(temporary, format="png", dpi=90)
