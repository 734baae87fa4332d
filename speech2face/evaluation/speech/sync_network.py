"""What our sync network says about lips and sound, and how far it can be believed.

Its score is a cosine, -1 to 1, of windows of two seconds. It is ours, it looks at landmarks, and
its figures compare with nobody else's. Before it judges anything it has to tell real recordings
from the same ones moved by five frames, and both from another sentence's sound.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from speech2face.evaluation.tables import Cell, Table
from speech2face.models.mel import CONTEXT, LogMel, MelConfig
from speech2face.models.sync import agreement
from speech2face.training.speech.data import STEP, Stretch
from speech2face.training.speech.sync import load_network

WINDOW = 50
"""Frames of a window: two seconds."""
_HOP = 5
"""Frames from window to window."""
LATE = 5
"""Frames of the shifted rows: 200 ms."""

Samples = Float[np.ndarray, " samples"]
Offsets = Float[np.ndarray, "frames 70 3"]


class SyncScorer:
    """Scores how well lips fit their sound."""

    def __init__(self, weights: Path | None = None) -> None:
        """Load the shipped network, or that of a weight file."""
        self.network = load_network(weights)
        self._mel: LogMel = LogMel(MelConfig(bands=self.network.config.bands))

    def __call__(self, samples: Samples, offsets: Offsets) -> float:
        """Score a clip: the mean over its windows; a shorter clip is one window.

        Args:
            samples: At 16 kHz, 640 for every frame.
            offsets: Normalized landmarks less those of the closed mouth.
        """
        frames = min(len(offsets), len(samples) // STEP)
        starts = range(0, max(1, frames - WINDOW + 1), _HOP)
        return float(np.mean([self.window(samples, offsets, at, at) for at in starts]))

    @torch.inference_mode()
    def window(self, samples: Samples, offsets: Offsets, sound: int, lips: int) -> float:
        """Score the two seconds of sound from frame `sound` with those of lips from frame `lips`.

        Both are cut out before they are looked at: nothing beyond tells where they come from.
        """
        padded = np.concatenate([np.zeros(CONTEXT, np.float32), samples])
        cut = padded[sound * STEP : (sound + WINDOW) * STEP + CONTEXT]
        heard = self.network.hear(self._mel(torch.from_numpy(cut)[None]))
        moved = np.ascontiguousarray(offsets[lips : lips + WINDOW], np.float32)
        seen = self.network.see(torch.from_numpy(moved)[None])
        steps = min(heard.shape[1], seen.shape[1])
        return float(agreement(heard[0, :steps], seen[0, :steps]))


def sync_table(clips: Sequence[Stretch], scorer: SyncScorer) -> Table:
    """Show the scores of real recordings in step, out of step, with another's sound, and at rest.

    Args:
        clips: Held-out clips; a clip's neighbour of the same speaker lends the wrong sound.
        scorer: Whose scores.
    """
    speakers = sorted({clip.speaker for clip in clips})
    rows: list[dict[str, Cell]] = []
    groups = [(name, [clip for clip in clips if clip.speaker == name]) for name in speakers]
    found = {name: _scores(own, scorer) for name, own in groups}
    joined = {way: np.concatenate([one[way] for one in found.values()]) for way in _WAYS}
    for name, scores in [*found.items(), ("all", joined)]:
        real = scores["real"]
        late, early = scores[f"{LATE} frames late"], scores[f"{LATE} frames early"]
        apart = (real > late) & (real > early)
        for way in _WAYS:
            below = apart if way == "real" else real > scores[way]
            rows.append({
                "clips of": name.removeprefix("grid-"),
                "windows": len(real),
                "row": way,
                "sync": float(scores[way].mean()),
                "5 %": float(np.percentile(scores[way], 5)),
                "95 %": float(np.percentile(scores[way], 95)),
                "below real": None if way == "real" else float(below.mean()),
                "real above both shifts": float(apart.mean()) if way == "real" else None,
            })  # fmt: skip
    return Table(
        name="sync_network",
        title="The sync network on held-out GRID recordings",
        rows=rows,
        note=(
            f"Cosines of windows of two seconds, {WINDOW} frames, cut out before they are looked "
            "at. Below real: share of windows whose score is under that of the same lips with "
            "their own sound. Wrong audio: another sentence of the same speaker at the same time; "
            "all sentences of GRID have one grammar and silence at both ends, so it fits better "
            "than a shift may. Elsewhere: its start with the end of these lips, or the other way "
            "round. Rest: lips that do not move."
        ),
    )


_WAYS = (
    "real",
    f"{LATE} frames late",
    f"{LATE} frames early",
    "wrong audio",
    "wrong audio, elsewhere",
    "rest",
)


def _scores(
    clips: Sequence[Stretch], scorer: SyncScorer
) -> dict[str, Float[np.ndarray, " windows"]]:
    """Score every window that can be moved by `LATE` frames to either side."""
    found: dict[str, list[float]] = {way: [] for way in _WAYS}
    for i, clip in enumerate(clips):
        other = clips[(i + 1) % len(clips)]
        still = np.zeros_like(clip.offsets)
        frames = min(len(clip), len(other))
        for lips in range(LATE, frames - WINDOW - LATE + 1, _HOP):
            values = (
                scorer.window(clip.samples, clip.offsets, lips, lips),
                # Late lips: the sound that is heard with them came earlier.
                scorer.window(clip.samples, clip.offsets, lips - LATE, lips),
                scorer.window(clip.samples, clip.offsets, lips + LATE, lips),
                scorer.window(other.samples, clip.offsets, lips, lips),
                scorer.window(
                    other.samples,
                    clip.offsets,
                    0 if lips > (frames - WINDOW) // 2 else frames - WINDOW,
                    lips,
                ),
                scorer.window(clip.samples, still, lips, lips),
            )
            for way, value in zip(_WAYS, values, strict=True):
                found[way].append(value)
    return {way: np.array(values) for way, values in found.items()}
