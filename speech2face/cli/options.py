"""The options that several commands share, each with its help."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

_CONTROL, _PICTURE, _RUN = "What the face does", "The picture", "The run"


class ProgressKind(StrEnum):
    """How progress is shown."""

    BAR = "bar"
    JSON = "json"
    NONE = "none"


PortraitArgument = Annotated[Path, Argument(help="A picture with a face.", metavar="PORTRAIT")]
AudioArgument = Annotated[
    Path, Argument(help="A sound file, or a video whose sound is used.", metavar="AUDIO")
]

Output = Annotated[
    Path | None,
    Option(
        "--output", "-o",
        help="A file, or a folder for which the name is made from the inputs. Without it: that "
        "name in the current folder.",
    ),
]  # fmt: skip
Overwrite = Annotated[bool, Option("--overwrite", "-y", help="Replace an output that exists.")]

Emotion = Annotated[
    str,
    Option(
        help="neutral, happy, sad, angry, surprised, fearful, disgusted, contempt; with an "
        "intensity from 0 to 1.5, and mixed: happy:0.7, happy:0.5+surprised:0.3.",
        rich_help_panel=_CONTROL,
    ),
]
Blink = Annotated[
    str,
    Option(
        help="natural, off, a rate a minute (12), or the times in seconds (0.5,2,3.1).",
        rich_help_panel=_CONTROL,
    ),
]
Pose = Annotated[
    str,
    Option(
        help="natural: the head moves with the voice; still; or a video whose head leads this one "
        "(a shorter one is played to and fro).",
        rich_help_panel=_CONTROL,
    ),
]
PoseStrength = Annotated[
    float, Option(help="How far the head moves; 1 is natural.", rich_help_panel=_CONTROL)
]
Gaze = Annotated[
    str,
    Option(
        help="camera, natural, or YAW,PITCH in degrees (to the image's right and up).",
        rich_help_panel=_CONTROL,
    ),
]
Timeline = Annotated[
    Path | None,
    Option(
        help="A TOML or JSON file with emotion, blinks, gaze and pose over time; the options above "
        "take its tracks' place.",
        rich_help_panel=_CONTROL,
    ),
]
Seed = Annotated[
    int,
    Option(help="Another number gives other blinks and head motion.", rich_help_panel=_CONTROL),
]
ExpressionScale = Annotated[
    float, Option(help="Strength of the lips' motion, 0 to 2.", rich_help_panel=_CONTROL)
]

Size = Annotated[
    int | None,
    Option(
        help="Side in pixels at which the square around the face is drawn: 256, 512, ... Without "
        "it: as fine as the picture, 512 at most.",
        rich_help_panel=_PICTURE,
    ),
]
Fps = Annotated[
    str,
    Option(
        help="Frames per second: 25, 23.976, 29.97, 30000/1001, 60, ...", rich_help_panel=_PICTURE
    ),
]
Full = Annotated[
    bool,
    Option(
        "--full/--crop",
        help="The whole picture at its own size, or the square around the face alone.",
        rich_help_panel=_PICTURE,
    ),
]
Background = Annotated[
    str,
    Option(
        help="What shows through a transparent picture: a name, #rrggbb or r,g,b.",
        rich_help_panel=_PICTURE,
    ),
]
FaceSelect = Annotated[
    str,
    Option(
        help="Which of several faces: largest, left, a number from 1 (the largest), or a point "
        "X,Y.",
        rich_help_panel=_PICTURE,
    ),
]
Force = Annotated[
    bool,
    Option(
        "--force", help="Accept a face that is too small or too far turned away.",
        rich_help_panel=_PICTURE,
    ),
]  # fmt: skip

Device = Annotated[str, Option(help="auto, cpu, cuda, cuda:N or mps.", rich_help_panel=_RUN)]
Tracker = Annotated[
    str,
    Option(
        help="Who finds the face: mesh, which ships, or face-alignment, whose weights you bring.",
        rich_help_panel=_RUN,
    ),
]
Speech2LandmarksFile = Annotated[
    Path | None,
    Option(
        "--speech2landmarks",
        help="Weights that read lips from the sound, from finetune or train; without it those that "
        "ship.",
        rich_help_panel=_RUN,
    ),
]
GeneratorName = Annotated[
    str,
    Option(
        "--generator",
        help="Who draws the frames: warp, facevid2vid, or facevid2vid:NAME with weights that you "
        "imported.",
        rich_help_panel=_RUN,
    ),
]
Preview = Annotated[
    int | None,
    Option(
        help="Make only the first N frames: a short video, equal to the start of the whole one.",
        rich_help_panel=_RUN,
    ),
]
MaxDuration = Annotated[
    float | None,
    Option(help="Refuse a sound of more seconds than this.", rich_help_panel=_RUN),
]
BatchSize = Annotated[
    int,
    Option(help="Frames drawn at once; more need more memory.", rich_help_panel=_RUN),
]
ProgressOption = Annotated[
    ProgressKind,
    Option(
        "--progress",
        help="bar; json: one object a line on stderr; none.",
        rich_help_panel=_RUN,
    ),
]
Plot = Annotated[
    Path | None,
    Option(help="Draw the result into this PNG (needs speech2face\\[plot])."),
]
