"""A portrait and a WAV become a narrated avatar video."""
