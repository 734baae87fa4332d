from pathlib import Path

import numpy as np
import pytest
from spoken import rest_face, stretch

from speech2face.errors import WeightsError
from speech2face.evaluation.speech.languages import VOICES, language_row
from speech2face.models.speech2landmarks import PHONE_CLASSES
from speech2face.stages.speech2landmarks import Speech2Landmarks
from speech2face.training.speech.data import UNKNOWN, read_stretch, write_stretch
from speech2face.training.speech.synthetic import synthetic_speech
from speech2face.training.speech.synthetic.synthetic_speech import (
    LipMap,
    lip_gap,
    name_grid_phones,
    prepare_synthetic,
)
from speech2face.training.speech.synthetic.texts import TEXTS


def real() -> list:
    return [stretch(f"s{i}", f"grid-s{i % 2}", seed=i) for i in range(4)]


def test_the_lip_map_opens_the_mouth_by_as_much_as_it_is_asked_to():
    lips = LipMap(real())

    moved = lips(np.array([[0.0, 0.0], [1.0, 0.0], [0.5, 0.0]]), unit=0.1)

    np.testing.assert_allclose(lip_gap(moved), [0, 0.1, 0.05], atol=0.01)
    assert not moved[:, 17:48].any(), "brows, nose and eyes do not speak"


def test_there_are_texts_in_at_least_twelve_languages():
    assert len({voice.split("-")[0] for voice in TEXTS}) >= 12
    assert len(TEXTS) * len(synthetic_speech.VARIANTS) >= 40


@pytest.fixture(scope="module")
def espeak():
    pytest.importorskip("espeakng_loader", reason="needs the extra [train]: espeakng-loader")
    from speech2face.training.speech.synthetic.espeak import Espeak

    return Espeak()


def test_the_synthesiser_tells_when_each_phone_begins(espeak):
    said = espeak.say("My mother baked pies.", "en-us")

    starts = [phone.start for phone in said.phones]
    assert starts == sorted(starts)
    assert 1.0 < len(said.samples) / 16_000 < 4.0
    assert said.phones[0].ipa == "m"
    assert np.abs(said.samples).max() > 0.1


def test_speed_and_voice_change_the_speech(espeak):
    slow = espeak.say("Good morning to you.", "de+f3", rate=120)
    fast = espeak.say("Good morning to you.", "de+f3", rate=240)

    assert len(fast.samples) < 0.8 * len(slow.samples)


def test_languages_are_scored_by_voices_that_were_not_learnt(espeak):
    stage = Speech2Landmarks.from_pretrained()

    row = language_row("en-us", ["My mama bought a papaya."], stage, rest_face(), espeak)

    assert not set(VOICES) & set(synthetic_speech.VARIANTS)
    assert row["closures"] == 6 * len(VOICES)
    assert row["closures met"] > 0.6
    assert row["open vowels shut"] < 0.2


def test_an_unknown_voice_is_refused(espeak):
    with pytest.raises(WeightsError, match="no-such-voice"):
        espeak.say("hello", "no-such-voice")


def test_a_text_without_words_is_refused(espeak):
    with pytest.raises(WeightsError, match="said nothing"):
        espeak.say("", "en-us")


@pytest.mark.usefixtures("espeak")
def test_spoken_text_gets_lips_that_close_where_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(synthetic_speech, "TEXTS", {"en-us": TEXTS["en-us"], "tr": TEXTS["tr"]})
    monkeypatch.setattr(synthetic_speech, "VARIANTS", ("", "+f2"))

    count = prepare_synthetic(tmp_path, real(), each=1)

    made = [read_stretch(path) for path in sorted((tmp_path / "synthetic").glob("*.npz"))]
    assert len(made) == count == 4
    for one in made:
        closed = one.phones == PHONE_CLASSES.index("bilabial")
        vowels = one.phones == PHONE_CLASSES.index("open")
        assert lip_gap(one.offsets)[vowels].mean() > lip_gap(one.offsets)[closed].mean() + 0.03
        assert len(one.samples) == len(one) * 640
        assert (one.speech[one.phones > 0] == 1).all()


@pytest.mark.usefixtures("espeak")
def test_phones_of_grid_are_named_within_its_words(tmp_path: Path):
    clip = stretch("s1_bbaf3s", "grid-s1")
    silent = np.full(75, UNKNOWN, np.int8)
    write_stretch(tmp_path / "grid", type(clip)(**{**vars(clip), "phones": silent}))
    words = tmp_path / "corpus" / "s1"
    words.mkdir(parents=True)
    (words / "bbaf3s.align").write_text(
        "0 25000 sil\n25000 37500 bin\n37500 50000 b\n50000 75000 sil\n"
    )

    assert name_grid_phones(tmp_path, tmp_path / "corpus") == 1

    phones = read_stretch(tmp_path / "grid" / "s1_bbaf3s.npz").phones
    bilabial = PHONE_CLASSES.index("bilabial")
    assert not phones[:25].any()
    assert not phones[50:].any()
    assert phones[25] == bilabial
    assert phones[37] == bilabial or phones[38] == bilabial
    assert np.abs(rest_face()).max() < 2
