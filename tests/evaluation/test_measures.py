from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from drawn_face import track

from speech2face.evaluation.material import GridClip, Word
from speech2face.evaluation.video import measures
from speech2face.evaluation.video.measures import BlinkRun, Pair
from speech2face.evaluation.video.playback import Played
from speech2face.evaluation.video.video_metrics import Seam


def opening(seed: int):
    noise = np.random.default_rng(seed).normal(size=75)
    smooth = np.convolve(noise, np.ones(3) / 3, "same") * 0.05
    smooth[:20] = smooth[-20:] = 0
    return np.clip(0.1 + smooth, 0, None)


def pair(seed: int, speaker: str = "s31", *, output: bool = True) -> Pair:
    mouth = opening(seed)
    words = (
        Word(text="sil", start=0.0, end=0.8),
        Word(text="bin", start=0.8, end=2.2),
        Word(text="sil", start=2.2, end=3.0),
    )
    clip = GridClip(video=Path(f"c{seed}.mp4"), speaker=speaker, words=words)
    noise = np.random.default_rng(seed + 100).normal(size=75) * 0.005
    return Pair(
        clip=clip,
        portrait="p0009",
        output=track(0.6 * np.roll(mouth, 1)) if output else None,
        real=track(mouth),
        mirrored=track(np.clip(mouth + noise, 0, None)),
        still=track(np.full(75, 0.02)),
    )


def rows(table: measures.Table) -> dict:
    return {row["row"]: row for row in table.rows}


def test_the_sync_table_orders_its_rows():
    found = rows(measures.sync_table([pair(seed) for seed in range(6)]))

    assert found["output"]["r"] > 0.99
    assert (found["output"]["lag +1"], found["output"]["wide lag"]) == (6, 1)
    assert found["output"]["amplitude"] == pytest.approx(0.6, abs=0.02)
    assert found["output"]["width amplitude"] == pytest.approx(0.6, abs=0.02)
    assert found["output"]["low"] <= found["output"]["r"] <= found["output"]["high"]
    assert found["ground truth (mirrored, judged again)"]["r"] > 0.9
    assert found["still image"]["r"] == 0
    assert found["still image"]["width amplitude"] == pytest.approx(0, abs=1e-4)
    for name in ("output, wrong audio", "output, sound shifted by 5", "real, wrong audio"):
        assert found[name]["r"] < found["output"]["r"] - 0.25
    assert found["real, sound shifted by 5"]["wide lag"] == 5


def test_sanity_rows_need_no_pipeline():
    pairs = [pair(seed, output=False) for seed in range(3)]

    assert not any(name.startswith("output") for name in rows(measures.sync_table(pairs)))
    assert "output" not in rows(measures.silence_table(pairs))
    assert "output" not in rows(measures.motion_table(pairs))


def test_wrong_audio_is_another_sentence_of_the_same_speaker():
    pairs = [pair(0, "s31"), pair(1, "s32"), pair(2, "s31"), pair(3, "s32")]

    assert [measures.other_clip(pairs, index) for index in range(4)] == [2, 3, 0, 1]
    assert measures.other_clip(pairs[:2], 0) == 1


def test_an_output_of_another_rate_is_compared_in_time():
    slow = pair(0)
    time = np.arange(150) / 50
    fast = track(np.interp(time, np.arange(75) / 25, opening(0)), fps=Fraction(50))
    pairs = [Pair(**{**vars(slow), "output": fast}), pair(1)]

    found = rows(measures.sync_table(pairs))

    assert found["output"]["r"] > 0.99


def test_calm_pauses_give_a_low_ratio():
    found = rows(measures.silence_table([pair(seed) for seed in range(3)]))

    assert found["output"]["ratio"] < 0.15
    assert found["still image"]["in speech"] == 0


def test_motion_is_told_for_output_recording_and_still():
    found = rows(measures.motion_table([pair(0), pair(1)]))

    assert list(found) == ["output", "ground truth", "still image"]
    assert found["output"]["face found %"] == 100
    assert found["still image"]["closures hit"] == "2 of 2"


def test_blinks_are_counted_by_setting():
    eyes = np.ones(75)
    eyes[[20, 21]] = 0.1
    blinking, open_eyed = (track(np.zeros(75), eyes=value) for value in (eyes, np.ones(75)))
    runs = [
        BlinkRun(setting="times", track=blinking, asked=[20.5 / 25]),
        BlinkRun(setting="off", track=open_eyed, asked=()),
        BlinkRun(setting="off", track=open_eyed, asked=()),
    ]

    times, off = measures.blink_table(runs).rows

    assert (times["found"], times["asked"], times["within 1 frame"]) == (1, 1, 1)
    assert times["a minute"] == 20
    assert (off["found"], off["seconds"], off["asked"], off["depth"]) == (0, 6, None, None)


def test_emotions_are_told_by_share_of_frames():
    neutral = track(np.zeros(10))
    half = np.where(np.arange(10) < 5, 0.6, 0.05)
    videos = {
        "neutral": [neutral, neutral],
        "happy": [track(np.zeros(10), mouthSmile=0.6), track(np.zeros(10), mouthSmile=half)],
    }

    calm, happy = measures.emotion_table(videos, [neutral, neutral], neutral).rows

    assert calm["named right %"] == 100
    assert (happy["named right %"], happy["worst portrait %"]) == (75, 50)
    assert (happy["portraits named %"], happy["as neutral"], happy["as sad"]) == (50, 25, 0)


def test_seams_and_playback_are_listed():
    seams = measures.seam_table({"p1": Seam(outside=0, step=2.0, step_mean=0.1)})
    report = Played(
        event="ended", error="", width=96, height=64, duration=3.0, position=3.0, frames=75, sound=9
    )
    played = measures.playback_table({"25": (report, 0.5, "h264 aac"), "30": (None, 0.1, "h264")})

    assert seams.rows[0]["outside"] == 0
    assert [row["browser"] for row in played.rows] == ["ended", "absent"]
    assert played.rows[0]["sound decoded"] is True
