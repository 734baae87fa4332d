"""From judged videos to tables: each with its sanity rows, computed in the same way."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from jaxtyping import Float

from speech2face.evaluation.material import GridClip
from speech2face.evaluation.tables import Cell, Table
from speech2face.evaluation.video import sync, video_metrics
from speech2face.evaluation.video.emotions import LABELS, classify
from speech2face.evaluation.video.judge import JudgedTrack
from speech2face.evaluation.video.playback import Played
from speech2face.signals import resample

_SHIFT = 5
"""Frames by which the shifted row's sound is moved: 200 ms at 25 frames a second."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One held-out clip: the real recording and a portrait driven by its sound, both judged."""

    clip: GridClip
    portrait: str
    output: JudgedTrack | None
    """The video under test; None where only the sanity rows are wanted."""
    real: JudgedTrack
    mirrored: JudgedTrack
    """The real recording flipped left to right and judged again: what the judge itself loses."""
    still: JudgedTrack
    """The portrait repeated as a video."""


@dataclass(frozen=True, kw_only=True)
class BlinkRun:
    """One video whose blinks are known or free."""

    setting: str
    """The row it belongs to."""
    track: JudgedTrack
    asked: Sequence[float]
    """Seconds; empty where no times were asked for."""


_MOST = 50
"""Per cent of the frames in which a portrait's emotion has to be named."""

Lips = Float[np.ndarray, "frames 2"]
"""Opening and width of a mouth."""


def _lips(track: JudgedTrack, fps: Fraction) -> Lips:
    lips = np.stack([track.mouth_opening, track.mouth_width], 1)
    if track.fps == fps:
        return lips
    return resample(lips, track.fps, fps, round(len(track) * fps / track.fps))


def other_clip(pairs: Sequence[Pair], index: int) -> int:
    """Choose another clip for the wrong-audio row: of the same speaker where there is one."""
    order = [(index + step) % len(pairs) for step in range(1, len(pairs))]
    same = [i for i in order if pairs[i].clip.speaker == pairs[index].clip.speaker]
    return (same or order or [index])[0]


def sync_table(pairs: Sequence[Pair]) -> Table:
    """Compare mouth openings and widths with the real recordings'."""
    rows: list[dict[str, Cell]] = []
    real = [_lips(pair.real, pair.real.fps) for pair in pairs]
    mirrored = [_lips(pair.mirrored, pair.mirrored.fps) for pair in pairs]
    still = [_lips(pair.still, pair.still.fps) for pair in pairs]
    other = [other_clip(pairs, index) for index in range(len(pairs))]

    def add(name: str, outputs: Sequence[Lips], chosen: Sequence[int]) -> None:
        openings, widths = (
            [sync.match(outputs[i][:, part], real[i][:, part]) for i in chosen] for part in (0, 1)
        )
        rows.append(_sync_row(name, openings, widths))

    everything = range(len(pairs))
    driven = [_lips(pair.output, pair.real.fps) for pair in pairs if pair.output is not None]
    if len(driven) == len(pairs):
        add("output", driven, everything)
        for speaker in dict.fromkeys(pair.clip.speaker for pair in pairs):
            chosen = [i for i in everything if pairs[i].clip.speaker == speaker]
            add(f"output, {speaker}", driven, chosen)
        add("output, wrong audio", [driven[i] for i in other], everything)
        add(
            f"output, sound shifted by {_SHIFT}",
            [sync.delayed(x, _SHIFT) for x in driven],
            everything,
        )
    add("ground truth (mirrored, judged again)", mirrored, everything)
    add("still image", still, everything)
    add("real, wrong audio", [real[i] for i in other], everything)
    add(f"real, sound shifted by {_SHIFT}", [sync.delayed(x, _SHIFT) for x in real], everything)
    note = (
        f"{len(pairs)} held-out GRID clips; opening = inner-lip gap, width = distance of the "
        "mouth's corners, over the outer-eye distance, tracked by the judge in both videos. r: "
        "mean over clips of Pearson r at the best lag within one frame, with its 95 % bootstrap "
        "interval; lag > 0: the output is late; wide lag: median best lag within 8 frames. A mouth "
        "that does not move counts as r = 0. Amplitudes: standard deviation over the real one's."
    )
    return Table(name="sync", title="Lip sync", rows=rows, note=note)


def _sync_row(
    name: str, matches: Sequence[sync.Match], widths: Sequence[sync.Match]
) -> dict[str, Cell]:
    interval = sync.bootstrap_mean([match.r for match in matches])
    lags = Counter(match.lag for match in matches)
    return {
        "row": name,
        "clips": len(matches),
        "r": interval.mean,
        "low": interval.low,
        "high": interval.high,
        "worst r": min(match.r for match in matches),
        "lag -1": lags[-1],
        "lag 0": lags[0],
        "lag +1": lags[1],
        "wide lag": float(np.median([match.wide_lag for match in matches])),
        "amplitude": float(np.median([match.amplitude for match in matches])),
        "width r": float(np.mean([match.r for match in widths])),
        "width amplitude": float(np.median([match.amplitude for match in widths])),
    }


def silence_table(pairs: Sequence[Pair]) -> Table:
    """Compare lip speed in pauses with lip speed in speech, where words have times."""
    timed = [pair for pair in pairs if pair.clip.words]
    tracks = {
        "output": [pair.output for pair in timed],
        "ground truth": [pair.real for pair in timed],
        "still image": [pair.still for pair in timed],
    }
    rows: list[dict[str, Cell]] = []
    for name, judged in tracks.items():
        speeds = [
            video_metrics.silence_ratio(
                track, video_metrics.pauses_of_words(pair.clip.words, len(track), track.fps)
            )
            for pair, track in zip(timed, judged, strict=True)
            if track is not None
        ]
        known = np.array([speed for speed in speeds if speed is not None])
        if known.size:
            quiet, loud = known.mean(0)
            rows.append({
                "row": name, "clips": len(known), "in pauses": float(quiet),
                "in speech": float(loud), "ratio": float(quiet / max(loud, 1e-9)),
            })  # fmt: skip
    note = (
        "Speed of mouth opening and width, eye distances a second; pauses from the word times, "
        "0.12 s at their ends left out. The still image's speed is the judge's own noise."
    )
    return Table(name="silence", title="Lips in pauses", rows=rows, note=note)


def motion_table(pairs: Sequence[Pair]) -> Table:
    """Return trembling, head movement, lip closure and how often the judge loses the face."""
    rows: list[dict[str, Cell]] = []
    for name in ("output", "real", "still"):
        chosen = [(pair, getattr(pair, name)) for pair in pairs if getattr(pair, name) is not None]
        if not chosen:
            continue
        tracks: list[JudgedTrack] = [track for _, track in chosen]
        closures = np.array([
            video_metrics.closure_hits(track, pair.clip.words) for pair, track in chosen
        ]).sum(0)  # fmt: skip
        ranges = np.mean([video_metrics.head_range(track) for track in tracks], 0)
        rows.append({
            "row": {"real": "ground truth", "still": "still image"}.get(name, name),
            "clips": len(tracks),
            "face found %": 100 * float(np.mean(np.concatenate([t.found for t in tracks]))),
            "jitter x1000": 1000 * float(np.mean([video_metrics.jitter(t) for t in tracks])),
            "yaw range": float(ranges[0]),
            "pitch range": float(ranges[1]),
            "roll range": float(ranges[2]),
            "closures hit": f"{closures[0]} of {closures[1]}",
            "opening max": float(np.mean([t.mouth_opening.max() for t in tracks])),
        })  # fmt: skip
    note = (
        "Jitter: root mean square second difference of rigid points, 1/1000 of the eye distance "
        "per frame². Ranges: 5th to 95th percentile within a clip, degrees, mean over clips. "
        "Closures: words that start with p, b or m at whose start (within 2 frames) the opening is "
        "within 0.02 of the clip's smallest; a still image hits all of them."
    )
    return Table(name="motion", title="Trembling, head, closures", rows=rows, note=note)


def blink_table(runs: Sequence[BlinkRun]) -> Table:
    """Compare blinks found with blinks asked for, and count those that were not."""
    rows: list[dict[str, Cell]] = []
    for setting in dict.fromkeys(run.setting for run in runs):
        chosen = [run for run in runs if run.setting == setting]
        found = [video_metrics.find_blinks(run.track) for run in chosen]
        late, extra = [], 0
        for run, blinks in zip(chosen, found, strict=True):
            errors, more = video_metrics.blink_errors(blinks, run.asked, run.track.fps)
            late += errors
            extra += more
        seconds = sum(float(len(run.track) / run.track.fps) for run in chosen)
        count = sum(len(blinks) for blinks in found)
        every = [blink for blinks in found for blink in blinks]
        rises = [video_metrics.blink_rise(run.track) for run in chosen]
        rows.append({
            "blink": setting,
            "seconds": seconds,
            "found": count,
            "a minute": 60 * count / seconds,
            "asked": len(late) or None,
            "within 1 frame": sum(abs(value) <= 1 for value in late) if late else None,
            "late by (frames)": float(np.median(late)) if late else None,
            "worst": max(late, key=abs) if late else None,
            "not asked": extra if late else None,
            "duration": float(np.median([blink.duration for blink in every])) if every else None,
            "depth": float(np.median([blink.depth for blink in every])) if every else None,
            "blink score above rest": float(np.median(rises)),
            "least": min(rises),
        })  # fmt: skip
    note = (
        "A blink: both lids' gap a quarter below its usual value. Late: frames from the time "
        "asked for to the nearest as good as shut. Depth: how much of the gap is gone in the "
        "judge's eyes (1: all). Blink score: the judge's eyeBlink, 99.5th percentile over a clip "
        "above its median; 0.5 to 0.74 in real videos."
    )
    return Table(name="blinks", title="Blinks", rows=rows, note=note)


def emotion_table(
    videos: Mapping[str, Sequence[JudgedTrack]],
    references: Sequence[JudgedTrack],
    real: JudgedTrack,
) -> Table:
    """Tell how many frames of each emotion the judge names right, and how the lips still follow.

    Args:
        videos: For each row one video a portrait; rows that are no label show a neutral face.
        references: The neutral rendering of each portrait, in the same order.
        real: The recording whose sound drives all of them.
    """
    rows: list[dict[str, Cell]] = []
    for name, tracks in videos.items():
        answers = [classify(t, r) for t, r in zip(tracks, references, strict=True)]
        every = np.concatenate(answers)
        shares = {name: 100 * float((every == i).mean()) for i, name in enumerate(LABELS)}
        label = name if name in LABELS else LABELS[0]
        right = [100 * float((answer == LABELS.index(label)).mean()) for answer in answers]
        lips = [
            sync.match(track.mouth_opening, real.mouth_opening[: len(track)]) for track in tracks
        ]
        rows.append({
            "asked": name,
            "portraits": len(tracks),
            "frames": len(every),
            "named right %": shares[label],
            "worst portrait %": min(right),
            "portraits named %": 100 * float(np.mean([each > _MOST for each in right])),
            **{f"as {each}": value for each, value in shares.items()},
            "lips r": float(np.mean([match.r for match in lips])),
        })  # fmt: skip
    note = (
        "EMFACS rules on the judge's blendshapes against the neutral rendering of the same "
        "portrait and sound; chance of eight labels is 12.5 %. Portraits named: right in more than "
        "half of their frames. The neutral row is a second neutral rendering with another seed, "
        "the still one the portrait itself. Lips r: mouth opening against the real recording's. "
        "Nothing but the emotion lives (liveliness 0)."
    )
    return Table(name="emotion", title="Emotion", rows=rows, note=note)


def seam_table(seams: Mapping[str, video_metrics.Seam]) -> Table:
    """List what the crop's border shows, per portrait."""
    rows: list[dict[str, Cell]] = [
        {
            "portrait": name,
            "outside": value.outside,
            "largest step": value.step,
            "mean step": value.step_mean,
        }
        for name, value in seams.items()
    ]
    note = (
        "8-bit levels, frames before encoding. Outside: largest difference from the picture beyond "
        "the crop (0: bit-equal). Step: change of the picture's own gradient across the border."
    )
    return Table(name="seam", title="Seam", rows=rows, note=note)


def playback_table(played: Mapping[str, tuple[Played | None, float, str]]) -> Table:
    """List what a browser did with videos of several rates.

    Args:
        played: For each rate: the browser's report (None without a browser), how much longer the
            picture is than the sound in frames, and the streams.
    """
    rows: list[dict[str, Cell]] = [
        {
            "fps": rate,
            "streams": streams,
            "video - audio (frames)": gap,
            "browser": report.event if report else "absent",
            "frames shown": report.frames if report else None,
            "sound decoded": (report.sound > 0) if report else None,
            "error": report.error or None if report else None,
        }
        for rate, (report, gap, streams) in played.items()
    ]
    return Table(name="playback", title="Playback", rows=rows)
