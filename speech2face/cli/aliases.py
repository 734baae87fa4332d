"""Habits from other tools: their flags do what they did there, or are refused with the reason.

The peers are SadTalker, LivePortrait, Wav2Lip, VideoReTalking, FLOAT, Sonic, Hallo and MuseTalk. An
alias is never accepted and ignored. Underscores in option names count as dashes everywhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field


class AliasError(Exception):
    """A flag of another tool, or an earlier one, that is refused; a usage error (exit status 2)."""


@dataclass(frozen=True, kw_only=True)
class Alias:
    """What a peer's flag becomes here."""

    to: tuple[str, ...] = ()
    """The tokens that stand for it; `{}` is where its value goes. Empty: it is always so here."""
    takes_value: bool = False
    choices: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Tokens for each value, where the values are words of the peer's own."""


def _value(*to: str) -> Alias:
    return Alias(to=to, takes_value=True)


def _flag(*to: str) -> Alias:
    return Alias(to=to)


def _choice(**choices: tuple[str, ...]) -> Alias:
    return Alias(takes_value=True, choices=choices)


_LABELS = {
    "happiness": "happy", "sadness": "sad", "anger": "angry", "surprise": "surprised",
    "fear": "fearful", "disgust": "disgusted",
}  # fmt: skip
"""Emotion words of FLOAT, Ditto and VideoReTalking, and ours."""

_PORTRAIT = _value("--portrait", "{}")
_AUDIO = _value("--audio", "{}")

ALIASES: dict[str, Alias] = {
    # The portrait and the sound.
    "--source-image": _PORTRAIT, "--source": _PORTRAIT, "-s": _PORTRAIT, "--reference": _PORTRAIT,
    "-r": _PORTRAIT, "--ref-path": _PORTRAIT, "--face": _PORTRAIT, "--image-path": _PORTRAIT,
    "--driven-audio": _AUDIO, "-a": _AUDIO, "--audio-path": _AUDIO, "--aud-path": _AUDIO,
    # The result.
    "--outfile": _value("--output", "{}"), "--output-dir": _value("--output", "{}"),
    "--result-dir": _value("--output", "{}"), "--res-video-path": _value("--output", "{}"),
    # Framing and motion.
    "--still": _flag("--pose", "still"),
    "--preprocess": _choice(
        crop=("--crop",), extcrop=("--crop",), full=("--full",), extfull=("--full",)
    ),
    "--flag-pasteback": _flag("--full"), "--no-flag-pasteback": _flag("--crop"),
    "--flag-stitching": _flag(), "--flag-relative-motion": _flag(), "--flag-do-crop": _flag(),
    "--animation-region": _choice(all=(), exp=("--pose", "still")),
    "--driving-multiplier": _value("--expression-scale", "{}"),
    # Emotion.
    "--exp-img": _choice(neutral=("--emotion", "neutral"), smile=("--emotion", "happy")),
    "--up-face": _choice(
        original=(), surprise=("--emotion", "surprised"), angry=("--emotion", "angry")
    ),
    "--emo": Alias(
        takes_value=True,
        choices={
            word: ("--emotion", _LABELS.get(word, word))
            for word in ("neutral", "happy", "sad", "angry", "contempt", *_LABELS)
        },
    ),
    # The device.
    "--cpu": _flag("--device", "cpu"), "--flag-force-cpu": _flag("--device", "cpu"),
    "--device-id": _value("--device", "cuda:{}"),
}  # fmt: skip
"""Flags of other tools that `animate` understands."""

_NO_VIDEO = "it belongs to the dubbing of a video; this version animates one picture"
_NO_DRIVING = "it belongs to motion transfer from a video, which this version does not do"
_NO_CROP = "the crop is placed by the face tracker; --size sets how finely the face is drawn"
_NO_CAMERA = "it sets up a network or camera of SadTalker that does not exist here"
_NO_SERVER = "there is no web page in this version; use the command line or Python"
_SHIPPED = "the weights ship with the package; speech2face weights list shows them"
_NO_RESTORER = "no restoration network is installed; the picture's own pixels are moved and kept"
_NO_POSE_FILE = "head motion follows the voice and the seed: use --pose, --pose-strength and --seed"

REFUSED: dict[str, str] = {
    **dict.fromkeys(("--driving", "-d", "--driving-video", "--audio-priority"), _NO_DRIVING),
    **dict.fromkeys(
        ("--flag-crop-driving-video", "--no-flag-crop-driving-video", "--driving-option",
         "--scale-crop-driving-video", "--vx-ratio-crop-driving-video",
         "--vy-ratio-crop-driving-video", "--driving-smooth-observation-variance",
         "--no-flag-relative-motion", "--flag-video-editing-head-rotation"),
        _NO_DRIVING,
    ),
    **dict.fromkeys(("--pads", "--nosmooth", "--rotate", "--resize-factor", "--static"), _NO_VIDEO),
    "--box": "choose the face by a point inside it: --face-select X,Y",
    **dict.fromkeys(("--scale", "--vx-ratio", "--vy-ratio", "--no-flag-do-crop"), _NO_CROP),
    "--source-max-dim": "the picture always keeps its own size; shrink it first if it is too large",
    "--det-thresh": "faces are listed with their scores when there are several: use --face-select",
    "--no-flag-stitching": "motion always fades out towards the crop's border, so nothing is torn",
    **dict.fromkeys(("--enhancer", "--background-enhancer"), _NO_RESTORER),
    **dict.fromkeys(("--checkpoint-dir", "--checkpoint-path", "--weights"), _SHIPPED),
    "--pose-style": "poses are drawn from the seed: --seed N gives another one",
    **dict.fromkeys(
        ("--ref-pose", "--input-yaw", "--input-pitch", "--input-roll"), _NO_POSE_FILE
    ),
    "--ref-eyeblink": "blinks come from --blink natural, off, a rate a minute, or times in seconds",
    "--e-cfg-scale": "write the strength with the emotion, for instance --emotion happy:0.7",
    "--a-cfg-scale": "the strength of the lips' motion is --expression-scale",
    "--verbose": "run the stages one by one to keep what lies between them: landmarks, latents, "
    "render, mux",
    **dict.fromkeys(("--server-port", "-p", "--server-name", "--share"), _NO_SERVER),
    **dict.fromkeys(
        ("--old-version", "--face3dvis", "--net-recon", "--init-path", "--use-last-fc",
         "--bfm-folder", "--bfm-model", "--focal", "--center", "--camera-d", "--z-near", "--z-far"),
        _NO_CAMERA,
    ),
}  # fmt: skip
"""Flags of other tools that cannot mean anything here, and why."""


RENAMED = {
    ("*", "--out"): "--output (or -o)",
    ("evaluate", "--work"): "--output (or -o)",
    ("finetune", "--work"): "--keep",
}
"""Our own earlier spellings, by command and flag, and what is written now."""


def _refuse_renamed(command: str, name: str) -> None:
    """Refuse an earlier spelling.

    Raises:
        AliasError: It is one; the message says the new one.
    """
    new = RENAMED.get((command, name)) or RENAMED.get(("*", name))
    if new is not None:
        msg = f"{name} is written {new} now"
        raise AliasError(msg)


def translate(arguments: Sequence[str]) -> list[str]:
    """Rewrite a command line so that only our own options are left in it.

    Args:
        arguments: What stands behind the program's name, the command first.

    Raises:
        AliasError: A flag of another tool cannot be honoured; the message says why.
    """
    animate = arguments[:1] == ["animate"] or arguments[:1] == ("animate",)
    written: list[str] = []
    waiting = list(arguments)
    while waiting:
        token = waiting.pop(0)
        if token == "--":  # noqa: S105 - the end of the options, not a password
            return [*written, token, *waiting]
        name, equals, value = token.partition("=")
        if name.startswith("--"):
            name = name.replace("_", "-")
        _refuse_renamed(arguments[0], name)
        if animate and name in REFUSED:
            msg = f"{name} is not supported: {REFUSED[name]}"
            raise AliasError(msg)
        alias = ALIASES.get(name) if animate else None
        if alias is None:
            written.append(name + equals + value)
            continue
        if alias.takes_value and not equals:
            if not waiting:
                msg = f"{name} needs a value"
                raise AliasError(msg)
            value = waiting.pop(0)
        elif equals and not alias.takes_value:
            msg = f"{name} takes no value, got {value!r}"
            raise AliasError(msg)
        written += _tokens(name, alias, value)
    return written


def _tokens(name: str, alias: Alias, value: str) -> list[str]:
    if not alias.choices:
        return [token.replace("{}", value) for token in alias.to]
    if value.lower() not in alias.choices:
        known = ", ".join(alias.choices)
        msg = f"{name} {value} is not supported; of its values these are: {known}"
        raise AliasError(msg)
    return list(alias.choices[value.lower()])
