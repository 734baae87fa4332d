"""The plain way to draw frames: each one from the photograph, nothing kept, nothing rearranged.

It is what the public implementations do, and the yardstick of `exact`.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from speech2face.generators.facevid2vid.network import FaceVid2VidGenerator


def draw_plainly(
    generator: FaceVid2VidGenerator,
    image: Float[Tensor, "1 3 size size"],
    keypoints_source: Float[Tensor, "1 k 3"],
    keypoints_driving: Float[Tensor, "frames k 3"],
) -> Float[Tensor, "frames 3 size size"]:
    """Draw frames one after the other, encoding the photograph anew for each."""
    frames = [
        generator.render(generator.encode(image), keypoints_source, driving[None])
        for driving in keypoints_driving
    ]
    return torch.cat(frames)
