"""Measurements, each printed with its sanity rows: `video`, `generators`, `speech`."""
