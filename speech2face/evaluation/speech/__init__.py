"""Speech2Landmarks measured: held-out people and clips, noise, languages, streaming."""
