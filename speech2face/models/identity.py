"""A small residual network whose 128 numbers tell people apart; it measures, it never trains.

The architecture of dlib's face recognition network (King, `dlib_face_recognition_resnet_model_v1`,
after He et al., "Deep residual learning for image recognition", 2016): a ResNet of 29 convolutions
with half the filters of each layer. Two pictures of one person lie within 0.6 of each other.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

SIDE = 150
"""Pixels of the face chip."""
_MEAN = (122.782, 117.001, 104.298)
"""Mean colour of the training pictures, 8-bit RGB."""
_BLOCKS = (
    # Name, channels in and out, whether it halves the resolution.
    ("conv32_1", 32, 32, False), ("conv32_2", 32, 32, False), ("conv32_3", 32, 32, False),
    ("conv64_down", 32, 64, True),
    ("conv64_1", 64, 64, False), ("conv64_2", 64, 64, False), ("conv64_3", 64, 64, False),
    ("conv128_down", 64, 128, True), ("conv128_1", 128, 128, False),
    ("conv128_2", 128, 128, False),
    ("conv256_down", 128, 256, True), ("conv256_1", 256, 256, False),
    ("conv256_2", 256, 256, False), ("conv256_down_out", 256, 256, True),
)  # fmt: skip


class _Scaled(nn.Module):
    """A convolution followed by a factor and an offset for each channel (a folded batch norm)."""

    def __init__(self, inside: int, outside: int, kernel: int, stride: int) -> None:
        super().__init__()
        padding = 0 if stride > 1 else kernel // 2
        self.conv = nn.Conv2d(inside, outside, kernel, stride, padding)
        self.factor = nn.Parameter(torch.ones(outside))
        self.offset = nn.Parameter(torch.zeros(outside))

    def forward(
        self, x: Float[Tensor, "batch inside height width"]
    ) -> Float[Tensor, "batch outside height2 width2"]:
        return self.conv(x) * self.factor[:, None, None] + self.offset[:, None, None]


class _Block(nn.Module):
    """Two convolutions beside a shortcut; one that halves averages pairs in its shortcut."""

    def __init__(self, inside: int, outside: int, *, down: bool) -> None:
        super().__init__()
        self.down = down
        self.conv1 = _Scaled(inside, outside, 3, 2 if down else 1)
        self.conv2 = _Scaled(outside, outside, 3, 1)

    def forward(
        self, x: Float[Tensor, "batch inside height width"]
    ) -> Float[Tensor, "batch outside height2 width2"]:
        out = self.conv2(self.conv1(x).relu())
        if self.down:
            x = functional.avg_pool2d(x, 2)
            # Shortcuts know no padding: the shorter side is continued by zeros at its end, and
            # channels that the shortcut lacks are zero.
            height = max(x.shape[2], out.shape[2]) - out.shape[2]
            width = max(x.shape[3], out.shape[3]) - out.shape[3]
            out = functional.pad(out, (0, width, 0, height))
            x = functional.pad(x, (0, 0, 0, 0, 0, out.shape[1] - x.shape[1]))
        return (out + x).relu()


class IdentityNetwork(nn.Module):
    """Face chips in, 128 numbers a face out."""

    def __init__(self) -> None:
        """Build the network; weights are the caller's business."""
        super().__init__()
        self.conv32_down = _Scaled(3, 32, 7, 2)
        for name, inside, outside, down in _BLOCKS:
            self.add_module(name, _Block(inside, outside, down=down))
        self.fc = nn.Linear(256, 128, bias=False)

    def forward(self, chips: Float[Tensor, "batch 3 150 150"]) -> Float[Tensor, "batch 128"]:
        """Describe faces.

        Args:
            chips: RGB in [0, 1], aligned by the eye corners and the base of the nose.
        """
        mean = chips.new_tensor(_MEAN)[:, None, None]
        x = self.conv32_down((chips * 255 - mean) / 256).relu()
        x = functional.max_pool2d(x, 3, 2)
        for name, *_ in _BLOCKS:
            x = self.get_submodule(name)(x)
        return self.fc(x.mean((2, 3)))
