"""What a Speech2Landmarks network in training does with clips that it does not learn from."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from speech2face import landmarks
from speech2face.models.mel import CONTEXT, LogMel
from speech2face.models.speech2landmarks import Condition, Speech2LandmarksNetwork
from speech2face.training.speech.data import STEP, Stretch

_LIPS = slice(48, 68)


@torch.inference_mode()
def say(
    network: Speech2LandmarksNetwork, mel: LogMel, clip: Stretch
) -> Float[np.ndarray, "frames 70 3"]:
    """Predict the movements of a clip on the clip's own resting face, without gate or help."""
    delay = network.config.delay
    samples = np.pad(clip.samples, (CONTEXT, delay * STEP)).astype(np.float32)
    like = network.offset_scale
    heard = mel.to(like.device)(torch.from_numpy(samples)[None].to(like))
    condition = Condition(torch.from_numpy(clip.rest)[None].to(like), like.new_zeros(1, 8))
    answer = network(heard, condition)[0]
    return answer.offsets[0, delay : delay + len(clip)].float().cpu().numpy()


def compare(
    network: Speech2LandmarksNetwork, mel: LogMel, clips: list[Stretch]
) -> dict[str, float]:
    """Score predictions against what lips did.

    Returns:
        `r`: correlation of the mouth opening, mean over clips; `error`: mean distance of the 20 lip
        landmarks in the picture plane over that of a mouth that rests; `amplitude`: standard
        deviation of the opening over the real one.
    """
    real = [landmarks.mouth_opening(clip.rest + clip.offsets) for clip in clips]
    said = [say(network, mel, clip) for clip in clips]
    mine = [
        landmarks.mouth_opening(clip.rest + moves) for clip, moves in zip(clips, said, strict=True)
    ]
    wrong = sum(
        float(np.linalg.norm((moves - clip.offsets)[:, _LIPS, :2], axis=-1).sum())
        for clip, moves in zip(clips, said, strict=True)
    )
    still = sum(float(np.linalg.norm(clip.offsets[:, _LIPS, :2], axis=-1).sum()) for clip in clips)
    return {
        "r": float(np.mean([correlation(one, two) for one, two in zip(real, mine, strict=True)])),
        "error": wrong / max(still, 1e-9),
        "amplitude": float(np.std(np.concatenate(mine)) / (np.std(np.concatenate(real)) + 1e-9)),
    }


def correlation(one: Float[np.ndarray, " frames"], two: Float[np.ndarray, " frames"]) -> float:
    """Return Pearson's r; 0 where one of them does not move."""
    spread = float(one.std() * two.std())
    return float(((one - one.mean()) * (two - two.mean())).mean()) / spread if spread else 0.0


def draw(network: Speech2LandmarksNetwork, mel: LogMel, clips: list[Stretch], path: Path) -> None:
    """Draw the real and the predicted mouth opening of some clips."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - an optional extra

    figure = Figure(figsize=(12, 1.8 * -(-len(clips) // 2) + 0.5), layout="constrained")
    panels = figure.subplots(-(-len(clips) // 2), 2, squeeze=False).flat
    for panel, clip in zip(panels, clips, strict=False):
        moves = say(network, mel, clip)
        real, mine = (landmarks.mouth_opening(clip.rest + one) for one in (clip.offsets, moves))
        time = np.arange(len(clip)) / 25
        panel.plot(time, real, "k", label="real")
        panel.plot(time, mine, "r", label="predicted")
        panel.set_title(f"{clip.name}  r {correlation(real, mine):.2f}", fontsize=8)
        panel.tick_params(labelsize=7)
    for panel in list(panels):
        panel.axis("off")
    figure.axes[0].legend(fontsize=7)
    figure.savefig(path, dpi=80)
