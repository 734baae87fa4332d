"""Talking videos become material for training, one after the other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from speech2face.checked import typed
from speech2face.errors import Speech2FaceError
from speech2face.face.track import FaceTracker
from speech2face.progress import Counted, ignore
from speech2face.training.speech.lateness import Lateness
from speech2face.training.speech.talking_videos import Prepared, known, prepare_video


@dataclass(frozen=True, kw_only=True)
class PreparedVideo:
    """What became of one of several videos."""

    video: Path
    facts: Prepared | None
    """None: it could not be used."""
    error: Speech2FaceError | None = None
    """Why not."""
    made_before: bool = False

    def line(self) -> str:
        """Say in one line what became of it."""
        facts = self.facts
        if facts is None:
            return f"{self.error}; passed over"
        late = f", sound {facts.late * 40:+.0f} ms late" if facts.late else ""
        before = "there already, " if self.made_before else ""
        return (
            f"{self.video}: {before}{facts.seconds:.1f} s in {facts.pieces} pieces, "
            f"{facts.left_out:.1f} s left out{late}"
        )


@typed
def prepare_videos(
    videos: Sequence[Path],
    output: Path,
    device: torch.device,
    *,
    speaker: str | None = None,
    lag: bool = True,
    progress: Counted = ignore,
) -> Iterator[PreparedVideo]:
    """Prepare videos one after the other; one that cannot be used does not stop the others.

    Args:
        videos: Of one talking person each.
        output: Folder of the prepared material.
        device: Where faces are tracked.
        speaker: All videos show this person; None: each another one.
        lag: Measure how late the sound is, and correct it.
        progress: Called with frames done, frames in all, and which video it is.
    """
    tracker = FaceTracker.from_pretrained(device)
    lateness = Lateness() if lag else None
    for number, video in enumerate(videos, 1):
        facts = known(video, output)
        if facts is not None:
            yield PreparedVideo(video=video, facts=facts, made_before=True)
            continue
        words = f"{video.name} ({number} of {len(videos)})"
        try:
            facts = prepare_video(
                video, output, tracker, speaker=speaker, lateness=lateness,
                follow=lambda done, total, words=words: progress(done, total, words),
            )  # fmt: skip
        except Speech2FaceError as error:
            yield PreparedVideo(video=video, facts=None, error=error)
        else:
            yield PreparedVideo(video=video, facts=facts)
