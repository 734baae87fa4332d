import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech2face.models.speech2landmarks import PHONE_CLASSES
from speech2face.training.speech.synthetic.coarticulation import (
    CLASS_OF_LETTER,
    TARGETS,
    Segment,
    label_track,
    lip_track,
    segments,
)
from speech2face.training.speech.synthetic.espeak import Phone


def parts(*names: str, each: float = 0.1) -> list[Segment]:
    return [Segment(name=name, start=i * each, end=(i + 1) * each) for i, name in enumerate(names)]


def test_every_class_has_a_target_and_every_letter_a_class():
    assert set(TARGETS) == set(PHONE_CLASSES)
    assert set(CLASS_OF_LETTER.values()) <= set(PHONE_CLASSES)


@given(
    before=st.sampled_from(["open", "mid front", "close back", "central"]),
    after=st.sampled_from(["open", "mid front", "close back", "velar"]),
    length=st.floats(0.02, 0.15),
    start=st.floats(0.2, 0.5),
)
def test_lips_meet_in_every_bilabial_however_short(
    before: str, after: str, length: float, start: float
):
    said = [
        Segment(name=before, start=0.0, end=start),
        Segment(name="bilabial", start=start, end=start + length),
        Segment(name=after, start=start + length, end=1.2),
    ]

    opening = lip_track(said, 30)[:, 0]

    frame = int((start + length / 2) * 25)
    assert opening[frame] == 0
    assert opening.max() > 0.05


def test_open_vowels_open_wider_than_close_ones():
    openings = [
        lip_track(parts("alveolar", vowel, "alveolar"), 8)[3:5, 0].mean()
        for vowel in ("close back", "close front", "mid front", "open")
    ]

    assert openings == sorted(openings)


def test_rounded_phones_narrow_the_mouth_and_spread_ones_widen_it():
    rounded = lip_track(parts("velar", "close back", "velar"), 8)[3, 1]
    spread = lip_track(parts("velar", "close front", "velar"), 8)[3, 1]

    assert rounded < -0.5 < 0.5 < spread


def test_a_consonant_is_coloured_by_its_vowel():
    in_open = lip_track(parts("open", "velar", "open"), 8)[3, 0]
    in_close = lip_track(parts("close front", "velar", "close front"), 8)[3, 0]

    assert in_open > in_close + 0.1


def test_far_from_any_phone_the_mouth_rests():
    lips = lip_track(parts("open"), 50)

    assert np.abs(lips[30:]).max() < 1e-3


def test_a_lag_moves_the_lips_later():
    said = parts("silence", "open", "bilabial", "open", "silence")

    early, late = lip_track(said, 14)[:, 0], lip_track(said, 14, 0.04)[:, 0]

    np.testing.assert_allclose(late[2:], early[1:-1], atol=0.05)


def test_diphthongs_share_their_time_and_affricates_are_one_movement():
    phones = (Phone(ipa="ˈaɪ", start=0.0), Phone(ipa="tʃ", start=0.2), Phone(ipa="", start=0.3))

    found = segments(phones, 0.6)

    assert [part.name for part in found] == ["open", "close front", "postalveolar", "silence"]
    assert [part.start for part in found] == pytest.approx([0, 0.1, 0.2, 0.3])


def test_a_short_gap_belongs_to_the_phone_before_it():
    phones = (Phone(ipa="n", start=0.0), Phone(ipa="", start=0.1), Phone(ipa="a", start=0.12))

    found = segments(phones, 0.3)

    assert [(part.name, part.end) for part in found] == [("alveolar", 0.12), ("open", 0.3)]


def test_an_accent_does_not_hide_a_letter():
    assert segments((Phone(ipa="ũː", start=0.0),), 0.1)[0].name == "close back"


def test_labels_name_even_a_closure_shorter_than_a_frame():
    said = [
        Segment(name="open", start=0.0, end=0.121),
        Segment(name="bilabial", start=0.121, end=0.135),
        Segment(name="open", start=0.135, end=0.3),
    ]

    labels = [PHONE_CLASSES[label] for label in label_track(said, 7)]

    assert labels == ["open"] * 3 + ["bilabial"] + ["open"] * 3


@pytest.mark.parametrize("around", ["alveolar", "velar", "lateral"])
def test_vowels_keep_the_order_of_their_heights_in_fast_speech(around: str):
    close, middle, wide = (
        lip_track(parts(around, vowel, around, each=0.05), 6)[:4, 0].max()
        for vowel in ("close front", "mid front", "open")
    )

    assert close < middle < wide
    assert wide > 0.8


def test_an_open_vowel_does_not_open_a_closure_beside_it():
    opening = lip_track(parts("open", "bilabial", "open", "bilabial", "open", each=0.08), 10)[:, 0]

    closed = [int(0.12 * 25), int(0.28 * 25)]
    assert (opening[closed] == 0).all()
    assert opening.max() > 0.6
