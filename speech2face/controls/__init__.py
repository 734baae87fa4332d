"""The director: turns speech, flags and timeline files into emotion, blinks, gaze and pose."""
