"""MTCNN's three networks: proposals over a whole picture, then two closer looks at each.

Source: Zhang et al., "Joint face detection and alignment using multi-task cascaded convolutional
networks" (2016). Layers carry the names that the weights of the facenet-pytorch package have.
"""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional


class ProposalNetwork(nn.Module):
    """Score every window of 12 x 12 pixels, two pixels apart."""

    def __init__(self) -> None:
        """Build the network with random weights."""
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 10, 3), nn.PReLU(10)
        self.conv2, self.prelu2 = nn.Conv2d(10, 16, 3), nn.PReLU(16)
        self.conv3, self.prelu3 = nn.Conv2d(16, 32, 3), nn.PReLU(32)
        self.conv4_1, self.conv4_2 = nn.Conv2d(32, 2, 1), nn.Conv2d(32, 4, 1)

    def forward(
        self, image: Float[Tensor, "1 3 height width"]
    ) -> tuple[Float[Tensor, "rows columns"], Float[Tensor, "4 rows columns"]]:
        """Return each window's score, and the shift of its edges over its side."""
        features = _pooled(self.prelu1(self.conv1(image)), 2)
        features = self.prelu3(self.conv3(self.prelu2(self.conv2(features))))
        return self.conv4_1(features).softmax(1)[0, 1], self.conv4_2(features)[0]


class RefinementNetwork(nn.Module):
    """Look at cuts of 24 x 24 pixels."""

    side = 24

    def __init__(self) -> None:
        """Build the network with random weights."""
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 28, 3), nn.PReLU(28)
        self.conv2, self.prelu2 = nn.Conv2d(28, 48, 3), nn.PReLU(48)
        self.conv3, self.prelu3 = nn.Conv2d(48, 64, 2), nn.PReLU(64)
        self.dense4, self.prelu4 = nn.Linear(576, 128), nn.PReLU(128)
        self.dense5_1, self.dense5_2 = nn.Linear(128, 2), nn.Linear(128, 4)

    def forward(
        self, cuts: Float[Tensor, "cuts 3 24 24"]
    ) -> tuple[Float[Tensor, " cuts"], Float[Tensor, "cuts 4"]]:
        """Return each cut's score, and the shift of its edges over its side."""
        features = _pooled(self.prelu1(self.conv1(cuts)), 3)
        features = _pooled(self.prelu2(self.conv2(features)), 3)
        hidden = self.prelu4(self.dense4(_flat(self.prelu3(self.conv3(features)))))
        return self.dense5_1(hidden).softmax(1)[:, 1], self.dense5_2(hidden)


class OutputNetwork(nn.Module):
    """Look at cuts of 48 x 48 pixels, and find five points of the face."""

    side = 48

    def __init__(self) -> None:
        """Build the network with random weights."""
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 32, 3), nn.PReLU(32)
        self.conv2, self.prelu2 = nn.Conv2d(32, 64, 3), nn.PReLU(64)
        self.conv3, self.prelu3 = nn.Conv2d(64, 64, 3), nn.PReLU(64)
        self.conv4, self.prelu4 = nn.Conv2d(64, 128, 2), nn.PReLU(128)
        self.dense5, self.prelu5 = nn.Linear(1152, 256), nn.PReLU(256)
        self.dense6_1, self.dense6_2 = nn.Linear(256, 2), nn.Linear(256, 4)
        self.dense6_3 = nn.Linear(256, 10)

    def forward(
        self, cuts: Float[Tensor, "cuts 3 48 48"]
    ) -> tuple[Float[Tensor, " cuts"], Float[Tensor, "cuts 4"], Float[Tensor, "cuts 2 5"]]:
        """Return each cut's score, the shift of its edges and its points, over its side."""
        features = _pooled(self.prelu1(self.conv1(cuts)), 3)
        features = _pooled(self.prelu2(self.conv2(features)), 3)
        features = _pooled(self.prelu3(self.conv3(features)), 2)
        hidden = self.prelu5(self.dense5(_flat(self.prelu4(self.conv4(features)))))
        # The ten numbers are five x, then five y.
        points = self.dense6_3(hidden).unflatten(1, (2, 5))
        return self.dense6_1(hidden).softmax(1)[:, 1], self.dense6_2(hidden), points


def _pooled(features: Tensor, size: int) -> Tensor:
    return functional.max_pool2d(features, size, 2, ceil_mode=True)


def _flat(features: Float[Tensor, "cuts channels height width"]) -> Float[Tensor, "cuts features"]:
    # The weights were trained where x runs slower than y, and channels fastest.
    return features.permute(0, 3, 2, 1).flatten(1)


def normalized(pixels: Tensor) -> Tensor:
    """Bring 0 to 255 to about -1 to 1, as the weights expect it."""
    return (pixels - 127.5) * 0.0078125
