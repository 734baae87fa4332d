"""The emotions that a face can show."""

EMOTIONS = (
    "neutral", "happy", "sad", "angry", "surprised", "fearful", "disgusted", "contempt",
)  # fmt: skip
"""The labels, in the order of every array that holds one weight a label."""
