"""Compare the frames that two checkouts draw, bit for bit: `compare_checkouts.py OLD NEW ...`.

    python tests/compare_checkouts.py OLD NEW --portraits examples/portrait.png a.jpg --audio a.wav

Every portrait is animated by every generator on one thread in a process of its own for each
checkout, so that nothing but the code differs.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

_DRAW = """
import sys, hashlib
import numpy as np, torch
torch.set_num_threads(1)
from speech2face import Settings, Speech2Face
portrait, audio, generator, target = sys.argv[1:]
known = "generator" in Settings.__dataclass_fields__
settings = Settings(generator=generator) if known else Settings()
try:
    engine = Speech2Face.from_pretrained("cpu", generator)
except TypeError:  # the generator is among the settings alone
    engine = Speech2Face.from_pretrained("cpu")
np.save(target, np.stack(list(engine.animate(portrait, audio, settings=settings))))
"""


def frames(checkout: Path, portrait: Path, audio: Path, generator: str) -> np.ndarray:
    """Return the frames that a checkout draws, uint8, frames x height x width x 3."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "frames.npy"
        environment = {**os.environ, "PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"}
        words = [str(portrait.resolve()), str(audio.resolve()), generator, str(target)]
        subprocess.run([sys.executable, "-c", _DRAW, *words], env=environment, check=True, cwd="/")
        return np.load(target)


def main() -> int:
    """Print a line for every portrait and generator; exit with 1 if any frame differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--portraits", type=Path, nargs="+", required=True)
    parser.add_argument("--audio", type=Path, required=True)
    parser.add_argument("--generators", nargs="+", default=["warp", "facevid2vid"])
    told = parser.parse_args()
    equal = True
    for portrait in told.portraits:
        for generator in told.generators:
            old, new = (
                frames(checkout.resolve(), portrait, told.audio, generator)
                for checkout in (told.old, told.new)
            )
            if old.shape != new.shape:
                print(f"{portrait.name:24} {generator:12} {old.shape} against {new.shape}")
                equal = False
                continue
            difference = np.abs(old.astype(np.int16) - new)
            equal &= not difference.any()
            print(
                f"{portrait.name:24} {generator:12} {len(old)} frames of {old.shape[2]} x "
                f"{old.shape[1]}: largest difference {difference.max()}, "
                f"{(difference > 0).mean():.2%} of values differ",
                flush=True,
            )
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main())
