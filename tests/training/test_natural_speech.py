"""Real voices with known phones become what lips are learnt from."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from spoken import stretch

from speech2face import landmarks
from speech2face.errors import InputError
from speech2face.models.speech2landmarks import PHONE_CLASSES
from speech2face.training.speech.data import read_stretch
from speech2face.training.speech.synthetic.natural import prepare_natural, read_phones

PHONES = (("sil", 0.0), ("M", 0.4), ("AA1", 0.6), ("B", 1.2), ("AH0", 1.4), ("sp", 1.6))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "speech_natural"
    folder.mkdir()
    rng = np.random.default_rng(0)
    rows, phones = ["file,speaker,split"], ["file,start,end,phone"]
    for name, split in (("one.wav", "train"), ("two.wav", "heldout"), ("none.wav", "train")):
        soundfile.write(folder / name, rng.standard_normal(32_000) * 0.01, 16_000)
        rows.append(f"{name},somebody,{split}")
        if name != "none.wav":
            phones += [f"{name},{start},0,{phone}" for phone, start in PHONES]
    (folder / "manifest.csv").write_text("\n".join(rows))
    (folder / "phones.csv").write_text("\n".join(phones))
    return folder


def test_phones_are_named_in_ipa_without_stress(data: Path):
    found = read_phones(data / "phones.csv")

    assert [phone.ipa for phone in found["one.wav"]] == ["", "m", "ɑ", "b", "ə", ""]
    assert found["one.wav"][2].start == 0.6


def test_only_recordings_with_phones_that_are_not_held_out_are_prepared(data: Path, tmp_path: Path):
    real = [stretch("a", "grid-s1", seed=1), stretch("b", "grid-s2", seed=2)]

    count = prepare_natural(data, tmp_path / "out", real)

    assert count == 1
    (path,) = (tmp_path / "out" / "natural").glob("*.npz")
    piece = read_stretch(path)
    assert len(piece) == 50
    assert piece.speaker == "natural-somebody"
    assert PHONE_CLASSES[piece.phones[12]] == "bilabial"
    assert piece.samples.std() == pytest.approx(0.1, rel=0.05), "levels are made alike"
    opening = landmarks.mouth_opening(piece.rest + piece.offsets)
    assert opening[20] > opening[12] + 0.02, "open in the vowel, shut in m"


def test_recordings_without_times_are_refused(tmp_path: Path):
    with pytest.raises(InputError, match="times of phones"):
        read_phones(tmp_path / "phones.csv")
