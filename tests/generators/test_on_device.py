"""Every generator draws on a card what it draws on a processor."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from speech2face.jobs.animate import Speech2Face
from speech2face.jobs.settings import Settings

DEVICE = os.environ.get("SPEECH2FACE_TEST_DEVICE", "cuda")
_SAME, _SHARE = 2, 0.999
"""Grey levels by which nearly all values may differ: sums are taken in another order."""


@pytest.mark.skipif(
    DEVICE.startswith("cuda") and not torch.cuda.is_available(), reason="there is no card"
)
@pytest.mark.parametrize("size", [256, 512])
@pytest.mark.parametrize("generator", ["warp", "facevid2vid"])
def test_a_generator_draws_there_what_it_draws_here(
    generator: str, size: int, portrait: Path, cut_speech
) -> None:
    settings = Settings(generator=generator, size=size, full=False, fps=12.5)
    here, there = (
        np.stack([
            *Speech2Face.from_pretrained(device).animate(
                portrait, cut_speech(0.3), settings=settings
            )
        ]).astype(int)
        for device in ("cpu", DEVICE)
    )  # fmt: skip

    assert (np.abs(here - there) <= _SAME).mean() > _SHARE
