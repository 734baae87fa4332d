import subprocess
import sys

import torch

from speech2face.media import torchaudio_compat

_BROKEN = """
import sys
from importlib.abc import MetaPathFinder


class Broken(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "torchaudio._extension":
            raise OSError("libcudart is missing")


sys.meta_path.insert(0, Broken())
import torch
from speech2face.media.torchaudio_compat import ensure_torchaudio

torchaudio = ensure_torchaudio()
print(len(torchaudio.functional.resample(torch.zeros(22050), 22050, 16000)))
"""


def test_torchaudio_resamples_whatever_build_is_installed():
    torchaudio = torchaudio_compat.ensure_torchaudio()

    time = torch.arange(22_050) / 22_050
    sound = torchaudio.functional.resample(torch.sin(2 * torch.pi * 440 * time), 22_050, 16_000)

    assert len(sound) == 16_000
    assert int(torch.fft.rfft(sound).abs().argmax()) == 440


def test_an_extension_that_does_not_load_is_done_without():
    result = subprocess.run(
        [sys.executable, "-c", _BROKEN], capture_output=True, text=True, check=False
    )

    assert result.stdout.strip() == "16000", result.stderr


def test_what_needs_no_extension_is_left_as_it_is():
    assert torchaudio_compat._unchanged(len) is len
